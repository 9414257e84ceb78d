"""Events between the one reader and their handlers: in order, bounded, by name."""

import asyncio
import re
import time
from collections import deque
from collections.abc import Callable
from fnmatch import translate
from typing import Final

from cti_server.asterisk.ami_codec import AmiMessage

Handler = Callable[[AmiMessage], None]
Taker = Callable[[list[AmiMessage]], None]

_SLICE: Final = 0.005
"""Seconds of dispatching before the reader gets its turn."""
_BATCH: Final = 32
"""Events between two looks at the clock."""
_MAX_NAMES: Final = 1024
"""Event names remembered; Asterisk 22 has fewer than 300."""


class EventQueue:
    """Events between the one reader and the one dispatcher, in order and bounded.

    Overflow policy: `put` says no and the connection is dropped. Losing single events in silence would leave
    calls in a wrong state for good; a new connection begins with a resync.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._events: deque[AmiMessage] = deque()
        self._taker: Taker | None = None
        self._filled = asyncio.Event()

    def __len__(self) -> int:
        return len(self._events)

    def put(self, events: list[AmiMessage]) -> bool:
        """Append all of them, or none and say false when there is no room.

        A few go to the dispatcher at once when it waits for them: they save a turn of the event loop.
        """
        if self._taker and not self._events and len(events) <= _BATCH:
            self._taker(events)
            return True
        if len(self._events) + len(events) > self._limit:
            return False
        self._events.extend(events)
        self._filled.set()
        return True

    def take(self, limit: int) -> list[AmiMessage]:
        """The oldest events, at most so many; an empty list when there are none now."""
        events = self._events
        if not events:
            self._filled.clear()
            return []
        if len(events) > limit:
            return [events.popleft() for _ in range(limit)]
        batch = list(events)
        events.clear()
        return batch

    async def filled(self, taker: Taker) -> None:
        """Wait until there is an event to take, or until `wake`. Until then `taker` is given what comes."""
        self._taker = taker
        try:
            await self._filled.wait()
        finally:
            self._taker = None

    def wake(self) -> None:
        """Let `filled` return although nothing came, since nothing will come any more."""
        self._filled.set()


async def pump(
    queue: EventQueue,
    handle: Handler,
    failed: Callable[[AmiMessage, Exception], None],
    finished: Callable[[], bool],
) -> None:
    """Hand the queue's events to `handle`, one after the other, until the queue is empty and `finished()`.

    What `handle` raises goes to `failed`, and the next event follows. The reader gets its turn in between,
    however many events there are.
    """

    def hand_over(events: list[AmiMessage]) -> None:
        for event in events:
            try:
                handle(event)
            except Exception as error:  # noqa: BLE001 (one event's handler must not end the rest)
                failed(event, error)

    until = time.monotonic() + _SLICE
    while True:
        batch = queue.take(_BATCH)
        hand_over(batch)
        if not batch:
            if finished():
                return
            await queue.filled(hand_over)
        elif time.monotonic() > until:
            await asyncio.sleep(0)
        else:
            continue
        until = time.monotonic() + _SLICE


class EventDispatcher:
    """Calls the handlers of an event, found by its name or by globs (`*`, `Bridge*`), in registration order.

    Patterns are tried once per name and the outcome is kept, so that an event costs one look-up in a dict
    however many patterns there are. `dispatch` fits `AmiClient`'s `on_event`.
    """

    def __init__(self) -> None:
        self._routes: list[tuple[re.Pattern[str], Handler]] = []
        self._by_name: dict[str, tuple[Handler, ...]] = {}

    def on(self, pattern: str, handler: Handler) -> None:
        """Add a handler; `pattern` is an event's name or a glob over names, in their exact case."""
        self._routes.append((re.compile(translate(pattern)), handler))
        self._by_name.clear()

    def dispatch(self, event: AmiMessage) -> None:
        """Call every handler of this event. What one raises goes to the caller and keeps the rest from it."""
        handlers = self._by_name.get(event.name)
        if handlers is None:
            handlers = self._resolve(event.name)
        for handler in handlers:
            handler(event)

    def _resolve(self, name: str) -> tuple[Handler, ...]:
        if len(self._by_name) >= _MAX_NAMES:
            self._by_name.clear()
        handlers = tuple(handler for pattern, handler in self._routes if pattern.match(name))
        self._by_name[name] = handlers
        return handlers
