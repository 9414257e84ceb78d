"""The database handle: one engine, a deadline on every call, SQLite and PostgreSQL alike."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Generic, TypeVar

import asyncpg  # type: ignore[import-untyped]  # it ships no type information
from sqlalchemy import Select, event, text
from sqlalchemy.engine import URL, Connection, make_url
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from cti_server.store.errors import StoreUnavailable
from cti_server.store.faults import translated
from cti_server.store.glances import Glances

T = TypeVar("T")
Work = Callable[[AsyncConnection], Awaitable[T]]

DEADLINE = 2.0
"""Seconds a call may take, waiting for a connection included."""
_CONNECT = 1.5
_LOCK_WAIT = 0.75  # of the deadline is SQLite's busy timeout: below it, so that a busy file is named as such

_DRIVERS = {
    "sqlite": "sqlite+aiosqlite",
    "postgresql": "postgresql+asyncpg",
    "postgres": "postgresql+asyncpg",
}


def normal_url(url: str) -> URL:
    """`sqlite:///…`, `postgresql://…` or `postgres://…`, with or without driver, to the URL we use.

    Raises:
        ValueError: another kind of database.
    """
    parsed = make_url(url)
    driver = _DRIVERS.get(parsed.drivername.partition("+")[0])
    if driver is None:
        raise ValueError(f"not a database we know: {parsed.drivername} (sqlite or postgresql)")
    return parsed.set(drivername=driver)


class Database:
    """A pool of connections whose every use ends in time.

    Opening does not connect: a database that is away shows at the first call. `close` when done.
    """

    def __init__(self, url: str, *, deadline: float = DEADLINE, pool_size: int = 5) -> None:
        """`deadline` in seconds. Raises ValueError for a URL we do not know."""
        self.url = normal_url(url)
        self.deadline = deadline
        self.engine = _engine(self.url, deadline, pool_size)
        # aiosqlite goes to its thread and back for every step of a query; this goes once.
        self._glances = Glances(str(self.url.database)) if _is_file(self.url) else None
        self._glancing = ThreadPoolExecutor(1, "glance")
        self._abandoned: set[asyncio.Task[Any]] = set()

    @property
    def is_sqlite(self) -> bool:
        """Whether it is the embedded database (one writer at a time, a file of this machine)."""
        return self.url.get_backend_name() == "sqlite"

    async def read(self, work: Work[T], *, deadline: float | None = None) -> T:
        """Run `work` in a transaction that is only for reading. Raises as `write`."""
        return await self._run(work, "DEFERRED", deadline)

    async def write(self, work: Work[T], *, deadline: float | None = None) -> T:
        """Run `work` in one transaction, committed at its end.

        Raises:
            StoreUnavailable: away, too slow or refusing service; a commit under way may have been done.
            SchemaOutdated: our tables are not there.
            ContentRefused: the database refuses a row for its content; nothing was written.
        """
        return await self._run(work, "IMMEDIATE", deadline)

    async def glance(
        self, query: Select[Any], parameters: Mapping[str, Any], *, deadline: float | None = None
    ) -> list[tuple[Any, ...]]:
        """The rows of one short query, with as few steps as the database allows: somebody waits on the line.

        On SQLite values come as they are stored: 0 and 1 for booleans, text for JSON. Raises as `write`.
        """
        if self._glances is None:

            async def work(connection: AsyncConnection) -> list[tuple[Any, ...]]:
                return [tuple(row) for row in await connection.execute(query, parameters)]

            return await self.read(work, deadline=deadline)
        looking = asyncio.get_running_loop().run_in_executor(
            self._glancing, self._glances.look, query, parameters
        )
        try:
            async with asyncio.timeout(self.deadline if deadline is None else deadline):
                return await looking
        except TimeoutError:
            raise StoreUnavailable("the database did not answer in time") from None
        except Exception as error:
            ours = translated(error)
            if ours is None:
                raise
            raise ours from error

    async def ping(self) -> None:
        """Return when the database answers. Raises StoreUnavailable."""
        await self.read(lambda connection: connection.execute(text("SELECT 1")))

    async def close(self) -> None:
        """Close all connections, waiting no longer than the deadline for a dead database."""
        if self._glances is not None:
            self._glancing.submit(self._glances.close)
        self._glancing.shutdown(wait=False)
        disposing = asyncio.create_task(self.engine.dispose())
        _, late = await asyncio.wait({disposing, *self._abandoned}, timeout=self.deadline)
        for task in late:
            task.cancel()

    async def _run(self, work: Work[T], begin: str, deadline: float | None) -> T:
        """Wait for the transaction in a task of its own.

        Cancelling a driver's call does not end it: it still talks to the server (cancel request, roll-back)
        and a frozen server never answers. So the wait ends at the deadline, the connection is cut, and the
        task ends behind our back.
        """
        call = _Transaction(self.engine, work, begin)
        task = asyncio.create_task(call.run())
        try:
            done, _ = await asyncio.wait({task}, timeout=self.deadline if deadline is None else deadline)
        except asyncio.CancelledError:
            self._abandon(task, call)
            raise
        if not done:
            self._abandon(task, call)
            raise StoreUnavailable("the database did not answer in time")
        try:
            return task.result()
        except Exception as error:
            ours = translated(error)
            if ours is None:
                raise
            raise ours from error

    def _abandon(self, task: asyncio.Task[Any], call: "_Transaction[Any]") -> None:
        self._abandoned.add(task)
        task.add_done_callback(self._buried)
        call.cut()
        task.cancel()

    def _buried(self, task: asyncio.Task[Any]) -> None:
        self._abandoned.discard(task)
        if not task.cancelled():
            task.exception()  # seen: its caller was told "unavailable" long ago


class _Transaction(Generic[T]):
    """One transaction under way, which can be cut off from outside."""

    def __init__(self, engine: AsyncEngine, work: Work[T], begin: str) -> None:
        self._engine = engine
        self._work = work
        self._begin = begin
        self._driver: Any = None

    async def run(self) -> T:
        async with self._engine.connect() as connection:
            await connection.execution_options(cti_begin=self._begin)
            self._driver = (await connection.get_raw_connection()).driver_connection
            async with connection.begin():
                result = await self._work(connection)
            self._driver = None
            return result

    def cut(self) -> None:
        """Drop the link to a PostgreSQL server at once; SQLite's thread ends by its busy timeout."""
        if isinstance(self._driver, asyncpg.Connection):
            self._driver.terminate()


