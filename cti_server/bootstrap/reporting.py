"""What reports ask of the centre: stored events and those still on their way to the database."""

from __future__ import annotations

import asyncio
from bisect import bisect_left
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Protocol, TypeVar

from cti_server.api.ports import Team
from cti_server.background import in_thread
from cti_server.domain.records import Record
from cti_server.domain.state import WorldState
from cti_server.reports.facts import Fact, of_agent, of_contact, of_record, tells
from cti_server.reports.resolution import CustomerCall, Resolution, Resolving
from cti_server.reports.work import Work
from cti_server.store import report_log
from cti_server.store.database import Database

Made = TypeVar("Made")
Shown = TypeVar("Shown")
Result = TypeVar("Result")
LIVE_KEPT = 200_000
"""Newest records kept in memory while the database is away; it will have the others when it is back."""
SLICE = timedelta(minutes=15)
"""How much time is read at once: a transaction ends soon, and little is in memory."""
CALLS_AT_ONCE = timedelta(days=1)
LONGEST_CALL = timedelta(days=1)


class Aside(Protocol):
    """Does a task beside the event loop: in a thread, or (pickled) in a process."""

    def __call__(self, task: Callable[[], Result], name: str, /) -> Awaitable[Result]:
        """What the task returns or raises."""


def _work_out(url: str, live: list[Record], work: Work[Made], shown: Callable[[Made], Shown]) -> Shown:
    asyncio.run(_tell(url, live, work))
    return shown(work.made())


async def _tell(url: str, live: Iterable[Record], work: Work[Any]) -> None:
    """With a connection of its own."""
    on_their_way = sorted((fact for record in live if (fact := of_record(record))), key=_at)
    database, at_once = Database(url, pool_size=1), SLICE if not work.who else work.until - work.since
    try:
        while True:
            at = work.since
            while at < work.until:
                end = min(at + at_once, work.until)
                facts = await report_log.events_of_contacts(database, at, end, of_contact, work.who)
                if work.of_agents:
                    facts += await report_log.events_of_agents(database, at, end, of_agent, work.who)
                first, last = bisect_left(on_their_way, at, key=_at), bisect_left(on_their_way, end, key=_at)
                work.take(facts + on_their_way[first:last], end)
                at = end
            if not work.again():
                return
    finally:
        await database.close()


def _at(fact: Fact) -> datetime:
    return fact.at


def _resolve(
    url: str, start: datetime, until: datetime, within: timedelta, now: datetime
) -> dict[str, Resolution]:
    resolving = Resolving(start, until, within, now)

    async def read() -> None:
        database, at = Database(url, pool_size=1), start - LONGEST_CALL
        try:
            while at < until + within:
                end = min(at + CALLS_AT_ONCE, until + within)
                resolving.take(await report_log.customers_calls(database, at, end, CustomerCall))
                at = end
        finally:
            await database.close()

    asyncio.run(read())
    return resolving.found


class StoredReports:
    """`api.ports.Reports`."""

    def __init__(
        self,
        database: Database,
        state: Callable[[], WorldState],
        aside: Aside = in_thread,
        quick: Aside = in_thread,
    ) -> None:
        """`quick` does what is about one agent alone: that waits for no month of the whole centre."""
        self._url = database.url.render_as_string(hide_password=False)
        self._state = state
        self._long, self._quick = (asyncio.Lock(), aside), (asyncio.Lock(), quick)
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

    async def worked_out(self, work: Work[Made], shown: Callable[[Made], Shown]) -> Shown:
        """See the port. One after the other, each with a connection of its own."""
        turn, aside = self._quick if work.who else self._long
        async with turn:
            return await aside(partial(_work_out, self._url, self._live(work), work, shown), "report")

    def _live(self, work: Work[Any]) -> list[Record]:
        """Looked at first: what arrives in the database meanwhile comes twice rather than not at all."""
        since, until = work.since.timestamp(), work.until.timestamp()
        return [record for record in self._on_their_way.values() if since <= record.at < until]

    async def resolved(
        self, start: datetime, until: datetime, within: timedelta, now: datetime
    ) -> dict[str, Resolution]:
        """See the port."""
        turn, aside = self._long
        async with turn:
            return await aside(partial(_resolve, self._url, start, until, within, now), "report")

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
