"""Routing settings in the database: one transaction, every version kept, none altered."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from sqlalchemy import text

from cti_server.domain.ivr import Ivr, Option
from cti_server.domain.policy import Opening, Policy, Priorities
from cti_server.domain.settings import (
    AgentSkills,
    Change,
    GroupSettings,
    NumberSettings,
    RoutingSettings,
)
from cti_server.errors import CtiError
from cti_server.store import routing_settings as store
from cti_server.store.database import Database
from cti_server.store.directory import load_directory
from cti_server.store.errors import VersionConflict

NOW = datetime(2026, 11, 21, 9, tzinfo=UTC)


async def save(database: Database, expected: int, settings: RoutingSettings) -> store.Version:
    return await store.save(database, expected, settings, author="4001", why="because", at=NOW)


def altered(settings: RoutingSettings) -> RoutingSettings:
    """Something of everything: a group and a number more, one of each less."""
    hours = (Opening(1, 540, 1020),)
    loans = GroupSettings("贷款", "Loans", 15.0, 30.0, Policy(hours=hours, requires={"english": 2}))
    menu = Ivr({"main": (Option("1", "for_general", "loans"),)})
    kept = {name: group for name, group in settings.groups.items() if name != "vtm"}
    numbers = {number: one for number, one in settings.numbers.items() if number != "4003"}
    agents = {
        name: AgentSkills({g: n for g, n in one.groups.items() if g != "vtm"}, one.skills)
        for name, one in settings.agents.items()
    }
    return RoutingSettings(
        groups={**kept, "loans": loans},
        numbers={**numbers, "4009": NumberSettings("loans", "en", "welcome", "Loans", menu)},
        agents={**agents, "1001": AgentSkills({"loans": 9}, {"english": 4})},
        holidays={"2026-10-01": "国庆节"},
        priorities=Priorities(4, 3, 60.0),
    )


async def test_what_is_saved_is_what_is_read(demo_database: Database) -> None:
    version, before = await store.current(demo_database)
    assert version == 0
    assert before.numbers["4000"].group == "general"
    made = await save(demo_database, 0, altered(before))
    assert (made.version, made.author, made.why) == (1, "4001", "because")
    assert Change("priorities.ageing", 300.0, 60.0) in made.changes
    assert await store.current(demo_database) == (1, altered(before))
    assert await store.settings_of(demo_database, 1) == altered(before)
    assert await store.newest(demo_database) == 1
    directory = await load_directory(demo_database)
    assert (directory.routing_version, directory.priorities) == (1, Priorities(4, 3, 60.0))
    assert directory.agents["1001"].skills == {"english": 4}
    assert "vtm" not in directory.groups
    await save(demo_database, 1, before)
    assert await store.current(demo_database) == (2, before)
    assert [one.version for one in await store.versions(demo_database, 1, before=2)] == [1]
    assert (await store.versions(demo_database, 10))[1] == made


async def test_of_many_at_once_one_wins(demo_database: Database) -> None:
    _, settings = await store.current(demo_database)
    tries = [
        save(demo_database, 0, replace(settings, holidays={f"2026-01-{day:02}": ""})) for day in range(1, 7)
    ]
    results = await asyncio.gather(*tries, return_exceptions=True)
    won = [one for one in results if isinstance(one, store.Version)]
    assert len(won) == 1
    assert all(isinstance(one, VersionConflict) for one in results if one not in won)
    version, now = await store.current(demo_database)
    assert version == 1
    assert [change.where for change in won[0].changes] == [f"holidays.{day}" for day in now.holidays]


async def test_what_fails_half_way_is_not_done_at_all(demo_database: Database) -> None:
    _, settings = await store.current(demo_database)
    dangling = replace(settings, groups={"general": settings.groups["general"]})  # numbers lead to nowhere
    with pytest.raises(CtiError):
        await save(demo_database, 0, dangling)
    assert await store.current(demo_database) == (0, settings)
    assert await store.versions(demo_database, 10) == []


@pytest.mark.parametrize(
    "statement", ["UPDATE routing_versions SET author = 'x'", "DELETE FROM routing_versions"]
)
async def test_a_version_is_never_altered(demo_database: Database, statement: str) -> None:
    _, settings = await store.current(demo_database)
    await save(demo_database, 0, replace(settings, holidays={"2026-01-01": "元旦"}))
    with pytest.raises(CtiError):
        await demo_database.write(lambda connection: connection.execute(text(statement)))
    assert [one.author for one in await store.versions(demo_database, 10)] == ["4001"]
