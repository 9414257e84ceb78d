"""What reports ask of the centre: stored events and those still on their way to the database."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar

from cti_server.api.ports import Team
from cti_server.background import in_thread
from cti_server.domain.records import Record
from cti_server.domain.state import WorldState
from cti_server.reports.facts import Fact, of_record, of_row, tells
from cti_server.reports.resolution import CustomerCall
from cti_server.store import report_log
from cti_server.store.database import Database

Result = TypeVar("Result")
LIVE_KEPT = 200_000
"""Newest records kept in memory while the database is away; it will have the others when it is back."""
SLICE = timedelta(hours=1)
"""How much time is read at once: a transaction ends soon, and no two copies of a month are in memory."""
LONGEST_CALL = timedelta(days=1)


def _facts(live: Iterable[Record]) -> Iterator[Fact]:
    return (fact for record in live if (fact := of_record(record)))


def _work_out(
    url: str, time: tuple[datetime, datetime], live: list[Record], work: Callable[[Sequence[Fact]], Result]
) -> Result:
    facts: list[Fact] = []
    _tell_again(url, time, SLICE, live, facts.extend)
    return work(facts)


def _tell_again(
    url: str,
    time: tuple[datetime, datetime],
    at_once: timedelta,
    live: list[Record],
    take: Callable[[Sequence[Fact]], None],
) -> None:
    """In a thread, with an event loop and a connection of its own."""

    async def read() -> None:
        database, (at, until) = Database(url, pool_size=1), time
        try:
            while at < until:
                take(await report_log.events(database, at, min(at + at_once, until), of_row))
                at += at_once
        finally:
            await database.close()
        take(list(_facts(live)))

    asyncio.run(read())


class StoredReports:
    """`api.ports.Reports`."""

    def __init__(self, database: Database, state: Callable[[], WorldState]) -> None:
        self._database, self._state = database, state
        self._on_their_way: dict[str, Record] = {}
        """By id, oldest first: records, of which facts are made when somebody asks."""
        self._turn = asyncio.Lock()

    def kept(self, records: Sequence[Record]) -> None:
        """These have just happened (or are told again after a restart)."""
        self._on_their_way.update((record.id, record) for record in records if tells(record))
        while len(self._on_their_way) > LIVE_KEPT:
            del self._on_their_way[next(iter(self._on_their_way))]

    def delivered(self, ids: Sequence[str]) -> None:
        """The database has these, or never will."""
        for record_id in ids:
            self._on_their_way.pop(record_id, None)

    async def worked_out(
        self, since: datetime, until: datetime, work: Callable[[Sequence[Fact]], Result]
    ) -> Result:
        """See the port. One after the other, each in a thread with a connection of its own."""
        async with self._turn:
            live = self._live(since, until)
            url = self._database.url.render_as_string(hide_password=False)
            return await in_thread(partial(_work_out, url, (since, until), live, work), "report")

    async def told_again(
        self, since: datetime, until: datetime, at_once: timedelta, take: Callable[[Sequence[Fact]], None]
    ) -> None:
        """Hand all that happened to `take`, so much time at once, in the thread of the reports.

        Raises StoreUnavailable.
        """
        async with self._turn:
            live = self._live(since, until)
            url = self._database.url.render_as_string(hide_password=False)
            await in_thread(partial(_tell_again, url, (since, until), at_once, live, take), "report")

    def _live(self, since: datetime, until: datetime) -> list[Record]:
        """Looked at first: what arrives in the database meanwhile comes twice rather than not at all."""
        begin, end = since.timestamp(), until.timestamp()
        return [record for record in self._on_their_way.values() if begin <= record.at < end]

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
