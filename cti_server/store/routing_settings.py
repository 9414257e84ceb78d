"""The routing settings: read as one document, replaced as a whole, every version kept with who and why."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Column, Table, delete, func, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from cti_server.domain.settings import (
    AgentSkills,
    Change,
    GroupSettings,
    NumberSettings,
    RoutingSettings,
    changes,
)
from cti_server.store.database import Database
from cti_server.store.directory import Directory, load_within
from cti_server.store.errors import VersionConflict
from cti_server.store.tables import (
    agent_groups,
    agents,
    groups,
    holidays,
    routing_versions,
    service_numbers,
)


@dataclass(frozen=True, slots=True)
class Version:
    """A version of the settings; `changes` are those against the one before."""

    version: int
    at: datetime
    author: str
    why: str
    changes: tuple[Change, ...]


async def current(database: Database) -> tuple[int, RoutingSettings]:
    """The settings in force and their version; 0 when they were never changed at run time.

    Raises StoreUnavailable.
    """
    return await database.read(_current)


async def newest(database: Database) -> int:
    """The newest version. Raises StoreUnavailable."""
    return await database.read(_newest)


async def save(
    database: Database, expected: int, settings: RoutingSettings, *, author: str, why: str, at: datetime
) -> Version:
    """Make the settings those in force, if `expected` is still the version of those that are.

    One transaction: the tables of the directory, and the version with its author. Raises VersionConflict
    (nothing was changed), StoreUnavailable (a commit under way may have been done).
    """

    async def work(connection: AsyncConnection) -> Version:
        if connection.dialect.name == "postgresql":
            await connection.execute(text("LOCK TABLE routing_versions IN EXCLUSIVE MODE"))
        version, before = await _current(connection)
        if version != expected:
            raise VersionConflict(f"version {version} is in force", detail={"version": version})
        differences = msgspec.json.decode(msgspec.json.encode(changes(before, settings)))
        made = Version(version + 1, at, author, why, _changes(differences))
        await _replace(connection, settings)
        row = {
            "version": made.version,
            "at": at,
            "author": author,
            "why": why,
            "settings": msgspec.to_builtins(settings),
            "changes": differences,
        }
        await connection.execute(insert(routing_versions).values(row))
        return made

    return await database.write(work)


async def versions(database: Database, limit: int, before: int | None = None) -> list[Version]:
    """The newest versions first, those below `before` if that is given. Raises StoreUnavailable."""

    async def work(connection: AsyncConnection) -> list[Version]:
        query = select(routing_versions).order_by(routing_versions.c.version.desc()).limit(limit)
        if before is not None:
            query = query.where(routing_versions.c.version < before)
        return [
            Version(row.version, row.at, row.author, row.why, _changes(row.changes))
            for row in await connection.execute(query)
        ]

    return await database.read(work)


async def settings_of(database: Database, version: int) -> RoutingSettings | None:
    """The settings of a version; None when there is none. Raises StoreUnavailable."""

    async def work(connection: AsyncConnection) -> RoutingSettings | None:
        query = select(routing_versions.c.settings).where(routing_versions.c.version == version)
        found = (await connection.execute(query)).scalar_one_or_none()
        return None if found is None else msgspec.convert(found, RoutingSettings)

    return await database.read(work)


def _changes(stored: list[dict[str, Any]]) -> tuple[Change, ...]:
    return tuple(Change(one["where"], one["before"], one["after"]) for one in stored)


async def _newest(connection: AsyncConnection) -> int:
    return (await connection.execute(select(func.max(routing_versions.c.version)))).scalar() or 0


async def _current(connection: AsyncConnection) -> tuple[int, RoutingSettings]:
    directory = await load_within(connection)
    return directory.routing_version, as_settings(directory)


def as_settings(directory: Directory) -> RoutingSettings:
    """What of the directory is a matter of routing."""
    return RoutingSettings(
        groups={
            g.group_id: GroupSettings(g.name_zh, g.name_en, g.ring_timeout, g.wrap_up_time, g.policy)
            for g in directory.groups.values()
        },
        numbers={
            n.number: NumberSettings(n.group_id, n.language, n.greeting, n.name, n.ivr)
            for n in directory.service_numbers.values()
        },
        agents={a.agent_id: AgentSkills(dict(a.groups), dict(a.skills)) for a in directory.agents.values()},
        holidays=dict(directory.holidays),
        priorities=directory.priorities,
    )


async def _replace(connection: AsyncConnection, settings: RoutingSettings) -> None:
    """The tables as the settings say; other columns, and agents that are not named, stay."""
    await _put(
        connection,
        groups.c.group_id,
        {
            group_id: {
                "name_zh": one.name_zh,
                "name_en": one.name_en,
                "ring_timeout_s": one.ring_timeout,
                "wrap_up_s": one.wrap_up_time,
                "policy": msgspec.to_builtins(one.policy),
            }
            for group_id, one in settings.groups.items()
        },
    )
    await _put(
        connection,
        service_numbers.c.number,
        {
            number: {
                "group_id": one.group,
                "language": one.language,
                "greeting": one.greeting,
                "name": one.name,
                "menu": one.menu and msgspec.to_builtins(one.menu),
            }
            for number, one in settings.numbers.items()
        },
    )
    await _drop(connection, service_numbers.c.number, settings.numbers)
    await _put_agents(connection, settings)
    await _drop(connection, groups.c.group_id, settings.groups)
    await connection.execute(delete(holidays))
    for day, name in settings.holidays.items():
        await connection.execute(insert(holidays).values(day=day, name=name))


async def _put(connection: AsyncConnection, key: Column[Any], rows: Mapping[str, Mapping[str, Any]]) -> None:
    """Update what is there, insert what is not."""
    table: Table = key.table
    there = set((await connection.execute(select(key))).scalars())
    for name, values in rows.items():
        if name in there:
            await connection.execute(update(table).where(key == name).values(**values))
        else:
            await connection.execute(insert(table).values({key.name: name, **values}))


async def _drop(connection: AsyncConnection, key: Column[Any], kept: Collection[str]) -> None:
    await connection.execute(delete(key.table).where(key.not_in(list(kept))))


async def _put_agents(connection: AsyncConnection, settings: RoutingSettings) -> None:
    there = set((await connection.execute(select(agents.c.agent_id))).scalars())
    for agent_id, one in settings.agents.items():
        if agent_id not in there:
            continue
        await connection.execute(
            update(agents).where(agents.c.agent_id == agent_id).values(skills=dict(one.skills))
        )
        await connection.execute(delete(agent_groups).where(agent_groups.c.agent_id == agent_id))
        for group_id, level in one.groups.items():
            row = {"agent_id": agent_id, "group_id": group_id, "level": level}
            await connection.execute(insert(agent_groups).values(row))
