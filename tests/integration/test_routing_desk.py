"""Routing settings between database and leader: what is saved takes effect, now or as soon as it can."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from dataclasses import replace

import pytest

from cti_server.bootstrap import routing_desk
from cti_server.bootstrap.directory import directory_signal
from cti_server.bootstrap.routing_desk import RoutingDesk
from cti_server.domain import signals as s
from cti_server.domain.doubts import Sound
from cti_server.domain.outside import OutsideRules
from cti_server.domain.settings import RoutingSettings
from cti_server.domain.world import World
from cti_server.engine.port import JournalUnavailable, NotLeader
from cti_server.errors import CtiError
from cti_server.store import routing_settings as stored
from cti_server.store.database import Database
from tests.support.edge import until


class Leader:
    """A world that lives by what it is told; `away`, when set, is raised instead."""

    def __init__(self, database: Database) -> None:
        self.world, self.leads = World(), True
        self.away: CtiError | None = None
        self.desk = RoutingDesk(
            database,
            lambda: directory_signal(database, OutsideRules(), s.RoutingChanged),
            self.apply,
            lambda: self.world.state.routing_version if self.leads else None,
            self.noted,
            missing=self.missing,
        )

    async def noted(self, version: int) -> None:
        assert self.world.state.routing_version >= version

    @staticmethod
    async def missing(wanted: Collection[Sound]) -> frozenset[Sound]:
        return frozenset(wanted)

    async def apply(self, signal: s.Signal) -> None:
        if self.away:
            raise self.away
        self.world.apply(replace(signal, at=1.0))


def holiday(settings: RoutingSettings, day: str) -> RoutingSettings:
    return replace(settings, holidays={day: ""})


async def test_in_effect_when_it_is_saved(demo_database: Database) -> None:
    leader = Leader(demo_database)
    _, settings = await leader.desk.current()
    saved = await leader.desk.save(0, holiday(settings, "2027-01-01"), author="4001", why="")
    assert saved.in_effect
    assert leader.world.state.holidays == ("2027-01-01",)
    assert leader.world.state.routing_version == 1


async def test_a_server_that_does_not_lead_changes_nothing(demo_database: Database) -> None:
    leader = Leader(demo_database)
    _, settings = await leader.desk.current()
    leader.leads = False
    with pytest.raises(NotLeader):
        await leader.desk.save(0, holiday(settings, "2027-01-01"), author="4001", why="")
    assert await stored.newest(demo_database) == 0


async def test_the_journal_is_away_and_comes_back(
    demo_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And so does what another server, or one whose commit outlived its patience, has saved."""
    monkeypatch.setattr(routing_desk, "LOOK_EVERY", 0.02)
    leader, other = Leader(demo_database), Leader(demo_database)
    _, settings = await leader.desk.current()
    leader.away = JournalUnavailable("away")
    saved = await leader.desk.save(0, holiday(settings, "2027-01-01"), author="4001", why="")
    assert not saved.in_effect
    assert leader.world.state.routing_version == 0
    watching = asyncio.create_task(leader.desk.run())
    try:
        leader.away = None
        await until(lambda: leader.world.state.holidays == ("2027-01-01",))
        await other.desk.save(1, holiday(settings, "2027-01-02"), author="9001", why="")
        await until(lambda: leader.world.state.holidays == ("2027-01-02",))
    finally:
        watching.cancel()
