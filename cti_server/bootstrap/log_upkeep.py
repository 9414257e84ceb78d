"""Keeps the nodes' logs from growing for ever: they are put aside, and removed when old and taken in."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Sequence
from datetime import date
from pathlib import Path

import structlog

from cti_server import rotation
from cti_server.asterisk import cel, cel_files
from cti_server.errors import CtiError
from cti_server.settings import PbxNodeSettings, Settings

log = structlog.get_logger(__name__)

LOOK_EVERY = 60.0
NOT_LINKED_PAUSE = 1.0
ASKED_AT_ONCE = 500
"""Contacts asked about in one query."""
ASTERISKS = "messages.log"
"""Asterisk keeps it open and renames it itself when it is told to."""
OTHERS = ("console.log", "cti-fallback.log")
Ended = Callable[[Collection[str]], Awaitable[set[str]]]
"""Which of these contacts the interaction log knows the end of. Raises StoreUnavailable."""


class LogUpkeep:
    """The leader's job: `run`. What fails is said and tried at the next turn; calls are not touched by it."""

    def __init__(
        self,
        settings: Settings,
        rotate: Callable[[str], Awaitable[bool]],
        ended: Ended,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`rotate` has a node rotate its own log; False when it cannot be told now."""
        self._nodes = settings.nodes
        self._most, self._log_days = settings.log_rotate_bytes, settings.log_keep_days
        self._cel_days = settings.cel_keep_days
        self._rotate, self._ended, self._clock = rotate, ended, clock
        self._not_before: dict[Path, float] = {}

    async def run(self) -> None:
        """Look now and every minute, until cancelled."""
        while True:
            done = await self.look()
            await asyncio.sleep(LOOK_EVERY if done else NOT_LINKED_PAUSE)

    async def look(self) -> bool:
        """Do what is due; whether every node took it."""
        done = True
        for node in self._nodes:
            try:
                if node.cel_file:
                    await self._tend_cel(node.name, node.cel_file, node.cel_columns)
                if node.log_dir:
                    done = await self._tend_logs(node, node.log_dir) and done
            except OSError as error:
                log.warning("pbx.logs_not_rotated", node=node.name, why=error.strerror)
            except CtiError as error:
                log.warning("pbx.logs_not_rotated", node=node.name, code=error.code)
        return done

    async def _tend_logs(self, node: PbxNodeSettings, folder: Path) -> bool:
        now = self._clock()
        for name in OTHERS:
            await asyncio.to_thread(rotation.tend, folder / name, self._most, self._log_days, now)
        own = folder / ASTERISKS
        await asyncio.to_thread(rotation.remove_old, own, self._log_days, now)
        return not rotation.is_due(own, self._most, now) or await self._rotate(node.name)

    async def _tend_cel(self, node: str, path: Path, columns: tuple[str, ...]) -> None:
        now = self._clock()
        if await asyncio.to_thread(_cel_is_due, path, columns, self._most, now):
            cel_files.put_aside(path, now)
            log.info("cel.put_aside", node=node)
        if not self._cel_days:
            return
        before = now - self._cel_days * rotation.A_DAY
        for aside in cel_files.set_aside(path):
            if aside.stat().st_mtime < before and self._not_before.get(aside, 0.0) <= now:
                await self._remove(node, aside, columns)

    async def _remove(self, node: str, aside: Path, columns: tuple[str, ...]) -> None:
        """Only once each of its calls is in the interaction log; else asked again tomorrow."""
        calls = await asyncio.to_thread(_calls_in, aside, columns)
        known: set[str] = set()
        for start in range(0, len(calls), ASKED_AT_ONCE):
            known |= await self._ended(calls[start : start + ASKED_AT_ONCE])
        if missing := len(calls) - len(known):
            self._not_before[aside] = self._clock() + rotation.A_DAY
            log.warning("cel.kept", node=node, file=aside.name, calls_not_in_the_interaction_log=missing)
            return
        await asyncio.to_thread(aside.unlink, missing_ok=True)
        log.info("cel.removed", node=node, file=aside.name, calls=len(calls))


def _cel_is_due(path: Path, columns: tuple[str, ...], most: int, now: float) -> bool:
    """Large, or begun on another day (local time)."""
    if not path.exists():
        return False
    with path.open("rb") as file:
        first = next(cel.rows_of(file, columns), None)
    begun = now if first is None else float(first["eventtime"])
    return path.stat().st_size >= most or date.fromtimestamp(begun) < date.fromtimestamp(now)  # noqa: DTZ012


def _calls_in(path: Path, columns: tuple[str, ...]) -> Sequence[str]:
    """Customers' calls that begin in this file."""
    with path.open("rb") as file:
        rows = cel.rows_of(file, columns)
        return sorted({row["uniqueid"] for row in rows if row["userdeftype"] in cel.BEGINNINGS})
