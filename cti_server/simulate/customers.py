"""Customers calling in: one SIPp process, its calls begun and ended when the plan says so."""

from __future__ import annotations

import asyncio
import contextlib
import heapq
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Final

from cti_server.simulate.party import BEGUN, CURRENT, FAILED, Party, marked, scenario
from cti_server.simulate.sipp import Sipp
from cti_server.simulate.wants import KEYS, Wants

_TICK: Final = 0.2
_AHEAD: Final = 0.4
"""SIPp is steered towards what the plan has so many seconds from now."""
_AGAIN: Final = 1.0
"""A hand on the hook is a datagram, and too early while the call is being set up: said again after so many
seconds, and after twice as many each time."""
_LONGEST: Final = 32.0
_AT_ONCE, _BREATH = 50, 0.05
_FIRST_TURN, _TURNS = 2, 120
"""CSeq of a call's first key; keys that one customer presses at most."""
_ROUNDS: Final = 3
"""So often when everybody has to go."""


@dataclass(frozen=True, slots=True)
class PlannedCall:
    """A customer's call. Times in seconds; `at` from the beginning."""

    at: float
    number: str
    customer: str
    patience: float
    """Hangs up when the call is so old, whether it waits or talks."""
    wants: Wants = Wants.PERSON
    presses_at: float = 0.0
    """When the call is so old, who does not want a person begins to press its key."""


@dataclass(frozen=True, slots=True)
class CustomerCounts:
    """What SIPp counted; exact once `current` is 0."""

    created: int = 0
    current: int = 0
    answered: int = 0
    failed: int = 0
    ended_by_centre: int = 0
    ended_by_customer: int = 0
    crossed: int = 0
    """Of those ended by the customer: the centre hung up in the same moment."""
    call_backs: int = 0
    """Of those answered: who wanted a call-back."""
    messages: int = 0
    """Of those answered: who wanted to leave a message."""
    keys: int = 0
    """Keys pressed."""


_COLUMNS: Final = {
    "created": BEGUN,
    "current": CURRENT,
    "answered": marked(1),
    "failed": FAILED,
    "ended_by_centre": marked(2),
    "ended_by_customer": marked(3),
    "crossed": marked(4),
    "call_backs": marked(5),
    "messages": marked(6),
    "keys": marked(7),
}


class Customers(Party):
    """The calls of a plan (in order of time), in `async with`; `begin` starts the clock.

    At most `at_once` of them at a time (0: all); then a call begins when another one ends.
    """

    def __init__(self, node_sip: str, calls: Sequence[PlannedCall], *, at_once: int = 0) -> None:
        self._calls = calls
        most = max(len(calls), 1)
        rows = (f"{call.customer};{call.number};" for call in calls)
        load = ["-sf", "{customer}", "-m", str(most), "-l", str(at_once or most), "-r", "0"]
        text = scenario("customer", call_back=Wants.CALL_BACK, message=Wants.MESSAGE)
        super().__init__(Sipp(node_sip, {"customer": text}, rows, load))
        self._steering: asyncio.Task[None] | None = None
        self._seen = 0
        """Calls that were known to have begun."""
        self._leaving: list[tuple[float, int, float]] = []
        """When to say it, the call (from 0), how long after that to say it again."""
        self._pressing: list[tuple[float, int, int]] = []
        """When to press a key, the call (from 0), the CSeq of that."""

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stop_steering()
        await super().__aexit__(kind, error, trace)

    def begin(self) -> None:
        """The plan's time is 0 now."""
        self._steering = asyncio.create_task(self._steer())

    @property
    def counts(self) -> CustomerCounts:
        """What SIPp counted so far."""
        return CustomerCounts(**self._counted(_COLUMNS))

    @property
    def under_way(self) -> bool:
        """Whether SIPp still runs: it ends by itself after the last call."""
        return self._sipp.running

    async def hang_up(self, deadline: float = 10.0) -> None:
        """Nobody calls any more, everybody who is there hangs up; by force after `deadline` seconds."""
        await self._stop_steering()
        if not self._calls or not self._sipp.running:
            await self._sipp.kill()
            return
        self._sipp.rate(0)
        self._sipp.no_more()
        for _ in range(_ROUNDS):
            there = {call for _, call, _ in self._leaving} | {*range(self._seen, self.counts.created + 1)}
            await self._say(sorted(there, reverse=True))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(deadline / _ROUNDS):
                    await self._sipp.wait()
                    return
        await self._sipp.kill()

    async def _say(self, there: Sequence[int]) -> None:
        """To so many at a time as SIPp's socket takes."""
        for first in range(0, len(there), _AT_ONCE):
            self._sipp.message(call + 1 for call in there[first : first + _AT_ONCE])
            await asyncio.sleep(_BREATH)

    def leave(self, call: int) -> None:
        """This call (numbered from 0 in the plan's order) hangs up now."""
        self._sipp.message([call + 1])

    # --- the hand that dials and hangs up --------------------------------------------------------------

    async def _stop_steering(self) -> None:
        if self._steering:
            self._steering.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._steering
            self._steering = None

    async def _steer(self) -> None:
        loop = asyncio.get_running_loop()
        zero = loop.time()
        times = [call.at for call in self._calls]
        while self._sipp.running:
            now = loop.time() - zero
            created = self.counts.created
            due = bisect_right(times, now + _AHEAD)
            self._sipp.rate(max(0, due - created) / _AHEAD)
            for number in range(self._seen, created):
                call = self._calls[number]
                heapq.heappush(self._leaving, (now + call.patience, number, _AGAIN))
                if call.wants in KEYS:
                    heapq.heappush(self._pressing, (now + call.presses_at, number, _FIRST_TURN))
            self._seen = max(self._seen, created)
            self._press(now)
            self._let_go(now)
            await asyncio.sleep(_TICK)

    def _press(self, now: float) -> None:
        while self._pressing and self._pressing[0][0] <= now:
            _, call, turn = heapq.heappop(self._pressing)
            key = KEYS[self._calls[call].wants]
            self._sipp.press(call + 1, key.key, turn)
            if turn < _TURNS:
                heapq.heappush(self._pressing, (now + key.each, call, turn + 1))

    def _let_go(self, now: float) -> None:
        while self._leaving and self._leaving[0][0] <= now:
            _, call, pause = heapq.heappop(self._leaving)
            self._sipp.message([call + 1])
            if pause <= _LONGEST:
                heapq.heappush(self._leaving, (now + pause, call, 2 * pause))