def _engine(url: URL, deadline: float, pool_size: int) -> AsyncEngine:
    sqlite = url.get_backend_name() == "sqlite"
    if sqlite and url.database not in (None, "", ":memory:"):
        Path(str(url.database)).parent.mkdir(parents=True, exist_ok=True)
    engine = create_async_engine(
        url,
        pool_size=pool_size,
        pool_timeout=min(_CONNECT, deadline),
        pool_pre_ping=not sqlite,  # a restarted server leaves dead connections in the pool
        hide_parameters=True,  # rows hold customers' numbers; messages end in logs
        json_serializer=_to_json,
        connect_args=_sqlite_arguments(deadline) if sqlite else _postgres_arguments(deadline),
    )
    if sqlite:
        event.listen(engine.sync_engine, "connect", _prepare_sqlite)
        event.listen(engine.sync_engine, "begin", _begin_sqlite)
    return engine


def _is_file(url: URL) -> bool:
    return url.get_backend_name() == "sqlite" and url.database not in (None, "", ":memory:")


def _to_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def _postgres_arguments(deadline: float) -> dict[str, Any]:
    return {"timeout": min(_CONNECT, deadline), "server_settings": {"application_name": "cti-server"}}


def _sqlite_arguments(deadline: float) -> dict[str, Any]:
    # isolation_level None: the driver begins no transactions of its own, `_begin_sqlite` does
    return {"timeout": _LOCK_WAIT * deadline, "isolation_level": None}


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    """Set what SQLite forgets between connections.

    `synchronous=FULL`: the outbox deletes what the database has committed, so a commit must survive a
    power cut.
    """
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    """Begin writers with the write lock: a reader that turns writer fails at once, busy timeout or not."""
    connection.exec_driver_sql(f"BEGIN {connection.get_execution_options().get('cti_begin', 'DEFERRED')}")
