"""Sign in and out, work states, the persistent station's phone."""

import pytest

from cti_server.domain import effects as e
from cti_server.domain import signals as s
from cti_server.domain.agent import AgentState
from cti_server.domain.events import Event
from tests.unit.domain import scenes
from tests.unit.domain.scenes import MODES, ON_DEMAND, PERSISTENT, agent, code, opened, seated, talking


def test_on_demand_is_signed_in_at_once_and_rings_from_the_fallback_queue():
    centre = opened()
    reply = centre.command(s.SignIn, "1001", "1001", ON_DEMAND)
    assert reply
    assert reply.result
    assert reply.result["agent"]["state"] == "not_ready"
    assert reply.result["agent"]["station"] == {"address": "1001", "mode": "on_demand", "state": "registered"}
    centre.settle()
    assert set(centre.pbx.members) == {"1001"}
    assert scenes.events(centre) == [Event.AGENT_SIGNED_IN]


def test_persistent_is_signed_in_when_the_phone_answers():
    centre = opened()
    centre.command(s.SignIn, "1001", "browser", PERSISTENT)
    assert scenes.last_reply(centre) == (None, False)
    assert agent(centre).state is AgentState.SIGNED_OUT
    assert centre.state.stations["1001-browser"].state.value == "ringing"
    scenes.pick_up(centre)
    assert scenes.last_reply(centre) == (None, True)
    assert agent(centre).state is AgentState.NOT_READY
    assert centre.state.stations["1001-browser"].state.value == "connected"


@pytest.mark.parametrize("how", ["refused", "timeout", "unanswered"])
def test_a_phone_that_does_not_answer_leaves_nothing(how):
    centre = opened()
    centre.command(s.SignIn, "1001", "1001", PERSISTENT)
    if how != "unanswered":
        centre.settle()
    if how == "refused":
        centre.pbx.refuse(scenes.ringing(centre)[0])
        centre.settle()
    else:
        centre.pass_time(36)
        centre.settle()
    assert scenes.last_reply(centre) == ("station_no_answer", True)
    assert agent(centre).station is None
    assert centre.state.stations["1001"].agent_id is None
    assert not centre.pbx.channels
    assert code(centre, s.SignIn, "1001", "1001", ON_DEMAND) is None


def test_a_phone_that_answers_too_late_is_not_left_hanging():
    centre = opened()
    centre.command(s.SignIn, "1001", "1001", PERSISTENT)
    centre.settle()
    centre.pbx.answer(scenes.ringing(centre)[0])
    fact = centre.pbx.read(next(iter(centre.pbx.sources())))
    centre.pass_time(36)
    centre.pbx.effects.clear()
    centre.apply(fact)
    assert [type(x) for x in centre.pbx.effects] == [e.HangUpChannel]


def test_signing_in_while_the_pbx_is_away():
    """Found in review: said `station_no_answer`, after thirty seconds."""
    centre = opened()
    centre.disconnect()
    assert code(centre, s.SignIn, "1001", "1001", PERSISTENT) == "pbx_unavailable"
    assert code(centre, s.SignIn, "1002", "1002", ON_DEMAND) is None
    centre.connect()
    centre.settle()
    assert set(centre.pbx.members) == {"1002"}


def test_the_link_breaks_while_the_phone_rings():
    centre = opened()
    centre.command(s.SignIn, "1001", "1001", PERSISTENT)
    centre.disconnect()
    centre.settle()
    assert scenes.last_reply(centre) == ("pbx_unavailable", True)


def test_signing_in_refused():
    centre = opened()
    assert code(centre, s.SignIn, "9999", "1001", ON_DEMAND) == "unknown_agent"
    assert code(centre, s.SignIn, "5001", "1001", ON_DEMAND) == "wrong_role"
    assert code(centre, s.SignIn, "1001", "7777", ON_DEMAND) == "unknown_station"
    centre.pbx.unregister("1001")
    centre.settle()
    assert code(centre, s.SignIn, "1001", "1001", ON_DEMAND) == "station_not_registered"
    seated(centre, "1002")
    assert code(centre, s.SignIn, "1003", "1002", ON_DEMAND) == "station_in_use"
    assert code(centre, s.SignIn, "1002", "1003", ON_DEMAND) == "already_signed_in"
    assert code(centre, s.SignIn, "1002", "1002", PERSISTENT) is None
    centre.command(s.SignIn, "1003", "1003", PERSISTENT)
    assert code(centre, s.SignIn, "1003", "1003", PERSISTENT) == "operation_pending"


def test_a_team_leader_may_take_a_seat():
    centre = opened()
    assert code(centre, s.SignIn, "1003", "1003", ON_DEMAND) is None


