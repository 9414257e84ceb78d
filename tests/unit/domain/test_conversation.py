"""Accept, hold and retrieve by seat and by phone, and every way a conversation can end."""

import pytest

from cti_server.domain import effects as e
from cti_server.domain import signals as s
from cti_server.domain.agent import AgentState
from cti_server.domain.contact import ContactState
from cti_server.domain.leg import LegState
from tests.unit.domain import scenes
from tests.unit.domain.scenes import (
    MODES,
    ON_DEMAND,
    PERSISTENT,
    agent,
    called,
    contact,
    held,
    opened,
    seated,
    talking,
    wrapping_up,
)


def test_accept_on_a_persistent_station_connects_at_once():
    centre = opened()
    seated(centre)
    contact_id = called(centre)
    centre.command(s.Accept, "1001", contact_id)
    assert [type(x) for x in centre.pbx.effects] == [e.Connect]
    assert scenes.last_reply(centre) == (None, False)
    centre.settle()
    assert scenes.last_reply(centre) == (None, True)
    assert agent(centre).state is AgentState.TALKING


def test_accept_on_demand_waits_for_the_phone_to_be_picked_up():
    centre = opened()
    seated(centre, mode=ON_DEMAND)
    contact_id = called(centre)
    centre.settle()
    centre.command(s.Accept, "1001", contact_id)
    assert not centre.pbx.effects
    centre.pass_time(10)
    assert scenes.last_reply(centre) == (None, False)
    scenes.pick_up(centre)
    assert scenes.last_reply(centre) == (None, True)
    assert contact(centre, contact_id).state is ContactState.ACTIVE


def test_a_phone_picked_up_by_hand_accepts():
    centre = opened()
    seated(centre, mode=ON_DEMAND)
    contact_id = called(centre)
    scenes.pick_up(centre)
    assert contact(centre, contact_id).state is ContactState.ACTIVE
    assert contact(centre, contact_id).connected_at


def test_an_accept_that_no_phone_follows_is_refused_in_the_end():
    centre = opened()
    seated(centre, mode=ON_DEMAND)
    contact_id = called(centre)
    centre.settle()
    centre.command(s.Accept, "1001", contact_id)
    centre.pass_time(21)
    assert scenes.last_reply(centre) == ("station_no_answer", True)


@pytest.mark.parametrize("reverse", [False, True])
def test_both_orders_of_entering_the_bridge_connect(reverse):
    centre = opened()
    seated(centre)
    contact_id = called(centre)
    channels = [contact_id, scenes.agent_channel(centre, contact_id)]
    centre.command(s.Accept, "1001", contact_id)
    for channel in reversed(channels) if reverse else channels:
        centre.apply(s.ChannelEnteredBridge(centre.now, "pbx-a", channel, "b-1"))
    assert contact(centre, contact_id).state is ContactState.ACTIVE
    assert not [key for key in centre.state.timers if key.startswith("apart")]


@pytest.mark.parametrize("mode", MODES)
def test_hold_and_retrieve_by_the_phone(mode):
    centre, contact_id = talking(mode)
    phone = scenes.agent_channel(centre, contact_id)
    centre.pbx.hold(phone)
    centre.settle()
    assert contact(centre, contact_id).state is ContactState.HELD
    assert contact(centre, contact_id).customer_leg.state is LegState.HELD
    assert scenes.code(centre, s.Retrieve, "1001", contact_id) == "held_at_phone"
    centre.pbx.retrieve(phone)
    centre.settle()
    assert contact(centre, contact_id).state is ContactState.ACTIVE


