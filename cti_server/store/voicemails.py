"""Messages that customers left: listed, taken on, marked as handled; each step in the contact's story."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Select, and_, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from cti_server.store.database import Database
from cti_server.store.tables import contact_events, recordings, voicemails

Row = Mapping[str, Any]
NEW, ASSIGNED, HANDLED = "new", "assigned", "handled"


def _query() -> Select[Any]:
    """Messages with what is known of their recordings (nothing until they were taken in)."""
    audio = (recordings.c.path, recordings.c.duration_s)
    return select(voicemails, *audio).outerjoin(
        recordings, recordings.c.contact_id == voicemails.c.contact_id
    )


async def listed(
    database: Database, groups: Collection[str] | None, state: str | None, limit: int
) -> list[Row]:
    """The newest first, of these groups (None: all) and that state. Raises StoreUnavailable."""
    query = _query().order_by(voicemails.c.left_at.desc()).limit(limit)
    if groups is not None:
        query = query.where(voicemails.c.group_id.in_(list(groups)))
    if state is not None:
        query = query.where(voicemails.c.state == state)

    async def work(connection: AsyncConnection) -> list[Row]:
        return [dict(row) for row in (await connection.execute(query)).mappings()]

    return await database.read(work)


async def found(database: Database, contact_id: str) -> Row | None:
    """One message. Raises StoreUnavailable."""

    async def work(connection: AsyncConnection) -> Row | None:
        query = _query().where(voicemails.c.contact_id == contact_id).limit(1)
        row = (await connection.execute(query)).mappings().one_or_none()
        return dict(row) if row else None

    return await database.read(work)


async def taken_on(
    database: Database, contact_id: str, agent_id: str, *, by: str, from_others: bool = False
) -> bool:
    """The message is that agent's now. False when it is handled, or another's and stays so.

    Raises StoreUnavailable.
    """
    mine = or_(voicemails.c.state == NEW, voicemails.c.agent_id == agent_id)
    free = voicemails.c.state == ASSIGNED if from_others else mine
    condition = and_(voicemails.c.state != HANDLED, or_(mine, free))
    values = {"state": ASSIGNED, "agent_id": agent_id}
    return await _changed(database, contact_id, condition, values, kind="voicemail.assigned", by=by)


async def handled(database: Database, contact_id: str, agent_id: str, note: str, *, any_ones: bool) -> bool:
    """The matter is done. False when it is already, or another's (`any_ones`: whosever it is).

    Raises StoreUnavailable.
    """
    mine = or_(voicemails.c.state == NEW, voicemails.c.agent_id == agent_id)
    condition = voicemails.c.state != HANDLED if any_ones else and_(voicemails.c.state != HANDLED, mine)
    values = {"state": HANDLED, "agent_id": agent_id, "note": note}
    return await _changed(database, contact_id, condition, values, kind="voicemail.handled", by=agent_id)


async def heard(database: Database, contact_id: str, agent_id: str) -> None:
    """Somebody listens to it: in the contact's story before the first sound. Raises StoreUnavailable."""

    async def work(connection: AsyncConnection) -> None:
        await _note(connection, contact_id, "voicemail.heard", agent_id, {})

    await database.write(work)


async def _changed(
    database: Database, contact_id: str, condition: Any, values: dict[str, Any], *, kind: str, by: str
) -> bool:
    async def work(connection: AsyncConnection) -> bool:
        change = update(voicemails).where(voicemails.c.contact_id == contact_id, condition)
        done = await connection.execute(change.values(**values, changed_at=datetime.now(UTC)))
        if done.rowcount == 1:
            await _note(connection, contact_id, kind, by, {"agent_id": values["agent_id"]})
        return done.rowcount == 1

    return await database.write(work)


async def _note(
    connection: AsyncConnection, contact_id: str, kind: str, agent_id: str, data: dict[str, Any]
) -> None:
    entry = {
        "id": f"voicemail.{uuid.uuid4()}",
        "contact_id": contact_id,
        "at": datetime.now(UTC),
        "kind": kind,
        "agent_id": agent_id,
        "data": {"state": "ended", **data},
    }
    await connection.execute(insert(contact_events).values(**entry))
