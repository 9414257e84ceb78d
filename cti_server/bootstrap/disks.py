"""Room on the disks that calls depend on: looked at every few seconds, told before it is gone."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from cti_server.engine.port import Dependency, Figure
from cti_server.settings import Settings
from cti_server.store.database import normal_url

log = structlog.get_logger(__name__)

LOOK_EVERY = 5.0
MOST_USED, USED_AGAIN = 0.80, 0.78
"""Shares of a disk: from the first on there is an alarm, until less than the second is in use."""
LEAST_MINUTES, MINUTES_AGAIN = 30.0, 45.0
"""Minutes until a disk is full: the same."""
SPAN, LEAST_SPAN = 300.0, 60.0
"""Seconds over which the consumption is measured, and the least that say anything."""
NOTHING = 1 << 20
"""Bytes: with less a disk counts as full."""
BLUR = 10.0
"""Seconds by which a full disk may be seen too late, and its room, too."""

_FILLING, _FULL, _ROOM = "disk.filling", "disk.full", "disk.has_room"

Usage = Callable[[Path], tuple[int, int, int]]


def folders(settings: Settings) -> dict[str, Path]:
    """Where the server, or a node whose spool it reaches, writes what must not be lost."""
    found = {"outbox": settings.outbox_dir, "recordings": settings.recordings_dir}
    url = normal_url(settings.database_url)
    if url.get_backend_name() == "sqlite" and url.database:
        found["database"] = Path(url.database).parent
    return found | {
        spool_of(node.name): node.recording_spool for node in settings.nodes if node.recording_spool
    }


def spool_of(node: str) -> str:
    """The name of a node's folder of recordings under way."""
    return f"spool {node}"


@dataclass(slots=True)
class Disk:
    """One folder's disk as of the last look. Bytes."""

    folder: Path
    used: float = 0.0
    """Share."""
    free: int = 0
    alarm: bool = False
    full_since: float | None = None
    _seen: deque[tuple[float, int]] = field(default_factory=deque)
    _full: deque[tuple[float, float]] = field(default_factory=lambda: deque(maxlen=100))

    def look(self, now: float, usage: Usage) -> None:
        """Take in how it is now. Raises OSError."""
        there = next(p for p in (self.folder.absolute(), *self.folder.absolute().parents) if p.exists())
        _, used, self.free = usage(there)
        self.used = used / max(used + self.free, 1)
        self._seen.append((now, self.free))
        while self._seen[0][0] < now - SPAN:
            self._seen.popleft()
        if self.free < NOTHING:
            self.full_since = now if self.full_since is None else self.full_since
        elif self.full_since is not None:
            self._full.append((self.full_since, now))
            self.full_since = None

    @property
    def minutes_left(self) -> float | None:
        """Until it is full if it goes on like this; None when it does not fill, or nobody can tell yet."""
        (began, before), (now, free) = self._seen[0], self._seen[-1]
        gone = before - free
        if now - began < LEAST_SPAN or gone <= 0:
            return None
        return free / gone * (now - began) / 60

    @property
    def tight(self) -> bool:
        """Whether there is an alarm as things are."""
        minutes = self.minutes_left
        most, least = (USED_AGAIN, MINUTES_AGAIN) if self.alarm else (MOST_USED, LEAST_MINUTES)
        return self.used >= most or (minutes is not None and minutes < least)

    def was_full(self, since: float, until: float) -> bool:
        """Whether it was full at any moment between (epoch seconds), as far as the looks say."""
        stretches = [*self._full, *([(self.full_since, float("inf"))] if self.full_since is not None else [])]
        return any(begun < until + BLUR and ended > since - BLUR for begun, ended in stretches)


class Disks:
    """Keep `run` in a task. Folders by the name people know; one that is not there yet is its parent."""

    def __init__(
        self,
        folders: Mapping[str, Path],
        clock: Callable[[], float] = time.time,
        usage: Usage = shutil.disk_usage,
    ) -> None:
        self._disks = {name: Disk(folder) for name, folder in folders.items()}
        self._clock, self._usage = clock, usage

    async def run(self) -> None:
        """Look, until cancelled."""
        while True:
            await asyncio.to_thread(self.look)
            await asyncio.sleep(LOOK_EVERY)

    def look(self) -> None:
        """Look at all once; blocking. One that cannot be looked at stays as it was."""
        now = self._clock()
        for name, disk in self._disks.items():
            was_full = disk.full_since is not None
            try:
                disk.look(now, self._usage)
            except OSError as error:
                log.warning("disk.not_seen", folder=name, errno=error.errno)
                continue
            self._tell(name, disk, was_full=was_full)

    def _tell(self, name: str, disk: Disk, *, was_full: bool) -> None:
        tight, minutes = disk.tight, disk.minutes_left
        told = {"folder": name, "free_bytes": disk.free, "used": round(disk.used, 3)}
        if disk.full_since is not None and not was_full:
            log.critical(_FULL, **told)
        elif tight and not disk.alarm:
            log.error(_FILLING, **told, minutes_left=None if minutes is None else round(minutes))
        elif disk.alarm and not tight:
            log.warning(_ROOM, **told)
        disk.alarm = tight

    def doubts(self, name: str, since: float, until: float) -> tuple[str, ...]:
        """What is to be said of a file that was written there meanwhile; blocking, with a fresh look."""
        self.look()
        return ("disk_was_full",) if self._disks[name].was_full(since, until) else ()

    def dependency(self) -> Dependency:
        """For the health check: not ready while there is an alarm."""
        tight = [f"{name} {disk.used:.0%} used" for name, disk in self._disks.items() if disk.alarm]
        return Dependency("disks", not tight, ", ".join(tight))

    def figures(self) -> Sequence[Figure]:
        """For `/metrics`."""
        return [
            figure
            for name, disk in self._disks.items()
            for figure in (
                Figure("cti_disk_free_bytes", disk.free, (("folder", name),)),
                Figure("cti_disk_used_share", disk.used, (("folder", name),)),
            )
        ]
