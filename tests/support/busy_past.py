"""A busy centre's past: contacts and agents' work made by chance, and put straight into a database."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from operator import itemgetter
from random import Random
from typing import Any, NamedTuple

import asyncpg  # type: ignore[import-untyped]  # it ships no type information
import orjson

from cti_server.reports.facts import Fact, of_agent, of_contact
from cti_server.store.database import normal_url

NUMBERS = {"4000": "general", "4001": "credit_card", "4002": "loans", "4003": "elder"}


class Entry(NamedTuple):
    """Of a contact's story, or with `data` None of an agent's history."""

    at: float
    kind: str
    contact_id: str
    agent_id: str
    state: str
    data: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class Past:
    """How much happened, from a local midnight on."""

    begin: datetime
    contacts_a_day: int
    agents: int = 500
    odd: float = 0.0
    """Share of contacts of which something is told an hour and more after their end."""

    def day(self, number: int) -> list[tuple[str, Entry]]:
        """All entries of the contacts that came on that day, in order, with their ids."""
        chance = Random(f"{number} {self}")  # the same each time
        midnight = (self.begin + timedelta(days=number)).timestamp()
        told = [entry for agent in range(self.agents) for entry in _shift(chance, midnight, agent)]
        for contact in range(self.contacts_a_day):
            told += self._contact(chance, midnight, contact)
        told.sort(key=itemgetter(0))
        return [(f"{number + 1}.{place // 2}.{place % 2}", entry) for place, entry in enumerate(told)]

    def _contact(self, chance: Random, midnight: float, number: int) -> list[Entry]:
        at = midnight + 3600 * (8 + 6 * (chance.random() + chance.random()))  # most of them at two o'clock
        story = _Story(chance, f"pbx-a-{int(at)}.{number}", at, _name(chance.randrange(self.agents)))
        story.live()
        if chance.random() < self.odd:
            story.go_on_late()
        return story.told


def _shift(chance: Random, midnight: float, agent: int) -> Iterator[Entry]:
    begin = midnight + 3600 * (8 + chance.random())
    for at, state in ((begin, "not_ready"), (begin + 60, "ready"), (begin + 3600 * 11.5, "signed_out")):
        yield Entry(at, "agent.state_changed", "", _name(agent), state, None)


def _name(agent: int) -> str:
    return str(10_000 + agent)


class _Story:
    """One contact's, as it is told."""

    def __init__(self, chance: Random, contact_id: str, at: float, agent: str) -> None:
        self.told: list[Entry] = []
        self._chance, self._contact, self._at, self._agent = chance, contact_id, at, agent
        self._number = chance.choice(list(NUMBERS))
        self._group = NUMBERS[self._number]
        self._direction = "outbound" if chance.random() < 0.05 else "inbound"

    def live(self) -> None:
        chance = self._chance
        if self._direction == "outbound":
            self._tell("dialling", "dialling", mine=True)
            self._wait(5, 20)
        else:
            self._tell("arrived", "ivr")
            self._wait(0, 20)
            self._tell("queued", "queued")
            self._at += chance.expovariate(1 / 8)
            if chance.random() < 0.06:
                self._tell("ended", "ended")
                return
            if chance.random() < 0.1:
                self._tell("offered", "offered", mine=True)
                self._wait(15, 15)
                self._tell("offer_withdrawn", "queued", mine=True)
            self._offered()
        self._talk()
        if chance.random() < 0.08:
            self._hand_on()
        self._work("wrap_up")
        self._tell("ended", "wrap_up", mine=True)
        self._wait(5, 40)
        self._work("ready")
        self._tell("wrapped_up", "ended", mine=True, disposition="done")

    def go_on_late(self) -> None:
        """The PBX's own log tells late of the end, or of an answer without a server; or a word is added."""
        self._wait(3700, 8000)
        which = self._chance.randrange(4)
        if which == 0:
            self._tell("ended_unseen", "ended", ended_at=self._at - 3600)
        elif which == 1:
            self._tell("answered_unserved", "ended", connected_at=self._at - 3700, ended_at=self._at - 3600)
        elif which == 2:
            self._tell("data_changed", "ended", mine=True)
        else:
            self._tell("queued", "queued")
            self._wait(1, 9)
            self._tell("callback_agreed", "ended")

    def _offered(self) -> None:
        self._work("reserved")
        self._tell("offered", "offered", mine=True)
        self._wait(0.5, 4)

    def _talk(self) -> None:
        self._tell("started", "offered", of="recording")
        self._work("talking")
        self._tell("connected", "active", mine=True)
        self._wait(20, 400)
        if self._chance.random() < 0.2:
            self._tell("held", "held", mine=True)
            self._wait(5, 60)
            self._tell("retrieved", "active", mine=True)
            self._wait(5, 60)

    def _hand_on(self) -> None:
        """To the group once more, and with that to a colleague."""
        before, self._agent = self._agent, str(int(self._agent) + 1)
        self._tell("transferred", "queued", agent_id=before)
        self._tell("queued", "queued")
        self._wait(1, 30)
        self._offered()
        self._tell("wrapped_up", "offered", mine=True, agent_id=before)
        self._talk()

    def _tell(self, kind: str, state: str, *, of: str = "contact", mine: bool = False, **more: Any) -> None:
        known = {"state": state, "group": self._group, "number": self._number, "medium": "voice"}
        data = {**known, "direction": self._direction, **more}
        agent = self._agent if mine else ""
        self.told.append(Entry(self._at, f"{of}.{kind}", self._contact, agent, state, data))

    def _work(self, state: str) -> None:
        self.told.append(Entry(self._at, "agent.state_changed", "", self._agent, state, None))

    def _wait(self, least: float, most: float) -> None:
        self._at += self._chance.uniform(least, most)


