"""What is imported: records of campaigns, numbers not to be called, refused rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Table, func, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from cti_server.campaigns.errors import CampaignState, ImportGivenUp, UnknownImport
from cti_server.campaigns.kept import Import
from cti_server.campaigns.lists import Refused, Row, RowRefusal
from cti_server.campaigns.model import State
from cti_server.store.campaign_tables import (
    campaign_imports,
    campaign_records,
    campaign_refused_rows,
    do_not_call,
)
from cti_server.store.campaigns import audit, new_id, read_campaign
from cti_server.store.database import Database

DNC = ""
"""The `campaign_id` of imports into the do-not-call list."""
ALIVE_EVERY = 2.0
"""Seconds after which an import tells that it lives."""
DEAD_AFTER = 15.0
"""Seconds without a sign of life after which an import has nobody any more who reads it."""
_DEADLINE = 10.0


async def begin(database: Database, campaign_id: str, by: str) -> Import:
    """Note that an import begins. Raises UnknownCampaign, CampaignState, StoreUnavailable."""
    made = Import(
        new_id("import"), campaign_id, "running", "", (), 0, 0, {}, by, datetime.now(UTC), ended_at=None
    )

    async def work(connection: AsyncConnection) -> None:
        if campaign_id != DNC:
            found = await read_campaign(connection, campaign_id)
            if found.state is State.STOPPED:
                raise CampaignState("a campaign that is stopped takes no list", detail={"state": "stopped"})
        await connection.execute(campaign_imports.insert().values(**_plain(made)))
        await audit(connection, by, "import.started", made.import_id, {"campaign_id": campaign_id})

    await database.write(work)
    return made


def _plain(made: Import) -> dict[str, Any]:
    return {**asdict(made), "columns": list(made.columns), "refused": dict(made.refused)}


async def add(
    database: Database, to: Import, found: Sequence[Row | Refused], encoding: str, columns: Sequence[str]
) -> Import:
    """Keep a batch of rows in one transaction; return how far the import is now.

    Raises ImportGivenUp, StoreUnavailable.
    """

    async def work(connection: AsyncConnection) -> Import:
        refused = [one for one in found if isinstance(one, Refused)]
        rows = [one for one in found if isinstance(one, Row)]
        if to.campaign_id == DNC:
            refused += await _list_numbers(connection, to, rows)
        else:
            refused += await _add_records(connection, to, rows)
        if refused:
            values = [
                {
                    "import_id": to.import_id,
                    "line": one.line,
                    "code": one.code.value,
                    "content": list(one.content),
                }
                for one in refused
            ]
            await connection.execute(campaign_refused_rows.insert(), values)
        codes = Counter(to.refused) + Counter(one.code.value for one in refused)
        now = Import(
            to.import_id,
            to.campaign_id,
            to.state,
            encoding,
            tuple(columns),
            to.rows + len(found),
            to.accepted + len(found) - len(refused),
            dict(codes),
            to.created_by,
            to.started_at,
            to.ended_at,
        )
        await _save(connection, now)
        return now

    return await database.write(work, deadline=_DEADLINE)


async def finish(database: Database, to: Import, state: str) -> Import:
    """The import is `done`, or `failed`: the rest of the file did not come.

    Raises ImportGivenUp, StoreUnavailable.
    """
    return await database.write(lambda connection: _end(connection, to, state))


async def alive(database: Database, to: Import) -> None:
    """The import is being read still. Raises StoreUnavailable."""
    values = {"alive_at": datetime.now(UTC)}
    await database.write(lambda c: c.execute(update(campaign_imports).where(*_running(to)).values(values)))


async def give_up_dead(database: Database, now: float) -> int:
    """Imports whose reader was killed become `failed`; how many. Raises StoreUnavailable.

    What came of their files is kept, and the report of what was refused.
    """
    told = campaign_imports.c
    heard_of = func.coalesce(told.alive_at, told.started_at)
    before = datetime.fromtimestamp(now - DEAD_AFTER, UTC)
    query = select(campaign_imports).where(told.state == "running", heard_of < before).with_for_update()

    async def work(connection: AsyncConnection) -> int:
        dead = [_import(row) for row in (await connection.execute(query)).mappings()]
        for one in dead:
            await _end(connection, one, "failed")
        return len(dead)

    return await database.write(work)


async def _end(connection: AsyncConnection, to: Import, state: str) -> Import:
    """With the counts that stand there: a batch that seemed to fail may have been kept."""
    values = {"state": state, "ended_at": datetime.now(UTC)}
    statement = update(campaign_imports).where(*_running(to)).values(values).returning(campaign_imports)
    row = (await connection.execute(statement)).mappings().one_or_none()
    if row is None:
        raise ImportGivenUp
    ended = _import(row)
    told = {"rows": ended.rows, "accepted": ended.accepted, "refused": dict(ended.refused)}
    await audit(connection, to.created_by, f"import.{state}", to.import_id, told)
    return ended


def _running(to: Import) -> tuple[ColumnElement[bool], ...]:
    return campaign_imports.c.import_id == to.import_id, campaign_imports.c.state == "running"


async def _save(connection: AsyncConnection, to: Import) -> None:
    """Raises ImportGivenUp when it has ended already."""
    values = {**_plain(to), "alive_at": datetime.now(UTC)}
    done = await connection.execute(update(campaign_imports).where(*_running(to)).values(**values))
    if done.rowcount != 1:
        raise ImportGivenUp


async def _listed(connection: AsyncConnection, rows: Sequence[Row]) -> set[str]:
    """Which of the rows' numbers are on the do-not-call list."""
    query = select(do_not_call.c.number).where(do_not_call.c.number.in_({row.number for row in rows}))
    return set((await connection.execute(query)).scalars())


