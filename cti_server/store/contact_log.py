"""The interaction log: reading contacts and their stories back, for the API."""

import base64
import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, RowMapping, Select, and_, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from cti_server.store.database import Database
from cti_server.store.errors import InvalidCursor
from cti_server.store.tables import contact_events, contacts, recordings

MOST = 500
"""Contacts on one page at most."""


@dataclass(frozen=True, slots=True)
class LoggedContact:
    """A contact as it stands; all times UTC-aware. `customer_number` is in clear: mask it by role."""

    contact_id: str
    version: int
    medium: str
    direction: str
    state: str
    service_number: str | None
    customer_number: str | None
    group_id: str | None
    agent_id: str | None
    arrived_at: datetime
    queued_at: datetime | None
    offered_at: datetime | None
    connected_at: datetime | None
    ended_at: datetime | None
    end_reason: str | None
    disposition: str | None
    summary: str | None
    recovered: bool
    node: str | None
    data: dict[str, Any]


@dataclass(frozen=True, slots=True)
class LoggedEvent:
    """One entry of a contact's story."""

    id: str
    contact_id: str
    at: datetime
    kind: str
    agent_id: str | None
    leg_id: str | None
    data: dict[str, Any]


@dataclass(frozen=True, slots=True)
class LoggedRecording:
    """A recording of a contact; `path` is relative to the recording store."""

    recording_id: str
    updated_at: datetime
    contact_id: str
    node: str | None
    path: str | None
    format: str | None
    channels: int | None
    sample_rate: int | None
    duration_s: float | None
    size: int | None
    sha256: str | None
    started_at: datetime | None
    ended_at: datetime | None
    state: str
    data: dict[str, Any]


@dataclass(frozen=True, slots=True)
class ContactStory:
    """A contact with all its events, in the order in which they happened, and its recordings.

    `contact` is None when only its events are known (its own record was set aside).
    """

    contact: LoggedContact | None
    events: tuple[LoggedEvent, ...]
    recordings: tuple[LoggedRecording, ...]


@dataclass(frozen=True, slots=True)
class ContactFilter:
    """What to list. `since` ≤ arrival < `until`; an agent's contacts are all it had any part in."""

    since: datetime | None = None
    until: datetime | None = None
    agent_id: str | None = None
    state: str | None = None
    group_id: str | None = None
    within: tuple[frozenset[str], str] | None = None
    """Contacts of these groups, and those in which that agent had a part; None: all."""


@dataclass(frozen=True, slots=True)
class ContactPage:
    """Newest first. `next_cursor` leads to the next page; None on the last one."""

    contacts: tuple[LoggedContact, ...]
    next_cursor: str | None


async def contact(database: Database, contact_id: str) -> LoggedContact | None:
    """One contact's latest view. Raises StoreUnavailable."""
    query = select(contacts).where(contacts.c.contact_id == contact_id)

    async def work(connection: AsyncConnection) -> LoggedContact | None:
        row = (await connection.execute(query)).mappings().one_or_none()
        return LoggedContact(**row) if row else None

    return await database.read(work)


async def ended(database: Database, contact_ids: Collection[str]) -> set[str]:
    """Which of these contacts (some hundreds at most) are there and over. Raises StoreUnavailable."""
    query = select(contacts.c.contact_id).where(
        contacts.c.contact_id.in_(contact_ids), contacts.c.ended_at.is_not(None)
    )

    async def work(connection: AsyncConnection) -> set[str]:
        return set((await connection.execute(query)).scalars())

    return await database.read(work)


async def list_contacts(
    database: Database, wanted: ContactFilter, *, limit: int = 50, cursor: str | None = None
) -> ContactPage:
    """One page; the pages of a cursor's chain neither repeat nor skip a contact that was there all the time.

    Raises:
        InvalidCursor: `cursor` is none of ours.
        StoreUnavailable: the database is away.
    """
    size = max(1, min(limit, MOST))
    query = _filtered(wanted).limit(size + 1)
    if cursor is not None:
        query = query.where(tuple_(contacts.c.arrived_at, contacts.c.contact_id) < _after(cursor))
    found = await database.read(lambda connection: _mappings(connection, query))
    page = tuple(LoggedContact(**row) for row in found[:size])
    return ContactPage(page, _cursor(page[-1]) if len(found) > size else None)


