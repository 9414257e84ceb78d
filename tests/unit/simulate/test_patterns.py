"""The plan of a simulation: from a pattern and a seed."""

from itertools import pairwise
from random import Random

import pytest

from cti_server.cli import Pattern as Choice
from cti_server.simulate.patterns import PATTERNS, plan, usual_rate

NUMBERS = {"4000": 3, "4001": 1}


def test_the_command_line_offers_exactly_the_patterns_there_are() -> None:
    assert {choice.value for choice in Choice} == set(PATTERNS)


@pytest.mark.parametrize("name", PATTERNS)
def test_the_same_seed_makes_the_same_plan_and_another_one_another(name: str) -> None:
    one, same, other = (
        plan(PATTERNS[name], NUMBERS, rate=5, duration=60, chance=Random(seed)) for seed in (7, 7, 8)
    )
    assert one == same != other
    assert all(before.at <= after.at for before, after in pairwise(one))
    assert len({call.customer for call in one}) == len(one)
    assert {call.number for call in one} == set(NUMBERS)


def test_a_surge_is_three_times_the_base_rate_in_its_middle() -> None:
    calls = plan(PATTERNS["surge"], NUMBERS, rate=10, duration=500, chance=Random(1))
    base = sum(call.at < 100 for call in calls)
    top = sum(100 <= call.at < 300 for call in calls) / 2
    assert base == pytest.approx(1000, rel=0.15)
    assert top == pytest.approx(3000, rel=0.15)


def test_abandoners_lose_patience_soon() -> None:
    calls = plan(PATTERNS["abandoning"], NUMBERS, rate=10, duration=100, chance=Random(1))
    soon = [call for call in calls if call.patience <= 15]
    assert len(soon) / len(calls) == pytest.approx(0.6, abs=0.1)


def test_more_agents_and_simpler_work_mean_more_calls() -> None:
    assert usual_rate(PATTERNS["steady"], 20) == pytest.approx(2 * usual_rate(PATTERNS["steady"], 10))
    assert usual_rate(PATTERNS["transferring"], 10) < usual_rate(PATTERNS["steady"], 10)
