"""Who is not greeted is offered before its channel has come to wait, and joined no sooner than that."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cti_server.domain import signals as s
from cti_server.domain.agent import AgentState
from cti_server.domain.contact import ContactState
from cti_server.domain.effects import Connect, Resync, RingStation, TakeMessage
from cti_server.domain.policy import VOICEMAIL, Opening, Policy
from tests.unit.domain.centre import GROUPS, Centre, directory
from tests.unit.domain.scenes import MODES, ON_DEMAND, PERSISTENT, agent, contact, opened, ringing, seated


def comes(centre: Centre, number: str = "4000") -> str:
    """A call that is not greeted; its channel is still asking its way."""
    channel = centre.pbx.arrive(number, ungreeted=True)
    centre.settle()
    return channel


def waits(centre: Centre, channel: str) -> None:
    """Its channel reaches the waiting place."""
    centre.pbx.greeted(channel)
    centre.settle()


def asked(centre: Centre, kind: type) -> list[object]:
    return [effect for outcome in centre.told for effect in outcome.effects if isinstance(effect, kind)]


@pytest.mark.parametrize("mode", MODES)
def test_it_is_offered_at_once_and_joined_when_it_has_come_to_wait(mode: str) -> None:
    centre = opened()
    seated(centre, mode=mode)
    channel = comes(centre)
    assert contact(centre, channel).state is ContactState.OFFERED
    assert bool(asked(centre, RingStation)) is True
    centre.command(s.Accept, "1001", channel)
    for phone in ringing(centre):
        centre.pbx.answer(phone)
    centre.settle()
    assert asked(centre, Connect) == []
    waits(centre, channel)
    assert len(asked(centre, Connect)) == 1
    assert contact(centre, channel).state is ContactState.ACTIVE
    assert not contact(centre, channel).on_its_way


def test_a_phone_that_is_quicker_than_the_program_has_accepted_for_it() -> None:
    centre = opened()
    seated(centre, mode=ON_DEMAND)
    channel = comes(centre)
    waits(centre, channel)
    [phone] = ringing(centre)
    centre.pbx.answer(phone)
    centre.settle()
    reply = centre.command(s.Accept, "1001", channel)
    assert reply is not None
    assert reply.result is not None
    assert reply.result["contact"]["state"] == "active"
    centre.pass_time(6.0)
    late = centre.command(s.Accept, "1001", channel)
    assert late is not None
    assert late.error_code == "action_not_allowed"


@pytest.mark.parametrize("mode", MODES)
def test_it_may_wait_before_anybody_takes_it(mode: str) -> None:
    centre = opened()
    seated(centre, mode=mode)
    channel = comes(centre)
    waits(centre, channel)
    assert asked(centre, Connect) == []
    assert contact(centre, channel).state is ContactState.OFFERED


def test_a_caller_who_leaves_on_the_way_frees_the_agent() -> None:
    centre = opened()
    seated(centre, mode=ON_DEMAND)
    channel = comes(centre)
    centre.pbx.hang_up(channel)
    centre.settle()
    assert channel not in centre.state.contacts
    assert agent(centre).state is AgentState.READY
    assert ringing(centre) == []


def test_who_went_to_the_fallback_is_fetched_from_there() -> None:
    centre = opened()
    channel = comes(centre)
    centre.pbx.channels[channel].variables.pop("CTI_ROUTED")
    waits(centre, channel)
    assert centre.pbx.channels[channel].context == "cti-wait"
    assert contact(centre, channel).state is ContactState.QUEUED


def test_who_is_seen_nowhere_is_looked_for() -> None:
    centre = opened()
    seated(centre)
    channel = comes(centre)
    centre.command(s.Accept, "1001", channel)
    centre.pbx.channels[channel].context = "cti-wait"  # and nobody heard of it
    before = len(asked(centre, Resync))
    centre.pass_time(6.0)
    assert len(asked(centre, Resync)) > before
    centre.settle()
    assert not contact(centre, channel).on_its_way


def test_a_greeting_a_menu_and_closed_doors_come_first() -> None:
    centre = opened()
    greeted = centre.pbx.arrive("4000")
    centre.settle()
    assert contact(centre, greeted).state is ContactState.IVR
    assert contact(centre, comes(centre, "4005")).state is ContactState.IVR
    closed = replace(GROUPS[0], policy=Policy(hours=(Opening(1, 0, 0),)))
    centre.apply(directory(centre.now, groups=(closed, GROUPS[1])))
    assert contact(centre, comes(centre)).state is ContactState.IVR


def test_a_full_queue_leaves_it_to_the_waiting_place() -> None:
    centre = opened()
    full = replace(GROUPS[0], policy=Policy(overflow_to=VOICEMAIL, overflow_length=1))
    centre.apply(directory(centre.now, groups=(full, GROUPS[1])))
    comes(centre)
    second = comes(centre)
    assert contact(centre, second).state is ContactState.IVR
    waits(centre, second)
    assert contact(centre, second).state is ContactState.VOICEMAIL


def test_nobody_is_sent_to_leave_a_message_from_the_way() -> None:
    centre = opened()
    last = replace(GROUPS[0], policy=Policy(overflow_to=VOICEMAIL, overflow_after=1.0))
    centre.apply(directory(centre.now, groups=(last, GROUPS[1])))
    channel = comes(centre)
    centre.pass_time(1.5)
    assert asked(centre, TakeMessage) == []
    centre.pbx.greeted(channel)
    centre.settle()
    centre.pass_time(2.5)
    assert len(asked(centre, TakeMessage)) == 1


def test_a_persistent_station_is_called_in_use_an_on_demand_one_has_no_such_state() -> None:
    for mode, address in ((PERSISTENT, "1001"), (ON_DEMAND, "")):
        centre = opened()
        seated(centre, mode=mode)
        channel = comes(centre)
        waits(centre, channel)
        centre.command(s.Accept, "1001", channel)
        for phone in ringing(centre):
            centre.pbx.answer(phone)
        centre.settle()
        [connect] = asked(centre, Connect)
        assert isinstance(connect, Connect)
        assert connect.address == address
