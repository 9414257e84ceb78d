"""Migrations on both databases: complete, repeatable, safe when several servers start at once."""

import asyncio

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, text

from cti_server.store.database import Database
from cti_server.store.errors import SchemaOutdated, StoreUnavailable
from cti_server.store.schema import revision, upgrade
from cti_server.store.tables import metadata


async def test_fresh_database_has_no_revision(database_url: str) -> None:
    current, head = await revision(database_url)
    assert current is None
    assert head


async def test_upgrade_reaches_head_and_may_be_repeated(database_url: str) -> None:
    head = await upgrade(database_url)
    assert await upgrade(database_url) == head
    assert await revision(database_url) == (head, head)


async def test_migrations_build_exactly_the_tables_of_the_code(database_url: str) -> None:
    await upgrade(database_url)
    database = Database(database_url)

    def differences(connection: Connection) -> list[object]:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return list(compare_metadata(context, metadata))

    try:
        assert await database.read(lambda connection: connection.run_sync(differences)) == []
    finally:
        await database.close()


async def test_servers_starting_at_once_upgrade_one_after_the_other(database_url: str) -> None:
    heads = await asyncio.gather(*(upgrade(database_url) for _ in range(4)))
    assert len(set(heads)) == 1


async def test_missing_tables_are_told_apart_from_a_dead_database(database_url: str) -> None:
    database = Database(database_url)
    try:
        with pytest.raises(SchemaOutdated):
            await database.read(lambda connection: connection.execute(text("SELECT * FROM contacts")))
    finally:
        await database.close()


async def test_upgrade_of_a_dead_database_says_so() -> None:
    with pytest.raises(StoreUnavailable):
        await upgrade("postgresql://cti@127.0.0.1:1/cti")
