"""What happened, as each witness tells it: the journal, the database, Asterisk's own log, the programs."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final, Protocol

from redis.asyncio import Redis

from cti_server.client import AgentClient, Event
from cti_server.domain.events import Notification
from cti_server.domain.records import Record
from cti_server.domain.signals import Signal
from cti_server.domain.world import World
from cti_server.engine.codec import Snapshot
from cti_server.engine.journal import Journal
from cti_server.settings import Settings
from tests.support.centre import TestCentre, eventually

_STATION: Final = re.compile(r"PJSIP/([0-9]+(?:-browser)?)-[0-9a-f]{8}")
Told = tuple[int, str, str]
"""Number, name and subject (contact or agent id) of a notification."""


class Witness(Protocol):
    """An agent whose program noted every notification."""

    @property
    def agent_id(self) -> str:
        """Who."""

    @property
    def client(self) -> AgentClient:
        """The program's line."""

    @property
    def history(self) -> list[Event]:
        """Everything it was told, in order."""


class Story:
    """From a moment on, the journal applied once more: what the others must tell too."""

    def __init__(self, centre: TestCentre, begin: Snapshot) -> None:
        self._centre, self._begin = centre, begin
        self._first = begin.state.signals
        self.world = World(begin.state)
        self.notifications: dict[str, list[Notification]] = defaultdict(list)
        self.records: dict[str, Record] = {}

    @classmethod
    async def begin(cls, centre: TestCentre) -> Story:
        """Begin with the newest snapshot there is."""
        async with _journal(centre) as journal:
            snapshot = await journal.load_snapshot(window=0)
        assert snapshot, "a new centre begins with a snapshot"
        return cls(centre, snapshot)

    async def go_on(self) -> None:
        """Apply everything that the journal has."""
        async with _journal(self._centre) as journal:
            assert self._begin.position == "0" or await journal.holds(self._begin.position)
            async for entry in journal.entries(after=self._begin.position):
                for signal in entry.signals:
                    self._apply(signal)

    def _apply(self, signal: Signal) -> None:
        outcome = self.world.apply(signal)
        for notification in outcome.notifications:
            self.notifications[notification.agent_id].append(notification)
        self.records.update({record.id: record for record in outcome.records})

    def told(self, agent_id: str) -> list[Told]:
        """What the agent should have been told."""
        return [(n.seq, n.event.value, _subject(n.params)) for n in self.notifications[agent_id]]

    def assert_nothing_left(self) -> None:
        """Nothing of calls is left in the world."""
        state = self.world.state
        assert not state.contacts
        assert not state.channels
        assert all(not group.waiting for group in state.groups.values())
        assert not [
            agent for agent in state.agents.values() if agent.contact_ids or agent.state == "reserved"
        ]

    def assert_programs_agree(self, seats: Iterable[Witness]) -> None:
        """Every program got every notification since it came, once, in order, without a new snapshot."""
        for seat in seats:
            ledger = seat.client.ledger
            assert ledger.intact, (seat.agent_id, ledger.gaps, ledger.doubles)
            assert len(ledger.snapshots) == 1, seat.agent_id
            first = ledger.snapshots[0][1]
            got = [(event.seq, event.name, _subject(event.params)) for event in seat.history]
            assert got == [told for told in self.told(seat.agent_id) if told[0] > first]

    async def assert_database_agrees(self) -> None:
        """Every event that the journal leads to is in the database, and no other."""
        kinds = ("contact_event", "agent_event")
        expected = {record.id for record in self.records.values() if record.kind in kinds}

        async def stored() -> set[str]:
            tables = [await self._centre.rows(f"{kind}s") for kind in kinds]
            return {row["id"] for rows in tables for row in rows if _signal(row["id"]) > self._first}

        await eventually(stored, lambda ids: ids == expected, "every event in the database, and no other")


def _signal(record_id: str) -> int:
    """The signal a record came from: its number."""
    return int(record_id.split(".")[1])


@asynccontextmanager
async def _journal(centre: TestCentre) -> AsyncIterator[Journal]:
    redis = Redis.from_url(centre.centre.plan.redis_url)
    try:
        yield Journal(redis, Settings.model_fields["site"].default)
    finally:
        await redis.aclose()


def _subject(params: dict[str, object]) -> str:
    contact, agent = params.get("contact"), params.get("agent")
    if isinstance(contact, dict):
        return str(contact["contact_id"])
    return str(agent["agent_id"]) if isinstance(agent, dict) else ""


@dataclass(slots=True)
class CelCall:
    """One customer's call as Asterisk logged it. Times are epoch seconds."""

    contact_id: str
    number: str
    stations: list[str] = field(default_factory=list)
    """Whom it shared a bridge with, in order."""
    began: float = 0.0
    connected: float | None = None
    ended: float | None = None


def cel_calls(centre: TestCentre) -> dict[str, CelCall]:
    """All calls that came in, by contact id."""
    rows = centre.cel()
    calls = {
        row["uniqueid"]: CelCall(row["uniqueid"], row["num"])
        for row in rows
        if row["userdeftype"] == "CTI_ENTRY"
    }
    stations: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        found = _STATION.fullmatch(row["channame"])
        if found and row["eventtype"] == "BRIDGE_ENTER":
            stations[_bridge(row)].add(found[1])
    for row in rows:
        call = calls.get(row["uniqueid"])
        if call:
            _note(call, row, stations)
    return calls


def _note(call: CelCall, row: dict[str, str], stations: dict[str, set[str]]) -> None:
    at = float(row["eventtime"])
    if row["eventtype"] == "CHAN_START":
        call.began = at
    elif row["eventtype"] == "CHAN_END":
        call.ended = at
    elif row["eventtype"] == "BRIDGE_ENTER" and stations[_bridge(row)]:
        call.connected = call.connected or at
        call.stations += sorted(stations[_bridge(row)] - set(call.stations))


def _bridge(row: dict[str, str]) -> str:
    return str(json.loads(row["eventextra"])["bridge_id"])