async def past_contacts(
    database: Database, contact_id: str, number: str, limit: int
) -> tuple[LoggedContact, ...]:
    """Other contacts of that number, the newest first; of a contact in the log only those that came before.

    Raises StoreUnavailable.
    """
    c, itself = contacts.c, contacts.alias()
    began = select(itself.c.arrived_at).where(itself.c.contact_id == contact_id).scalar_subquery()
    query = (
        select(contacts)
        .where(c.customer_number == number, c.contact_id != contact_id)
        .where(or_(began.is_(None), c.arrived_at <= began))
        .order_by(c.arrived_at.desc(), c.contact_id.desc())
        .limit(limit)
    )
    return tuple(LoggedContact(**row) for row in await database.read(lambda line: _mappings(line, query)))


async def contact_story(database: Database, contact_id: str) -> ContactStory | None:
    """Everything about one contact; None when nothing is known of it. Raises StoreUnavailable."""

    async def work(connection: AsyncConnection) -> ContactStory:
        view = await _mappings(connection, select(contacts).where(contacts.c.contact_id == contact_id))
        events = await _mappings(
            connection, select(contact_events).where(contact_events.c.contact_id == contact_id)
        )
        recorded = await _mappings(
            connection,
            select(recordings).where(recordings.c.contact_id == contact_id).order_by(recordings.c.started_at),
        )
        return ContactStory(
            LoggedContact(**view[0]) if view else None,
            tuple(sorted((LoggedEvent(**row) for row in events), key=_in_order)),
            tuple(LoggedRecording(**row) for row in recorded),
        )

    story = await database.read(work)
    return story if story.contact or story.events or story.recordings else None


def _in_order(event: LoggedEvent) -> tuple[datetime, list[tuple[int, str]]]:
    """By time; events of one moment by their ids, in which numbers count as numbers."""
    parts = re.findall(r"\d+|\D+", event.id)
    return event.at, [(int(part), "") if part.isdecimal() else (-1, part) for part in parts]


async def _mappings(connection: AsyncConnection, query: Select[Any]) -> list[RowMapping]:
    return list((await connection.execute(query)).mappings())


def _filtered(wanted: ContactFilter) -> Select[Any]:
    conditions = []
    if wanted.since is not None:
        conditions.append(contacts.c.arrived_at >= wanted.since)
    if wanted.until is not None:
        conditions.append(contacts.c.arrived_at < wanted.until)
    if wanted.agent_id is not None:
        conditions.append(_had_a_part(wanted.agent_id))
    if wanted.within is not None:
        groups, agent_id = wanted.within
        conditions.append(or_(contacts.c.group_id.in_(sorted(groups)), _had_a_part(agent_id)))
    if wanted.state is not None:
        conditions.append(contacts.c.state == wanted.state)
    if wanted.group_id is not None:
        conditions.append(contacts.c.group_id == wanted.group_id)
    newest_first = (contacts.c.arrived_at.desc(), contacts.c.contact_id.desc())
    return select(contacts).where(and_(True, *conditions)).order_by(*newest_first)


def _had_a_part(agent_id: str) -> ColumnElement[bool]:
    told = select(contact_events.c.contact_id).where(contact_events.c.agent_id == agent_id)
    return or_(contacts.c.agent_id == agent_id, contacts.c.contact_id.in_(told))


def _cursor(last: LoggedContact) -> str:
    text = f"{last.arrived_at.isoformat()} {last.contact_id}"
    return base64.urlsafe_b64encode(text.encode()).decode()


def _after(cursor: str) -> tuple[datetime, str]:
    try:
        at, contact_id = base64.urlsafe_b64decode(cursor.encode()).decode().split(" ", 1)
        return datetime.fromisoformat(at).astimezone(UTC), contact_id
    except ValueError as error:
        raise InvalidCursor("the cursor is none of ours") from error
