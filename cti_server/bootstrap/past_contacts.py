"""A customer's earlier contacts, for the agent whose phone rings (REQUIREMENTS A10)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from cti_server.api.errors import ContactNotFound, ContactOfAnother
from cti_server.domain.state import WorldState
from cti_server.store import contact_log
from cti_server.store.database import Database


class StoredPastContacts:
    """`api.ports.PastContacts`."""

    def __init__(self, database: Database, state: Callable[[], WorldState]) -> None:
        self._database, self._state = database, state

    async def past(self, contact_id: str, agent_id: str | None, limit: int) -> list[dict[str, Any]]:
        """See the port."""
        number = await self._number(contact_id, agent_id)
        rows = await contact_log.past_contacts(self._database, contact_id, number, limit) if number else ()
        return [asdict(row) for row in rows]

    async def _number(self, contact_id: str, agent_id: str | None) -> str:
        """The customer's. A contact that has just come may not be in the database yet."""
        state = self._state()
        live, person = state.contacts.get(contact_id), state.agents.get(agent_id or "")
        if live and (agent_id is None or (person and contact_id in person.contact_ids)):
            return live.customer.number
        row = await contact_log.contact(self._database, contact_id)
        if row is None and live is None:
            raise ContactNotFound
        if row is None or (agent_id is not None and row.agent_id != agent_id):
            raise ContactOfAnother
        return row.customer_number or ""
