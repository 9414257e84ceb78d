"""What reports are made of: events of contacts and agents within a time range."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, TypeVar

import orjson
from sqlalchemy import Column, ColumnElement, Select, Text, cast, select, type_coerce
from sqlalchemy.ext.asyncio import AsyncConnection

from cti_server.store.database import Database
from cti_server.store.tables import agent_events, contact_events, contacts

Made = TypeVar("Made")
OfContact = Callable[[str, datetime, str, str, str | None, Mapping[str, Any]], Made]
"""Makes something of an event's id, instant, kind, contact, agent and data (shared: not to be changed)."""
OfAgent = Callable[[str, datetime, str, str, str | None, str | None], Made]
"""Makes something of an event's id, instant, kind, agent, state and reason."""
OfCall = Callable[[str, str, datetime, datetime, bool, str], Made]
"""Makes something of a call's contact, customer's number, begin, end, whether it was queued, and agent."""
_DEADLINE = 30.0
_ALIKE = 10_000
"""Data of so many kinds are kept: of most contacts' events it says the same."""


async def events_of_contacts(
    database: Database, since: datetime, until: datetime, make: OfContact[Made], who: str = ""
) -> list[Made]:
    """What `make` makes of each event with `since` <= at < `until`, in order of time.

    `who`: only of contacts in whose events of that time the agent is named. Raises StoreUnavailable.
    """
    c = contact_events.c
    query = _within(
        c.at, since, until, c.id, _stored(c.at), c.kind, c.contact_id, c.agent_id, cast(c.data, Text)
    )
    if who:
        named = _within(c.at, since, until, c.contact_id).where(c.agent_id == who)
        query = query.where(c.contact_id.in_(named))
    rows, instant = await _rows(database, query.order_by(c.at)), _instants(database)
    return [
        make(fact_id, instant(at), kind, contact_id, agent_id, _data(data))
        for fact_id, at, kind, contact_id, agent_id, data in rows
    ]


async def events_of_agents(
    database: Database, since: datetime, until: datetime, make: OfAgent[Made], who: str = ""
) -> list[Made]:
    """The same of the agents' own events. `who`: only of that agent."""
    c = agent_events.c
    query = _within(c.at, since, until, c.id, _stored(c.at), c.kind, c.agent_id, c.state, c.reason)
    if who:
        query = query.where(c.agent_id == who)
    rows, instant = await _rows(database, query.order_by(c.at)), _instants(database)
    return [
        make(fact_id, instant(at), kind, agent_id, state, reason)
        for fact_id, at, kind, agent_id, state, reason in rows
    ]


async def customers_calls(
    database: Database, since: datetime, until: datetime, make: OfCall[Made]
) -> list[Made]:
    """Of inbound contacts over by now that arrived in the time, of known numbers, in order of arrival.

    The agent is who had it last, if anybody talked to it. Raises StoreUnavailable.
    """
    c = contacts.c
    columns = c.contact_id, c.customer_number, _stored(c.arrived_at), _stored(c.ended_at)
    query = _within(
        c.arrived_at,
        since,
        until,
        *columns,
        c.queued_at.is_not(None),
        c.connected_at.is_not(None),
        c.agent_id,
    ).where(c.direction == "inbound", c.ended_at.is_not(None), c.customer_number != "")
    rows, instant = await _rows(database, query.order_by(c.arrived_at)), _instants(database)
    return [
        make(contact_id, customer, instant(arrived), instant(ended), queued, (connected and agent_id) or "")
        for contact_id, customer, arrived, ended, queued, connected, agent_id in rows
    ]


def _within(
    at: Column[datetime], since: datetime, until: datetime, *columns: ColumnElement[Any]
) -> Select[Any]:
    return select(*columns).where(at >= since, at < until)


def _stored(column: Column[Any]) -> ColumnElement[Any]:
    """As the driver gives it: SQLAlchemy's own ways to instants and JSON cost more than all the rest."""
    return type_coerce(column, Text)


async def _rows(database: Database, query: Select[Any]) -> Sequence[Any]:
    async def work(connection: AsyncConnection) -> Sequence[Any]:
        rows: Sequence[Any] = (await connection.execute(query)).all()
        return rows

    return await database.read(work, deadline=_DEADLINE)


def _instants(database: Database) -> Callable[[Any], datetime]:
    return _of_text if database.is_sqlite else _as_it_is


def _of_text(stored: str) -> datetime:
    return datetime.fromisoformat(stored + "+00:00")


def _as_it_is(stored: datetime) -> datetime:
    return stored


@lru_cache(_ALIKE)
def _data(text: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = orjson.loads(text)
    return found
