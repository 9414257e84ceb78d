"""Whether a process that measures gets enough of the machine for it: how late its loop runs its timers."""

import asyncio
import contextlib
import sys
import time
from types import TracebackType
from typing import Self

TICK = 0.005
"""Seconds between two looks."""


class LoopLag:
    """In `async with`, how many milliseconds late the event loop was, look by look."""

    def __init__(self) -> None:
        self._late: list[float] = []

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._watch())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task

    async def _watch(self) -> None:
        while True:
            began = time.monotonic()
            await asyncio.sleep(TICK)
            self._late.append((time.monotonic() - began - TICK) * 1000)

    def summary(self) -> dict[str, float]:
        """p99 and worst, in milliseconds; a timer's own coarseness (1 ms) is in it."""
        return {"p99": percentile(self._late, 0.99), "worst": max(self._late, default=0.0)}


def percentile(values: list[float], share: float) -> float:
    """The value that `share` of them do not exceed; 0 for none."""
    return sorted(values)[min(int(len(values) * share), len(values) - 1)] if values else 0.0


async def until_input_ends() -> str:
    """Wait for standard input to end; returns what came."""
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    return (await reader.read()).decode()
