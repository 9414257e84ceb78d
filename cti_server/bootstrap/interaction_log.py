"""What the API asks of the database, by the store's own functions (`api.ports`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from cti_server.api.ports import ContactPage, ContactQuery
from cti_server.store import contact_log
from cti_server.store.database import Database
from cti_server.store.directory import verify_password
from cti_server.store.passwords import Passwords


class StoredCredentials:
    """`api.ports.Credentials`."""

    def __init__(self, database: Database, passwords: Passwords) -> None:
        self._database, self._passwords = database, passwords

    async def verify(self, agent_id: str, password: str) -> bool:
        """See the port."""
        return await verify_password(self._database, self._passwords, agent_id, password)


class StoredInteractionLog:
    """`api.ports.InteractionLog`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def contacts(self, query: ContactQuery) -> ContactPage:
        """See the port."""
        seen = query.seen
        within = (seen.groups, seen.agent_id) if seen and seen.groups is not None else None
        wanted = contact_log.ContactFilter(
            since=query.arrived_from,
            until=query.arrived_to,
            agent_id=query.agent_id,
            state=query.state,
            group_id=query.group_id,
            within=within,
        )
        page = await contact_log.list_contacts(self._database, wanted, limit=query.limit, cursor=query.cursor)
        return ContactPage([asdict(row) for row in page.contacts], page.next_cursor)

    async def contact(self, contact_id: str) -> dict[str, Any] | None:
        """See the port."""
        row = await contact_log.contact(self._database, contact_id)
        return asdict(row) if row else None

    async def contact_story(self, contact_id: str) -> Sequence[dict[str, Any]]:
        """See the port."""
        story = await contact_log.contact_story(self._database, contact_id)
        return [asdict(event) for event in story.events] if story else []
