"""A snapshot against every state: what went on at the PBX while nobody looked."""

import pytest

from cti_server.domain import effects as e
from cti_server.domain import signals as s
from cti_server.domain.agent import AgentState
from cti_server.domain.contact import ContactState
from cti_server.domain.events import Event
from tests.unit.domain import scenes
from tests.unit.domain.agreement import back
from tests.unit.domain.centre import Centre
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


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("scene", [talking, held, wrapping_up])
def test_nothing_happened(scene, mode):
    centre, contact_id = scene(mode)
    told = len(scenes.events(centre))
    centre.disconnect()
    back(centre)
    assert scenes.events(centre)[told:] == [Event.SYSTEM_STATUS] * 2  # out of reach, and back
    pictures = [
        one.params["system"]["nodes"]
        for outcome in centre.told
        for one in outcome.notifications
        if one.event is Event.SYSTEM_STATUS
    ]
    assert pictures == [[{"name": "pbx-a", "in_reach": reached}] for reached in (False, True)]
    assert contact_id in centre.state.contacts


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("scene", [talking, held])
def test_the_customer_left(scene, mode):
    centre, contact_id = scene(mode)
    centre.disconnect()
    centre.pbx.hang_up(contact_id)
    back(centre)
    assert contact(centre, contact_id).state is ContactState.WRAP_UP
    assert contact(centre, contact_id).end_reason == "gone_unseen"
    assert contact(centre, contact_id).recording == "stopped"


def test_who_waits_is_not_recorded():
    centre = opened()
    contact_id = called(centre)
    centre.disconnect()
    back(centre)
    assert contact(centre, contact_id).recording == "off"
    assert "recording.started" not in scenes.kinds(centre, contact_id)


def test_the_customer_left_the_queue():
    centre = opened()
    contact_id = called(centre)
    centre.disconnect()
    centre.pbx.hang_up(contact_id)
    back(centre)
    assert not centre.state.contacts


@pytest.mark.parametrize("mode", MODES)
def test_customer_and_phone_left(mode):
    """Found in review: it was told as a lost agent and an abandoned call."""
    centre, contact_id = talking(mode)
    centre.disconnect()
    centre.pbx.hang_up(scenes.agent_channel(centre, contact_id))
    centre.pbx.hang_up(contact_id)
    back(centre)
    assert contact(centre, contact_id).state is ContactState.WRAP_UP
    centre.command(s.WrapUp, "1001", contact_id)
    assert agent(centre).state is (AgentState.NOT_READY if mode == PERSISTENT else AgentState.READY)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("scene", [talking, held])
def test_the_agents_phone_left(scene, mode):
    centre, contact_id = scene(mode)
    centre.disconnect()
    centre.pbx.hang_up(scenes.agent_channel(centre, contact_id), 27)
    back(centre)
    assert contact(centre, contact_id).state is ContactState.QUEUED
    assert agent(centre).state is AgentState.NOT_READY


@pytest.mark.parametrize("mode", MODES)
def test_a_hold_whose_facts_were_lost(mode):
    centre, contact_id = talking(mode)
    centre.command(s.Hold, "1001", contact_id)
    centre.pbx.carry_out()
    centre.disconnect()
    back(centre)
    assert contact(centre, contact_id).state is ContactState.HELD


def test_a_retrieve_whose_facts_were_lost():
    centre, contact_id = held()
    centre.command(s.Retrieve, "1001", contact_id)
    centre.pbx.carry_out()
    centre.disconnect()
    back(centre)
    assert contact(centre, contact_id).state is ContactState.ACTIVE
    assert scenes.last_reply(centre)[1]


def test_a_held_customer_whom_the_dialplan_brought_back_to_the_agent():
    centre, contact_id = held()
    centre.disconnect()
    centre.pbx.on_its_own(contact_id)
    back(centre)
    assert contact(centre, contact_id).state is ContactState.ACTIVE


def test_a_held_customer_in_the_waiting_place_is_brought_back():
    centre, contact_id = held()
    centre.disconnect()
    centre.pbx.channels[contact_id].context = "cti-wait"
    back(centre)
    assert contact(centre, contact_id).state is ContactState.ACTIVE


