"""Takes recordings in when their contact ends, and looks for left ones now and then."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import structlog

from cti_server.bootstrap.disks import Disks, spool_of
from cti_server.domain.records import Record
from cti_server.errors import CtiError
from cti_server.settings import PbxNodeSettings
from cti_server.store.keeper import RecordKeeper
from recordings.errors import RecordingMissing
from recordings.intake import Intake

log = structlog.get_logger(__name__)

SWEEP_EVERY = 60.0
AT_ONCE = 200
"""Ends of contacts looked at together."""
Known = Callable[[Sequence[str]], Awaitable[Mapping[str, str | None]]]
"""Recording id → SHA-256, of those of these that the database has. Raises StoreUnavailable."""
REMEMBERED = 1000
"""Recordings taken in last: each is asked for again when its after-call work ends."""


class RecordingDesk:
    """One intake per PBX node whose spool we can reach."""

    def __init__(
        self,
        intakes: Mapping[str, Intake],
        keeper: RecordKeeper,
        live: Callable[[], Collection[str]],
        known: Known,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`live` gives the ids of contacts that may still be recorded."""
        self._intakes, self._keeper, self._live, self._clock = intakes, keeper, live, clock
        self._known = known
        self._ended: asyncio.Queue[tuple[str, str, bool]] = asyncio.Queue()
        self._kept: dict[str, dict[str, Any]] = {}

    def contact_ended(self, node: str, contact_id: str, talked: bool) -> None:
        """The customer is gone: its recording is complete in a moment. Not `talked`: it may be empty."""
        if node in self._intakes:
            self._ended.put_nowait((node, contact_id, talked))

    async def run(self) -> None:
        """Take in, until cancelled."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._finish_forever())
                tasks.create_task(self._sweep_forever())
        finally:
            for intake in self._intakes.values():
                intake.close()

    async def _finish_forever(self) -> None:
        """One by one; what was in the store already (after a restart: much) is asked about together."""
        while True:
            ended = [await self._ended.get()]
            while len(ended) < AT_ONCE and not self._ended.empty():
                ended.append(self._ended.get_nowait())
            there: list[dict[str, Any]] = []
            for node, contact_id, talked in ended:
                try:
                    if not talked:  # it was begun while a phone rang
                        await self._intakes[node].discard_empty(contact_id)
                    new = await self._intakes[node].spooled(contact_id)
                    data = await self._intakes[node].finish(contact_id)
                except RecordingMissing:
                    continue  # it never came to a conversation
                except CtiError as error:
                    log.warning("recording.not_taken_in", contact_id=contact_id, code=error.code)
                    continue
                if new:
                    self._keep(data)
                else:
                    there.append(data)
            await self._keep_unknown(there)

    async def _keep_unknown(self, there: Sequence[dict[str, Any]]) -> None:
        """Whatever of the store's recordings neither we nor the database know; in doubt, all."""
        unknown = [data for data in there if self._kept.get(data["recording_id"]) != data]
        known: Mapping[str, str | None] = {}
        if unknown:
            try:
                known = await self._known([data["recording_id"] for data in unknown])
            except CtiError as error:
                log.info("recording.not_asked_about", code=error.code, recordings=len(unknown))
        for data in unknown:
            if known.get(data["recording_id"]) == data["sha256"]:
                self._remember(data)
            else:
                self._keep(data)

    async def _sweep_forever(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_EVERY)
            for intake in self._intakes.values():
                for data in await intake.sweep(self._live()):
                    self._keep(data)

    def _keep(self, data: dict[str, Any]) -> None:
        if self._kept.get(data["recording_id"]) == data:
            return
        self._remember(data)
        record = Record(f"recording:{data['recording_id']}", "recording", self._clock(), data)
        self._keeper.keep([record])
        log.info("recording.taken_in", contact_id=data["contact_id"], seconds=data["duration_s"])

    def _remember(self, data: dict[str, Any]) -> None:
        self._kept[data["recording_id"]] = data
        if len(self._kept) > REMEMBERED:
            del self._kept[next(iter(self._kept))]


def intakes(nodes: Sequence[PbxNodeSettings], store: Path, disks: Disks) -> dict[str, Intake]:
    """An intake for each node whose spool we can reach."""
    return {
        node.name: Intake(
            node.recording_spool, store, node.name, doubts=partial(disks.doubts, spool_of(node.name))
        )
        for node in nodes
        if node.recording_spool
    }
