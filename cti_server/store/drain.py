"""The drain: carries the outbox into the database, however long the database is away."""

import asyncio
import random
from dataclasses import dataclass
from functools import partial

import structlog

from cti_server.domain.records import Record
from cti_server.errors import CtiError
from cti_server.store.database import Database
from cti_server.store.dead_letters import DeadLetters
from cti_server.store.errors import ContentRefused, StoreUnavailable
from cti_server.store.outbox import Outbox
from cti_server.store.rows import Row, row_of, write_rows
from cti_server.store.segments import Batch

BATCH = 200
"""Records in one transaction: enough to be quick, few enough to hold the event loop for only some 8 ms."""
SMALL_BATCH = 50
"""After a failure: a batch that was too much for a slow database must not be too much for ever."""
DEADLINE = 10.0
"""Seconds for one batch."""
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

    def __init__(self, outbox: Outbox, database: Database, *, batch: int = BATCH) -> None:
        self._outbox = outbox
        self._database = database
        self._batch = batch
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
                await self._step()
            except (StoreUnavailable, OSError) as error:
                self._note_failure(error)
                await asyncio.sleep(self._pause())
            else:
                self._note_success()

    async def _step(self) -> None:
        if self._dead_letters is None:
            self._dead_letters = await asyncio.to_thread(DeadLetters, self._outbox.folder)
        batch = await self._outbox.read(SMALL_BATCH if self._failures else self._batch)
        rows = await self._rows(self._dead_letters, batch)
        await self._deliver(self._dead_letters, rows)
        await self._outbox.advance(batch)

    async def _rows(self, dead_letters: DeadLetters, batch: Batch) -> list[Row]:
        for line in batch.damaged:
            if await asyncio.to_thread(dead_letters.add_damaged, line):
                log.critical(_SET_ASIDE, record_id=None, kind="damaged", why="check-sum")
        rows = []
        for record in batch.records:
            try:
                rows.append(row_of(record))
            except ContentRefused as refusal:
                await self._set_aside(dead_letters, record, str(refusal.detail["why"]))
        return rows

    async def _deliver(self, dead_letters: DeadLetters, rows: list[Row]) -> None:
        """Write the rows; when the database refuses one for its content, halve until it stands alone."""
        if not rows:
            return
        try:
            taken = await self._database.write(partial(write_rows, rows=rows), deadline=DEADLINE)
        except ContentRefused as refusal:
            if len(rows) == 1:
                await self._set_aside(dead_letters, rows[0].record, str(refusal.detail["why"]))
                return
            middle = len(rows) // 2
            await self._deliver(dead_letters, rows[:middle])
            await self._deliver(dead_letters, rows[middle:])
        else:
            self._delivered += len(rows) - len(taken)
            for row in taken:
                await self._set_aside(dead_letters, row.record, "id_taken")

    async def _set_aside(self, dead_letters: DeadLetters, record: Record, why: str) -> None:
        if await asyncio.to_thread(dead_letters.add_record, record, why):
            log.critical(_SET_ASIDE, record_id=record.id, kind=record.kind, why=why)

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
