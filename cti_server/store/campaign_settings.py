"""A campaign's settings changed while it goes on: every version is kept with who and why."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import msgspec
from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from cti_server.campaigns.editing import require_sensible
from cti_server.campaigns.kept import Campaign, Version
from cti_server.campaigns.model import Mode, Settings
from cti_server.domain.settings import Change, differences
from cti_server.store.campaign_tables import (
    campaign_imports,
    campaign_records,
    campaign_versions,
    campaigns,
)
from cti_server.store.campaigns import audit, read_campaign
from cti_server.store.database import Database
from cti_server.store.errors import VersionConflict

Edit = Callable[[Campaign], tuple[str, Settings]]
"""A campaign to the name and the settings that it shall have."""


async def edit(
    database: Database, campaign_id: str, expected: int, wished: Edit, *, author: str, why: str, now: datetime
) -> Campaign:
    """Change name and settings, if `expected` is still their version; one transaction.

    Raises what `require_sensible` does, UnknownCampaign, VersionConflict, StoreUnavailable.
    """

    async def work(connection: AsyncConnection) -> Campaign:
        before = await read_campaign(connection, campaign_id, lock=True)
        if before.version != expected:
            raise VersionConflict(f"version {before.version} is in force", detail={"version": before.version})
        name, settings = wished(before)
        regions = await _regions_in_use(connection, campaign_id)
        importing = await _importing(connection, campaign_id)
        require_sensible(before, settings, now.timestamp(), regions, importing=importing)
        after = replace(before, name=name, settings=settings, version=before.version + 1, updated_at=now)
        changes = list(differences("", _document(before), _document(after)))
        if not changes:
            return before
        await _save(connection, after)
        await _keep(connection, after, changes, author=author, why=why)
        if settings.mode is not Mode.PREVIEW:
            await _take_back(connection, campaign_id)
        return after

    return await database.write(work)


async def versions(database: Database, campaign_id: str, limit: int = 200) -> list[Version]:
    """The newest first. Raises StoreUnavailable."""
    query = (
        select(campaign_versions)
        .where(campaign_versions.c.campaign_id == campaign_id)
        .order_by(campaign_versions.c.version.desc())
        .limit(limit)
    )

    async def work(connection: AsyncConnection) -> list[Version]:
        return [
            Version(
                row.version,
                row.at,
                row.author,
                row.why,
                tuple(Change(one["where"], one["before"], one["after"]) for one in row.changes),
            )
            for row in await connection.execute(query)
        ]

    return await database.read(work)


async def version_of(database: Database, campaign_id: str, version: int) -> tuple[str, Settings] | None:
    """Name and settings of a version; None when there is none. Raises StoreUnavailable."""
    query = select(campaign_versions.c.name, campaign_versions.c.settings).where(
        campaign_versions.c.campaign_id == campaign_id, campaign_versions.c.version == version
    )

    async def work(connection: AsyncConnection) -> tuple[str, Settings] | None:
        row = (await connection.execute(query)).one_or_none()
        return (row.name, msgspec.convert(row.settings, Settings)) if row else None

    return await database.read(work)


async def _regions_in_use(connection: AsyncConnection, campaign_id: str) -> frozenset[str]:
    """Regions of records that may still be called."""
    mine = campaign_records.c.campaign_id == campaign_id
    query = select(campaign_records.c.region).where(mine, campaign_records.c.state != "closed").distinct()
    return frozenset((await connection.execute(query)).scalars())


async def _importing(connection: AsyncConnection, campaign_id: str) -> bool:
    query = select(campaign_imports.c.import_id).where(
        campaign_imports.c.campaign_id == campaign_id, campaign_imports.c.state == "running"
    )
    return (await connection.execute(query)).first() is not None


async def _save(connection: AsyncConnection, after: Campaign) -> None:
    values = {
        "name": after.name,
        "settings": msgspec.to_builtins(after.settings),
        "version": after.version,
        "updated_at": after.updated_at,
    }
    mine = campaigns.c.campaign_id == after.campaign_id
    await connection.execute(update(campaigns).where(mine).values(**values))


async def _keep(
    connection: AsyncConnection, after: Campaign, changes: list[Change], *, author: str, why: str
) -> None:
    await connection.execute(insert(campaign_versions).values(_row(after, changes, author, why)))
    told = {"version": after.version, "fields": [one.where for one in changes]}
    await audit(connection, author, "campaign.changed", after.campaign_id, told)


async def _take_back(connection: AsyncConnection, campaign_id: str) -> None:
    """Nobody looks at records before they are called any more: those in hand are open again."""
    mine = campaign_records.c.campaign_id == campaign_id
    held = update(campaign_records).where(mine, campaign_records.c.state == "held")
    await connection.execute(held.values(state="open", agent_id="", updated_at=datetime.now(UTC)))


def _row(made: Campaign, changes: list[Change], author: str, why: str) -> dict[str, Any]:
    return {
        "campaign_id": made.campaign_id,
        "version": made.version,
        "at": made.updated_at,
        "author": author,
        "why": why,
        "name": made.name,
        "settings": msgspec.to_builtins(made.settings),
        "changes": msgspec.to_builtins(changes),
    }


def _document(of: Campaign) -> dict[str, Any]:
    plain: dict[str, Any] = msgspec.to_builtins(of.settings)
    return {**plain, "name": of.name}