def test_a_waiting_caller_in_the_fallback_queue_is_taken_back():
    centre = opened()
    contact_id = called(centre)
    centre.disconnect()
    centre.pbx.on_its_own(contact_id)
    assert centre.pbx.channels[contact_id].context == "cti-unserved"
    back(centre)
    assert centre.pbx.channels[contact_id].context == "cti-wait"


@pytest.mark.parametrize("place", ["cti-wait", "cti-hold", "cti-unserved"])
def test_a_customer_nobody_told_us_of(place):
    centre = opened()
    centre.disconnect()
    contact_id = centre.pbx.arrive("4001", "credit_card")
    centre.pbx.channels[contact_id].context = place
    back(centre)
    found = contact(centre, contact_id)
    assert (found.state, found.group_id) == (ContactState.QUEUED, "credit_card")
    assert centre.pbx.channels[contact_id].context == "cti-wait"


def test_a_call_that_came_while_the_snapshot_was_on_its_way_is_kept():
    """Found in review: it was declared gone."""
    centre = opened()
    centre.pbx.ask([e.Resync("pbx-a")])
    centre.pbx.carry_out()
    contact_id = centre.pbx.arrive()
    centre.apply(centre.pbx.read(f"agi:{contact_id}"))
    centre.settle()
    assert contact(centre, contact_id).state is ContactState.IVR


@pytest.mark.parametrize("mode", MODES)
def test_a_phone_that_began_to_ring_while_the_snapshot_was_on_its_way_rings_on(mode):
    """Found in review: the offer was withdrawn and the agent made not ready."""
    centre = opened()
    seated(centre, mode=mode)
    centre.pbx.ask([e.Resync("pbx-a")])
    centre.pbx.carry_out()
    contact_id = centre.pbx.arrive()
    centre.apply(centre.pbx.read(f"agi:{contact_id}"))
    taken, centre.pbx.snapshot = centre.pbx.snapshot, None
    centre.pbx.greeted(contact_id)
    centre.apply(centre.pbx.read(contact_id))
    assert contact(centre, contact_id).state is ContactState.OFFERED
    centre.pbx.snapshot = taken
    centre.settle()
    assert contact(centre, contact_id).state is ContactState.OFFERED


# --- the fallback queue ---------------------------------------------------------------------------


def alone(centre: Centre, contact_id: str, address: str = "1001") -> str:
    """The caller is left to the dialplan, and a phone takes the call."""
    centre.pbx.on_its_own(contact_id)
    return centre.pbx.fallback_answers(contact_id, address)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("state", ["ready", "not_ready", "busy"])
def test_an_agent_took_a_call_from_the_fallback_queue(mode, state):
    centre = opened()
    seated(centre, mode=mode, ready=False)
    contact_id = called(centre)
    if state != "not_ready":
        centre.command(s.SetState, "1001", "busy")
    centre.disconnect()
    if state == "ready":
        centre.command(s.SetState, "1001", "ready")
    phone = alone(centre, contact_id)
    back(centre)
    assert contact(centre, contact_id).state is ContactState.ACTIVE
    assert contact(centre, contact_id).agent_id == "1001"
    assert scenes.agent_channel(centre, contact_id) == phone
    for kind, becomes in ((s.Hold, ContactState.HELD), (s.Retrieve, ContactState.ACTIVE)):
        centre.command(kind, "1001", contact_id)
        centre.settle()
        assert contact(centre, contact_id).state is becomes
    centre.command(s.HangUp, "1001", contact_id)
    centre.settle()
    centre.command(s.WrapUp, "1001", contact_id)
    assert agent(centre).state == state, "back to what it was before the call"
    centre.settle()
    assert phone not in centre.pbx.channels


def test_a_fresh_caller_was_taken_before_we_knew_of_it():
    centre = opened()
    seated(centre)
    centre.settle()
    centre.disconnect()
    contact_id = centre.pbx.arrive()
    alone(centre, contact_id)
    back(centre)
    assert contact(centre, contact_id).state is ContactState.ACTIVE
    assert contact(centre, contact_id).customer.number == "13800138000"


