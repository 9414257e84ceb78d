"""What reports are made of: events of contacts and agents within a time range."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, TypeVar, cast

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from cti_server.store.database import Database
from cti_server.store.tables import agent_events, contact_events, contacts

Made = TypeVar("Made")
_DEADLINE = 30.0


async def events(
    database: Database, since: datetime, until: datetime, make: Callable[[Mapping[str, Any]], Made]
) -> list[Made]:
    """What `make` makes of each row of `contact_events` and `agent_events` with `since` <= at < `until`.

    Raises StoreUnavailable.
    """

    async def work(connection: AsyncConnection) -> list[Made]:
        found: list[Made] = []
        for table in (contact_events, agent_events):
            query = select(table).where(table.c.at >= since, table.c.at < until)
            found += [
                make(cast("Mapping[str, Any]", row)) for row in (await connection.execute(query)).mappings()
            ]
        return found

    return await database.read(work, deadline=_DEADLINE)


async def customer_calls(database: Database, since: datetime, until: datetime) -> list[Mapping[str, Any]]:
    """Inbound contacts over by now that arrived in the time, of known numbers. Raises StoreUnavailable."""
    c = contacts.c
    query = select(
        c.contact_id, c.customer_number, c.agent_id, c.arrived_at, c.queued_at, c.connected_at, c.ended_at
    ).where(
        c.arrived_at >= since,
        c.arrived_at < until,
        c.direction == "inbound",
        c.ended_at.is_not(None),
        c.customer_number != "",
    )

    async def work(connection: AsyncConnection) -> list[Mapping[str, Any]]:
        return [dict(row) for row in (await connection.execute(query)).mappings()]

    return await database.read(work, deadline=_DEADLINE)
