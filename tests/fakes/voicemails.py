"""Messages in memory, for tests of the edge."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any


class FakeVoicemails:
    """`api.ports.Voicemails`. One message, for `general`; its recording is `recorded`."""

    def __init__(self) -> None:
        self.recorded: Path | None = None
        self.heard: list[tuple[str, str]] = []
        self.rows: dict[str, dict[str, Any]] = {}
        for contact_id, group_id in (("pbx-a-1.1", "general"), ("pbx-a-1.2", "credit_card")):
            self.rows[contact_id] = {
                "contact_id": contact_id,
                "group_id": group_id,
                "service_number": "4000",
                "customer_number": "13800138000",
                "language": "zh",
                "left_at": datetime(2026, 11, 21, 10, tzinfo=UTC),
                "state": "new",
                "agent_id": None,
                "changed_at": None,
                "note": None,
                "path": None,
                "duration_s": None,
            }

    async def listed(
        self, groups: Collection[str] | None, state: str | None, limit: int
    ) -> Sequence[Mapping[str, Any]]:
        found = [row for row in self.rows.values() if groups is None or row["group_id"] in groups]
        return [row for row in found if state in (None, row["state"])][:limit]

    async def found(self, contact_id: str) -> Mapping[str, Any] | None:
        return self.rows.get(contact_id)

    async def audio(self, contact_id: str, agent_id: str) -> Path | None:
        if self.recorded:
            self.heard.append((contact_id, agent_id))
        return self.recorded

    async def take_on(self, contact_id: str, agent_id: str, *, by: str, from_others: bool) -> bool:
        row = self.rows[contact_id]
        if row["state"] == "handled" or (row["agent_id"] not in (None, agent_id) and not from_others):
            return False
        row |= {"state": "assigned", "agent_id": agent_id, "note": f"by {by}"}
        return True

    async def handle(self, contact_id: str, agent_id: str, note: str, *, any_ones: bool) -> bool:
        row = self.rows[contact_id]
        if row["state"] == "handled" or (row["agent_id"] not in (None, agent_id) and not any_ones):
            return False
        row |= {"state": "handled", "agent_id": agent_id, "note": note}
        return True
