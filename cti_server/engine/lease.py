"""Leadership: a lease of two seconds with a term that only grows (RELIABILITY)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from cti_server.engine.journal import Journal
from cti_server.engine.lives import Lives, OneLife
from cti_server.engine.port import JournalUnavailable, NotLeader

LEASE_MS = 2000
SELF_STOP = 1.5
"""Seconds after the last confirmed renewal at which the holder stops itself, on the monotonic clock."""
RENEW_EVERY = 0.5


class Lease:
    """Who may write. `check` is the gate that every write to journal and PBX passes."""

    def __init__(
        self, journal: Journal, lives: Lives | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`lives`: which processes before us are dead for certain; without it every lease has to run out."""
        self._journal = journal
        self._lives = lives or OneLife()
        self._clock = clock
        self._good_until = float("-inf")
        self.term = 0
        self.reachable = False
        """Whether the journal answered when we last asked."""

    @property
    def held(self) -> bool:
        """Whether we may act now; false at once when renewals stopped, even if nobody told us."""
        return self._clock() < self._good_until

    def check(self) -> None:
        """Raises NotLeader unless the lease is held right now."""
        if not self.held:
            raise NotLeader("this server does not hold the lease")

    async def acquire(self) -> int:
        """Wait until the lease is ours; returns the new term. Redis out of reach is waited out too."""
        while True:
            asked = self._clock()
            try:
                lives = self._lives
                term = await self._journal.acquire(LEASE_MS, self.term, lives.own, lives.over())
                self.reachable = True
            except JournalUnavailable:
                term, self.reachable = 0, False
            if term:
                self.term, self._good_until = term, asked + SELF_STOP
                return term
            await asyncio.sleep(0.1)

    async def keep(self) -> None:
        """Renew until the lease is lost; then return. Redis hiccups shorter than the lease are ridden out."""
        while self.held:
            asked = self._clock()
            try:
                async with asyncio.timeout(max(self._good_until - asked, 0.05)):
                    if not await self._journal.renew(self.term, LEASE_MS):
                        break
                if not self.held:
                    break  # we were frozen meanwhile: whatever the answer, it came too late
                self._good_until = asked + SELF_STOP
                self.reachable = True
            except (JournalUnavailable, TimeoutError):
                self.reachable = False
            await asyncio.sleep(RENEW_EVERY)
        self.drop()

    def drop(self) -> None:
        """Stop acting at once, without telling Redis."""
        self._good_until = float("-inf")

    async def release(self) -> None:
        """Give the lease back so that the next server need not wait for it to run out."""
        self.drop()
        if self.term:
            try:
                await self._journal.release(self.term)
            except JournalUnavailable:
                return
