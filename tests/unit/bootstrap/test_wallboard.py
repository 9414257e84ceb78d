"""The wallboard's work, which nobody's notification may wait for."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from cti_server.bootstrap.wallboard import Wallboard
from cti_server.domain.records import Record
from cti_server.domain.state import WorldState
from cti_server.reports.facts import of_record
from cti_server.reports.live import PORTION, LiveFigures
from cti_server.reports.work import Work
from cti_server.store.errors import StoreUnavailable

CONTACTS = 5 * PORTION


Shown = Callable[[LiveFigures], LiveFigures]


class NoPast:
    """Nothing happened before."""

    async def worked_out(self, work: Work[LiveFigures], shown: Shown) -> LiveFigures:
        return shown(work.made())


def queued(number: int, at: float) -> Record:
    data = {"contact_id": f"pbx-a-1.{number}", "kind": "contact.queued", "data": {"state": "queued"}}
    return Record(f"1.{number}.0", "contact_event", at, data)


async def test_the_day_and_what_happens_while_it_is_read() -> None:
    """Each once, in whichever of the two it stands; the database may be away at first."""
    state, now = WorldState(), datetime.now(UTC).timestamp()
    tries, known = 0, asyncio.Event()

    class Past:
        async def worked_out(self, work: Work[LiveFigures], shown: Shown) -> LiveFigures:
            nonlocal tries
            tries += 1
            wallboard.kept([queued(2, now), queued(3, now)])
            if tries == 1:
                raise StoreUnavailable("away")
            for number in (1, 2):
                fact = of_record(queued(number, now))
                assert fact
                work.take([fact], work.until)
            known.set()
            return shown(work.made())

    wallboard = Wallboard(lambda: state, Past())
    running = asyncio.create_task(wallboard.run())
    await asyncio.wait_for(known.wait(), 15)
    wallboard.kept([queued(4, now)])
    await wallboard.view("1001")
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    asked = sum(figures.asked for figures in wallboard._live.figures.values())
    assert (tries, asked) == (2, 4)


async def test_it_rests_after_each_portion(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pause of nothing would be the next portion as soon as one event had its turn."""
    rests: list[float] = []
    really = asyncio.sleep

    async def sleep(seconds: float) -> None:
        rests.append(seconds)
        await really(0)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    state, now = WorldState(), datetime.now(UTC).timestamp()
    wallboard = Wallboard(lambda: state, NoPast())
    wallboard.kept([queued(number, now) for number in range(CONTACTS)])
    await wallboard.view("1001")
    assert len(rests) >= CONTACTS // PORTION
    assert min(rests) > 0
