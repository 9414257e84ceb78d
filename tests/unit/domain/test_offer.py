"""Arrival, queue, who is offered what, and what becomes of an offer that nobody takes."""

import pytest

from cti_server.domain import effects as e
from cti_server.domain import signals as s
from cti_server.domain.agent import AgentState
from cti_server.domain.contact import ContactState
from cti_server.domain.events import Event
from tests.unit.domain import scenes
from tests.unit.domain.scenes import MODES, ON_DEMAND, PERSISTENT, agent, called, contact, opened, seated


def test_a_call_waits_until_somebody_is_ready():
    centre = opened()
    contact_id = called(centre)
    assert contact(centre, contact_id).state is ContactState.QUEUED
    seated(centre, ready=False)
    assert contact(centre, contact_id).state is ContactState.QUEUED
    centre.command(s.SetState, "1001", "ready")
    assert contact(centre, contact_id).state is ContactState.OFFERED
    assert agent(centre).contact_ids == [contact_id]


def test_a_call_of_an_unknown_number_still_reaches_a_queue():
    centre = opened()
    centre.apply(s.ContactArrived(centre.now, "pbx-a", "x.1", "9999", "10086"))
    assert contact(centre, "x.1").group_id == "general"


@pytest.mark.parametrize("state", ["not_ready", "busy"])
def test_only_a_ready_agent_is_offered(state):
    centre = opened()
    seated(centre)
    centre.command(s.SetState, "1001", state, "lunch")
    assert contact(centre, called(centre)).state is ContactState.QUEUED


def test_an_agent_without_its_program_is_offered_nothing():
    centre = opened()
    seated(centre)
    centre.apply(s.AgentDisconnected(centre.now, "1001"))
    contact_id = called(centre)
    assert contact(centre, contact_id).state is ContactState.QUEUED
    centre.apply(s.AgentConnected(centre.now, "1001"))
    assert contact(centre, contact_id).state is ContactState.OFFERED


def test_the_longest_idle_agent_is_first():
    centre = opened()
    seated(centre, "1002")
    centre.pass_time(1)
    seated(centre, "1001")
    assert contact(centre, called(centre)).agent_id == "1002"
    assert contact(centre, called(centre)).agent_id == "1001"


def test_a_busy_spell_makes_an_agent_the_last():
    centre = opened()
    seated(centre, "1002")
    seated(centre, "1001")
    centre.pass_time(1)
    centre.command(s.SetState, "1002", "busy")
    centre.command(s.SetState, "1002", "ready")
    assert contact(centre, called(centre)).agent_id == "1001"


def test_only_the_group_is_offered():
    centre = opened()
    seated(centre, "1001")
    contact_id = called(centre, "4001")
    assert contact(centre, contact_id).state is ContactState.QUEUED
    seated(centre, "1002")
    assert contact(centre, contact_id).agent_id == "1002"


def test_the_longest_waiting_caller_is_first():
    centre = opened()
    first, second = called(centre), called(centre)
    seated(centre)
    assert contact(centre, first).state is ContactState.OFFERED
    assert contact(centre, second).state is ContactState.QUEUED


def test_who_lost_an_agent_is_before_who_waits_longer():
    centre, lost = scenes.talking()
    waiting = called(centre)
    centre.pbx.hang_up(scenes.agent_channel(centre, lost), 27)
    centre.settle()
    assert contact(centre, lost).priority == 1
    assert centre.state.groups["general"].waiting == [lost, waiting]


def test_a_phone_at_another_node_is_not_offered():
    centre = opened()
    seated(centre)
    centre.apply(s.NodeSnapshot(centre.now, "pbx-b", (), ()))
    placed = s.CustomerPlaced(centre.now, "pbx-b", "pbx-b-1.0", "wait", "4000", "general", "13900139000")
    centre.apply(placed)
    assert contact(centre, "pbx-b-1.0").state is ContactState.QUEUED


def test_nothing_is_offered_at_a_node_out_of_reach():
    centre = opened()
    seated(centre, mode=ON_DEMAND)
    centre.disconnect()
    contact_id = called(centre)
    centre.apply(s.CustomerPlaced(centre.now, "pbx-a", contact_id, "wait", "4000", "general", "1"))
    assert contact(centre, contact_id).state is ContactState.QUEUED
    assert agent(centre).state is AgentState.READY
    centre.connect()
    centre.settle()
    assert contact(centre, contact_id).state is ContactState.OFFERED


def test_at_the_offer_a_persistent_station_is_silent_and_one_on_demand_rings():
    for mode in MODES:
        centre = opened()
        seated(centre, mode=mode)
        called(centre)
        rung = [x for o in centre.told for x in o.effects if isinstance(x, e.RingStation) and x.contact_id]
        assert len(rung) == (1 if mode == ON_DEMAND else 0)
        assert all(x.timeout == 20.0 for x in rung)


