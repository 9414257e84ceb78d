"""The do-not-call list: numbers that nobody of ours calls."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from cti_server.campaigns.errors import NotListed
from cti_server.store.campaign_lists import insert_new
from cti_server.store.campaign_tables import (
    do_not_call,
)
from cti_server.store.campaigns import audit
from cti_server.store.database import Database


async def forbid(database: Database, number: str, reason: str, by: str) -> bool:
    """Put a number on the do-not-call list; whether it is new there. Raises StoreUnavailable."""

    async def work(connection: AsyncConnection) -> bool:
        new = await forbid_within(connection, number, reason, by)
        if new:
            await audit(connection, by, "do_not_call.added", "", {"reason": reason})
        return new

    return await database.write(work)


async def forbid_within(connection: AsyncConnection, number: str, reason: str, by: str) -> bool:
    """The same in a transaction under way, without a note of its own."""
    values = {"number": number, "reason": reason, "added_by": by, "added_at": datetime.now(UTC)}
    return bool(await insert_new(connection, do_not_call, [values]))


async def permit(database: Database, number: str, reason: str, by: str) -> None:
    """Take a number off the list. Raises NotListed, StoreUnavailable."""

    async def work(connection: AsyncConnection) -> None:
        done = await connection.execute(delete(do_not_call).where(do_not_call.c.number == number))
        if done.rowcount != 1:
            raise NotListed
        await audit(connection, by, "do_not_call.removed", "", {"reason": reason})

    await database.write(work)


async def forbidden_within(connection: AsyncConnection, number: str) -> bool:
    """The same as `forbidden`, in a transaction under way."""
    query = select(do_not_call.c.number).where(do_not_call.c.number == number)
    return (await connection.execute(query)).first() is not None


async def forbidden(database: Database, number: str) -> bool:
    """Whether the number is on the list. Raises StoreUnavailable."""

    async def work(connection: AsyncConnection) -> bool:
        return await forbidden_within(connection, number)

    return await database.read(work)


async def forbidden_numbers(database: Database, limit: int = 200) -> tuple[int, list[dict[str, Any]]]:
    """How many are listed, and the newest of them in clear. Raises StoreUnavailable."""
    newest = select(do_not_call).order_by(do_not_call.c.added_at.desc(), do_not_call.c.number).limit(limit)

    async def work(connection: AsyncConnection) -> tuple[int, list[dict[str, Any]]]:
        total = (await connection.execute(select(func.count()).select_from(do_not_call))).scalar_one()
        return total, [dict(row) for row in (await connection.execute(newest)).mappings()]

    return await database.read(work)