@pytest.mark.parametrize("taker", ["1001", "1002"])
def test_a_call_offered_to_one_agent_was_taken_by_the_same_or_another(taker):
    """Found in review: it stayed offered while it was talking."""
    centre = opened()
    seated(centre, "1001")
    seated(centre, "1002")
    contact_id = called(centre)
    centre.settle()
    centre.disconnect()
    alone(centre, contact_id, taker)
    back(centre)
    assert contact(centre, contact_id).agent_id == taker
    assert agent(centre, taker).state is AgentState.TALKING
    assert agent(centre, "1002" if taker == "1001" else "1001").state is AgentState.READY


def test_an_agent_in_after_call_work_took_a_call():
    """Found in review: the caller was offered to others while it was talking."""
    centre, first = wrapping_up(ON_DEMAND)
    second = called(centre)
    centre.settle()
    centre.disconnect()
    alone(centre, second)
    back(centre)
    assert first not in centre.state.contacts
    assert agent(centre).contact_ids == [second]
    assert agent(centre).state is AgentState.TALKING


def test_a_held_customer_was_taken_by_another_agent():
    centre, contact_id = held()
    seated(centre, "1002")
    centre.settle()
    centre.disconnect()
    centre.pbx.hang_up(scenes.agent_channel(centre, contact_id), 27)
    alone(centre, contact_id, "1002")
    back(centre)
    assert contact(centre, contact_id).agent_id == "1002"
    assert agent(centre).state is AgentState.NOT_READY
    assert centre.pbx.channels[contact_id].bridge, "not torn out of the conversation"


def test_a_phone_outside_the_seats_took_a_call():
    """Found by the machine: the caller was offered while it was talking."""
    centre = opened()
    seated(centre, "1001", ON_DEMAND)
    seated(centre, "1002", ON_DEMAND)
    centre.command(s.SetState, "1001", "busy")
    centre.command(s.SetState, "1002", "busy")
    centre.settle()
    contact_id = called(centre)
    centre.disconnect()
    phone = alone(centre, contact_id)
    centre.command(s.SignOut, "1001")
    centre.command(s.SetState, "1002", "ready")
    for _ in range(2):
        back(centre)
        assert contact(centre, contact_id).state is ContactState.QUEUED
        assert agent(centre, "1002").state is AgentState.READY
        centre.disconnect()
    assert scenes.kinds(centre, contact_id).count("contact.answered_unserved") == 1
    centre.connect()
    centre.pbx.hang_up(phone)
    centre.settle()
    rows = [r.data for o in centre.told for r in o.records if r.kind == "contact"]
    assert rows[-1]["end_reason"] == "answered_unserved"
    assert rows[-1]["connected_at"]


@pytest.mark.parametrize("seen", [True, False])
def test_who_talked_to_a_phone_outside_the_seats_and_waits_again_talks_no_more(seen):
    """Fetched back in the moment it was taken: the talk is over then, not when it leaves at last."""
    centre = opened()
    seated(centre, "1001", ON_DEMAND, ready=False)
    centre.settle()
    contact_id = called(centre)
    centre.disconnect()
    alone(centre, contact_id)
    centre.command(s.SignOut, "1001")
    back(centre)
    if not seen:
        centre.disconnect()
    centre.pbx.ask([e.ReturnToQueue("pbx-a", contact_id)])
    if not seen:
        centre.pbx.link = True
        centre.pbx.carry_out()
        centre.pbx.facts.clear()
    back(centre)
    assert contact(centre, contact_id).state is ContactState.QUEUED
    assert scenes.kinds(centre, contact_id).count("contact.waits_again") == 1


def test_a_call_taken_from_the_fallback_queue_while_we_live():
    centre = opened()
    seated(centre, mode=ON_DEMAND, ready=False)
    contact_id = called(centre)
    centre.settle()
    centre.pbx.channels[contact_id].context = "cti-unserved"  # a hiccup; we leave it there for a while
    centre.pbx.fallback_answers(contact_id, "1001")
    centre.settle()
    centre.pass_time(2)
    centre.settle()
    assert contact(centre, contact_id).agent_id == "1001"
    assert agent(centre).state is AgentState.TALKING


# --- stations -------------------------------------------------------------------------------------


def test_stray_phones_are_hung_up():
    """A server died after it asked for a phone to ring and before it could say so."""
    centre = opened()
    centre.command(s.SignIn, "1001", "1001", PERSISTENT)
    centre.settle()
    centre.command(s.SignOut, "1001")
    centre.restart()
    centre.pbx.answer(scenes.ringing(centre)[0])
    back(centre)
    assert not centre.pbx.channels


