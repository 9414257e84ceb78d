"""The drain: carries the outbox into the database, however long the database is away."""

import asyncio
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog

from cti_server.errors import CtiError
from cti_server.store.dead_letters import DeadLetters
from cti_server.store.delivery import Delivery
from cti_server.store.errors import StoreUnavailable
from cti_server.store.outbox import Outbox
from cti_server.store.segments import decode_line

BATCH = 200
"""Records in one transaction. Larger ones keep a processor for so long that notifications come later."""
GATHER = 0.2
"""Seconds in which records gather after a batch that was not full: twenty cost hardly more than one."""
SMALL_BATCH = 50
"""After a failure: a batch that was too much for a slow database must not be too much for ever."""
DEADLINE = 10.0
"""Seconds for one transaction."""
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 5.0

_AWAY = "outbox_drain_stopped"
_BACK = "outbox_drain_goes_on"
_SET_ASIDE = "outbox_record_set_aside"

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class DrainStatus:
    """For health and metrics. `oldest_age` in seconds; `fault` is the code of what stops the drain."""

    healthy: bool
    backlog: int
    oldest_age: float
    delivered: int
    dead_letters: int
    fault: str | None


class OutboxDrain:
    """Delivers in order, in batches, each in one transaction.

    After a crash some are delivered twice, which changes nothing in the database. Keep `run` in a task;
    cancelling it is harmless.
    """

    def __init__(
        self,
        outbox: Outbox,
        delivery: Delivery,
        *,
        batch: int = BATCH,
        delivered: Callable[[Sequence[str]], None] = lambda _: None,
    ) -> None:
        """`delivered` is told the ids of records that are in the database, or set aside for good."""
        self._outbox = outbox
        self._delivery = delivery
        self._batch = batch
        self._tell_delivered = delivered
        self._dead_letters: DeadLetters | None = None
        self._failures = 0
        self._fault: str | None = None
        self._delivered = 0

    def status(self) -> DrainStatus:
        """Where it stands right now."""
        return DrainStatus(
            healthy=self._fault is None,
            backlog=self._outbox.backlog,
            oldest_age=self._outbox.oldest_age(),
            delivered=self._delivered,
            dead_letters=self._dead_letters.count if self._dead_letters else 0,
            fault=self._fault,
        )

    async def run(self) -> None:
        """Drain for ever. A database (or disk) that is away is asked again at growing, jittered intervals."""
        while True:
            try:
                full = await self._step()
            except (StoreUnavailable, OSError) as error:
                self._note_failure(error)
                await asyncio.sleep(self._pause())
            else:
                self._note_success()
                if not full:
                    await asyncio.sleep(GATHER)

    async def _step(self) -> bool:
        """Deliver one batch; whether it was a full one."""
        if self._dead_letters is None:
            self._dead_letters = await asyncio.to_thread(DeadLetters, self._outbox.folder)
        limit = SMALL_BATCH if self._failures else self._batch
        batch = await self._outbox.read(limit)
        delivered = await self._delivery.deliver(batch.lines, DEADLINE)
        for each in delivered.refused:
            await asyncio.to_thread(_set_aside, self._dead_letters, batch.lines[each.index], each.why)
        self._delivered += len(batch) - len(delivered.refused)
        self._tell_delivered(delivered.ids)
        await self._outbox.advance(batch)
        return len(batch) == limit

    def _note_failure(self, error: Exception) -> None:
        fault = error.code if isinstance(error, CtiError) else "outbox_unavailable"
        if fault != self._fault:
            log.error(_AWAY, fault=fault, why=str(error), backlog=self._outbox.backlog)
        self._fault = fault
        self._failures += 1

    def _note_success(self) -> None:
        if self._fault is not None:
            log.warning(_BACK, failures=self._failures, backlog=self._outbox.backlog)
        self._fault, self._failures = None, 0

    def _pause(self) -> float:
        longest = min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(self._failures, 16))
        return longest * random.uniform(0.5, 1.0)  # noqa: S311 (spreads retries, guards nothing)


def _set_aside(dead_letters: DeadLetters, line: bytes, why: str) -> None:
    """Keep a line that was refused; blocking. Raises OSError when the disk does not."""
    record = decode_line(line)
    if record is None:
        if dead_letters.add_damaged(line):
            log.critical(_SET_ASIDE, record_id=None, kind="damaged", why="check-sum")
    elif dead_letters.add_record(record, why):
        log.critical(_SET_ASIDE, record_id=record.id, kind=record.kind, why=why)
