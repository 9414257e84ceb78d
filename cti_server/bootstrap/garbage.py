"""Python's garbage collector, kept from stopping the event loop while calls are served.

A full pass looks at every container there is: with 1,000 agents' sockets a pause of 100 to 300 ms in which
nobody is told anything (measured: 8 of them in 16 s at 100 calls a second). What dies by reference count
needs no pass at all, and young cycles (a task and its exception) are found by the passes over the young. So
the old are left alone (`gc.freeze`) but for one full pass now and then, when little is going on.
"""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Callable

import structlog

log = structlog.get_logger(__name__)

YOUNG = 1_000
"""So many new containers before the youngest are looked at: a pause of 1 to 2 ms. What survives it is old at
once. A second look at several times as many is a pause of 5 to 12 ms (measured) and finds nothing: a call
leaves no cycles behind.
"""
NEVER = 1_000_000_000
LOOK_EVERY = 10.0
"""Seconds; what has grown old since the last look is not looked at by the passes over the young."""
FULL_AFTER, FULL_AT_LATEST = 600.0, 6 * 3600.0
"""Seconds after which a full pass is made at the next quiet moment, and after which in any case."""
QUIET = 5.0
"""Signals a second at most in a quiet moment."""


async def collect_when_quiet(signals: Callable[[], int]) -> None:
    """Take the collector over until cancelled; `signals` counts what the server has dealt with so far."""
    before = gc.get_threshold()
    gc.set_threshold(YOUNG, NEVER, NEVER)
    gc.freeze()
    gc.enable()  # the command line turns it off while the server starts
    try:
        await _watch(signals)
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


async def _watch(signals: Callable[[], int]) -> None:
    last_full, count = time.monotonic(), signals()
    while True:
        await asyncio.sleep(LOOK_EVERY)
        since, count = signals() - count, signals()
        age = time.monotonic() - last_full
        quiet = since <= QUIET * LOOK_EVERY
        if age >= FULL_AT_LATEST or (quiet and age >= FULL_AFTER):
            _full_pass()
            last_full = time.monotonic()


def _full_pass() -> None:
    began = time.perf_counter()
    gc.unfreeze()
    found = gc.collect()
    gc.freeze()
    log.info("garbage.collected", objects=found, seconds=round(time.perf_counter() - began, 3))
