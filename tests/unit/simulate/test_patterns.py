"""The plan of a simulation: from a pattern and a seed."""

from itertools import pairwise
from random import Random

import pytest

from cti_server.cli import Pattern as Choice
from cti_server.domain.outside import OutsideRules
from cti_server.simulate.outside import PEOPLE, Kind, kind_of
from cti_server.simulate.patterns import PATTERNS, plan, usual_rate
from cti_server.simulate.wants import Offers, Wants

NUMBERS = Offers({"4000": 3, "4001": 1})
EVERYTHING = Offers({"4000": 3, "4001": 1}, {"4000": 3}, {"4003": 15.0})


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
    assert {call.number for call in one} == set(NUMBERS.person)


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


def test_some_want_a_call_back_or_leave_a_message_where_it_is_offered() -> None:
    calls = plan(PATTERNS["queueing"], EVERYTHING, rate=10, duration=100, chance=Random(1))
    wanted = {wants: [call for call in calls if call.wants is wants] for wants in Wants}
    assert len(wanted[Wants.CALL_BACK]) / len(calls) == pytest.approx(0.4, abs=0.05)
    assert len(wanted[Wants.MESSAGE]) / len(calls) == pytest.approx(0.1, abs=0.05)
    assert {call.number for call in wanted[Wants.CALL_BACK]} == {"4000"}
    assert {call.number for call in wanted[Wants.MESSAGE]} == {"4003"}
    assert all(call.customer.startswith(wants) for wants, some in wanted.items() for call in some)
    assert all(call.presses_at > 15.0 for call in wanted[Wants.MESSAGE]), "not before it can speak"
    assert len({call.customer for call in calls}) == len(calls)


def test_who_wants_a_call_back_can_be_called_and_answers() -> None:
    calls = plan(PATTERNS["queueing"], EVERYTHING, rate=10, duration=60, chance=Random(1))
    numbers = [call.customer for call in calls if call.wants is Wants.CALL_BACK]
    assert all(OutsideRules().allows(number) for number in numbers)
    assert {kind_of(number) for number in numbers} == {*PEOPLE, Kind.LEAVES}


@pytest.mark.parametrize(("outside", "call_back"), [(True, {"4000": 3}), (False, {})])
def test_what_is_offered_is_in_the_routing_settings(outside: bool, call_back: dict[str, int]) -> None:
    policy = {"callback": False, "overflow_to": "", "overflow_after": 0.0}
    routing = {
        "groups": {
            "general": {"policy": {**policy, "callback": True}},
            "cards": {"policy": {**policy, "overflow_to": "general", "overflow_after": 60.0}},
            "vtm": {
                "policy": {**policy, "callback": True, "overflow_to": "voicemail", "overflow_after": 15.0}
            },
        },
        "numbers": {
            "4000": {"group": "general", "menu": None},
            "4001": {"group": "cards", "menu": None},
            "4003": {"group": "vtm", "menu": None},
            "4005": {"group": "vtm", "menu": {"menus": {}}},
        },
    }
    offers = Offers.of({"4000": 3, "4001": 1}, routing, outside=outside)
    assert (offers.call_back, offers.message) == (call_back, {"4003": 15.0})
