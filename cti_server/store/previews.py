"""Preview: an agent has a record before it is called, and says whether it is."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from cti_server.campaigns.errors import NothingToCall, UnknownRecord
from cti_server.campaigns.kept import Campaign, Record
from cti_server.campaigns.model import Outcome, after
from cti_server.store import due_records
from cti_server.store.campaign_tables import campaign_records
from cti_server.store.database import Database
from cti_server.store.do_not_call import forbidden_within

records = campaign_records.c


async def hold(database: Database, campaign: Campaign, agent_id: str, now: float) -> Record:
    """Give the agent a record to look at; the one it has already, if any. Raises NothingToCall."""

    async def work(connection: AsyncConnection) -> Record:
        mine = select(campaign_records).where(
            records.campaign_id == campaign.campaign_id, records.state == "held", records.agent_id == agent_id
        )
        row = (await connection.execute(mine)).mappings().first()
        if row is not None:
            return due_records.record_of(row)
        for _ in range(due_records.TURNS):
            due = await due_records.due(connection, campaign, 1, now)
            if not due:
                break
            if await forbidden_within(connection, due[0].number):
                await due_records.close_forbidden(connection, due[0], now)
                continue
            await due_records.save(
                connection, due[0].record_id, due[0].progress, state="held", agent_id=agent_id
            )
            return due[0]
        raise NothingToCall

    return await database.write(work)


async def begin_held(
    database: Database, campaign: Campaign, record_id: str, agent_id: str, begin: tuple[str, str, float]
) -> Record:
    """Begin an attempt, `(id, node, now)`, at the record held. Raises UnknownRecord, NothingToCall."""
    attempt_id, node, now = begin

    async def work(connection: AsyncConnection) -> Record | None:
        record = await _held(connection, campaign.campaign_id, record_id, agent_id)
        if await forbidden_within(connection, record.number):
            await due_records.close_forbidden(connection, record, now)
            return None
        if record.region not in campaign.settings.open_regions(now):
            await due_records.save(connection, record.record_id, record.progress)
            return None
        return await due_records.begin(connection, record, attempt_id, node, now)

    found = await database.write(work)
    if found is None:
        raise NothingToCall
    return found


async def skip(database: Database, campaign: Campaign, record_id: str, agent_id: str, now: float) -> None:
    """The agent does not call it. Raises UnknownRecord."""

    async def work(connection: AsyncConnection) -> None:
        record = await _held(connection, campaign.campaign_id, record_id, agent_id)
        await due_records.save(
            connection, record_id, after(record.progress, Outcome.SKIPPED, now, campaign.settings)
        )

    await database.write(work)


async def _held(connection: AsyncConnection, campaign_id: str, record_id: str, agent_id: str) -> Record:
    query = select(campaign_records).where(
        records.record_id == record_id,
        records.campaign_id == campaign_id,
        records.state == "held",
        records.agent_id == agent_id,
    )
    row = (await connection.execute(query.with_for_update())).mappings().one_or_none()
    if row is None:
        raise UnknownRecord
    return due_records.record_of(row)


async def give_back(database: Database, wanted: Callable[[str], bool]) -> int:
    """Records in the hands of agents that `wanted` does not name any more are open again; how many."""

    async def work(connection: AsyncConnection) -> int:
        query = select(campaign_records).where(records.state == "held")
        left = [row for row in (await connection.execute(query)).mappings() if not wanted(row["agent_id"])]
        for row in left:
            await due_records.save(connection, row["record_id"], due_records.record_of(row).progress)
        return len(left)

    return await database.write(work)
