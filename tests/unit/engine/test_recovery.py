"""Recovery from a long journal: others have their turns meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import cast

from cti_server.domain import signals as s
from cti_server.domain.world import World
from cti_server.engine.journal import Entry, Journal
from cti_server.engine.recovery import BREATH, recover


class LongJournal:
    """Everything is there at once: nothing has to be waited for."""

    def __init__(self, signals: int) -> None:
        self._signals = signals

    async def same_server(self) -> bool:
        return True

    async def load_snapshot(self, window: float) -> None:
        """None: from the beginning."""

    async def entries(self, after: str) -> AsyncIterator[Entry]:
        yield Entry("1-0", [s.LeaderStarted(float(n), n) for n in range(1, self._signals + 1)])


async def test_the_lease_is_kept_while_a_long_journal_is_replayed() -> None:
    """Its renewal needs the loop; two seconds without one, and the next server begins all over."""
    turns, longest, since = 0, 0, 0

    async def renewing() -> None:
        nonlocal turns, longest, since
        while True:
            turns, longest, since = turns + 1, max(longest, since), 0
            await asyncio.sleep(0)

    def replayed(*_: object) -> None:
        nonlocal since
        since += 1

    task = asyncio.create_task(renewing())
    signals = 40 * BREATH
    found = await recover(cast("Journal", LongJournal(signals)), World(), "0", replayed)
    task.cancel()
    assert found.replayed == signals
    assert longest <= BREATH
    assert turns >= signals // BREATH