def test_the_customers_own_hold_is_its_own_affair():
    centre, contact_id = talking()
    centre.apply(s.PhoneHeld(centre.now, "pbx-a", contact_id))
    assert contact(centre, contact_id).state is ContactState.ACTIVE


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("scene", [talking, held])
def test_the_customer_hangs_up(scene, mode):
    centre, contact_id = scene(mode)
    centre.pbx.hang_up(contact_id)
    centre.settle()
    ended = contact(centre, contact_id)
    assert (ended.state, ended.end_reason) == (ContactState.WRAP_UP, "customer_hung_up")
    assert agent(centre).state is AgentState.WRAP_UP
    assert bool(centre.pbx.channels) is (mode == PERSISTENT)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("scene", [talking, held])
def test_the_agent_hangs_up_from_the_seat(scene, mode):
    centre, contact_id = scene(mode)
    centre.command(s.HangUp, "1001", contact_id)
    centre.settle()
    assert scenes.last_reply(centre) == (None, True)
    assert contact(centre, contact_id).end_reason == "agent_hung_up"
    assert contact_id not in centre.pbx.channels


@pytest.mark.parametrize("mode", MODES)
def test_the_agent_hangs_up_at_the_phone(mode):
    centre, contact_id = talking(mode)
    centre.pbx.hang_up(scenes.agent_channel(centre, contact_id))
    centre.settle()
    ended = contact(centre, contact_id)
    assert (ended.state, ended.end_reason) == (ContactState.WRAP_UP, "agent_hung_up")
    assert not centre.pbx.channels


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("scene", "cause"), [(talking, 27), (held, 27), (held, 16)])
def test_a_customer_whose_agent_vanished_is_first_in_the_queue_again(scene, cause, mode):
    centre, contact_id = scene(mode)
    centre.pbx.hang_up(scenes.agent_channel(centre, contact_id), cause)
    centre.settle()
    assert contact(centre, contact_id).state is ContactState.QUEUED
    assert contact(centre, contact_id).agent_id is None
    assert centre.pbx.channels[contact_id].context == "cti-wait"
    assert (agent(centre).state, agent(centre).reason) == (AgentState.NOT_READY, "station_lost")


@pytest.mark.parametrize("asked", ["busy", "not_ready"])
def test_an_agent_who_lost_its_phone_gets_the_state_it_had_asked_for(asked):
    """Found by the machine: the pending state stayed for ever."""
    centre, contact_id = talking()
    centre.command(s.SetState, "1001", asked, "lunch")
    centre.pbx.hang_up(scenes.agent_channel(centre, contact_id), 27)
    centre.settle()
    assert (agent(centre).state, agent(centre).reason, agent(centre).pending) == (asked, "lunch", None)


@pytest.mark.parametrize("mode", MODES)
def test_hanging_up_overtakes_a_hold_under_way(mode):
    centre, contact_id = talking(mode)
    centre.command(s.Hold, "1001", contact_id)
    hold = centre.commands[-1]
    centre.command(s.HangUp, "1001", contact_id)
    centre.settle()
    assert centre.replies[hold][0].error_code == "contact_ended"
    assert scenes.last_reply(centre) == (None, True)


def test_a_second_hang_up_has_to_wait():
    centre, contact_id = talking()
    centre.command(s.HangUp, "1001", contact_id)
    assert scenes.code(centre, s.HangUp, "1001", contact_id) == "operation_pending"


def test_the_customer_hangs_up_during_a_hold_or_an_accept():
    centre, contact_id = talking()
    centre.command(s.Hold, "1001", contact_id)
    centre.pbx.hang_up(contact_id)
    centre.settle()
    assert scenes.last_reply(centre) == ("contact_ended", True)
    centre.command(s.WrapUp, "1001", contact_id)
    second = called(centre)
    centre.command(s.Accept, "1001", second)
    centre.pbx.hang_up(second)
    centre.settle()
    assert scenes.last_reply(centre) == ("contact_ended", True)
    assert agent(centre).state is AgentState.READY