@pytest.mark.parametrize("rung", [True, False])
def test_who_should_wait_and_is_still_on_hold_is_brought_there(rung):
    """The agent's phone is lost, and with the server what was to bring the customer back to the queue."""
    centre, contact_id = held()
    if rung:
        seated(centre, "1002", ON_DEMAND)
    centre.pbx.hang_up(scenes.agent_channel(centre, contact_id), 27)
    while centre.pbx.sources():
        centre.apply(centre.pbx.read(centre.pbx.sources()[0]))
    centre.restart()
    back(centre)
    assert centre.pbx.channels[contact_id].context == "cti-wait"
    assert not contact(centre, contact_id).on_its_way


def test_a_stray_phone_is_hung_up_that_an_agent_talks_to():
    """A consulted agent hangs up; the server dies before the PBX is told."""
    centre, contact_id = scenes.consulting(PERSISTENT, ON_DEMAND)
    centre.command(s.HangUp, "1002", contact_id)
    centre.restart()
    back(centre)
    assert contact(centre, contact_id).state is ContactState.HELD
    assert [c.address for c in centre.pbx.channels.values() if c.address] == ["1001"]


def test_a_phone_that_answered_unseen_signs_in():
    centre = opened()
    centre.command(s.SignIn, "1001", "1001", PERSISTENT)
    centre.settle()
    centre.disconnect()
    centre.pbx.answer(scenes.ringing(centre)[0])
    back(centre)
    assert scenes.last_reply(centre) == (None, True)
    assert agent(centre).state is AgentState.NOT_READY


def test_a_nailed_up_phone_that_was_lost_unseen():
    centre = opened()
    seated(centre)
    centre.disconnect()
    centre.pbx.hang_up(centre.state.stations["1001"].channel or "")
    back(centre)
    assert (agent(centre).state, agent(centre).reason) == (AgentState.NOT_READY, "station_lost")


def test_registrations_that_changed_unseen():
    centre = opened()
    seated(centre, mode=ON_DEMAND)
    centre.disconnect()
    centre.pbx.unregister("1001")
    centre.pbx.unregister("1002")
    back(centre)
    assert (agent(centre).state, agent(centre).reason) == (AgentState.NOT_READY, "station_unregistered")
    assert not centre.state.stations["1002"].registered


# --- calls that came and went unseen --------------------------------------------------------------


def test_a_call_that_came_and_went_unseen_is_in_the_log_once():
    centre = opened()
    seated(centre)
    centre.settle()
    centre.disconnect()
    contact_id = centre.pbx.arrive()
    alone(centre, contact_id)
    centre.pbx.hang_up(contact_id)
    back(centre)
    centre.disconnect()
    back(centre)
    assert scenes.kinds(centre, contact_id) == ["contact.recovered"]
    rows = [r.data for o in centre.told for r in o.records if r.kind == "contact"]
    assert (rows[-1]["agent_id"], rows[-1]["end_reason"], rows[-1]["recovered"]) == (
        "1001",
        "answered_unserved",
        True,
    )


def test_a_call_whose_end_we_saw_is_not_recovered():
    centre, contact_id = talking()
    centre.pbx.hang_up(contact_id)
    centre.settle()
    centre.command(s.WrapUp, "1001", contact_id)
    centre.disconnect()
    back(centre)
    assert "contact.recovered" not in scenes.kinds(centre, contact_id)


def test_a_known_call_that_ended_unseen_carries_the_times_of_the_pbx():
    centre, contact_id = talking()
    centre.disconnect()
    centre.pass_time(5)
    centre.pbx.hang_up(contact_id)
    ended = centre.now
    centre.pass_time(5)
    back(centre)
    assert contact(centre, contact_id).ended_at == ended
    assert contact(centre, contact_id).state is ContactState.WRAP_UP


