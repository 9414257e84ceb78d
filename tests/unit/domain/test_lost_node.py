"""A node that does not come back, and one that comes back late: offers there bind nobody for ever."""

import pytest

from cti_server.domain import signals as s
from cti_server.domain.agent import AgentState
from cti_server.domain.contact import ContactState
from tests.unit.domain import scenes
from tests.unit.domain.agreement import back
from tests.unit.domain.centre import Centre
from tests.unit.domain.scenes import MODES, ON_DEMAND, PERSISTENT, agent, called, contact, opened, seated


def offered(mode: str) -> tuple[Centre, str]:
    """A customer is offered to agent 1001, whose phone rings or is nailed up."""
    centre = opened()
    seated(centre, mode=mode)
    contact_id = called(centre)
    centre.settle()
    return centre, contact_id


@pytest.mark.parametrize("mode", MODES)
def test_an_offer_on_a_lost_node_is_withdrawn_and_nobody_is_blamed(mode):
    centre, contact_id = offered(mode)
    centre.disconnect()
    centre.pass_time(4.9)
    assert contact(centre, contact_id).state is ContactState.OFFERED
    centre.pass_time(0.2)
    assert contact(centre, contact_id).state is ContactState.QUEUED
    assert agent(centre).state is AgentState.READY
    assert scenes.kinds(centre, contact_id)[-1] == "contact.offer_withdrawn"
    centre.pass_time(3600)
    found = contact(centre, contact_id)
    assert (found.state, found.end_reason, found.ended_at) == (ContactState.QUEUED, "", None)
    assert agent(centre).state is AgentState.READY


@pytest.mark.parametrize("mode", MODES)
def test_a_node_that_is_back_soon_finds_its_offers(mode):
    centre, contact_id = offered(mode)
    centre.disconnect()
    centre.pass_time(3)
    back(centre)
    assert contact(centre, contact_id).state is ContactState.OFFERED
    assert scenes.kinds(centre, contact_id)[-1] == "contact.offered"


def test_who_waits_still_when_the_node_is_back_is_offered_again():
    centre, contact_id = offered(PERSISTENT)
    centre.disconnect()
    centre.pass_time(60)
    back(centre)
    assert contact(centre, contact_id).state is ContactState.OFFERED
    assert contact(centre, contact_id).agent_id == "1001"


def test_who_left_unseen_is_told_to_have_left_unseen():
    centre, contact_id = offered(PERSISTENT)
    centre.disconnect()
    centre.pass_time(60)
    centre.pbx.hang_up(contact_id)
    back(centre)
    assert not centre.state.contacts
    assert agent(centre).state is AgentState.READY


def test_a_join_that_was_under_way_is_seen_when_the_node_is_back():
    """Accepted, joined, and the link lost before anybody told so: they talk all the time."""
    centre, contact_id = offered(PERSISTENT)
    centre.command(s.Accept, "1001", contact_id)
    centre.disconnect(unknown=True, done=True)
    centre.pass_time(60)
    assert contact(centre, contact_id).state is ContactState.QUEUED
    back(centre)
    found = contact(centre, contact_id)
    assert (found.state, found.agent_id) == (ContactState.ACTIVE, "1001")
    assert agent(centre).state is AgentState.TALKING


def test_a_phone_that_was_picked_up_is_not_hung_up_before_the_node_was_looked_at():
    """The manager's link stands before the look at the node: what is done in between is done blindly."""
    centre, _ = offered(ON_DEMAND)
    centre.pbx.answer(scenes.ringing(centre)[0])
    centre.disconnect()
    centre.apply(centre.pbx.connect())
    asked = [type(effect).__name__ for effect in centre.pbx.effects]
    centre.pass_time(6)
    assert "HangUpChannel" not in asked + [type(effect).__name__ for effect in centre.pbx.effects]


def test_a_phone_that_moved_to_another_node_gets_that_ones_calls():
    centre, contact_id = offered(ON_DEMAND)
    centre.disconnect()
    centre.apply(s.NodeUp(centre.now, "pbx-b"))
    centre.apply(s.NodeSnapshot(centre.now, "pbx-b", (), ("1001",), taken_at=centre.now))
    centre.apply(s.CustomerPlaced(centre.now, "pbx-b", "pbx-b-1.1", "wait", "4000", "general", "13900000003"))
    assert contact(centre, "pbx-b-1.1").state is ContactState.QUEUED
    centre.pass_time(5.1)
    assert contact(centre, "pbx-b-1.1").agent_id == "1001"
    assert contact(centre, contact_id).state is ContactState.QUEUED
