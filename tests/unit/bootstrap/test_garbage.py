"""The collector leaves the old alone while calls are served, sees to them when it is quiet, is given back."""

import asyncio
import gc
import weakref
from collections.abc import Iterator

import pytest

from cti_server.bootstrap import garbage


class Cycle:
    """What only the collector can free."""

    def __init__(self) -> None:
        self.itself = self


@pytest.fixture(autouse=True)
def given_back() -> Iterator[None]:
    before = gc.get_threshold()
    yield
    assert gc.get_threshold() == before
    assert gc.isenabled()
    gc.unfreeze()


async def until_gone(seen: weakref.ref[Cycle]) -> None:
    async with asyncio.timeout(15):
        while seen() is not None:  # noqa: ASYNC110  # nobody tells
            await asyncio.sleep(0.01)


async def test_old_cycles_are_freed_in_a_quiet_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(garbage, "LOOK_EVERY", 0.01)
    monkeypatch.setattr(garbage, "FULL_AFTER", 0.05)
    old = weakref.ref(Cycle())
    gc.disable()
    watching = asyncio.create_task(garbage.collect_when_quiet(lambda: 0))
    await until_gone(old)
    assert gc.isenabled()
    watching.cancel()
    await asyncio.wait({watching})


async def test_not_while_calls_are_served_but_some_day(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(garbage, "LOOK_EVERY", 0.01)
    monkeypatch.setattr(garbage, "FULL_AFTER", 0.0)
    signals = 0
    looks = 0

    def busy() -> int:
        nonlocal signals, looks
        signals, looks = signals + 1000, looks + 1
        if looks == 10:
            assert old() is not None
            monkeypatch.setattr(garbage, "FULL_AT_LATEST", 0.0)
        return signals

    old = weakref.ref(Cycle())
    watching = asyncio.create_task(garbage.collect_when_quiet(busy))
    await until_gone(old)
    assert looks >= 10
    watching.cancel()
    await asyncio.wait({watching})
