"""Which record is called next, and what came of it: every attempt is kept before the call is made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from cti_server.campaigns.kept import Campaign, Record
from cti_server.campaigns.model import Outcome, Settings, State, Then, after, disposed
from cti_server.campaigns.pacing import WINDOW, Attempt, Measured
from cti_server.store import due_records
from cti_server.store.campaign_tables import campaign_attempts, campaign_records
from cti_server.store.campaigns import audit, read_campaign
from cti_server.store.database import Database
from cti_server.store.do_not_call import forbid_within, forbidden_within
from cti_server.store.tables import contacts

_MEASURED, _HANDLED = 500, 200
records, attempts = campaign_records.c, campaign_attempts.c


@dataclass(frozen=True, slots=True)
class Result:
    """How an attempt ended."""

    attempt_id: str
    outcome: Outcome
    at: float
    person_at: float | None = None
    """When somebody was heard to be a person."""
    agent_id: str = ""
    disposition: str = ""
    call_back_at: float | None = None


async def take(
    database: Database, campaign: Campaign, ids: Sequence[str], node: str, now: float
) -> list[tuple[str, Record]]:
    """Begin attempts with these ids at the records that are due; fewer when fewer are.

    Promised call-backs first. Hours and the do-not-call list are looked at here, in one transaction:
    when this returns, each attempt is kept, and nobody else makes it. Raises StoreUnavailable.
    """

    async def work(connection: AsyncConnection) -> list[tuple[str, Record]]:
        current = await read_campaign(connection, campaign.campaign_id)
        if current.state is not State.RUNNING:
            return []
        found: list[tuple[str, Record]] = []
        for _ in range(due_records.TURNS):
            due = await due_records.due(connection, current, len(ids) - len(found), now)
            for record in due:
                if await forbidden_within(connection, record.number):
                    await due_records.close_forbidden(connection, record, now)
                else:
                    attempt_id = ids[len(found)]
                    found.append(
                        (attempt_id, await due_records.begin(connection, record, attempt_id, node, now))
                    )
            if not due or len(found) == len(ids):
                break
        return found

    return await database.write(work) if ids else []


async def settle(database: Database, result: Result) -> bool:
    """Note how an attempt ended, once, and what becomes of its record; whether it was news.

    Raises StoreUnavailable.
    """

    async def work(connection: AsyncConnection) -> bool:
        mine = attempts.attempt_id == result.attempt_id
        row = (
            (await connection.execute(select(campaign_attempts).where(mine).with_for_update()))
            .mappings()
            .one_or_none()
        )
        if row is None or row["outcome"]:
            return False
        values = {
            "outcome": result.outcome.value,
            "ended_at": due_records.instant(result.at),
            "person_at": due_records.instant(result.person_at) if result.person_at is not None else None,
            "agent_id": result.agent_id,
            "disposition": result.disposition,
        }
        await connection.execute(update(campaign_attempts).where(mine).values(**values))
        campaign = await read_campaign(connection, row["campaign_id"])
        query = select(campaign_records).where(records.record_id == row["record_id"])
        record = due_records.record_of((await connection.execute(query)).mappings().one())
        await _conclude(connection, record, result, campaign.settings)
        return True

    return await database.write(work)


async def _conclude(connection: AsyncConnection, record: Record, result: Result, settings: Settings) -> None:
    if result.outcome is not Outcome.ANSWERED:
        await due_records.save(
            connection, record.record_id, after(record.progress, result.outcome, result.at, settings)
        )
        return
    chosen = settings.disposition(result.disposition)
    await due_records.save(
        connection, record.record_id, disposed(record.progress, chosen, result.call_back_at, result.at)
    )
    if (
        chosen
        and chosen.then is Then.DO_NOT_CALL
        and await forbid_within(connection, record.number, chosen.code, result.agent_id)
    ):
        await audit(
            connection, result.agent_id, "do_not_call.added", record.campaign_id, {"reason": chosen.code}
        )


async def under_way(database: Database) -> list[tuple[str, float]]:
    """Attempts whose end is not known, and when they began. Raises StoreUnavailable."""
    query = select(attempts.attempt_id, attempts.placed_at).where(attempts.outcome == "")

    async def work(connection: AsyncConnection) -> list[tuple[str, float]]:
        return [(row.attempt_id, row.placed_at.timestamp()) for row in await connection.execute(query)]

    return await database.read(work)


async def logged(database: Database, contact_id: str) -> Mapping[str, Any] | None:
    """The contact's row of the interaction log, as `result_of` wants it. Raises StoreUnavailable."""
    query = select(contacts).where(contacts.c.contact_id == contact_id)

    async def work(connection: AsyncConnection) -> Mapping[str, Any] | None:
        row = (await connection.execute(query)).mappings().one_or_none()
        if row is None:
            return None
        plain = {str(name): value for name, value in row.items()}
        return {n: v.timestamp() if isinstance(v, datetime) else v for n, v in plain.items()}

    return await database.read(work)


async def measured(database: Database, campaign_id: str, now: float) -> Measured:
    """What the campaign has shown within `pacing.WINDOW`. Raises StoreUnavailable."""
    since = due_records.instant(now - WINDOW)
    ended = (
        select(campaign_attempts)
        .where(attempts.campaign_id == campaign_id, attempts.outcome != "", attempts.placed_at >= since)
        .order_by(attempts.placed_at.desc())
        .limit(_MEASURED)
    )
    reached = (attempts.campaign_id == campaign_id) & (attempts.person_at >= since)

    async def work(connection: AsyncConnection) -> Measured:
        rows = list((await connection.execute(ended)).mappings())
        persons = await _count(connection, select(func.count()).where(reached))
        lost = await _count(
            connection, select(func.count()).where(reached, attempts.outcome == Outcome.ABANDONED.value)
        )
        took = tuple(_attempt(row) for row in rows if row["outcome"] not in ("skipped", "failed", "unknown"))
        handled = [row for row in rows if row["outcome"] == "answered" and row["person_at"]][:_HANDLED]
        times = tuple((row["ended_at"] - row["person_at"]).total_seconds() for row in handled)
        return Measured(took, times, persons, lost)

    return await database.read(work)


def _attempt(row: Mapping[Any, Any]) -> Attempt:
    known_at = row["person_at"] or row["ended_at"]
    return Attempt((known_at - row["placed_at"]).total_seconds(), row["person_at"] is not None)


async def _count(connection: AsyncConnection, query: Select[Any]) -> int:
    return int((await connection.execute(query)).scalar_one())
