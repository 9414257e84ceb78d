"""A phone rung ahead on our guess: taken for the offer's, or hung up; the customer joins it by itself."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from cti_server.domain import signals as s
from cti_server.domain.agent import AgentState
from cti_server.domain.contact import ContactState, RecordingState
from cti_server.domain.effects import Connect, HangUpChannel, LetJoin, ReturnToQueue, RingAhead, RingStation
from cti_server.domain.policy import Greeting, Opening, Policy
from tests.unit.domain.centre import GROUPS, Centre, directory
from tests.unit.domain.scenes import ON_DEMAND, PERSISTENT, agent, contact, opened, ringing, seated

AHEAD = Policy(ring_ahead=True)


def ahead(mode: str = ON_DEMAND, policy: Policy = AHEAD, **more: Any) -> Centre:
    """A centre that rings ahead for 4000, with 1001 ready."""
    centre = opened()
    groups = (replace(GROUPS[0], policy=policy), GROUPS[1])
    centre.apply(directory(centre.now, groups=groups, **more))
    seated(centre, mode=mode)
    centre.settle()
    return centre


def asked(centre: Centre, kind: type) -> list[Any]:
    return [effect for outcome in centre.told for effect in outcome.effects if isinstance(effect, kind)]


def comes(centre: Centre, number: str = "4000") -> tuple[str, str]:
    """A call and the leg that rings ahead for it."""
    before = set(ringing(centre))
    channel = centre.pbx.arrive(number, ungreeted=True)
    [leg] = set(ringing(centre)) - before
    return channel, leg


def test_the_node_knows_whose_phone_it_is_while_that_may_be_rung() -> None:
    centre = ahead()
    since = int(agent(centre).state_since * 1000)
    assert centre.pbx.guesses == {"4000": f"1001:{since}:22"}
    told = len(asked(centre, RingAhead))
    centre.command(s.SetState, "1001", "busy")
    centre.settle()
    assert centre.pbx.guesses == {"4000": ""}
    centre.command(s.SetState, "1001", "ready")
    centre.settle()
    assert centre.pbx.guesses["4000"].startswith("1001:")
    assert len(asked(centre, RingAhead)) == told + 2
    centre.pbx.unregister("1001")
    centre.settle()
    assert centre.pbx.guesses == {"4000": ""}


@pytest.mark.parametrize(
    ("mode", "policy", "more"),
    [
        (PERSISTENT, AHEAD, {}),
        (ON_DEMAND, Policy(), {}),
        (ON_DEMAND, replace(AHEAD, preference_time=5.0), {}),
        (ON_DEMAND, replace(AHEAD, hours=(Opening(1, 0, 0),)), {}),
        (ON_DEMAND, replace(AHEAD, requires={"english": 3}), {}),
        (ON_DEMAND, AHEAD, {"greetings": {"4000": Greeting("welcome", "zh")}}),
        (ON_DEMAND, AHEAD, {"service_numbers": {"4001": "credit_card"}}),
    ],
)
def test_nobody_is_rung_ahead(mode: str, policy: Policy, more: dict[str, Any]) -> None:
    assert not any(ahead(mode, policy, **more).pbx.guesses.values())


def test_the_leg_that_rings_is_the_offers_and_the_customer_joins_it() -> None:
    centre = ahead()
    channel, leg = comes(centre)
    centre.settle()
    assert contact(centre, channel).state is ContactState.OFFERED
    assert asked(centre, RingStation) == []
    assert centre.pbx.guesses == {"4000": ""}
    centre.pbx.greeted(channel)
    centre.settle()
    assert contact(centre, channel).recording is RecordingState.OFF
    centre.pbx.answer(leg)
    centre.settle()
    assert contact(centre, channel).state is ContactState.ACTIVE
    assert contact(centre, channel).recording is RecordingState.RECORDING
    assert agent(centre).state is AgentState.TALKING
    centre.pass_time(3.0)
    centre.settle()
    assert asked(centre, Connect) == []
    centre.pbx.hang_up(channel)
    centre.settle()
    assert leg not in centre.pbx.channels
    assert agent(centre).state is AgentState.WRAP_UP


def test_picked_up_before_the_customer_has_come_to_wait() -> None:
    centre = ahead()
    channel, leg = comes(centre)
    centre.settle()
    centre.pbx.answer(leg)
    centre.settle()
    centre.pbx.greeted(channel)
    centre.settle()
    assert contact(centre, channel).state is ContactState.ACTIVE
    assert asked(centre, Connect) == []


def test_picked_up_before_we_know_of_the_call() -> None:
    centre = ahead()
    channel, leg = comes(centre)
    centre.pbx.answer(leg)
    centre.settle()
    centre.pbx.greeted(channel)
    centre.settle()
    assert contact(centre, channel).state is ContactState.ACTIVE


def test_who_does_not_join_by_itself_is_joined() -> None:
    centre = ahead()
    channel, leg = comes(centre)
    centre.settle()
    centre.pbx.channels[channel].variables["CTI_JOIN"] = ""  # that was lost
    centre.pbx.greeted(channel)
    centre.pbx.answer(leg)
    centre.settle()
    assert contact(centre, channel).state is ContactState.OFFERED
    centre.pbx.waits_no_more(channel)
    centre.pass_time(1.5)
    centre.settle()
    assert len(asked(centre, Connect)) == 1
    assert contact(centre, channel).state is ContactState.ACTIVE


def test_of_two_at_once_one_is_rung_ahead() -> None:
    centre = ahead()
    channel, leg = comes(centre)
    second = centre.pbx.arrive("4000", ungreeted=True)
    assert ringing(centre) == [leg]
    centre.settle()
    states = sorted(contact(centre, one).state for one in (channel, second))
    assert states == [ContactState.OFFERED, ContactState.QUEUED]
    assert ringing(centre) == [leg] if contact(centre, channel).agent_id else len(ringing(centre)) == 1


def test_somebody_else_gets_it() -> None:
    centre = ahead()
    seated(centre, "1002", ON_DEMAND)
    channel = centre.pbx.arrive("4000", ungreeted=True)
    [leg] = ringing(centre)
    centre.command(s.SetState, "1001", "busy")
    centre.settle()
    assert contact(centre, channel).agent_id == "1002"
    assert HangUpChannel("pbx-a", leg) in asked(centre, HangUpChannel)
    assert [centre.pbx.channels[one].address for one in ringing(centre)] == ["1002"]
    assert not contact(centre, channel).joins_itself


def test_nobody_gets_it() -> None:
    centre = ahead()
    channel, leg = comes(centre)
    centre.pbx.answer(leg)
    centre.command(s.SetState, "1001", "busy")
    centre.settle()
    assert contact(centre, channel).state is ContactState.QUEUED
    assert leg not in centre.pbx.channels
    assert agent(centre).state is AgentState.BUSY


def test_a_caller_who_leaves_at_once_leaves_no_phone_ringing() -> None:
    centre = ahead()
    channel, leg = comes(centre)
    centre.pbx.hang_up(channel)
    centre.settle()
    assert leg not in centre.pbx.channels
    assert agent(centre).state is AgentState.READY
    assert centre.pbx.guesses["4000"].startswith("1001:")


@pytest.mark.parametrize("waits", [False, True])
@pytest.mark.parametrize("how", ["rejected", "no answer", "busy phone"])
def test_an_offer_that_is_over_is_not_joined(how: str, waits: bool) -> None:
    centre = ahead()
    channel, leg = comes(centre)
    centre.settle()
    if waits:
        centre.pbx.greeted(channel)
        centre.settle()
    if how == "rejected":
        centre.command(s.Reject, "1001", channel)
    elif how == "no answer":
        centre.pass_time(20.5)
    else:
        centre.pbx.refuse(leg)
    centre.settle()
    if not waits:
        centre.pbx.greeted(channel)
        centre.settle()
    assert contact(centre, channel).state is ContactState.QUEUED
    assert centre.pbx.channels[channel].context == "cti-wait"
    assert not contact(centre, channel).on_its_way
    assert bool(asked(centre, ReturnToQueue)) is waits
    assert asked(centre, LetJoin)[-1] == LetJoin("pbx-a", channel, "")
    assert leg not in centre.pbx.channels


def test_picked_up_while_it_is_rejected() -> None:
    centre = ahead()
    channel, leg = comes(centre)
    centre.settle()
    centre.pbx.greeted(channel)
    centre.settle()
    centre.command(s.Reject, "1001", channel)
    centre.pbx.answer(leg)
    assert centre.pbx.channels[channel].bridge
    centre.settle()
    assert contact(centre, channel).state is ContactState.QUEUED
    assert centre.pbx.channels[channel].context == "cti-wait"
    assert leg not in centre.pbx.channels


def test_a_new_leader_tells_the_node_anew() -> None:
    centre = ahead()
    centre.pbx.guesses = {}
    centre.restart()
    centre.connect()
    centre.settle()
    assert centre.pbx.guesses == {"4000": ""}  # no program is attached yet
    centre.apply(s.AgentConnected(centre.now, "1001"))
    centre.settle()
    assert centre.pbx.guesses["4000"].startswith("1001:")


@pytest.mark.parametrize("answered", [False, True])
@pytest.mark.parametrize("known", [False, True])
def test_the_server_dies_while_it_rings(known: bool, answered: bool) -> None:
    centre = ahead()
    channel, leg = comes(centre)
    if known:
        centre.apply(centre.pbx.read(f"agi:{channel}"))
    centre.restart()
    if answered:
        centre.pbx.answer(leg)
    centre.pbx.greeted(channel)
    centre.connect()
    centre.settle()
    centre.apply(s.AgentConnected(centre.now, "1001"))
    if known and not answered:
        centre.pbx.answer(leg)
    centre.settle()
    for customer in centre.pbx.in_vain():
        centre.pbx.waits_no_more(customer.channel)
    centre.pass_time(1.5)
    centre.settle()
    assert contact(centre, channel).state is (ContactState.ACTIVE if known else ContactState.OFFERED)
    assert len(ringing(centre)) == (0 if known else 1)


def test_a_guess_of_another_history_rings_once() -> None:
    centre = ahead(policy=Policy())
    centre.pbx.guesses["4000"] = "1001:1:22"
    comes(centre)
    centre.settle()
    assert centre.pbx.guesses == {"4000": ""}


def test_a_guess_whose_end_was_not_heard_rings_once() -> None:
    centre = ahead()
    guess = centre.pbx.guesses["4000"]
    centre.command(s.SetState, "1001", "busy")
    centre.settle()
    centre.pbx.guesses["4000"] = guess
    comes(centre)
    centre.settle()
    assert centre.pbx.guesses == {"4000": ""}


def test_after_hours_a_phone_rings_once_in_vain() -> None:
    hours = tuple(Opening(day, 0, 1440) for day in range(1, 8))
    centre = ahead(policy=replace(AHEAD, hours=hours))
    assert centre.pbx.guesses["4000"]
    centre.state.groups[GROUPS[0].group_id].policy = replace(AHEAD, hours=(Opening(1, 0, 0),))  # it is late
    _, leg = comes(centre)
    centre.settle()
    assert leg not in centre.pbx.channels
    assert centre.pbx.guesses == {"4000": ""}


def test_numbers_whose_calls_ring_for_different_times_have_the_same_guess() -> None:
    groups = (replace(GROUPS[0], policy=AHEAD), replace(GROUPS[1], policy=AHEAD, ring_timeout=50.0))
    centre = opened()
    numbers = {"4000": GROUPS[0].group_id, "4001": GROUPS[1].group_id}
    centre.apply(directory(centre.now, groups=groups, service_numbers=numbers))
    seated(centre, "1002", ON_DEMAND)
    centre.settle()
    assert centre.pbx.guesses["4000"] == centre.pbx.guesses["4001"]
    assert centre.pbx.guesses["4000"].endswith(":52")


def test_a_number_that_is_none_is_told_to_no_node() -> None:
    centre = ahead()
    channel, leg = comes(centre)
    centre.apply(s.ContactArrived(centre.now, "pbx-a", channel, "4000)x", "", ahead=leg, ahead_at="1001"))
    centre.settle()
    assert set(centre.pbx.guesses) == {"4000"}