def facts(entries: Iterable[tuple[str, Entry]]) -> list[Fact]:
    """As the database gives them back."""
    return [
        of_agent(name, _instant(one.at), one.kind, one.agent_id, one.state, "")
        if one.data is None
        else of_contact(name, _instant(one.at), one.kind, one.contact_id, one.agent_id, one.data)
        for name, one in entries
    ]


def _instant(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC)


EVENTS = "contact_events", ("id", "at", "kind", "contact_id", "agent_id", "data")
AGENTS = "agent_events", ("id", "at", "kind", "agent_id", "state", "data")
CONTACTS = (
    "contacts",
    (
        *("contact_id", "version", "medium", "direction", "state", "service_number", "customer_number"),
        *("group_id", "agent_id", "arrived_at", "queued_at", "connected_at", "ended_at", "recovered", "data"),
    ),
)


def _rows(past: Past, number: int) -> Iterator[tuple[str, tuple[str, ...], list[tuple[Any, ...]]]]:
    """By table, with its columns."""
    entries = past.day(number)
    yield (*EVENTS, [_of_contact(name, one) for name, one in entries if one.data is not None])
    yield (
        *AGENTS,
        [
            (name, _instant(one.at), one.kind, one.agent_id, one.state, "{}")
            for name, one in entries
            if one.data is None
        ],
    )
    of_contacts: dict[str, list[Entry]] = {}
    for _, one in entries:
        if one.contact_id:
            of_contacts.setdefault(one.contact_id, []).append(one)
    chance = Random(number)
    yield (*CONTACTS, [_contact(chance, told) for told in of_contacts.values()])


def _of_contact(name: str, one: Entry) -> tuple[Any, ...]:
    data = orjson.dumps(one.data).decode()
    return name, _instant(one.at), one.kind, one.contact_id, one.agent_id or None, data


def _contact(chance: Random, told: list[Entry]) -> tuple[Any, ...]:
    data = told[0].data or {}
    agents = [one.agent_id for one in told if one.agent_id]
    first = {one.state: _instant(one.at) for one in reversed(told)}
    customer = f"139{chance.randrange(10**6):08}"
    own = data["direction"], "ended", data["number"], customer, data["group"], agents[-1] if agents else None
    direction, state, dialled, number, group, agent = own
    times = _instant(told[0].at), first.get("queued"), first.get("active"), _instant(told[-1].at)
    return (
        told[0].contact_id,
        1,
        "voice",
        direction,
        state,
        dialled,
        number,
        group,
        agent,
        *times,
        False,
        "{}",
    )


async def put(url: str, past: Past, days: Iterable[int]) -> int:
    """Into the tables, which are there; how many events that was."""
    count = 0
    for number in days:
        for table, columns, rows in _rows(past, number):
            await (_put_sqlite if url.startswith("sqlite") else _put_postgres)(url, table, columns, rows)
            count += len(rows) if table != "contacts" else 0
    return count


async def _put_sqlite(url: str, table: str, columns: tuple[str, ...], rows: list[tuple[Any, ...]]) -> None:
    connection = sqlite3.connect(normal_url(url).database or "")
    with connection:
        connection.executemany(
            f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})",
            ([_text(value) for value in row] for row in rows),
        )
    connection.close()


def _text(value: Any) -> Any:
    return f"{value:%Y-%m-%d %H:%M:%S.%f}" if isinstance(value, datetime) else value


async def _put_postgres(url: str, table: str, columns: tuple[str, ...], rows: list[tuple[Any, ...]]) -> None:
    connection = await asyncpg.connect(url.replace("+asyncpg", ""))
    try:
        await connection.copy_records_to_table(table, records=rows, columns=columns)
        await connection.execute(f"ANALYZE {table}")
    finally:
        await connection.close()
