"""Listen, whisper, barge, intercept, and another agent's seat: what each does, and to whom it is refused."""

import pytest

from cti_server.domain import signals as s
from cti_server.domain.agent import AgentState, SupervisionMode
from cti_server.domain.contact import ContactState
from cti_server.domain.leg import LegRole, LegState
from cti_server.domain.views import contact_view
from tests.unit.domain import scenes
from tests.unit.domain.agreement import check_agreement
from tests.unit.domain.centre import Centre
from tests.unit.domain.scenes import MODES, ON_DEMAND, PERSISTENT, agent, contact, seated


def watched(mode: str = PERSISTENT, leader_mode: str = PERSISTENT) -> tuple[Centre, str]:
    """1002 talks to a customer of the group that 1003 leads."""
    centre = scenes.opened()
    seated(centre, "1002", mode)
    contact_id = scenes.called(centre, "4001")
    scenes.accepted(centre, contact_id, "1002")
    seated(centre, "1003", leader_mode, ready=False)
    assert contact(centre, contact_id).state is ContactState.ACTIVE
    return centre, contact_id


def listening(
    mode: str = PERSISTENT, leader_mode: str = PERSISTENT, how: str = "listen"
) -> tuple[Centre, str]:
    centre, contact_id = watched(mode, leader_mode)
    centre.command(s.SuperviseParty, "1003", how, "1002")
    scenes.pick_up(centre)
    return centre, contact_id


@pytest.mark.parametrize("leader_mode", MODES)
@pytest.mark.parametrize("how", ["listen", "whisper", "barge"])
def test_take_part_and_stop(leader_mode, how):
    centre, contact_id = listening(leader_mode=leader_mode, how=how)
    assert scenes.last_reply(centre) == (None, True)
    leader = agent(centre, "1003")
    assert leader.supervision
    assert leader.supervision.mode == SupervisionMode(how)
    assert (leader.state, leader.reason) == (AgentState.BUSY, "supervising")
    seen = [leg for leg in contact(centre, contact_id).legs.values() if leg.role is LegRole.SUPERVISOR]
    assert bool(seen) == (how == "barge")
    assert scenes.code(centre, s.StopSupervising, "1003") is None
    centre.settle()
    assert leader.supervision is None
    assert leader.state is AgentState.NOT_READY
    assert all(leg.state is LegState.GONE for leg in seen)
    story = scenes.kinds(centre, contact_id)
    assert f"supervisor.{how}" in story
    told = [scenes.events(centre, "1002").count(name) for name in ("contact.leg_joined", "contact.leg_left")]
    assert told == [how == "barge"] * 2
    check_agreement(centre)


@pytest.mark.parametrize("leader_mode", MODES)
def test_the_channel_idles_in_between_and_the_supervision_goes_on(leader_mode):
    centre, _ = listening(leader_mode=leader_mode)
    leader = agent(centre, "1003")
    assert leader.supervision
    centre.command(s.SuperviseParty, "1003", "whisper", "1002")
    centre.apply(s.StationPlaced(centre.now, "pbx-a", leader.supervision.channel))
    centre.settle()
    assert leader.supervision
    assert leader.supervision.mode is SupervisionMode.WHISPER
    assert scenes.last_reply(centre) == (None, True)


@pytest.mark.parametrize("leader_mode", MODES)
def test_nothing_to_hear_any_more_ends_it(leader_mode):
    centre, _ = listening(leader_mode=leader_mode)
    leader = agent(centre, "1003")
    assert leader.supervision
    centre.apply(s.StationPlaced(centre.now, "pbx-a", leader.supervision.channel))
    assert leader.supervision is None
    centre.settle()
    assert leader.state is AgentState.NOT_READY


@pytest.mark.parametrize("leader_mode", MODES)
def test_switch_without_another_call(leader_mode):
    centre, contact_id = listening(leader_mode=leader_mode)
    leader = agent(centre, "1003")
    channel = leader.supervision and leader.supervision.channel
    for how in ("whisper", "barge", "listen"):
        centre.command(s.SuperviseParty, "1003", how, "", contact_id)
        centre.settle()
        assert scenes.last_reply(centre) == (None, True)
        assert leader.supervision
        assert (leader.supervision.mode, leader.supervision.channel) == (how, channel)


@pytest.mark.parametrize("leader_mode", MODES)
@pytest.mark.parametrize("first", ["", "listen"])
def test_intercept_takes_the_contact_over(leader_mode, first):
    centre, contact_id = listening(leader_mode=leader_mode) if first else watched(leader_mode=leader_mode)
    centre.command(s.SuperviseParty, "1003", "intercept", "1002")
    scenes.pick_up(centre)
    assert scenes.last_reply(centre) == (None, True)
    assert contact(centre, contact_id).agent_id == "1003"
    assert contact(centre, contact_id).state is ContactState.ACTIVE
    assert (agent(centre, "1003").state, agent(centre, "1002").state) == (
        AgentState.TALKING,
        AgentState.WRAP_UP,
    )
    check_agreement(centre)


def test_what_the_agent_began_while_the_leaders_phone_rang_is_not_taken_away():
    centre, contact_id = watched(leader_mode=ON_DEMAND)
    centre.command(s.SuperviseParty, "1003", "intercept", "1002")
    asked = centre.commands[-1]
    centre.pbx.carry_out()
    (ringing,) = scenes.ringing(centre)
    centre.command(s.Hold, "1002", contact_id)
    held = list(centre.pbx.effects)
    centre.pbx.effects.clear()
    centre.pbx.answer(ringing)
    while centre.pbx.sources():
        centre.apply(centre.pbx.read(centre.pbx.sources()[0]))
    assert centre.replies[asked][0].error_code == "operation_pending"
    assert agent(centre, "1003").supervision is None
    centre.pbx.ask(held)
    centre.settle()
    assert (contact(centre, contact_id).state, contact(centre, contact_id).agent_id) == ("held", "1002")
    assert agent(centre, "1003").state is AgentState.NOT_READY
    check_agreement(centre)


