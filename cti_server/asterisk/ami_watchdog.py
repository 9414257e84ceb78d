"""Finds out that Asterisk is frozen or out of reach although the connection looks open."""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from cti_server.errors import AmiUnavailable

_PATIENCE: Final = 0.75
"""Of the interval: how long one ping may take. Asterisk answers in milliseconds."""
_LATE_FACTOR: Final = 5
"""How many times the allowed misses are borne while other bytes keep coming."""


@dataclass(frozen=True, slots=True)
class RoundTrips:
    """Ping round trips of the last minutes, in seconds; zero when there are none yet."""

    count: int
    p50: float
    p99: float


class RoundTripRecord:
    """Keeps the last 600 round trips: ten minutes at one ping a second."""

    def __init__(self) -> None:
        self._taken: deque[float] = deque(maxlen=600)

    def add(self, seconds: float) -> None:
        """One more."""
        self._taken.append(seconds)

    def summary(self) -> RoundTrips:
        """What they were like."""
        taken = sorted(self._taken)
        if not taken:
            return RoundTrips(0, 0.0, 0.0)
        return RoundTrips(len(taken), taken[len(taken) // 2], taken[int(len(taken) * 0.99)])


class PingWatchdog:
    """Pings one connection and says when its peer is to be given up.

    Args:
        ping: writes a ping; the future is done when the answer is there.
        last_received: monotonic time at which the last bytes came.
        on_round_trip: gets the seconds that an answered ping took.
        interval: seconds between pings.
        misses: unanswered pings in a row after which a silent peer is given up. The longest that takes is
            `interval + 0.75 * interval * misses`: 2.5 s with 1.0 and 2.
    """

    def __init__(
        self,
        ping: Callable[[], asyncio.Future[Any]],
        last_received: Callable[[], float],
        on_round_trip: Callable[[float], None],
        *,
        interval: float,
        misses: int,
    ) -> None:
        self._ping, self._last_received, self._on_round_trip = ping, last_received, on_round_trip
        self._interval, self._patience, self._misses = interval, interval * _PATIENCE, misses
        self._missed = 0

    async def run(self) -> str:
        """Return why the peer is given up: `silent`, or `late` when bytes came but never an answer."""
        while True:
            sent = time.monotonic()
            if await self._answered_in_time(sent):
                await asyncio.sleep(max(0.0, sent + self._interval - time.monotonic()))
                continue
            self._missed += 1
            quiet = time.monotonic() - self._last_received()
            if self._missed >= self._misses and quiet >= self._patience * self._misses:
                return "silent"
            if self._missed >= self._misses * _LATE_FACTOR:
                return "late"

    async def _answered_in_time(self, sent: float) -> bool:
        try:
            answer = self._ping()
        except AmiUnavailable:
            await asyncio.sleep(self._patience)
            return False
        answer.add_done_callback(lambda answered: self._answered(sent, answered))
        await asyncio.wait({answer}, timeout=self._patience)
        return answer.done()

    def _answered(self, sent: float, answer: asyncio.Future[Any]) -> None:
        """Also of a ping that was given up: a late answer is an answer."""
        if not answer.cancelled() and answer.exception() is None:
            self._missed = 0
            self._on_round_trip(time.monotonic() - sent)
