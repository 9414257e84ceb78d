"""A storm by chance on the real Asterisk; afterwards nothing is left over and all witnesses agree.

`make storm` has the full one, `make storm WORSE=1` with servers that die or freeze, people who press their
phones' keys and routing that changes. What it is may be set: `CTI_STORM=calls=60,commands=2000,seed=1`.
"""

import asyncio
import contextlib
import os
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import pytest

from cti_server.bootstrap.report_check import check_figures, settings_of
from cti_server.simulate.about import About
from cti_server.simulate.outside import Outside, OutsideCounts
from cti_server.simulate.waiting import until
from tests.support.campaigning import outside_port
from tests.support.centre import TestCentre
from tests.support.storm import Storm, Strength, Weather
from tests.support.storm_faults import break_servers, operations
from tests.support.storm_outside import AHEAD, POLICIES, wish_call_backs
from tests.support.story import Story, cel_calls
from tests.support.whole_centre import whole_centre

pytestmark = pytest.mark.asterisk
REDUCED = "calls=12,commands=200,seed=20261121,agents=8,leaders=1,routing=3,phones=1"
DEADLINE = 900
TOLERANCE = 1.0
"""Seconds by which times may differ on a busy machine."""
UNSEEN = 10.0
"""The same where no server looked for a while: it notes what it finds when it is back."""
FULL = 300
"""Contacts of a storm in which everything that may happen should have."""
WHILE_FROZEN = {"outbox_drain_stopped", "ami_resync_failed"}
"""Errors of a server that is stopped in the middle of writing, or of a look at the PBX."""
NEVER = {"internal_error", "invalid_params", "invalid_request", "unknown_method"}
"""Refusals that even a storm does not explain."""


def strength() -> Strength:
    """From the environment, else the reduced storm."""
    told = dict(pair.split("=") for pair in os.environ.get("CTI_STORM", REDUCED).split(","))
    return Strength(**{name: int(value) for name, value in told.items()})


async def test_after_the_storm_nothing_is_left_over(tmp_path: Path) -> None:
    it = strength()
    print(f"storm {it}")
    began = datetime.now(UTC)
    limits = {"outside_agent_calls_per_hour": 100_000, "outside_calls_per_minute": 100_000}
    async with (
        whole_centre(
            tmp_path,
            ring_timeout=8,
            policies=AHEAD if it.ahead else POLICIES,
            greeted=not it.ahead,
            settings=limits,
        ) as centre,
        Outside(centre.sip, outside_port(centre), stay_ms=15_000) as outside,
    ):
        about = About.read(centre.centre.plan.centre_json)
        story = await Story.begin(centre)
        async with operations(about, Random(f"{it.seed}/routing")) as desk, Storm(about, it) as storm:
            wishing = asyncio.create_task(wish_call_backs(centre, storm.chance))
            await storm.rage(DEADLINE, desk.work(it.routing, storm.progress), _break(centre, storm))
            wishing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await wishing
            await storm.calm()
            print(storm.weather, outside.counts, outside.last_words(), storm.restless.did, desk.codes)
            assert not {400, 409, 412, 422, 500} & set(desk.codes), desk.codes
            assert not storm.weather.stuck
            # whom SIPp gave up without a word (on an overloaded machine) stays until the PBX misses its sound
            assert storm.weather.failed == 0, storm.weather.told
            await centre.empty(deadline=30)
            await story.go_on()
            story.assert_nothing_left()
            story.assert_programs_agree(storm.crew)
            await story.assert_database_agrees()
        _assert_calm(storm.weather)
        assert await until(lambda: outside.counts.current == 0, 30), outside.counts
        await _everything_happened(centre, storm.weather, outside.counts)
        _rung_ahead(centre, it.ahead)
        await _asterisk_and_database_agree(centre, began, UNSEEN if it.kills or it.freezes else TOLERANCE)
        assert not _errors(centre, WHILE_FROZEN if it.freezes else set())


async def _break(centre: TestCentre, storm: Storm) -> None:
    it = storm.strength
    chance = Random(f"{it.seed}/servers")
    await break_servers(centre, chance, kills=it.kills, freezes=it.freezes, progress=storm.progress)


def _assert_calm(weather: Weather) -> None:
    assert not NEVER & set(weather.codes), weather.codes
    assert not weather.tally.errors, weather.tally.errors
    assert weather.vanished


async def _everything_happened(centre: TestCentre, weather: Weather, outside: OutsideCounts) -> None:
    """Calls in all directions, and customers who found nobody."""
    rows = await centre.rows("contacts")
    print(Counter((row["direction"], row["end_reason"]) for row in rows))
    assert weather.tally.outcomes["contact.dial"]
    if len(rows) >= FULL:
        assert outside.answered
        assert {row["direction"] for row in rows} >= {"inbound", "outbound"}  # hardly a colleague is free
        assert await centre.rows("voicemails")


async def _asterisk_and_database_agree(centre: TestCentre, began: datetime, tolerance: float) -> None:
    """Each call that Asterisk's own log has is a contact that ended, and the figures are those of the log.

    Of those that the centre made it knows the ones who answered.
    """
    rows = {row["contact_id"]: row for row in await centre.rows("contacts")}
    came_in = {name for name, row in rows.items() if row["direction"] == "inbound"}
    assert set(cel_calls(centre)) == came_in
    answered = {row["uniqueid"] for row in centre.cel() if row["userdeftype"] == "CTI_DIALLED"}
    assert answered <= rows.keys() - came_in
    assert {name for name, row in rows.items() if row["connected_at"]} - came_in <= answered
    assert all(row["state"] == "ended" for row in rows.values())
    settings = settings_of(centre.centre.plan.var)
    found = await check_figures(settings, began, datetime.now(UTC), tolerance)
    assert found.agrees, found


def _rung_ahead(centre: TestCentre, wanted: int) -> None:
    """So many legs at least the dialplan rang by itself: their ids are Asterisk's own."""
    legs = [
        row for row in centre.cel() if row["eventtype"] == "CHAN_START" and row["context"] == "cti-agents"
    ]
    own = [row for row in legs if not row["uniqueid"].startswith("station-")]
    print(f"{len(own)} of {len(legs)} legs to phones were rung ahead")
    assert len(own) >= wanted


def _errors(centre: TestCentre, expected: set[str]) -> list[str]:
    """What the server logged as an error."""
    errors = [line for line in centre.server_log() if line.get("level") in ("error", "critical")]
    return [str(line) for line in errors if line["event"] not in expected]
