"""What reports ask of the centre: stored events and those still on their way to the database."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from cti_server.api.ports import Team
from cti_server.domain.records import Record
from cti_server.domain.state import WorldState
from cti_server.reports.facts import Fact, of_record, of_row, tells
from cti_server.reports.resolution import CustomerCall
from cti_server.store import report_log
from cti_server.store.database import Database

LIVE_KEPT = 200_000
"""Newest records kept in memory while the database is away; it will have the others when it is back."""
LONGEST_CALL = timedelta(days=1)


class StoredReports:
    """`api.ports.Reports`."""

    def __init__(self, database: Database, state: Callable[[], WorldState]) -> None:
        self._database, self._state = database, state
        self._on_their_way: dict[str, Record] = {}
        """By id, oldest first: records, of which facts are made when somebody asks."""

    def kept(self, records: Sequence[Record]) -> None:
        """These have just happened (or are told again after a restart)."""
        self._on_their_way.update((record.id, record) for record in records if tells(record))
        while len(self._on_their_way) > LIVE_KEPT:
            del self._on_their_way[next(iter(self._on_their_way))]

    def delivered(self, ids: Sequence[str]) -> None:
        """The database has these, or never will."""
        for record_id in ids:
            self._on_their_way.pop(record_id, None)

    async def facts(self, since: datetime, until: datetime) -> list[Fact]:
        """See the port."""
        begin, end = since.timestamp(), until.timestamp()
        # Looked at first: what arrives in the database meanwhile comes twice rather than not at all.
        live = [record for record in self._on_their_way.values() if begin <= record.at < end]
        rows = await report_log.events(self._database, since, until)
        return [*map(of_row, rows), *(fact for record in live if (fact := of_record(record)))]

    async def calls(self, since: datetime, until: datetime) -> list[CustomerCall]:
        """See the port."""
        rows = await report_log.customer_calls(self._database, since - LONGEST_CALL, until)
        return [
            CustomerCall(
                row["contact_id"],
                row["customer_number"],
                row["arrived_at"],
                row["ended_at"],
                row["queued_at"] is not None,
                (row["agent_id"] or "") if row["connected_at"] else "",
            )
            for row in rows
        ]

    def knows(self, agent_id: str) -> bool:
        """See the port."""
        return agent_id in self._state().agents

    def team(self, agent_id: str) -> Team:
        """See the port."""
        state = self._state()
        leader = state.agents.get(agent_id)
        groups = frozenset(leader.groups if leader else ())
        return Team(
            groups,
            frozenset(a.agent_id for a in state.agents.values() if groups & a.groups.keys()),
            frozenset(number for number, group in state.service_numbers.items() if group in groups),
        )
