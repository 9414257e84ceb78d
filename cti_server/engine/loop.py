"""Leads or waits to lead; the one loop through which every signal goes.

journal first, then the world, then out: notifications, answers, effects, records (persist, then publish).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TypeVar

import structlog

from cti_server.domain import signals as s
from cti_server.domain.events import Outcome
from cti_server.domain.world import World
from cti_server.engine import recovery
from cti_server.engine.answers import Answers, RequestKey, fail_all
from cti_server.engine.applying import apply_safely
from cti_server.engine.codec import Snapshot
from cti_server.engine.inbox import Inbox
from cti_server.engine.journal import AnsweredBefore, Journal
from cti_server.engine.lease import Lease
from cti_server.engine.lives import Lives
from cti_server.engine.mailboxes import Mailboxes
from cti_server.engine.outside import Outside
from cti_server.engine.port import (
    JournalUnavailable,
    NotLeader,
    Overloaded,
)
from cti_server.engine.settling import Settling
from cti_server.engine.stamping import stamped

log = structlog.get_logger(__name__)
T = TypeVar("T")

INBOX_SIZE = 20_000
BATCH_SIZE = 200
SNAPSHOT_EVERY = 15.0
SNAPSHOT_FIRST = 1.0
"""Seconds after a takeover before which none is taken: callers come first then."""


@dataclass(slots=True)
class Counters:
    """What the loop counted since the start."""

    signals: int = 0
    batches: int = 0
    anomalies: int = 0
    dropped: int = 0
    journal_seconds: float = 0.0


class Loop:
    """The world, the journal before it and the outside behind it. One per server process."""

    def __init__(
        self,
        journal: Journal,
        outside: Outside,
        load_directory: Callable[[], Awaitable[s.DirectoryLoaded | None]],
        *,
        lives: Lives | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`lives`: see `Lease`."""
        self.world = World()
        self._settling = Settling()
        self.lease = Lease(journal, lives)
        self.counters = Counters()
        self._journal, self._outside, self._load_directory = journal, outside, load_directory
        self._clock = clock
        self._mailboxes = Mailboxes()
        self._inbox = Inbox(INBOX_SIZE)
        self._answers = Answers()
        self._applied: dict[int, asyncio.Future[None]] = {}
        """Facts somebody waits for, by identity of the signal handed in."""
        self._position = "0"
        self._leading = False
        self._last_at = 0.0

    # --- leading --------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Wait for the lease, lead while it lasts, begin again; for ever (until cancelled)."""
        try:
            while True:
                term = await self.lease.acquire()
                log.info("leader.elected", term=term)
                try:
                    # In a task of its own: a task group that fails may leave its task marked as cancelled.
                    await asyncio.create_task(self._lead(term))
                except* (NotLeader, JournalUnavailable) as lost:
                    self.lease.reachable = lost.subgroup(JournalUnavailable) is None
                    log.warning("leader.lost", term=term, causes=[str(e) for e in lost.exceptions])
                finally:
                    self._step_down()
                _stop_if_cancelled()
        finally:
            self._journal.close()
            await self.lease.release()

    async def _lead(self, term: int) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._keep_lease())
            await self._recover(term)
            tasks.create_task(self._apply_forever(term))
            tasks.create_task(self._snapshot_forever(term))
            self._leading = True
            if not self._knows_people:  # what the PBX tells of phones is for stations that are known
                await self._post_directory()
                self._outside.lead(term)
            else:
                self._outside.lead(term)
                await self._post_directory()

    @property
    def _knows_people(self) -> bool:
        """Whether somebody who is not in the world is a stranger: not before recovery and directory."""
        return self._leading and bool(self.world.state.agents)

    async def _post_directory(self) -> None:
        directory = await self._load_directory()
        if directory:
            self.post(directory)

    async def _keep_lease(self) -> None:
        await self.lease.keep()
        raise NotLeader("the lease was lost")

    def _step_down(self) -> None:
        self._leading = False
        self.lease.drop()
        self._outside.follow()
        self._settling.end()
        self._inbox.clear()
        stopped = JournalUnavailable("this server stopped leading; repeat with the same id")
        self._answers.give_up(stopped)
        fail_all(self._applied.values(), stopped)

    async def _recover(self, term: int) -> None:
        began = time.monotonic()
        before = self.world, self._position
        recovered = await recovery.recover(self._journal, self.world, self._position, self._replayed)
        self.world, self._position = recovered.world, recovered.position
        if recovered.new_history:
            self._mailboxes.forget()
        self._answers.expect(*recovery.unanswered(self.world.state))
        first: list[s.Signal] = [s.LeaderStarted(0.0, term)]
        if recovered.new_history:
            first.insert(0, s.EpochBegan(0.0, max(int(self._clock()), self.world.state.epoch + 1)))
        first += [s.AgentConnected(0.0, agent_id) for agent_id in self._mailboxes.attached()]
        try:
            await self._apply(term, first)
            await self._journal.remember_server()
        except BaseException:
            if recovered.new_history:  # it has not begun: the next time finds everything as we did
                self.world, self._position = before
            raise
        self._settling.begin(self.world.state)
        if recovered.new_history:
            await self._save_snapshot(term)
        log.info(
            "world.recovered",
            term=term,
            epoch=self.world.state.epoch,
            contacts=len(self.world.state.contacts),
            replayed=recovered.replayed,
            seconds=round(time.monotonic() - began, 3),
        )

    def _replayed(self, signal: s.Signal, outcome: Outcome) -> None:
        """A signal of the journal was applied again: its news and records, but not its effects."""
        if isinstance(signal, s.Command):
            self._answers.asked_before(signal)
        self._mailboxes.deliver(outcome.notifications)
        for reply in outcome.replies:
            self._answers.replayed(reply)
        self._outside.keep(outcome.records)

    # --- the loop -------------------------------------------------------------------------------------

    def post(self, signal: s.Signal) -> None:
        """Hand in a fact. Raises Overloaded (inbox full: the caller resyncs) or NotLeader."""
        self._require_leading()
        try:
            self._inbox.put(signal)
        except Overloaded:
            self.counters.dropped += 1
            raise

    def _require_leading(self) -> None:
        """Raises NotLeader, or JournalUnavailable when that is why."""
        if self._leading and self.lease.held:
            return
        if not self.lease.reachable:
            raise JournalUnavailable("the journal (Redis) is out of reach; calls go on, try again")
        raise NotLeader("this server does not lead (yet); try again, or another server")

    async def apply(self, signal: s.Signal) -> None:
        """Hand in a fact and return when it is in the journal and in the world. Raises as `post`."""
        done = self._applied[id(signal)] = asyncio.get_running_loop().create_future()
        try:
            self.post(signal)
            await done
        finally:
            self._applied.pop(id(signal), None)

    async def _apply_forever(self, term: int) -> None:
        while True:
            batch = await self._next_batch()
            if batch or self._answers.unsaved:
                await self._apply(term, batch)

    async def _next_batch(self) -> list[s.Signal]:
        """What is waiting, at least one unless a timer comes due or answers want saving."""
        now = self._clock()
        next_timer = self.world.next_timer()
        patience = 1.0 if next_timer is None else min(max(next_timer - now, 0.0), 1.0)
        if self._answers.unsaved:
            patience = min(patience, 0.05)
        await self._inbox.arrival(patience)
        batch = self._inbox.take(BATCH_SIZE)
        batch += [s.TimerFired(0.0, key) for key in self.world.due_timers(self._clock())]
        return batch

    async def _apply(self, term: int, batch: list[s.Signal]) -> None:
        """Journal, then apply, then publish."""
        written, position = await self._journaled(term, batch)
        self.lease.check()
        self._publish([apply_safely(self.world, signal) for signal in written])
        self.counters.signals += len(written)
        for signal in batch:
            done = self._applied.get(id(signal))
            if done and not done.done():
                done.set_result(None)
        self._position = position or self._position
        self._settling.look(self.world.state)

    async def _journaled(self, term: int, batch: list[s.Signal]) -> tuple[list[s.Signal], str]:
        """Write the batch down, without commands that were answered before; those are answered again."""
        at = self._last_at = max(self._clock(), self._last_at)
        written = [stamped(signal, at) for signal in batch]
        replies, self._answers.unsaved = self._answers.unsaved, []
        began = time.perf_counter()
        while True:
            try:
                position = await self._journal.append(term, written, replies)
                break
            except AnsweredBefore as before:
                repeated = {self._answers.stored(found) for found in before.stored}
                written = [signal for signal in written if _key(signal) not in repeated]
        self.counters.journal_seconds += time.perf_counter() - began
        self.counters.batches += 1
        return written, position

    def _publish(self, outcomes: Sequence[Outcome]) -> None:
        """What a batch leads to, each kind in one go: under load that is one write instead of several."""
        for what in _all(outcome.anomalies for outcome in outcomes):
            self.counters.anomalies += 1
            log.warning("world.anomaly", what=what)
        if effects := _all(outcome.effects for outcome in outcomes):  # first: somebody waits on the line
            self._outside.perform(effects)
        self._mailboxes.deliver(_all(outcome.notifications for outcome in outcomes))
        for reply in _all(outcome.replies for outcome in outcomes):
            self._answers.give(reply)
        if records := _all(outcome.records for outcome in outcomes):
            self._outside.keep(records)

    async def _snapshot_forever(self, term: int) -> None:
        # Due by the age of the last one, not by our own: servers that die young would never take any, and
        # each would have more to replay than the one before.
        age = max(self._clock() - self._journal.snapshot_at, 0.0)
        pause = max(SNAPSHOT_EVERY - age, SNAPSHOT_FIRST)
        saved = ""
        while True:
            await asyncio.sleep(pause)
            pause = SNAPSHOT_EVERY
            if self._position != saved:
                await self._save_snapshot(term)
                saved = self._position

    async def _save_snapshot(self, term: int) -> None:
        # Encoded before anything is awaited: state and position belong together.
        snapshot = Snapshot(self._position, self._clock(), self.world.state)
        await self._journal.save_snapshot(term, snapshot, before=self._outside.kept)


def _stop_if_cancelled() -> None:
    """A task group that fails while it is cancelled raises its failure and forgets the cancellation."""
    task = asyncio.current_task()
    if task and task.cancelling():
        raise asyncio.CancelledError


def _all(parts: Iterable[Iterable[T]]) -> list[T]:
    return list(chain.from_iterable(parts))


def _key(signal: s.Signal) -> RequestKey | None:
    return (signal.agent_id, signal.request_id) if isinstance(signal, s.Command) else None
