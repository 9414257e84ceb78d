"""`api.ports.Routing` in memory."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime

from cti_server.api.ports import RoutingSaved, RoutingVersion
from cti_server.domain.doubts import Sound
from cti_server.domain.settings import RoutingSettings, changes
from cti_server.errors import CtiError
from cti_server.store.errors import VersionConflict
from tests.unit.domain.test_settings import GOOD


class FakeRouting:
    """Begins with the settings of the domain's tests. `away`, when set, is raised."""

    def __init__(self) -> None:
        self.saved: list[tuple[RoutingVersion, RoutingSettings]] = []
        self.away: CtiError | None = None
        self.in_effect = True
        self.sounds = {Sound(language, "welcome") for language in ("zh", "en")}

    async def missing(self, wanted: Collection[Sound]) -> frozenset[Sound]:
        return frozenset(wanted) - self.sounds

    async def current(self) -> tuple[int, RoutingSettings]:
        if self.away:
            raise self.away
        return len(self.saved), self.saved[-1][1] if self.saved else GOOD

    async def save(self, expected: int, settings: RoutingSettings, *, author: str, why: str) -> RoutingSaved:
        version, now = await self.current()
        if version != expected:
            raise VersionConflict(detail={"version": version})
        made = RoutingVersion(version + 1, datetime.now(UTC), author, why, changes(now, settings))
        self.saved.append((made, settings))
        return RoutingSaved(made, self.in_effect)

    async def versions(self, limit: int, before: int | None) -> list[RoutingVersion]:
        below = [made for made, _ in self.saved if before is None or made.version < before]
        return below[::-1][:limit]

    async def settings_of(self, version: int) -> RoutingSettings | None:
        return next((settings for made, settings in self.saved if made.version == version), None)
