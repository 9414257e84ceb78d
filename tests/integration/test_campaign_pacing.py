"""Predictive pacing on the real Asterisk: what it promises, as Asterisk and SIPp count it.

`make campaign` has the full run. What it is may be set: `CTI_CAMPAIGN=agents=12,calls=800,cap=3,seed=1`.
"""

import os
from collections import Counter
from pathlib import Path
from random import Random

import pytest

from cti_server.simulate.about import About
from cti_server.simulate.outside import PEOPLE, Kind, Outside, OutsideCounts, kind_of, number_of
from cti_server.simulate.waiting import until
from tests.support.campaigning import (
    Attempted,
    Desk,
    attempted,
    calling_agents,
    number_list,
    outside_port,
    signed_in,
    yesterday,
)
from tests.support.centre import TestCentre, eventually
from tests.support.figures import figures_agree
from tests.support.whole_centre import whole_centre

pytestmark = pytest.mark.asterisk
REDUCED = {"agents": 8, "calls": 50, "cap": 10, "seed": 20261122, "history": 200}
"""The cap in per cent; with a history of persons reached before, since the pacing only then over-dials."""
SHARES = {
    Kind.QUICK: 16,
    Kind.SLOW: 14,
    Kind.LATE: 10,
    Kind.RINGS_OFF: 5,
    Kind.MACHINE: 15,
    Kind.BUSY: 15,
    Kind.NOBODY: 20,
    Kind.NO_NUMBER: 5,
}
"""Who is behind a hundred numbers."""
NO_RETRIES = {
    "max_attempts": 1,
    "retries": {
        name: {"after": 0, "times": 0}
        for name in ("abandoned", "hung_up", "machine", "busy", "no_answer", "failed", "unknown", "skipped")
    },
}


def scale() -> dict[str, int]:
    """From the environment, else the reduced run."""
    told = os.environ.get("CTI_CAMPAIGN", "")
    wished = {name: int(value) for name, value in (pair.split("=") for pair in told.split(",") if pair)}
    return {**REDUCED, "history": 0, **wished} if wished else REDUCED


@pytest.mark.timeout(3600)
async def test_the_cap_is_kept_as_asterisk_counts(tmp_path: Path) -> None:
    it = scale()
    chance = Random(it["seed"])
    kinds = chance.choices([*SHARES], [*SHARES.values()], k=it["calls"])
    numbers = [number_of(order, kind) for order, kind in enumerate(kinds)]
    settings = {"outside_calls_per_minute": 6000}
    async with whole_centre(tmp_path, settings=settings) as centre, signed_in(centre, "4001") as desk:
        about = About.read(centre.centre.plan.centre_json)
        async with Outside(centre.sip, outside_port(centre)) as outside:
            async with calling_agents(about, it["agents"], chance) as working:
                campaign_id = await _started(centre, desk, it, numbers)
                view = await eventually(
                    lambda: desk.view(campaign_id),
                    lambda view: working.check() and view["records"] == {"closed": len(numbers)},
                    "everybody called",
                    30 + it["calls"] * 4,
                )
            assert not working.stuck
            assert not working.tally.errors, working.tally.errors
            await centre.empty(deadline=30)
            assert await until(lambda: outside.counts.current == 0, 15), outside.counts
            told = outside.counts
            assert told.failed == 0, outside.last_words()
        made = [one for one in await attempted(centre, campaign_id) if one.number in numbers]
        _print(it, view, made)
        assert len(made) == len(numbers) == told.calls
        _as_asterisk_tells(made)
        _as_sipp_tells(made, told)
        _kept(it, made)
        await figures_agree(centre)


async def _started(centre: TestCentre, desk: Desk, it: dict[str, int], numbers: list[str]) -> str:
    campaign_id = await desk.campaign_of(
        number_list(numbers), mode="predictive", abandon_cap=it["cap"] / 100, **NO_RETRIES
    )
    await yesterday(centre, campaign_id, persons=it["history"], others=it["history"])
    await desk.post(f"campaigns/{campaign_id}/start")
    return campaign_id


def _as_asterisk_tells(made: list[Attempted]) -> None:
    """What the campaign says of each call is what Asterisk logged of it."""
    for one in made:
        kind, outcome = kind_of(one.number), one.outcome
        assert (outcome == "answered") == one.talked, one
        if one.talked:
            assert kind in PEOPLE, one
        elif kind in PEOPLE:
            assert one.entered, one
            assert outcome in ("abandoned", "machine"), one
        elif kind is Kind.RINGS_OFF:
            assert outcome in ("hung_up", "abandoned"), one
        else:
            expected = {
                Kind.MACHINE: "machine",
                Kind.BUSY: "busy",
                Kind.NOBODY: "no_answer",
                Kind.NO_NUMBER: "invalid",
            }
            assert outcome == expected[kind], one
    misheard = [one for one in made if kind_of(one.number) in PEOPLE and one.outcome == "machine"]
    assert len(misheard) <= len(made) / 50, misheard


def _as_sipp_tells(made: list[Attempted], told: OutsideCounts) -> None:
    """SIPp counts as many of each as there are."""
    count = Counter(kind_of(one.number) for one in made)
    assert told.answered == sum(one.entered for one in made)
    assert told.machines == count[Kind.MACHINE]
    assert told.in_vain == count[Kind.NOBODY]
    assert told.refused == count[Kind.BUSY] + count[Kind.NO_NUMBER]
    assert told.ended_by_themselves == count[Kind.RINGS_OFF]


def _kept(it: dict[str, int], made: list[Attempted]) -> None:
    """The cap holds, and not because nobody was called ahead."""
    persons = [one for one in made if one.entered and kind_of(one.number) in PEOPLE]
    lost = [one for one in persons if not one.talked]
    assert len(lost) <= it["cap"] / 100 * (len(persons) + it["history"]), (len(lost), len(persons))
    assert _ahead(made, it["agents"]) > 0, "never more calls and conversations than agents"


def _ahead(made: list[Attempted], agents: int) -> int:
    """Calls begun while as many agents as there are talked or were to get another call."""
    return sum(
        sum(other.placed <= one.placed < (other.ended if other.talked else other.known) for other in made)
        > agents
        for one in made
    )


def _print(it: dict[str, int], view: dict[str, object], made: list[Attempted]) -> None:
    persons = [one for one in made if one.entered and kind_of(one.number) in PEOPLE]
    lost = sum(not one.talked for one in persons)
    busy = sum(one.ended - one.known for one in made if one.talked)
    seconds = max(one.ended for one in made) - min(one.placed for one in made)
    print(
        f"campaign {it}: {view['outcomes']} in {seconds:.0f} s; persons {len(persons)}, lost {lost} "
        f"({100 * lost / max(len(persons), 1):.1f} %), "
        f"occupancy {100 * busy / seconds / it['agents']:.0f} %, ahead {_ahead(made, it['agents'])}"
    )