def test_going_ready_while_a_call_comes_by_the_fallback_queue():
    """Found by the machine: the phone that answered made a talking agent ready."""
    centre = opened()
    seated(centre)
    contact_id = called(centre, "4001")
    centre.settle()
    centre.pbx.hang_up(centre.state.stations["1001"].channel or "")
    centre.settle()
    centre.command(s.SetState, "1001", "ready")
    centre.settle()
    rung = scenes.ringing(centre)[0]
    centre.disconnect()
    alone(centre, contact_id)
    centre.pbx.answer(rung)
    back(centre)
    assert scenes.last_reply(centre) == (None, True)
    assert agent(centre).state is AgentState.TALKING
    pending = agent(centre).pending
    assert pending
    assert pending.state is AgentState.READY


def test_a_held_customer_who_talks_to_a_phone_outside_the_seats_is_held_no_more():
    """Found by the machine: held by one agent, talking to another."""
    centre, contact_id = held()
    seated(centre, "1002", ON_DEMAND, ready=False)
    centre.settle()
    centre.disconnect()
    centre.pbx.channels[contact_id].context = "cti-unserved"
    centre.pbx.fallback_answers(contact_id, "1002")
    centre.command(s.SignOut, "1002")
    back(centre)
    assert contact(centre, contact_id).state is ContactState.QUEUED
    assert contact(centre, contact_id).end_reason == "answered_unserved"
    assert agent(centre).contact_ids == []


def test_an_agent_whose_hang_up_is_under_way_took_another_call():
    """Found by the machine: the agent had both."""
    centre, contact_id = held(ON_DEMAND)
    second = called(centre)
    centre.settle()
    centre.command(s.HangUp, "1001", contact_id)
    centre.restart()
    centre.pbx.hang_up(scenes.agent_channel(centre, contact_id))
    alone(centre, second)
    back(centre)
    assert agent(centre).contact_ids == [contact_id]
    assert contact(centre, contact_id).state is ContactState.WRAP_UP
    assert contact(centre, second).end_reason == "answered_unserved"


@pytest.mark.parametrize("mode", MODES)
def test_a_phone_held_and_took_back_while_nobody_looked(mode):
    centre, contact_id = talking(mode)
    phone = scenes.agent_channel(centre, contact_id)
    for did, state in ((centre.pbx.hold, "held"), (centre.pbx.retrieve, "active")):
        centre.disconnect()
        did(phone)
        centre.connect()
        centre.settle()
        assert contact(centre, contact_id).state == state
    assert scenes.kinds(centre, contact_id)[-2:] == ["contact.held", "contact.retrieved"]


def test_a_stranger_in_a_conversation_is_hung_up():
    centre, contact_id = talking()
    told = centre.apply(s.StrangerInBridge(centre.now, "pbx-a", "pbx-a-77.7"))
    assert told.effects == [e.HangUpChannel("pbx-a", "pbx-a-77.7")]
    centre.settle()
    assert contact(centre, contact_id).state == "active"


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("whose", ["the customer's", "the agent's"])
def test_a_stranger_who_came_while_nobody_looked_is_hung_up(mode, whose):
    """Found by the machine: it talked on for as long as it liked."""
    centre, contact_id = talking(mode)
    phone = scenes.agent_channel(centre, contact_id)
    centre.disconnect()
    centre.pbx.takes_its_place(contact_id if whose == "the customer's" else phone)
    back(centre)
    assert not [channel for channel in centre.pbx.channels.values() if channel.stranger]
    assert contact(centre, contact_id).state == "active"


@pytest.mark.parametrize("mode", MODES)
def test_who_was_joined_unheard_talks_on_however_long_nobody_looks(mode):
    """The server was killed right after it had them joined; the offer runs out before the next looks."""
    centre = opened()
    seated(centre, mode=mode)
    contact_id = called(centre)
    if mode == PERSISTENT:
        centre.command(s.Accept, "1001", contact_id)
    else:
        centre.settle()
        centre.pbx.answer(scenes.ringing(centre)[0])
    while not centre.pbx.channels[contact_id].bridge:
        if centre.pbx.effects:
            centre.pbx.carry_out()
        else:
            centre.apply(centre.pbx.read(centre.pbx.sources()[0]))
    centre.restart()
    centre.pass_time(40.0)
    centre.connect()
    centre.settle()
    assert (contact(centre, contact_id).state, contact(centre, contact_id).agent_id) == ("active", "1001")
    assert centre.pbx.channels[contact_id].bridge
