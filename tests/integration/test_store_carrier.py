"""Records carried to the database by a process of its own, which may be killed, frozen, or left behind."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from sqlalchemy import func, select

from cti_server.store.carrier import Carrier
from cti_server.store.database import Database
from cti_server.store.delivery import Refused
from cti_server.store.errors import SchemaOutdated, StoreUnavailable
from cti_server.store.schema import upgrade
from cti_server.store.segments import DAMAGED, encode_line
from cti_server.store.tables import contact_events
from tests.support.records import event_record

DEADLINE = 10.0


@asynccontextmanager
async def carrying(url: str) -> AsyncIterator[Carrier]:
    carrier = Carrier(url)
    try:
        yield carrier
    finally:
        await carrier.close()


async def count(url: str) -> int:
    database = Database(url)
    try:
        query = select(func.count()).select_from(contact_events)
        found = await database.read(lambda connection: connection.scalar(query))
    finally:
        await database.close()
    return int(found or 0)


def pid(carrier: Carrier) -> int:
    assert carrier._process is not None
    return carrier._process.pid


async def test_what_is_refused_is_named_and_the_rest_is_there_once(database_url: str) -> None:
    await upgrade(database_url)
    async with carrying(database_url) as carrier:
        records = [event_record(1, number) for number in range(50)]
        bad = event_record(1, 50)
        bad.data["kind"] = "x" * 1000
        for _ in range(2):
            lines = [encode_line(record) for record in [*records[:20], bad, *records[20:]]]
            lines.insert(30, lines[30].replace(b"pbx", b"\rxx"))
            delivered = await carrier.deliver(lines, DEADLINE)
            assert delivered.refused == [Refused(20, "kind no text of its size"), Refused(30, DAMAGED)]
            assert delivered.ids == [record.id for record in [*records[:20], bad, *records[20:]]]
        assert await count(database_url) == 50


async def test_killed_it_is_started_again_by_the_next_batch(database_url: str) -> None:
    await upgrade(database_url)
    async with carrying(database_url) as carrier:
        await carrier.deliver([encode_line(event_record(1, 1))], DEADLINE)
        os.kill(pid(carrier), signal.SIGKILL)
        with pytest.raises(StoreUnavailable):
            await carrier.deliver([encode_line(event_record(1, 2))], DEADLINE)
        assert (await carrier.deliver([encode_line(event_record(1, 2))], DEADLINE)).refused == []
        assert await count(database_url) == 2


async def test_frozen_it_is_given_up_and_replaced(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    await upgrade(database_url)
    monkeypatch.setattr("cti_server.store.carrier.PATIENCE", 0.2)
    monkeypatch.setattr("cti_server.store.carrier.END_TIME", 0.2)
    async with carrying(database_url) as carrier:
        await carrier.deliver([encode_line(event_record(1, 1))], DEADLINE)
        frozen = pid(carrier)
        os.kill(frozen, signal.SIGSTOP)
        with pytest.raises(StoreUnavailable):
            await carrier.deliver([encode_line(event_record(1, 2))], 0.1)
        with pytest.raises(ProcessLookupError):
            os.kill(frozen, 0)
        assert (await carrier.deliver([encode_line(event_record(1, 2))], DEADLINE)).refused == []


async def test_a_batch_given_up_in_the_middle_does_not_answer_the_next(database_url: str) -> None:
    await upgrade(database_url)
    async with carrying(database_url) as carrier:
        await carrier.deliver([encode_line(event_record(1, 0))], DEADLINE)
        bad = event_record(1, 1)
        bad.data["kind"] = None
        given_up = asyncio.create_task(carrier.deliver([encode_line(bad)], DEADLINE))
        await asyncio.sleep(0)
        given_up.cancel()
        await asyncio.wait({given_up})
        assert (await carrier.deliver([encode_line(event_record(1, 2))], DEADLINE)).refused == []


async def test_a_database_without_our_tables_is_told_as_such(tmp_path: Path) -> None:
    async with carrying(f"sqlite:///{tmp_path}/empty.db") as carrier:
        with pytest.raises(SchemaOutdated):
            await carrier.deliver([encode_line(event_record(1, 1))], DEADLINE)


async def test_it_ends_with_the_server(database_url: str) -> None:
    """Its socket closes, as it does when the server is killed."""
    await upgrade(database_url)
    carrier = Carrier(database_url)
    await carrier.deliver([encode_line(event_record(1, 1))], DEADLINE)
    process = carrier._process
    assert process is not None
    assert carrier._link is not None
    carrier._link[1].transport.abort()
    async with asyncio.timeout(15):
        assert await process.wait() == 0
