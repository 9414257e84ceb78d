"""Epoch seconds for a world whose timers must fall due, whatever is done to the machine's clock."""

from __future__ import annotations

import time
from collections.abc import Callable

import structlog

log = structlog.get_logger(__name__)

WORTH_TELLING = 1.0
"""Seconds that the machine's clock is set back by."""
_SET_BACK = "clock.set_back"


class SteadyClock:
    """Never goes back, never stands still.

    When the machine's clock is set back, this one goes on from where it was, by the monotonic clock; the next
    server takes the machine's again. Set forward it is followed at once.
    """

    def __init__(
        self, wall: Callable[[], float] = time.time, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._wall, self._monotonic = wall, monotonic
        self._origin = wall() - monotonic()
        self._told = 0.0

    def __call__(self) -> float:
        """Epoch seconds."""
        since = self._monotonic()
        origin = self._wall() - since
        ahead = self._origin - origin
        if ahead <= 0:
            self._origin = origin
            self._told = 0.0
        elif ahead - self._told > WORTH_TELLING:
            self._told = ahead
            log.error(_SET_BACK, seconds=round(ahead, 3))
        return self._origin + since