@pytest.mark.parametrize("mode", MODES)
def test_no_answer_goes_to_the_next_agent_and_the_first_is_not_ready(mode):
    centre = opened()
    seated(centre, "1001", mode)
    seated(centre, "1002", mode)
    contact_id = called(centre)
    assert contact(centre, contact_id).agent_id == "1001"
    centre.settle()
    centre.pass_time(20.5)
    assert (agent(centre).state, agent(centre).reason) == (AgentState.NOT_READY, "no_answer")
    assert contact(centre, contact_id).agent_id == "1002"
    assert Event.CONTACT_OFFER_WITHDRAWN in scenes.events(centre)
    centre.settle()
    assert all(c.address != "1001" or mode == PERSISTENT for c in centre.pbx.channels.values())


@pytest.mark.parametrize("mode", MODES)
def test_reject_goes_to_the_next_agent(mode):
    centre = opened()
    seated(centre, "1001", mode)
    seated(centre, "1002", mode)
    contact_id = called(centre)
    reply = centre.command(s.Reject, "1001", contact_id)
    assert reply
    assert reply.result
    assert reply.result["contact"]["allowed_actions"] == []
    assert (agent(centre).state, agent(centre).reason) == (AgentState.NOT_READY, "rejected")
    assert contact(centre, contact_id).agent_id == "1002"


def test_a_phone_that_rejects_sends_the_caller_on():
    centre = opened()
    seated(centre, "1001", ON_DEMAND)
    seated(centre, "1002", ON_DEMAND)
    contact_id = called(centre)
    centre.settle()
    centre.pbx.refuse(scenes.ringing(centre)[0])
    centre.settle()
    assert (agent(centre).state, agent(centre).reason) == (AgentState.NOT_READY, "station_no_answer")
    assert contact(centre, contact_id).agent_id == "1002"


@pytest.mark.parametrize("mode", MODES)
def test_the_caller_gives_up_while_offered(mode):
    centre = opened()
    seated(centre, mode=mode)
    contact_id = called(centre)
    centre.settle()
    centre.pbx.hang_up(contact_id)
    centre.settle()
    assert contact_id not in centre.state.contacts
    assert agent(centre).state is AgentState.READY
    assert scenes.kinds(centre, contact_id)[-2:] == ["contact.offer_withdrawn", "contact.ended"]
    assert not [c for c in centre.pbx.channels.values() if mode == ON_DEMAND]


def test_the_caller_gives_up_in_the_queue_and_in_the_greeting():
    centre = opened()
    waiting = called(centre)
    greeted = centre.pbx.arrive()
    centre.settle()
    for contact_id in (waiting, greeted):
        centre.pbx.hang_up(contact_id)
    centre.settle()
    assert not centre.state.contacts
    rows = [r.data for o in centre.told for r in o.records if r.kind == "contact"]
    assert {row["contact_id"]: row["end_reason"] for row in rows} == {
        waiting: "abandoned",
        greeted: "abandoned",
    }


def test_a_persistent_station_that_idles_again_does_not_take_the_next_call():
    """Found in review: its late `StationPlaced` accepted the offer in the agent's name."""
    centre = opened()
    seated(centre)
    contact_id = called(centre)
    centre.apply(s.StationPlaced(centre.now, "pbx-a", scenes.agent_channel(centre, contact_id)))
    assert contact(centre, contact_id).state is ContactState.OFFERED
    assert not centre.pbx.effects


def test_a_caller_given_up_by_the_dialplan_is_taken_back_and_kept_when_being_connected():
    centre = opened()
    seated(centre, ready=False)
    contact_id = centre.pbx.arrive()
    centre.pbx.facts.clear()
    centre.pbx.greeted(contact_id)
    centre.settle()
    assert centre.pbx.channels[contact_id].context == "cti-wait"
    centre.command(s.SetState, "1001", "ready")
    centre.command(s.Accept, "1001", contact_id)
    outcome = centre.apply(s.CustomerPlaced(centre.now, "pbx-a", contact_id, "unserved", "4000", "general"))
    assert outcome.effects == []


def test_a_call_that_was_gone_before_its_question_is_found_out():
    """AGI and AMI are two ways: the question may come after the hang-up."""
    centre = opened()
    centre.apply(s.ContactArrived(centre.now, "pbx-a", "gone.1", "4000", "1"))
    centre.pass_time(121)
    centre.settle()
    assert not centre.state.contacts


def test_a_queue_nobody_serves_does_not_keep_others_waiting():
    centre = opened()
    seated(centre, "1001")
    stuck = [called(centre, "4001") for _ in range(3)]
    contact_id = called(centre)
    assert contact(centre, contact_id).state is ContactState.OFFERED
    assert all(contact(centre, other).state is ContactState.QUEUED for other in stuck)
