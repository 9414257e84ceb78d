"""From records to rows: columns strictly checked, so that little is left for the database to refuse."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, Boolean, Column, Float, Integer, String, Table, Text, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from cti_server.domain.records import Record
from cti_server.store.errors import ContentRefused
from cti_server.store.tables import (
    UtcDateTime,
    agent_events,
    contact_events,
    contacts,
    recordings,
    voicemails,
)

OTHER = "_other"
"""Key within the `data` column under which a record's keys without a column of their own are kept."""

_TABLES: dict[str, Table] = {
    "contact": contacts,
    "contact_event": contact_events,
    "agent_event": agent_events,
    "recording": recordings,
    "voicemail": voicemails,
}
_LATEST_VIEW = {contacts: "version", recordings: "updated_at"}
"""Tables whose rows are replaced by newer ones, and the column that tells the newer."""
_ONCE = frozenset({voicemails})
"""Tables whose rows are others' affair once they are there."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row on its way: all columns of `table`, and the record it came from."""

    table: Table
    values: Mapping[str, Any]
    record: Record


def row_of(record: Record) -> Row:
    """Raises ContentRefused for what can never be stored; the message names the column, not the value."""
    table = _TABLES.get(record.kind)
    if table is None:
        raise _refused("kind", "unknown")
    given = {**_defaults(record, table), **record.data}
    values = {column.name: _value(column, given.pop(column.name, None)) for column in table.columns}
    if given:
        values["data"] = {**values["data"], OTHER: given}
    return Row(table, values, record)


def _defaults(record: Record, table: Table) -> dict[str, Any]:
    """What the record itself says, for columns its data leaves out."""
    own = {"id": record.id, "at": record.at, "updated_at": record.at, "data": {}, "recovered": False}
    return {name: value for name, value in own.items() if name in table.columns}


def _value(column: Column[Any], value: Any) -> Any:
    if value is None:
        if not column.nullable:
            raise _refused(column.name, "missing")
        return None
    for kind, convert in _CONVERTERS:
        if isinstance(column.type, kind):
            return convert(column, value)
    raise _refused(column.name, "of no known type")


def _instant(column: Column[Any], value: Any) -> datetime:
    seconds = _number(column, value)
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, ValueError, OSError) as error:
        raise _refused(column.name, "no time") from error


def _number(column: Column[Any], value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise _refused(column.name, "no number")
    return float(value)


def _integer(column: Column[Any], value: Any) -> int:
    bits = 63 if isinstance(column.type, BigInteger) else 31
    if isinstance(value, bool) or not isinstance(value, int) or not -(2**bits) <= value < 2**bits:
        raise _refused(column.name, "no integer of its size")
    return value


def _flag(column: Column[Any], value: Any) -> bool:
    if not isinstance(value, bool):
        raise _refused(column.name, "no boolean")
    return value


def _text(column: Column[Any], value: Any) -> str:
    longest = getattr(column.type, "length", None)
    if not isinstance(value, str) or (longest is not None and len(value) > longest):
        raise _refused(column.name, "no text of its size")
    return value


def _object(column: Column[Any], value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _refused(column.name, "no object")
    return value


_CONVERTERS: tuple[tuple[Any, Callable[[Column[Any], Any], Any]], ...] = (
    (UtcDateTime, _instant),
    (Boolean, _flag),
    (Float, _number),
    (Integer, _integer),
    (String | Text, _text),
    (JSON, _object),
)


def _refused(column: str, why: str) -> ContentRefused:
    return ContentRefused(f"column {column}: {why}", detail={"why": f"{column} {why}"})


async def write_rows(connection: AsyncConnection, rows: list[Row]) -> list[Row]:
    """Insert the rows; what is there already stays, a contact or recording only gives way to a newer view.

    Returns the events that were not kept because another fact has their id: ids are not what they should be.
    """
    taken: list[Row] = []
    for table in _TABLES.values():
        own = [row for row in rows if row.table is table]
        if not own:
            continue
        values = [dict(row.values) for row in own]
        if table in _ONCE:
            await connection.execute(_insert(connection, table).on_conflict_do_nothing(), values)
        elif table in _LATEST_VIEW:
            await connection.execute(_upsert(_insert(connection, table), table), values)
        else:
            statement = _insert(connection, table).on_conflict_do_nothing().returning(table.c.id)
            inserted = set((await connection.execute(statement, values)).scalars())
            taken += await _taken(connection, table, _not_inserted(own, inserted))
    return taken


def _not_inserted(rows: list[Row], inserted: set[str]) -> list[Row]:
    """All but the first row of each inserted id."""
    seen: set[str] = set()
    rest = []
    for row in rows:
        name = row.values["id"]
        if name not in inserted or name in seen:
            rest.append(row)
        seen.add(name)
    return rest


async def _taken(connection: AsyncConnection, table: Table, rows: list[Row]) -> list[Row]:
    """Those of the rows whose id stands for something else; the others are there already."""
    if not rows:
        return []
    columns = table.c.id, table.c.at, table.c.kind
    query = select(*columns).where(table.c.id.in_({row.values["id"] for row in rows}))
    stored = {row.id: tuple(row) for row in await connection.execute(query)}
    return [row for row in rows if stored.get(row.values["id"]) != tuple(row.values[c.name] for c in columns)]


def _insert(connection: AsyncConnection, table: Table) -> Any:
    """`INSERT … ON CONFLICT`, which both databases spell alike but SQLAlchemy keeps per dialect."""
    return (postgresql if connection.dialect.name == "postgresql" else sqlite).insert(table)


def _upsert(statement: Any, table: Table) -> Any:
    newer = _LATEST_VIEW[table]
    return statement.on_conflict_do_update(
        index_elements=list(table.primary_key.columns),
        set_={column.name: statement.excluded[column.name] for column in table.c if not column.primary_key},
        where=table.c[newer] < statement.excluded[newer],
    )
