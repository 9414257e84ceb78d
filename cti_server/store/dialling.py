"""Which record is called next, and what came of it: every attempt is kept before the call is made."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Select, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from cti_server.campaigns.errors import NothingToCall, UnknownRecord
from cti_server.campaigns.kept import Campaign, Record
from cti_server.campaigns.model import Outcome, Progress, Settings, State, Then, after, begun, disposed
from cti_server.campaigns.pacing import WINDOW, Attempt, Measured
from cti_server.store.campaign_lists import forbid_within
from cti_server.store.campaign_tables import campaign_attempts, campaign_records, do_not_call
from cti_server.store.campaigns import audit, read_campaign
from cti_server.store.database import Database
from cti_server.store.tables import contacts

_MEASURED, _HANDLED = 500, 200
_TURNS = 5
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
        for _ in range(_TURNS):
            due = await _due(connection, current, len(ids) - len(found), now)
            for record in due:
                if await _forbidden(connection, record):
                    await _close_forbidden(connection, record, now)
                else:
                    attempt_id = ids[len(found)]
                    found.append((attempt_id, await _begin(connection, record, attempt_id, node, now)))
            if not due or len(found) == len(ids):
                break
        return found

    return await database.write(work) if ids else []


async def _due(connection: AsyncConnection, campaign: Campaign, most: int, now: float) -> list[Record]:
    regions = campaign.settings.open_regions(now)
    if not regions:
        return []
    query = (
        select(campaign_records)
        .where(
            records.campaign_id == campaign.campaign_id,
            records.state == "open",
            records.due_at <= _instant(now),
            records.region.in_(regions),
        )
        .order_by(records.call_back.desc(), records.due_at, records.line)
        .limit(most)
        .with_for_update(skip_locked=True)
    )
    return [_record(row) for row in (await connection.execute(query)).mappings()]


async def _forbidden(connection: AsyncConnection, record: Record) -> bool:
    query = select(do_not_call.c.number).where(do_not_call.c.number == record.number)
    return (await connection.execute(query)).first() is not None


async def _close_forbidden(connection: AsyncConnection, record: Record, now: float) -> None:
    progress = Progress(now, record.progress.attempts, record.progress.outcomes, closed=Outcome.DO_NOT_CALL)
    await _save(connection, record.record_id, progress)


async def _begin(
    connection: AsyncConnection, record: Record, attempt_id: str, node: str, now: float
) -> Record:
    progress = begun(record.progress)
    await _save(connection, record.record_id, progress, state="dialling")
    values = {
        "attempt_id": attempt_id,
        "campaign_id": record.campaign_id,
        "record_id": record.record_id,
        "attempt": progress.attempts,
        "node": node,
        "placed_at": _instant(now),
        "person_at": None,
        "ended_at": None,
        "outcome": "",
        "agent_id": "",
        "disposition": "",
    }
    await connection.execute(campaign_attempts.insert().values(**values))
    return record


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
            "ended_at": _instant(result.at),
            "person_at": _instant(result.person_at) if result.person_at is not None else None,
            "agent_id": result.agent_id,
            "disposition": result.disposition,
        }
        await connection.execute(update(campaign_attempts).where(mine).values(**values))
        campaign = await read_campaign(connection, row["campaign_id"])
        query = select(campaign_records).where(records.record_id == row["record_id"])
        record = _record((await connection.execute(query)).mappings().one())
        await _conclude(connection, record, result, campaign.settings)
        return True

    return await database.write(work)


async def _conclude(connection: AsyncConnection, record: Record, result: Result, settings: Settings) -> None:
    if result.outcome is not Outcome.ANSWERED:
        await _save(connection, record.record_id, after(record.progress, result.outcome, result.at, settings))
        return
    chosen = settings.disposition(result.disposition)
    await _save(
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
    since = _instant(now - WINDOW)
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


# --- preview: an agent has a record before it is called ----------------------------------------------------


async def hold(database: Database, campaign: Campaign, agent_id: str, now: float) -> Record:
    """Give the agent a record to look at; the one it has already, if any. Raises NothingToCall."""

    async def work(connection: AsyncConnection) -> Record:
        mine = select(campaign_records).where(
            records.campaign_id == campaign.campaign_id, records.state == "held", records.agent_id == agent_id
        )
        row = (await connection.execute(mine)).mappings().first()
        if row is not None:
            return _record(row)
        for _ in range(_TURNS):
            due = await _due(connection, campaign, 1, now)
            if not due:
                break
            if await _forbidden(connection, due[0]):
                await _close_forbidden(connection, due[0], now)
                continue
            await _save(connection, due[0].record_id, due[0].progress, state="held", agent_id=agent_id)
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
        if await _forbidden(connection, record):
            await _close_forbidden(connection, record, now)
            return None
        if record.region not in campaign.settings.open_regions(now):
            await _save(connection, record.record_id, record.progress)
            return None
        return await _begin(connection, record, attempt_id, node, now)

    found = await database.write(work)
    if found is None:
        raise NothingToCall
    return found


async def skip(database: Database, campaign: Campaign, record_id: str, agent_id: str, now: float) -> None:
    """The agent does not call it. Raises UnknownRecord."""

    async def work(connection: AsyncConnection) -> None:
        record = await _held(connection, campaign.campaign_id, record_id, agent_id)
        await _save(connection, record_id, after(record.progress, Outcome.SKIPPED, now, campaign.settings))

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
    return _record(row)


async def give_back(database: Database, wanted: Callable[[str], bool]) -> int:
    """Records in the hands of agents that `wanted` does not name any more are open again; how many."""

    async def work(connection: AsyncConnection) -> int:
        query = select(campaign_records).where(records.state == "held")
        left = [row for row in (await connection.execute(query)).mappings() if not wanted(row["agent_id"])]
        for row in left:
            await _save(connection, row["record_id"], _record(row).progress)
        return len(left)

    return await database.write(work)


# --- rows ---------------------------------------------------------------------------------------------------


async def _save(
    connection: AsyncConnection, record_id: str, progress: Progress, state: str = "", agent_id: str = ""
) -> None:
    values = {
        "state": state or ("closed" if progress.closed else "open"),
        "closed": str(progress.closed),
        "due_at": _instant(progress.due_at),
        "call_back": progress.call_back,
        "attempts": progress.attempts,
        "outcomes": dict(progress.outcomes),
        "agent_id": agent_id,
        "updated_at": datetime.now(UTC),
    }
    await connection.execute(update(campaign_records).where(records.record_id == record_id).values(**values))


def _record(row: Mapping[Any, Any]) -> Record:
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


def _instant(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC)
