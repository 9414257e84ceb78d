"""Campaigns as they are kept, and who changed what about them."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec
from sqlalchemy import Select, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from cti_server.campaigns.editing import require_to_come
from cti_server.campaigns.errors import UnknownCampaign
from cti_server.campaigns.kept import Campaign, Counts
from cti_server.campaigns.model import Change, Settings, State, changed
from cti_server.store.campaign_tables import (
    campaign_attempts,
    campaign_audit,
    campaign_imports,
    campaign_records,
    campaign_versions,
    campaigns,
)
from cti_server.store.database import Database


def new_id(kind: str) -> str:
    """An id that nobody else makes, like `campaign-…`."""
    return f"{kind}-{uuid.uuid4().hex}"


async def create(database: Database, name: str, settings: Settings, by: str) -> Campaign:
    """Keep a new campaign. Raises StoreUnavailable."""
    now = datetime.now(UTC)
    made = Campaign(new_id("campaign"), name, State.CREATED, settings, by, now, now)
    values = {
        "campaign_id": made.campaign_id,
        "name": name,
        "group_id": settings.group_id,
        "state": made.state.value,
        "settings": msgspec.to_builtins(settings),
        "created_by": by,
        "created_at": now,
        "updated_at": now,
    }

    first = {
        "campaign_id": made.campaign_id,
        "version": made.version,
        "at": now,
        "author": by,
        "why": "",
        "name": name,
        "settings": values["settings"],
        "changes": [],
    }

    async def work(connection: AsyncConnection) -> None:
        await connection.execute(campaigns.insert().values(**values))
        await connection.execute(campaign_versions.insert().values(**first))
        await audit(connection, by, "campaign.created", made.campaign_id, {"name": name})

    await database.write(work)
    return made


async def campaign(database: Database, campaign_id: str) -> Campaign:
    """Raises UnknownCampaign, StoreUnavailable."""
    return await database.read(lambda connection: read_campaign(connection, campaign_id))


async def read_campaign(connection: AsyncConnection, campaign_id: str, *, lock: bool = False) -> Campaign:
    """The same within a transaction; `lock` keeps others from changing it meanwhile."""
    query = select(campaigns).where(campaigns.c.campaign_id == campaign_id)
    row = (await connection.execute(query.with_for_update() if lock else query)).mappings().one_or_none()
    if row is None:
        raise UnknownCampaign
    return _campaign(row)


async def list_campaigns(
    database: Database, groups: frozenset[str] | None = None, state: State | None = None
) -> list[Campaign]:
    """The newest first; `groups` None for all of them."""
    query = select(campaigns).order_by(campaigns.c.created_at.desc(), campaigns.c.campaign_id)
    if groups is not None:
        query = query.where(campaigns.c.group_id.in_(groups))
    if state is not None:
        query = query.where(campaigns.c.state == state.value)

    async def work(connection: AsyncConnection) -> list[Campaign]:
        return [_campaign(row) for row in (await connection.execute(query)).mappings()]

    return await database.read(work)


async def change(database: Database, campaign_id: str, what: Change, by: str) -> Campaign:
    """Start, pause or stop. Raises UnknownCampaign, CampaignState, EndInThePast, StoreUnavailable."""

    async def work(connection: AsyncConnection) -> Campaign:
        found = await read_campaign(connection, campaign_id, lock=True)
        new = changed(found.state, what)
        if what is Change.START:
            require_to_come(found.settings, datetime.now(UTC).timestamp())
        values = {"state": new.value, "updated_at": datetime.now(UTC)}
        mine = campaigns.c.campaign_id == campaign_id
        await connection.execute(update(campaigns).where(mine).values(**values))
        await audit(connection, by, f"campaign.{what.value}", campaign_id, {"state": new.value})
        return await read_campaign(connection, campaign_id)

    return await database.write(work)


async def counts(database: Database, campaign_id: str) -> Counts:
    """How far it is. Raises StoreUnavailable."""
    records, attempts = campaign_records.c, campaign_attempts.c

    async def tally(connection: AsyncConnection, query: Select[Any]) -> dict[str, int]:
        return {str(row[0]): int(row[1]) for row in (await connection.execute(query)).all()}

    async def work(connection: AsyncConnection) -> Counts:
        mine = records.campaign_id == campaign_id
        states = select(records.state, func.count()).where(mine).group_by(records.state)
        closed = (
            select(records.closed, func.count()).where(mine, records.closed != "").group_by(records.closed)
        )
        outcomes = (
            select(attempts.outcome, func.count())
            .where(attempts.campaign_id == campaign_id, attempts.outcome != "")
            .group_by(attempts.outcome)
        )
        states_, closed_, outcomes_ = [await tally(connection, q) for q in (states, closed, outcomes)]
        return Counts(states_, closed_, outcomes_)

    return await database.read(work)


async def audit(
    connection: AsyncConnection, actor: str, action: str, object_id: str, data: Mapping[str, Any]
) -> None:
    """Note who did what, in the transaction that does it. `data` never holds a customer's number or name."""
    entry = {
        "id": new_id("audit"),
        "at": datetime.now(UTC),
        "actor": actor,
        "action": action,
        "object_id": object_id,
        "data": dict(data),
    }
    await connection.execute(campaign_audit.insert().values(**entry))


async def audited(database: Database, object_id: str, limit: int = 200) -> list[dict[str, Any]]:
    """What people did to a campaign and to its imports, the newest first."""
    entry, imported = campaign_audit.c, campaign_imports.c
    imports = select(imported.import_id).where(imported.campaign_id == object_id)
    query = (
        select(campaign_audit)
        .where((entry.object_id == object_id) | entry.object_id.in_(imports))
        .order_by(entry.at.desc(), entry.id)
        .limit(limit)
    )

    async def work(connection: AsyncConnection) -> list[dict[str, Any]]:
        return [dict(row) for row in (await connection.execute(query)).mappings()]

    return await database.read(work)


def _campaign(row: Mapping[Any, Any]) -> Campaign:
    return Campaign(
        row["campaign_id"],
        row["name"],
        State(row["state"]),
        msgspec.convert(row["settings"], Settings),
        row["created_by"],
        row["created_at"],
        row["updated_at"],
        row["version"],
    )
