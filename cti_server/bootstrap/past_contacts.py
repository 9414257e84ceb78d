"""A customer's earlier contacts, for the agent whose phone rings (REQUIREMENTS A10)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from cti_server.api.access import require_covered
from cti_server.api.errors import ContactNotFound
from cti_server.domain.audience import Reach
from cti_server.domain.state import WorldState
from cti_server.store import contact_log
from cti_server.store.database import Database


class StoredPastContacts:
    """`api.ports.PastContacts`."""

    def __init__(self, database: Database, state: Callable[[], WorldState]) -> None:
        self._database, self._state = database, state

    async def past(self, contact_id: str, seen: Reach, limit: int) -> list[dict[str, Any]]:
        """See the port."""
        number = await self._number(contact_id, seen)
        rows = await contact_log.past_contacts(self._database, contact_id, number, limit) if number else ()
        return [asdict(row) for row in rows]

    async def _number(self, contact_id: str, seen: Reach) -> str:
        """The customer's. A contact that has just come may not be in the database yet."""
        state = self._state()
        live, person = state.contacts.get(contact_id), state.agents.get(seen.agent_id)
        if live and ((person and contact_id in person.contact_ids) or seen.covers(live.group_id)):
            return live.customer.number
        row = await contact_log.contact(self._database, contact_id)
        if row is None and live is None:
            raise ContactNotFound
        group_id, agent_id = (row.group_id, row.agent_id) if row else (None, None)
        require_covered(seen, group_id, agent_id)
        return (row.customer_number if row else "") or ""
