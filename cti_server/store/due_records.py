"""Records of campaigns that are due: found, begun, saved, each within the transaction of whoever asks."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from cti_server.campaigns.kept import Campaign, Record
from cti_server.campaigns.model import Outcome, Progress, begun
from cti_server.store.campaign_tables import campaign_attempts, campaign_records

TURNS = 5
"""Looks for records that may be called, where some of those due may not."""
records = campaign_records.c


async def due(connection: AsyncConnection, campaign: Campaign, most: int, now: float) -> list[Record]:
    """Records to be called now, locked; promised call-backs first, at most so many."""
    regions = campaign.settings.open_regions(now)
    if not regions:
        return []
    query = (
        select(campaign_records)
        .where(
            records.campaign_id == campaign.campaign_id,
            records.state == "open",
            records.due_at <= instant(now),
            records.region.in_(regions),
        )
        .order_by(records.call_back.desc(), records.due_at, records.line)
        .limit(most)
        .with_for_update(skip_locked=True)
    )
    return [record_of(row) for row in (await connection.execute(query)).mappings()]


async def close_forbidden(connection: AsyncConnection, record: Record, now: float) -> None:
    """Its number came on the do-not-call list: nobody calls it any more."""
    progress = Progress(now, record.progress.attempts, record.progress.outcomes, closed=Outcome.DO_NOT_CALL)
    await save(connection, record.record_id, progress)


async def begin(
    connection: AsyncConnection, record: Record, attempt_id: str, node: str, now: float
) -> Record:
    """Begin an attempt, kept from now on; the record as it was before."""
    progress = begun(record.progress)
    await save(connection, record.record_id, progress, state="dialling")
    values = {
        "attempt_id": attempt_id,
        "campaign_id": record.campaign_id,
        "record_id": record.record_id,
        "attempt": progress.attempts,
        "node": node,
        "placed_at": instant(now),
        "person_at": None,
        "ended_at": None,
        "outcome": "",
        "agent_id": "",
        "disposition": "",
    }
    await connection.execute(campaign_attempts.insert().values(**values))
    return record


async def save(
    connection: AsyncConnection, record_id: str, progress: Progress, state: str = "", agent_id: str = ""
) -> None:
    """How far it has come; open or closed as that says, unless `state` says otherwise (dialling, held)."""
    values = {
        "state": state or ("closed" if progress.closed else "open"),
        "closed": str(progress.closed),
        "due_at": instant(progress.due_at),
        "call_back": progress.call_back,
        "attempts": progress.attempts,
        "outcomes": dict(progress.outcomes),
        "agent_id": agent_id,
        "updated_at": datetime.now(UTC),
    }
    await connection.execute(update(campaign_records).where(records.record_id == record_id).values(**values))


def record_of(row: Mapping[Any, Any]) -> Record:
    """As a row keeps it."""
    progress = Progress(
        row["due_at"].timestamp(), row["attempts"], row["outcomes"], row["call_back"], row["closed"]
    )
    return Record(
        row["record_id"],
        row["campaign_id"],
        row["number"],
        row["name"],
        row["region"],
        row["data"],
        progress,
    )


def instant(at: float) -> datetime:
    """Epoch seconds as the database keeps them."""
    return datetime.fromtimestamp(at, UTC)
