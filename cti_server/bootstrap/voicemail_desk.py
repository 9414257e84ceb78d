"""What the API asks about messages that customers left, by the store's own functions."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from cti_server.store import voicemails
from cti_server.store.database import Database


class StoredVoicemails:
    """`api.ports.Voicemails`."""

    def __init__(self, database: Database, recordings: Path) -> None:
        """`recordings`: the recording store."""
        self._database, self._recordings = database, recordings

    async def listed(
        self, groups: Collection[str] | None, state: str | None, limit: int
    ) -> Sequence[Mapping[str, Any]]:
        """See the port."""
        return await voicemails.listed(self._database, groups, state, limit)

    async def found(self, contact_id: str) -> Mapping[str, Any] | None:
        """See the port."""
        return await voicemails.found(self._database, contact_id)

    async def audio(self, contact_id: str, agent_id: str) -> Path | None:
        """See the port."""
        row = await voicemails.found(self._database, contact_id)
        path = self._recordings / str(row["path"]) if row and row["path"] else None
        if path is None or not path.is_file():  # one stat of a local file
            return None
        await voicemails.heard(self._database, contact_id, agent_id)
        return path

    async def take_on(self, contact_id: str, agent_id: str, *, by: str, from_others: bool) -> bool:
        """See the port."""
        return await voicemails.taken_on(self._database, contact_id, agent_id, by=by, from_others=from_others)

    async def handle(self, contact_id: str, agent_id: str, note: str, *, any_ones: bool) -> bool:
        """See the port."""
        return await voicemails.handled(self._database, contact_id, agent_id, note, any_ones=any_ones)
