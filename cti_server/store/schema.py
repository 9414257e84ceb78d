"""Bringing a database to the schema this version needs, and telling where it stands."""

import asyncio
from importlib.resources import files

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncConnection

from cti_server.store import campaign_tables
from cti_server.store.database import Database
from cti_server.store.errors import StoreUnavailable

UPGRADE_DEADLINE = 60.0
"""Seconds for all steps of an upgrade, waiting for another server that does it included."""
_ADVISORY_LOCK = 0x_C715_C4E3  # our own number among PostgreSQL's advisory locks
_PAUSE = 0.2
METADATA = campaign_tables.campaigns.metadata
"""All tables: those of other modules are in it because they are imported here."""


async def upgrade(url: str, *, deadline: float = UPGRADE_DEADLINE) -> str:
    """Bring the database to the newest schema; return its revision.

    Servers that start at the same time do it one after the other: the later ones find nothing to do. All
    steps are one transaction, so a killed upgrade leaves the old schema.

    Raises:
        StoreUnavailable: the database is away, or another upgrade holds it longer than `deadline` seconds.
    """
    database = Database(url)
    ends = asyncio.get_running_loop().time() + deadline
    try:
        while True:
            try:
                return await database.write(_upgrade, deadline=deadline)
            except StoreUnavailable:
                # SQLite: another server's upgrade holds the file longer than the busy timeout.
                if not database.is_sqlite or asyncio.get_running_loop().time() > ends:
                    raise
                await asyncio.sleep(_PAUSE)
    finally:
        await database.close()


async def revision(url: str) -> tuple[str | None, str]:
    """Return (revision of the database, newest revision we know); None for a database without our tables.

    Raises:
        StoreUnavailable: the database is away.
    """
    database = Database(url)
    try:
        return await database.read(_current), _head()
    finally:
        await database.close()


async def _upgrade(connection: AsyncConnection) -> str:
    if connection.dialect.name == "postgresql":
        await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ADVISORY_LOCK})
    await connection.run_sync(_run_scripts)
    return _head()


async def _current(connection: AsyncConnection) -> str | None:
    return await connection.run_sync(lambda sync: MigrationContext.configure(sync).get_current_revision())


def _run_scripts(connection: Connection) -> None:
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _config() -> Config:
    config = Config()
    config.set_main_option(
        "script_location", str(files("cti_server.store") / "migrations").replace("%", "%%")
    )
    return config


def _head() -> str:
    head = ScriptDirectory.from_config(_config()).get_current_head()
    assert head is not None  # noqa: S101 (the package always ships at least one script)
    return head
