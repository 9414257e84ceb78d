"""Thirty calls at once, worked off by twelve agents: afterwards nothing is left, and all witnesses agree."""

import pytest

from tests.support.callers import SippCallers
from tests.support.centre import TestCentre, eventually
from tests.support.figures import figures_agree
from tests.support.seats import MODES, Mode, crew, work_off
from tests.support.story import CelCall, Story, cel_calls
from tests.support.whole_centre import SHARED, shared_centre

pytestmark = SHARED
CALLS = 30
AGENTS = [str(number) for number in range(1001, 1013)]
"""All of group general."""
CLOSE = 1.0
"""Seconds by which the moments in the database and in Asterisk's log may differ on a busy machine."""
centre = shared_centre()


@pytest.mark.parametrize("mode", MODES)
async def test_thirty_calls_at_once_and_nothing_is_left(centre: TestCentre, mode: Mode) -> None:
    before, story = set(cel_calls(centre)), await Story.begin(centre)
    async with crew(centre, AGENTS, mode) as seats:
        async with SippCallers(centre.sip, "4000", calls=CALLS, rate=20, talk_ms=None) as callers:
            await callers.all_answered()
            served = await work_off(seats, CALLS, hold=lambda seat: int(seat.agent_id) % 3 == 0)
            stats = await callers.finished(20)
        assert len(served) == len(set(served)) == CALLS
        assert (stats.created, stats.answered, stats.failed, stats.ended_by_centre) == (
            CALLS,
            CALLS,
            0,
            CALLS,
        )
        for seat in seats:
            await seat.in_state("ready")
        await centre.empty(stations=len(seats) if mode == "persistent" else 0)
        await story.go_on()
        story.assert_nothing_left()
        story.assert_programs_agree(seats)
        await story.assert_database_agrees()
    calls = {contact: call for contact, call in cel_calls(centre).items() if contact not in before}
    await _database_and_cel_agree(centre, calls, served)
    await figures_agree(centre)
    await centre.empty()


async def _database_and_cel_agree(centre: TestCentre, calls: dict[str, CelCall], served: list[str]) -> None:
    """The same contacts, who talked to whom, from when to when; each with its recording."""
    assert set(calls) == set(served)
    for contact_id, call in calls.items():
        row = await centre.logged(contact_id, state="ended", end_reason="agent_hung_up", disposition="done")
        assert [row["agent_id"]] == call.stations
        assert row["customer_number"] == call.number
        assert call.connected
        assert call.ended
        assert abs(row["connected_at"].timestamp() - call.connected) < CLOSE
        assert abs(row["ended_at"].timestamp() - call.ended) < CLOSE
    await eventually(
        lambda: centre.rows("recordings"),
        lambda rows: {row["contact_id"] for row in rows} >= set(served),
        "all recorded",
    )
