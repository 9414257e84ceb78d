"""Between the loop, which never waits for a disk, and the outbox, which does."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import structlog

from cti_server.domain.records import Record
from cti_server.store.errors import OutboxUnavailable
from cti_server.store.outbox import Outbox

log = structlog.get_logger(__name__)

RETRY_AFTER = 1.0
MOST = 5000
"""Records written together."""
GATHER = 0.05
"""Seconds in which records gather to be written together. Nobody waits for them but snapshots: until they are
on disk the journal brings them back."""


class RecordKeeper:
    """Takes records at once, writes them in the order they came, tries for ever when the disk refuses."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self._waiting: list[Record] = []
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()

    @property
    def waiting(self) -> int:
        """Records not on disk yet."""
        return len(self._waiting)

    def keep(self, records: Sequence[Record]) -> None:
        """Take records over."""
        if records:
            self._waiting.extend(records)
            self._idle.clear()
            self._wake.set()

    async def kept(self) -> None:
        """Return when everything taken over is on disk."""
        await self._idle.wait()

    async def run(self) -> None:
        """Write, until cancelled; what is waiting then is written first."""
        try:
            while True:
                await self._wake.wait()
                await asyncio.sleep(GATHER)
                await self._flush()
        finally:
            if self._waiting:
                await self._outbox.append(self._waiting)

    async def _flush(self) -> None:
        """Write what has gathered; what comes meanwhile gathers for the next time."""
        batch = self._waiting[:MOST]
        try:
            await self._outbox.append(batch)
        except OutboxUnavailable as error:
            log.error("records.not_kept", waiting=len(self._waiting), why=str(error))  # noqa: TRY400  # known
            await asyncio.sleep(RETRY_AFTER)
            return
        del self._waiting[: len(batch)]
        if not self._waiting:
            self._wake.clear()
            self._idle.set()