async def _add_records(connection: AsyncConnection, to: Import, rows: Sequence[Row]) -> list[Refused]:
    if not rows:
        return []
    now = datetime.now(UTC)
    never = await _listed(connection, rows)
    refused = [_refuse(row, RowRefusal.DO_NOT_CALL) for row in rows if row.number in never]
    fresh: dict[str, Row] = {}
    for row in rows:
        if row.number in fresh:
            refused.append(_refuse(row, RowRefusal.DUPLICATE))
        elif row.number not in never:
            fresh[row.number] = row
    values = [
        {
            "record_id": new_id("record"),
            "campaign_id": to.campaign_id,
            "import_id": to.import_id,
            "line": row.line,
            "number": row.number,
            "name": row.name,
            "region": row.region,
            "data": dict(row.data),
            "state": "open",
            "closed": "",
            "due_at": now,
            "call_back": False,
            "attempts": 0,
            "outcomes": {},
            "agent_id": "",
            "updated_at": now,
        }
        for row in fresh.values()
    ]
    inserted = await insert_new(connection, campaign_records, values)
    return refused + [_refuse(row, RowRefusal.DUPLICATE) for n, row in fresh.items() if n not in inserted]


async def _list_numbers(connection: AsyncConnection, to: Import, rows: Sequence[Row]) -> list[Refused]:
    fresh: dict[str, Row] = {}
    for row in rows:
        fresh.setdefault(row.number, row)
    now = datetime.now(UTC)
    values = [
        {
            "number": row.number,
            "reason": row.data.get("reason", ""),
            "added_by": to.created_by,
            "added_at": now,
        }
        for row in fresh.values()
    ]
    inserted = await insert_new(connection, do_not_call, values)
    return [
        _refuse(row, RowRefusal.DUPLICATE)
        for row in rows
        if row.number not in inserted or fresh[row.number] is not row
    ]


async def insert_new(connection: AsyncConnection, table: Table, values: list[dict[str, Any]]) -> set[str]:
    """Insert what is not there yet; the numbers that were inserted."""
    if not values:
        return set()
    insert: Any = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    statement = insert(table).on_conflict_do_nothing().returning(table.c.number)
    return set((await connection.execute(statement, values)).scalars())


def _refuse(row: Row, code: RowRefusal) -> Refused:
    return Refused(row.line, code, row.content)


async def imports(database: Database, campaign_id: str) -> list[Import]:
    """The newest first. Raises StoreUnavailable."""
    query = (
        select(campaign_imports)
        .where(campaign_imports.c.campaign_id == campaign_id)
        .order_by(campaign_imports.c.started_at.desc())
        .limit(100)
    )

    async def work(connection: AsyncConnection) -> list[Import]:
        return [_import(row) for row in (await connection.execute(query)).mappings()]

    return await database.read(work)


async def refused_rows(
    database: Database, campaign_id: str, import_id: str
) -> tuple[Import, list[tuple[int, str, list[str]]]]:
    """An import and what it refused, `(line, code, cells)`. Raises UnknownImport, StoreUnavailable."""
    mine = campaign_imports.c.import_id == import_id
    told = campaign_refused_rows.c
    rows = select(told.line, told.code, told.content).where(told.import_id == import_id).order_by(told.line)

    async def work(connection: AsyncConnection) -> tuple[Import, list[tuple[int, str, list[str]]]]:
        found = (await connection.execute(select(campaign_imports).where(mine))).mappings().one_or_none()
        if found is None or found["campaign_id"] != campaign_id:
            raise UnknownImport
        return _import(found), [(r.line, r.code, r.content) for r in await connection.execute(rows)]

    return await database.read(work, deadline=_DEADLINE)


def _import(row: Mapping[Any, Any]) -> Import:
    plain: dict[str, Any] = {str(name): value for name, value in row.items() if name != "alive_at"}
    return Import(**{**plain, "columns": tuple(plain["columns"])})
