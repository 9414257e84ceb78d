"""Routing settings: the database has every version, the leader lives by the newest."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection
from datetime import UTC, datetime

import structlog

from cti_server.api.ports import RoutingSaved, RoutingVersion
from cti_server.domain import signals as s
from cti_server.domain.doubts import Sound
from cti_server.domain.settings import RoutingSettings
from cti_server.engine.port import JournalUnavailable, NotLeader, Overloaded
from cti_server.store import routing_settings as stored
from cti_server.store.database import Database
from cti_server.store.errors import StoreUnavailable

log = structlog.get_logger(__name__)

LOOK_EVERY = 5.0
"""Seconds until a version that the leader was not told of (its journal was away) takes effect."""


class RoutingDesk:
    """`api.ports.Routing`."""

    def __init__(
        self,
        database: Database,
        load: Callable[[], Awaitable[s.DirectoryLoaded | None]],
        apply: Callable[[s.Signal], Awaitable[None]],
        in_force: Callable[[], int | None],
        noted: Callable[[int], Awaitable[None]],
        *,
        missing: Callable[[Collection[Sound]], Awaitable[frozenset[Sound]]],
    ) -> None:
        """`load` reads the directory; `apply` returns when it is journaled and in the world.

        `in_force` is the version that the world lives by, None while this server does not lead. `noted`
        returns when the PBX nodes in reach know the service numbers of a version, or will not soon. `missing`
        has the sounds that a node lacks.
        """
        self._database, self._load, self._apply, self._in_force = database, load, apply, in_force
        self._noted, self._missing = noted, missing

    async def current(self) -> tuple[int, RoutingSettings]:
        """See the port."""
        return await stored.current(self._database)

    async def save(self, expected: int, settings: RoutingSettings, *, author: str, why: str) -> RoutingSaved:
        """See the port."""
        if self._in_force() is None:
            raise NotLeader("this server does not lead (yet); try again, or another server")
        made = await stored.save(
            self._database, expected, settings, author=author, why=why, at=datetime.now(UTC)
        )
        log.info("routing.changed", version=made.version, author=author, changes=len(made.changes))
        return RoutingSaved(_shown(made), await self._take_effect(made.version))

    async def _take_effect(self, version: int) -> bool:
        try:
            directory = await self._load()
            if directory:
                await self._apply(directory)
                await self._noted(version)
        except (NotLeader, JournalUnavailable, Overloaded) as error:
            log.warning("routing.not_in_effect_yet", version=version, code=error.code)
        in_force = self._in_force()
        return in_force is not None and in_force >= version

    async def versions(self, limit: int, before: int | None) -> list[RoutingVersion]:
        """See the port."""
        return [_shown(one) for one in await stored.versions(self._database, limit, before)]

    async def settings_of(self, version: int) -> RoutingSettings | None:
        """See the port."""
        return await stored.settings_of(self._database, version)

    async def missing(self, wanted: Collection[Sound]) -> frozenset[Sound]:
        """See the port."""
        return await self._missing(wanted)

    async def run(self) -> None:
        """While this server leads: look whether the database has a newer version than the world."""
        while True:
            await asyncio.sleep(LOOK_EVERY)
            try:
                in_force = self._in_force()
                if in_force is not None and (newest := await stored.newest(self._database)) > in_force:
                    await self._take_effect(newest)
            except StoreUnavailable:
                continue  # told by the health check
            except Exception:  # the server outlives a bug here, the next look may do
                log.exception("routing.look_failed")


def _shown(version: stored.Version) -> RoutingVersion:
    return RoutingVersion(version.version, version.at, version.author, version.why, version.changes)
