"""Signals on their way to the loop that applies them: bounded, in order."""

from __future__ import annotations

import asyncio
from collections import deque

from cti_server.domain.signals import Signal
from cti_server.engine.port import Overloaded


class Inbox:
    """One reader. A full inbox refuses: who hands facts in takes a snapshot later."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._waiting: deque[Signal] = deque()
        self._arrival: asyncio.Future[None] | None = None

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, signal: Signal) -> None:
        """Hand in. Raises Overloaded."""
        if len(self._waiting) >= self._size:
            raise Overloaded("the inbox is full")
        self._waiting.append(signal)
        _wake(self._arrival)

    def take(self, limit: int) -> list[Signal]:
        """The oldest ones, at most `limit`."""
        return [self._waiting.popleft() for _ in range(min(limit, len(self._waiting)))]

    async def arrival(self, patience: float) -> None:
        """Return when something is there, or after `patience` seconds.

        With a plain timer: this is waited for hundreds of times a second, and `asyncio.timeout` is dear.
        """
        if self._waiting or patience <= 0:
            return
        loop = asyncio.get_running_loop()
        self._arrival = loop.create_future()
        timer = loop.call_later(patience, _wake, self._arrival)
        try:
            await self._arrival
        finally:
            timer.cancel()
            self._arrival = None

    def clear(self) -> None:
        """Forget what waits."""
        self._waiting.clear()


def _wake(arrival: asyncio.Future[None] | None) -> None:
    if arrival and not arrival.done():
        arrival.set_result(None)
