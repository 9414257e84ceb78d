"""Every call on the database ends in time, whatever the database does."""

import asyncio
import sqlite3
import time
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from cti_server.store.database import Database, normal_url
from cti_server.store.errors import ContentRefused, StoreUnavailable
from tests.support.databases import PostgresServer


async def _select(connection: AsyncConnection) -> int:
    return int((await connection.execute(text("SELECT 42"))).scalar_one())


async def _refused_in_time(database: Database) -> None:
    began = time.monotonic()
    with pytest.raises(StoreUnavailable):
        await database.write(_select)
    assert time.monotonic() - began < 2.5


async def test_killed_postgres_is_told_at_once_and_found_again(own_postgres: PostgresServer) -> None:
    database = Database(own_postgres.url())
    try:
        assert await database.read(_select) == 42
        own_postgres.kill9()
        await _refused_in_time(database)
        own_postgres.start()
        assert await database.read(_select) == 42
    finally:
        await database.close()


async def test_frozen_postgres_never_hangs_a_call(own_postgres: PostgresServer) -> None:
    database = Database(own_postgres.url())
    try:
        assert await database.read(_select) == 42
        own_postgres.freeze()
        await asyncio.gather(*(_refused_in_time(database) for _ in range(12)))  # more than the pool has
        own_postgres.thaw()
        assert await database.read(_select) == 42
    finally:
        own_postgres.thaw()
        await database.close()


async def test_postgres_frozen_within_a_transaction(own_postgres: PostgresServer) -> None:
    database = Database(own_postgres.url())

    async def freeze_and_go_on(connection: AsyncConnection) -> None:
        await _select(connection)
        own_postgres.freeze()
        await _select(connection)

    try:
        began = time.monotonic()
        with pytest.raises(StoreUnavailable):
            await database.write(freeze_and_go_on)
        assert time.monotonic() - began < 2.5
        own_postgres.thaw()
        assert await database.read(_select) == 42
    finally:
        own_postgres.thaw()
        await database.close()


async def test_locked_sqlite_file_is_told_in_time(sqlite_url: str, tmp_path: Path) -> None:
    database = Database(sqlite_url)
    try:
        assert await database.write(_select) == 42
        other = sqlite3.connect(tmp_path / "cti.db", isolation_level=None)
        other.execute("BEGIN EXCLUSIVE")
        await _refused_in_time(database)
        other.close()
        assert await database.write(_select) == 42
    finally:
        await database.close()


async def test_failed_work_is_rolled_back(database_url: str) -> None:
    database = Database(database_url)

    async def create(connection: AsyncConnection) -> None:
        await connection.execute(text("CREATE TABLE t (n INTEGER NOT NULL)"))

    async def half(connection: AsyncConnection) -> None:
        await connection.execute(text("INSERT INTO t VALUES (1)"))
        await connection.execute(text("INSERT INTO t VALUES (NULL)"))

    async def count(connection: AsyncConnection) -> int:
        return int((await connection.execute(text("SELECT count(*) FROM t"))).scalar_one())

    try:
        await database.write(create)
        with pytest.raises(ContentRefused) as refusal:
            await database.write(half)
        assert refusal.value.detail["why"]
        assert await database.read(count) == 0
    finally:
        await database.close()


async def test_cancelled_caller_leaves_the_pool_usable(database_url: str) -> None:
    database = Database(database_url, pool_size=1)
    entered = asyncio.Event()

    async def stay(connection: AsyncConnection) -> None:
        await _select(connection)
        entered.set()
        await asyncio.Event().wait()

    try:
        for _ in range(12):
            entered.clear()
            caller = asyncio.create_task(database.write(stay))
            await entered.wait()
            caller.cancel()
            with pytest.raises(asyncio.CancelledError):
                await caller
        assert await database.write(_select) == 42
    finally:
        await database.close()


async def test_errors_of_the_work_itself_pass_through(database_url: str) -> None:
    database = Database(database_url)

    async def broken(_: AsyncConnection) -> None:
        raise ZeroDivisionError

    try:
        with pytest.raises(ZeroDivisionError):
            await database.write(broken)
    finally:
        await database.close()


def test_urls_of_other_databases_are_refused() -> None:
    assert normal_url("postgres://h/d").drivername == "postgresql+asyncpg"
    assert normal_url("sqlite:///x").drivername == "sqlite+aiosqlite"
    with pytest.raises(ValueError, match="mysql"):
        normal_url("mysql://h/d")
