"""The drain: nothing lost, nothing doubled, whatever happens to the database, the record or the process."""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from cti_server.domain.records import Record
from cti_server.store import drain as drain_module
from cti_server.store.database import Database
from cti_server.store.delivery import DatabaseDelivery
from cti_server.store.drain import OutboxDrain
from cti_server.store.outbox import Outbox
from cti_server.store.schema import upgrade
from cti_server.store.segments import encode_line, segment_path
from cti_server.store.tables import agent_events, contact_events, contacts, recordings
from tests.support.databases import PostgresServer
from tests.support.records import PER_CONTACT, contact_record, event_record, stories

BACKLOG = int(os.environ.get("CTI_BACKLOG", "20000"))
"""Records of a long outage; the promise is 100,000 in a minute: CTI_BACKLOG=100000 pytest -s."""


@pytest.fixture
async def outbox(tmp_path: Path) -> AsyncIterator[Outbox]:
    opened = await Outbox.open(tmp_path / "outbox", segment_bytes=20_000)
    yield opened
    await opened.close()


@asynccontextmanager
async def draining(outbox: Outbox, database: Database) -> AsyncIterator[OutboxDrain]:
    drain = OutboxDrain(outbox, DatabaseDelivery(database))
    task = asyncio.create_task(drain.run())
    try:
        yield drain
    finally:
        task.cancel()
        await asyncio.wait({task})
    assert task.cancelled(), task.exception()


async def delivered(outbox: Outbox, database: Database) -> OutboxDrain:
    async with draining(outbox, database) as drain:
        await asyncio.wait_for(outbox.drained(), 60)
    return drain


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(20):
        while not await condition():  # noqa: ASYNC110 (a status is polled as metrics would; it signals nothing)
            await asyncio.sleep(0.02)


async def counts(database: Database) -> tuple[int, int]:
    async def work(connection: AsyncConnection) -> tuple[int, int]:
        first = await connection.scalar(select(func.count()).select_from(contacts))
        second = await connection.scalar(select(func.count()).select_from(contact_events))
        return int(first or 0), int(second or 0)

    return await database.read(work)


async def rows(database: Database, table: Any) -> list[dict[str, Any]]:
    async def work(connection: AsyncConnection) -> list[dict[str, Any]]:
        return [dict(row) for row in (await connection.execute(select(table))).mappings()]

    return await database.read(work)


async def test_every_kind_arrives(outbox: Outbox, database: Database) -> None:
    await outbox.append(
        [
            contact_record(1, 1),
            event_record(1, 2),
            Record(
                "a1", "agent_event", 5.0, {"agent_id": "1001", "kind": "agent.signed_in", "state": "ready"}
            ),
            Record(
                "r1", "recording", 6.0, {"recording_id": "r", "contact_id": "pbx-a-1.1", "state": "stored"}
            ),
        ]
    )
    drain = await delivered(outbox, database)
    assert [
        len(await rows(database, table)) for table in (contacts, contact_events, agent_events, recordings)
    ] == [
        1,
        1,
        1,
        1,
    ]
    status = drain.status()
    assert (status.healthy, status.backlog, status.delivered, status.dead_letters) == (True, 0, 4, 0)
    assert status.oldest_age == 0


async def test_repeated_records_change_nothing(outbox: Outbox, database: Database) -> None:
    await outbox.append([*stories(5), *stories(5)])
    await outbox.append(list(stories(5)))
    await delivered(outbox, database)
    assert await counts(database) == (5, 5 * (PER_CONTACT - 2))


async def test_an_older_view_never_replaces_a_newer_one(outbox: Outbox, database: Database) -> None:
    await outbox.append([contact_record(1, 3, summary="new"), contact_record(1, 2, summary="old")])
    await outbox.append([contact_record(1, 3, summary="same version, other text")])
    await delivered(outbox, database)
    (row,) = await rows(database, contacts)
    assert (row["version"], row["summary"]) == (3, "new")


async def test_a_recordings_later_state_replaces_the_earlier(outbox: Outbox, database: Database) -> None:
    def record(at: float, state: str) -> Record:
        data = {"recording_id": "r", "contact_id": "c", "state": state}
        return Record(f"r:{at}", "recording", at, data)

    await outbox.append([record(1.0, "recording"), record(3.0, "stored"), record(2.0, "finished")])
    await delivered(outbox, database)
    assert [row["state"] for row in await rows(database, recordings)] == ["stored"]


async def test_poison_is_set_aside_and_blocks_nobody(outbox: Outbox, database: Database) -> None:
    good = list(stories(30))
    poison = [
        contact_record(900, 1, arrived_at="yesterday"),  # refused by our own check
        event_record(901, 2, contact_id=None),
    ]
    if not database.is_sqlite:
        poison.append(event_record(902, 2, data={"note": "a\0b"}))  # refused by PostgreSQL itself
        poison.append(contact_record(903, 1, summary="a\0b"))
    mixed = [*good[:50], poison[0], *good[50:90], *poison[1:], *good[90:]]
    await outbox.append(mixed)
    await outbox.append(poison)  # replayed: set aside once
    drain = await delivered(outbox, database)
    assert await counts(database) == (30, 30 * (PER_CONTACT - 2))
    letters = [json.loads(line) for line in (outbox.folder / "dead-letters.jsonl").read_text().splitlines()]
    assert {letter["id"] for letter in letters} == {record.id for record in poison}
    assert len(letters) == len(poison) == drain.status().dead_letters
    assert [letter["data"] for letter in letters] == [record.data for record in poison]
    assert all(letter["why"] for letter in letters)
    assert OutboxDrain(outbox, DatabaseDelivery(database)).status().healthy


