"""Which recordings the database knows."""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from cti_server.store.database import Database
from cti_server.store.tables import recordings


async def known(database: Database, recording_ids: Sequence[str]) -> dict[str, str | None]:
    """Recording id → SHA-256, of those (some hundreds at most) that are there. Raises StoreUnavailable."""
    query = select(recordings.c.recording_id, recordings.c.sha256).where(
        recordings.c.recording_id.in_(recording_ids)
    )

    async def work(connection: AsyncConnection) -> dict[str, str | None]:
        return {row.recording_id: row.sha256 for row in await connection.execute(query)}

    return await database.read(work)