def test_it_ends_with_the_conversation():
    centre, contact_id = listening()
    centre.pbx.hang_up(contact_id)
    centre.settle()
    assert agent(centre, "1003").supervision is None
    assert agent(centre, "1003").state is AgentState.NOT_READY
    check_agreement(centre)


@pytest.mark.parametrize("leader_mode", MODES)
def test_the_supervisors_phone_leaves(leader_mode):
    centre, contact_id = listening(leader_mode=leader_mode)
    leader = agent(centre, "1003")
    assert leader.supervision
    centre.pbx.hang_up(leader.supervision.channel)
    centre.settle()
    assert leader.supervision is None
    assert contact(centre, contact_id).state is ContactState.ACTIVE


def test_the_phone_is_not_picked_up():
    centre, _ = watched(leader_mode=ON_DEMAND)
    centre.command(s.SuperviseParty, "1003", "listen", "1002")
    centre.settle()
    centre.pass_time(31)
    centre.settle()
    assert scenes.last_reply(centre) == ("station_no_answer", True)
    assert agent(centre, "1003").supervision is None


def test_it_goes_on_after_the_server_was_killed():
    centre, _ = listening()
    centre.restart()
    centre.connect()
    centre.settle()
    assert agent(centre, "1003").supervision
    centre.command(s.SuperviseParty, "1003", "whisper", "1002")
    centre.settle()
    assert scenes.last_reply(centre) == (None, True)


def test_each_refusal_has_its_code():
    centre, contact_id = watched()
    seated(centre, "1001", PERSISTENT)
    take = s.SuperviseParty
    assert scenes.code(centre, take, "1001", "listen", "1002") == "wrong_role"
    assert scenes.code(centre, take, "1003", "listen", "9") == "unknown_agent"
    assert scenes.code(centre, take, "1003", "listen", "", "x") == "unknown_contact"
    assert scenes.code(centre, take, "1003", "listen", "1001") == "nothing_to_supervise"
    assert scenes.code(centre, s.StopSupervising, "1003") == "not_supervising"
    other = scenes.called(centre, "4000")
    scenes.accepted(centre, other, "1001")
    assert scenes.code(centre, take, "1003", "listen", "1001") == "not_your_group"
    centre.command(take, "1003", "listen", "1002")
    centre.settle()
    assert scenes.code(centre, s.SetState, "1003", "ready") == "already_supervising"
    assert scenes.code(centre, s.SignOut, "1003") == "already_supervising"
    assert contact(centre, contact_id).state is ContactState.ACTIVE


def test_inspectors_only_listen():
    centre, _ = watched()
    centre.pbx.register("1001-browser")
    centre.apply(s.AgentConnected(centre.now, "3001"))
    centre.command(s.SignIn, "3001", "1001-browser", PERSISTENT)
    scenes.pick_up(centre)
    assert scenes.code(centre, s.SuperviseParty, "3001", "whisper", "1002") == "wrong_role"
    centre.command(s.SuperviseParty, "3001", "listen", "1002")
    centre.settle()
    assert scenes.last_reply(centre) == (None, True)


def test_who_is_listened_to_does_not_see_it():
    centre, contact_id = listening()
    view = contact_view(contact(centre, contact_id), agent(centre, "1002"))
    assert {leg["role"] for leg in view["legs"]} == {"customer", "agent"}


def test_a_leader_sets_states_and_signs_out():
    centre, contact_id = watched()
    assert scenes.code(centre, s.ForceState, "1002", "1003", "ready") == "wrong_role"
    assert scenes.code(centre, s.ForceState, "1003", "1001", "ready") == "not_your_group"
    assert scenes.code(centre, s.ForceSignOut, "1003", "1002") == "contact_in_progress"
    assert scenes.code(centre, s.ForceState, "1003", "1002", "not_ready", "training") is None
    centre.pbx.hang_up(contact_id)
    centre.settle()
    centre.command(s.WrapUp, "1002", contact_id, "done", "")
    assert (agent(centre, "1002").state, agent(centre, "1002").reason) == (AgentState.NOT_READY, "training")
    assert scenes.code(centre, s.ForceSignOut, "1003", "1002", "left") is None
    assert agent(centre, "1002").state is AgentState.SIGNED_OUT
    assert scenes.code(centre, s.ForceState, "1003", "1002", "ready") == "not_signed_in"


def test_a_leader_may_set_any_state_but_ready_while_the_phone_is_away():
    centre = scenes.opened()
    seated(centre, "1002", ON_DEMAND)
    seated(centre, "1003", ready=False)
    centre.pbx.unregister("1002")
    centre.settle()
    assert scenes.code(centre, s.ForceState, "1003", "1002", "busy", "training") is None
    assert (agent(centre, "1002").state, agent(centre, "1002").reason) == (AgentState.BUSY, "training")
    assert scenes.code(centre, s.ForceState, "1003", "1002", "ready") == "station_not_registered"
    assert agent(centre, "1002").state is AgentState.BUSY


def test_who_leads_and_inspects_listens_everywhere_and_speaks_in_the_own_groups():
    centre, _ = watched()
    leader = agent(centre, "1003")
    leader.roles, leader.groups = ("team_leader", "quality_inspector"), {"general": 1}
    assert scenes.code(centre, s.SuperviseParty, "1003", "whisper", "1002") == "not_your_group"
    assert scenes.code(centre, s.SuperviseParty, "1003", "listen", "1002") is None
    assert scenes.code(centre, s.SuperviseParty, "1003", "barge", "1002") == "not_your_group"