async def test_two_facts_with_one_id_are_both_kept(outbox: Outbox, database: Database) -> None:
    first = event_record(1, 2)
    other = Record(first.id, first.kind, first.at + 1, {**first.data, "kind": "contact.retrieved"})
    await outbox.append([first, first, other])
    drain = await delivered(outbox, database)
    assert [row["kind"] for row in await rows(database, contact_events)] == ["contact.held"]
    (letter,) = (json.loads(line) for line in (outbox.folder / "dead-letters.jsonl").read_text().splitlines())
    assert (letter["why"], letter["data"]) == ("id_taken", other.data)
    assert drain.status().dead_letters == 1


async def test_a_damaged_line_is_set_aside(tmp_path: Path, database: Database) -> None:
    folder = tmp_path / "damaged"
    outbox = await Outbox.open(folder)
    await outbox.append([event_record(1, 2), event_record(1, 3), event_record(1, 4)])
    await outbox.close()
    path = segment_path(folder, 1)
    path.write_bytes(path.read_bytes().replace(b'"n":3', b'"n":9'))
    outbox = await Outbox.open(folder)
    drain = await delivered(outbox, database)
    await outbox.close()
    assert (await counts(database))[1] == 2
    assert drain.status().dead_letters == 1


async def test_replay_after_a_crash_between_commit_and_note(tmp_path: Path, database: Database) -> None:
    folder = tmp_path / "replayed"
    outbox = await Outbox.open(folder)
    await outbox.append(list(stories(10)))
    await delivered(outbox, database)
    await outbox.close()
    (folder / "position.json").unlink()  # as if the process had died before it was written
    outbox = await Outbox.open(folder)
    assert outbox.backlog == 10 * PER_CONTACT
    await delivered(outbox, database)
    await outbox.close()
    assert await counts(database) == (10, 10 * (PER_CONTACT - 2))


async def test_missing_tables_stop_the_drain_and_lose_nothing(outbox: Outbox, database_url: str) -> None:
    database = Database(database_url)
    await outbox.append(list(stories(2)))
    try:
        async with draining(outbox, database) as drain:

            async def stopped() -> bool:
                return drain.status().fault == "database_schema_outdated"

            await until(stopped)
            await upgrade(database_url)
            await asyncio.wait_for(outbox.drained(), 20)
        assert drain.status().dead_letters == 0
        assert (await counts(database))[0] == 2
    finally:
        await database.close()


async def _feed(outbox: Outbox, records: list[Record], stop: asyncio.Event) -> int:
    """Append until `stop`, in small portions; return how many."""
    done = 0
    while not stop.is_set() and done < len(records):
        await outbox.append(records[done : done + 4])
        done += 4
        await asyncio.sleep(0.001)
    return done


@pytest.mark.parametrize("how", ["kill9", "freeze", "stop"])
async def test_database_lost_in_the_middle_and_brought_back(
    how: str, outbox: Outbox, own_postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drain_module, "DEADLINE", 1.0)
    await upgrade(own_postgres.url())
    database = Database(own_postgres.url())
    records = list(stories(600))
    stop = asyncio.Event()
    feeder = asyncio.create_task(_feed(outbox, records, stop))
    async with draining(outbox, database) as drain:

        async def under_way() -> bool:
            return drain.status().delivered > 200

        async def stopped() -> bool:
            return not drain.status().healthy and drain.status().backlog > 0

        await until(under_way)
        await asyncio.to_thread(getattr(own_postgres, how))
        await until(stopped)
        assert drain.status().fault == "database_unavailable"
        assert drain.status().oldest_age > 0
        await asyncio.to_thread(own_postgres.thaw if how == "freeze" else own_postgres.start)
        stop.set()
        appended = await feeder
        await asyncio.wait_for(outbox.drained(), 30)
        assert drain.status().healthy
    found_contacts = {row["contact_id"]: row["version"] for row in await rows(database, contacts)}
    found_events = {row["id"] for row in await rows(database, contact_events)}
    await database.close()
    sent = records[:appended]
    assert found_events == {record.id for record in sent if record.kind == "contact_event"}
    views = {r.data["contact_id"]: r.data["version"] for r in sent if r.kind == "contact"}
    assert found_contacts == views
    assert drain.status().dead_letters == 0


async def test_a_long_outage_is_caught_up_with(tmp_path: Path, database: Database) -> None:
    folder = tmp_path / "big"
    outbox = await Outbox.open(folder)
    records = list(stories(BACKLOG // PER_CONTACT))
    for start in range(0, len(records), 1000):
        await outbox.append(records[start : start + 1000])
    loop = asyncio.get_running_loop()
    began = loop.time()
    async with draining(outbox, database):
        await asyncio.wait_for(outbox.drained(), 300)  # a minute is promised, to a machine of its own
    print(f"{BACKLOG:,} records replayed in {loop.time() - began:.1f} s")
    assert await counts(database) == (BACKLOG // PER_CONTACT, BACKLOG // PER_CONTACT * (PER_CONTACT - 2))
    await outbox.close()


async def test_line_appended_by_hand_counts_as_backlog(tmp_path: Path) -> None:
    folder = tmp_path / "hand"
    folder.mkdir()
    segment_path(folder, 7).write_bytes(encode_line(event_record(1, 2)))
    outbox = await Outbox.open(folder)
    assert outbox.backlog == 1
    assert outbox.oldest_age() > 1000
    await outbox.close()
