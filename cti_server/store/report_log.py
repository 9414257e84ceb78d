"""What reports are made of: events of contacts and agents within a time range."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from cti_server.store.database import Database
from cti_server.store.tables import agent_events, contact_events

_DEADLINE = 30.0


async def events(database: Database, since: datetime, until: datetime) -> list[Mapping[str, Any]]:
    """Rows of `contact_events` and `agent_events` with `since` <= at < `until`. Raises StoreUnavailable."""

    async def work(connection: AsyncConnection) -> list[Mapping[str, Any]]:
        found: list[Mapping[str, Any]] = []
        for table in (contact_events, agent_events):
            query = select(table).where(table.c.at >= since, table.c.at < until)
            found += [dict(row) for row in (await connection.execute(query)).mappings()]
        return found

    return await database.read(work, deadline=_DEADLINE)