@pytest.mark.parametrize("mode", MODES)
def test_signing_out_leaves_nothing(mode):
    centre = opened()
    seated(centre, mode=mode)
    centre.command(s.SignOut, "1001", "end_of_shift")
    centre.settle()
    assert (agent(centre).state, agent(centre).reason) == (AgentState.SIGNED_OUT, "end_of_shift")
    assert not centre.pbx.channels
    assert not centre.pbx.members
    assert not centre.state.timers
    assert scenes.events(centre)[-1] == Event.AGENT_SIGNED_OUT
    assert code(centre, s.SignOut, "1001") == "not_signed_in"
    assert code(centre, s.SetState, "1001", "ready") == "not_signed_in"


def test_signing_out_while_the_phone_rings_gives_the_sign_in_up():
    centre = opened()
    centre.command(s.SignIn, "1001", "1001", PERSISTENT)
    sign_in = centre.commands[-1]
    centre.settle()
    assert code(centre, s.SignOut, "1001") is None
    centre.settle()
    assert centre.replies[sign_in][0].error_code == "sign_in_withdrawn"
    assert not centre.pbx.channels


@pytest.mark.parametrize("scene", [talking, scenes.held, scenes.wrapping_up])
def test_no_signing_out_with_a_contact(scene):
    centre, _ = scene()
    assert code(centre, s.SignOut, "1001") == "contact_in_progress"
    assert agent(centre).signed_in


def test_a_persistent_station_that_is_lost_and_rung_again():
    centre = opened()
    seated(centre)
    centre.pbx.hang_up(centre.state.stations["1001"].channel or "")
    centre.settle()
    assert (agent(centre).state, agent(centre).reason) == (AgentState.NOT_READY, "station_lost")
    assert scenes.events(centre)[-1] == Event.STATION_CHANGED
    centre.command(s.SetState, "1001", "ready")
    assert code(centre, s.SetState, "1001", "busy") == "operation_pending"
    scenes.pick_up(centre)
    assert agent(centre).state is AgentState.READY


def test_going_ready_with_a_phone_that_does_not_answer_keeps_the_seat():
    centre = opened()
    seated(centre)
    centre.pbx.hang_up(centre.state.stations["1001"].channel or "")
    centre.settle()
    centre.command(s.SetState, "1001", "ready")
    centre.settle()
    centre.pbx.refuse(scenes.ringing(centre)[0])
    centre.settle()
    assert scenes.last_reply(centre) == ("station_no_answer", True)
    assert agent(centre).state is AgentState.NOT_READY
    assert centre.state.stations["1001"].agent_id == "1001"


def test_an_unregistered_phone_on_demand_is_not_ready():
    centre = opened()
    seated(centre, mode=ON_DEMAND)
    centre.pbx.unregister("1001")
    centre.settle()
    assert (agent(centre).state, agent(centre).reason) == (AgentState.NOT_READY, "station_unregistered")
    assert code(centre, s.SetState, "1001", "ready") == "station_not_registered"
    centre.pbx.register("1001")
    centre.settle()
    assert code(centre, s.SetState, "1001", "ready") is None


def test_asking_for_the_state_one_has_tells_nobody():
    centre = opened()
    seated(centre)
    seq = agent(centre).seq
    assert code(centre, s.SetState, "1001", "ready") is None
    assert agent(centre).seq == seq


def test_the_grace_time_of_an_agent_whose_program_is_gone():
    centre = opened()
    seated(centre)
    centre.apply(s.AgentDisconnected(centre.now, "1001"))
    centre.pass_time(29)
    assert agent(centre).state is AgentState.READY
    centre.pass_time(2)
    assert (agent(centre).state, agent(centre).reason) == (AgentState.NOT_READY, "connection_lost")


def test_who_comes_back_in_time_keeps_its_state():
    centre = opened()
    seated(centre)
    centre.apply(s.AgentDisconnected(centre.now, "1001"))
    centre.pass_time(20)
    centre.apply(s.AgentConnected(centre.now, "1001"))
    centre.pass_time(60)
    assert agent(centre).state is AgentState.READY


def test_the_grace_time_begins_anew_when_an_offer_ends_unanswered_by_the_caller():
    """Found by the machine: ready for ever, with nobody there."""
    centre = opened()
    seated(centre)
    contact_id = scenes.called(centre)
    centre.apply(s.AgentDisconnected(centre.now, "1001"))
    centre.pbx.hang_up(contact_id)
    centre.settle()
    assert agent(centre).state is AgentState.READY
    centre.pass_time(31)
    assert agent(centre).state is AgentState.NOT_READY
