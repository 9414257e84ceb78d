"""What an exception from the database drivers means: away, without our tables, or refusing the content."""

import sqlite3

import asyncpg  # type: ignore[import-untyped]  # it ships no type information
from sqlalchemy.exc import DBAPIError, InterfaceError, StatementError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from cti_server.errors import CtiError
from cti_server.store.errors import ContentRefused, SchemaOutdated, StoreUnavailable

# SQLSTATE classes that say nothing about the row (PostgreSQL manual, appendix A): connection, invalid
# authorisation, no such database or schema, transaction state, roll-back, resources, intervention, system.
_ENVIRONMENT = frozenset({"08", "25", "28", "3D", "3F", "40", "53", "55", "57", "58", "F0", "XX"})
_SCHEMA = "42"  # undefined table or column, insufficient privilege
_SQLITE_CONTENT = (
    sqlite3.IntegrityError,
    sqlite3.DataError,
    sqlite3.InterfaceError,
    sqlite3.ProgrammingError,
)


def translated(error: Exception) -> CtiError | None:
    """Our error for a driver's or SQLAlchemy's exception; None when it is no database fault at all.

    The message names classes and codes only: driver messages may hold a row's content.
    """
    if isinstance(error, DBAPIError):
        return _from_driver(error)
    if isinstance(error, StatementError):  # a value that does not fit its column's type
        return _refused(type(error.orig).__name__)
    if isinstance(error, OverflowError | UnicodeEncodeError):  # SQLite's driver: more than 64 bits; no UTF-8
        return _refused(type(error).__name__)
    if isinstance(error, OSError | PoolTimeout | asyncpg.PostgresError | asyncpg.InterfaceError):
        return StoreUnavailable(f"the database is not available ({type(error).__name__})")
    return None


def _from_driver(error: DBAPIError) -> CtiError:
    source = error.orig
    cause = source.__cause__ if source is not None else None
    if isinstance(source, sqlite3.Error):
        return _from_sqlite(source)
    if isinstance(error, InterfaceError) and isinstance(cause, asyncpg.DataError):
        return _refused("DataError")  # asyncpg could not encode a value for its column
    state = str(getattr(source, "sqlstate", None) or "")
    if state[:2] == _SCHEMA:
        return SchemaOutdated(f"the database lacks our tables, columns or rights ({state})")
    if not state or state[:2] in _ENVIRONMENT:
        return StoreUnavailable(f"the database is not available ({state or type(cause).__name__})")
    return _refused(state)


def _from_sqlite(source: sqlite3.Error) -> CtiError:
    if isinstance(source, _SQLITE_CONTENT) and "closed" not in str(source):
        return _refused(getattr(source, "sqlite_errorname", type(source).__name__))
    if str(source).startswith(("no such table", "no such column")) or "has no column named" in str(source):
        return SchemaOutdated("the database lacks our tables or columns")
    name = getattr(source, "sqlite_errorname", type(source).__name__)
    return StoreUnavailable(f"the database is not available ({name})")


def _refused(why: str) -> ContentRefused:
    return ContentRefused(f"the database refuses the content ({why})", detail={"why": why})