def test_a_hold_that_arrives_after_the_agent_left_holds_nothing():
    """Found in review: a customer held by nobody."""
    centre, contact_id = talking()
    centre.apply(s.ChannelGone(centre.now, "pbx-a", scenes.agent_channel(centre, contact_id), 16))
    centre.apply(s.CustomerPlaced(centre.now, "pbx-a", contact_id, "hold"))
    assert contact(centre, contact_id).state is ContactState.ACTIVE
    assert contact(centre, contact_id).agent_leg is None
    assert scenes.code(centre, s.Hold, "1001", contact_id) == "action_not_allowed"


def test_legs_that_drift_apart_are_brought_together_again():
    centre, contact_id = talking()
    bridge = centre.pbx.channels[contact_id].bridge
    for channel in centre.pbx.channels.values():
        channel.bridge = ""
        centre.apply(s.ChannelLeftBridge(centre.now, "pbx-a", channel.channel, bridge))
    centre.pass_time(1.1)
    centre.settle()
    assert centre.pbx.channels[contact_id].bridge
    assert contact(centre, contact_id).state is ContactState.ACTIVE


# --- after the call ------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", MODES)
def test_after_call_work_ends_by_time(mode):
    centre, contact_id = wrapping_up(mode)
    centre.pass_time(59)
    assert agent(centre).state is AgentState.WRAP_UP
    centre.pass_time(2)
    assert agent(centre).state is AgentState.READY
    assert scenes.kinds(centre, contact_id)[-1] == "contact.wrapped_up"


@pytest.mark.parametrize(
    ("pending", "next_state", "becomes"),
    [
        ("", "", "ready"),
        ("busy", "", "busy"),
        ("not_ready", "", "not_ready"),
        ("busy", "ready", "ready"),
        ("", "not_ready", "not_ready"),
    ],
)
def test_the_state_after_the_call(pending, next_state, becomes):
    centre, contact_id = talking()
    if pending:
        reply = centre.command(s.SetState, "1001", pending, "why")
        assert reply
        assert reply.result
        assert reply.result["agent"]["pending_state"] == pending
        assert agent(centre).state is AgentState.TALKING
    centre.pbx.hang_up(contact_id)
    centre.settle()
    centre.command(s.WrapUp, "1001", contact_id, "done", "", next_state)
    assert agent(centre).state == becomes
    assert agent(centre).pending is None


def test_a_state_nobody_can_ask_for_closes_nothing():
    centre, contact_id = wrapping_up()
    assert scenes.code(centre, s.WrapUp, "1001", contact_id, "x", "", "talking") == "action_not_allowed"
    assert contact(centre, contact_id).disposition == ""
    assert scenes.code(centre, s.SetState, "1001", "reserved") == "action_not_allowed"


def test_an_agent_whose_phone_vanished_during_after_call_work_is_not_ready():
    centre, contact_id = wrapping_up()
    centre.pbx.hang_up(centre.state.stations["1001"].channel or "", 27)
    centre.settle()
    centre.command(s.WrapUp, "1001", contact_id)
    assert (agent(centre).state, agent(centre).reason) == (AgentState.NOT_READY, "station_lost")


def test_attached_data_is_merged_and_null_removes():
    centre, contact_id = talking()
    centre.command(s.SetData, "1001", contact_id, {"card": "gold", "lost": True})
    reply = centre.command(s.SetData, "1001", contact_id, {"lost": None, "city": "北京"})
    assert reply
    assert reply.result
    assert reply.result["contact"]["data"] == {"card": "gold", "city": "北京"}


def test_a_call_that_must_end_is_looked_at_until_it_did():
    """The hang-up was lost, and the first snapshots too."""
    centre, contact_id = talking(ON_DEMAND)
    centre.pbx.hang_up(scenes.agent_channel(centre, contact_id))
    while centre.pbx.sources():
        centre.apply(centre.pbx.read(centre.pbx.sources()[0]))
    for _ in range(3):
        centre.pbx.effects.clear()
        centre.pass_time(5.1)
    centre.settle()
    assert contact(centre, contact_id).state is ContactState.WRAP_UP
    assert not centre.pbx.channels
