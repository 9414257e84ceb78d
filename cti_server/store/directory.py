"""The directory: who works here, in which groups, behind which numbers and phones."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec
import structlog
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from cti_server.domain.ivr import Ivr, problems
from cti_server.domain.policy import Policy, Priorities
from cti_server.store.database import Database
from cti_server.store.errors import StoreUnavailable
from cti_server.store.passwords import Passwords
from cti_server.store.tables import (
    agent_groups,
    agents,
    groups,
    holidays,
    routing_versions,
    service_numbers,
    stations,
)

_NOT_REHASHED = "password_not_rehashed"
_BAD_POLICY = "group_policy_unreadable"
_BAD_MENU = "service_number_menu_unusable"

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class AgentEntry:
    """A person. `groups` maps group id to skill level, 1 (low) to 10. No password hash leaves the store."""

    agent_id: str
    name: str
    roles: tuple[str, ...]
    groups: Mapping[str, int]
    enabled: bool
    skills: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class GroupEntry:
    """A group of agents with its queue; times in seconds."""

    group_id: str
    name_zh: str
    name_en: str
    ring_timeout: float
    wrap_up_time: float
    policy: Policy = field(default_factory=Policy)


@dataclass(frozen=True, slots=True)
class ServiceNumberEntry:
    """A number customers dial. `greeting` is a prompt's name, `language` like `zh-CN`."""

    number: str
    group_id: str
    language: str
    greeting: str
    name: str
    ivr: Ivr | None = None
    """Its menu; None: straight to the group."""


@dataclass(frozen=True, slots=True)
class StationEntry:
    """A phone. `kind` is `udp` or `browser`; `agent_id` whose it is by default."""

    address: str
    kind: str
    agent_id: str | None


@dataclass(frozen=True, slots=True)
class Directory:
    """All of it at one moment, each part by its key and in the order of the keys."""

    agents: Mapping[str, AgentEntry]
    groups: Mapping[str, GroupEntry]
    service_numbers: Mapping[str, ServiceNumberEntry]
    stations: Mapping[str, StationEntry]
    holidays: Mapping[str, str] = field(default_factory=dict)
    """Local days like `2026-10-01`, with their names."""
    priorities: Priorities = field(default_factory=Priorities)
    routing_version: int = 0


async def load_directory(database: Database) -> Directory:
    """Read the whole directory in one transaction. Raises StoreUnavailable."""
    return await database.read(load_within)


async def verify_password(database: Database, passwords: Passwords, agent_id: str, password: str) -> bool:
    """Whether this is the password of that agent; a disabled or unknown agent's never is, and takes as long.

    A hash made at another cost is replaced on the way. Raises StoreUnavailable.
    """
    stored, enabled = await database.read(lambda connection: _stored_hash(connection, agent_id))
    verdict = await passwords.verify(stored, password)
    if verdict.better_hash is not None:
        try:
            await _store_hash(database, agent_id, verdict.better_hash)
        except StoreUnavailable as error:
            log.warning(_NOT_REHASHED, agent_id=agent_id, fault=error.code)  # next time will do
    return verdict.right and enabled


async def set_password(database: Database, passwords: Passwords, agent_id: str, password: str) -> bool:
    """Give an agent a new password; False when there is no such agent.

    Raises StoreUnavailable, and ValueError for a password that is too long or empty.
    """
    return await _store_hash(database, agent_id, await passwords.hash(password))


async def _store_hash(database: Database, agent_id: str, password_hash: str) -> bool:
    async def work(connection: AsyncConnection) -> bool:
        change = update(agents).where(agents.c.agent_id == agent_id).values(password_hash=password_hash)
        return (await connection.execute(change)).rowcount == 1

    return await database.write(work)


async def _stored_hash(connection: AsyncConnection, agent_id: str) -> tuple[str | None, bool]:
    query = select(agents.c.password_hash, agents.c.enabled).where(agents.c.agent_id == agent_id)
    row = (await connection.execute(query)).one_or_none()
    return (row.password_hash, row.enabled) if row else (None, False)


def _policy(group_id: str, stored: dict[str, Any] | None) -> Policy:
    """The defaults for one that cannot be read: a centre that routes plainly is better than none."""
    try:
        return msgspec.convert(stored or {}, Policy)
    except msgspec.ValidationError as error:
        log.error(_BAD_POLICY, group_id=group_id, why=str(error))  # noqa: TRY400  # the text says all
        return Policy()


def _ivr(number: str, stored: dict[str, Any] | None, known_groups: frozenset[str]) -> Ivr | None:
    """None for one that cannot be used: callers go straight to the number's group."""
    if not stored:
        return None
    try:
        ivr = msgspec.convert(stored, Ivr)
    except msgspec.ValidationError as error:
        log.error(_BAD_MENU, number=number, why=str(error))  # noqa: TRY400  # the text says all
        return None
    wrong = problems(ivr, known_groups)
    if wrong:
        log.error(_BAD_MENU, number=number, why="; ".join(wrong))
        return None
    return ivr


async def load_within(connection: AsyncConnection) -> Directory:
    """The same, within a transaction that is there already."""
    levels: dict[str, dict[str, int]] = {}
    known_groups = frozenset((await connection.execute(select(groups.c.group_id))).scalars())
    for row in await connection.execute(select(agent_groups).order_by(agent_groups.c.group_id)):
        levels.setdefault(row.agent_id, {})[row.group_id] = row.level
    newest = select(routing_versions).order_by(routing_versions.c.version.desc()).limit(1)
    version = (await connection.execute(newest)).one_or_none()
    return Directory(
        agents={
            row.agent_id: AgentEntry(
                row.agent_id,
                row.name,
                tuple(row.roles),
                levels.get(row.agent_id, {}),
                row.enabled,
                row.skills or {},
            )
            for row in await connection.execute(select(agents).order_by(agents.c.agent_id))
        },
        groups={
            row.group_id: GroupEntry(
                row.group_id,
                row.name_zh,
                row.name_en,
                row.ring_timeout_s,
                row.wrap_up_s,
                _policy(row.group_id, row.policy),
            )
            for row in await connection.execute(select(groups).order_by(groups.c.group_id))
        },
        service_numbers={
            row.number: ServiceNumberEntry(
                row.number,
                row.group_id,
                row.language,
                row.greeting,
                row.name,
                _ivr(row.number, row.menu, known_groups),
            )
            for row in await connection.execute(select(service_numbers).order_by(service_numbers.c.number))
        },
        holidays={
            row.day: row.name for row in await connection.execute(select(holidays).order_by(holidays.c.day))
        },
        priorities=msgspec.convert(version.settings["priorities"], Priorities) if version else Priorities(),
        routing_version=version.version if version else 0,
        stations={
            row.address: StationEntry(row.address, row.kind, row.agent_id)
            for row in await connection.execute(select(stations).order_by(stations.c.address))
        },
    )
