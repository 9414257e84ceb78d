"""The wallboard's work, which nobody's notification may wait for."""

import asyncio
from datetime import UTC, datetime

import pytest

from cti_server.bootstrap.wallboard import Wallboard
from cti_server.domain.records import Record
from cti_server.domain.state import WorldState
from cti_server.reports.facts import Fact
from cti_server.reports.live import PORTION

CONTACTS = 5 * PORTION


async def no_past(_since: datetime, _until: datetime) -> list[Fact]:
    return []


async def test_it_rests_after_each_portion(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pause of nothing would be the next portion as soon as one event had its turn."""
    rests: list[float] = []
    really = asyncio.sleep

    async def sleep(seconds: float) -> None:
        rests.append(seconds)
        await really(0)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    state, now = WorldState(), datetime.now(UTC).timestamp()
    wallboard = Wallboard(lambda: state, no_past)
    wallboard.kept(
        [
            Record(
                f"1.{number}.0",
                "contact_event",
                now,
                {"contact_id": f"pbx-a-1.{number}", "kind": "contact.queued", "data": {"state": "queued"}},
            )
            for number in range(CONTACTS)
        ]
    )
    await wallboard.view("1001")
    assert len(rests) >= CONTACTS // PORTION
    assert min(rests) > 0
