"""Blind transfer: where the customer goes, what becomes of the agent, what is refused."""

import pytest

from cti_server.domain import effects as e
from cti_server.domain import signals as s
from cti_server.domain.outside import OutsideRules
from cti_server.domain.target import Target, TargetKind
from tests.unit.domain.centre import Centre
from tests.unit.domain.scenes import (
    MODES,
    ON_DEMAND,
    PERSISTENT,
    accepted,
    agent,
    called,
    code,
    contact,
    events,
    held,
    kinds,
    opened,
    seated,
    talking,
    wrapping_up,
)

OUTSIDE = "13900000001"
GROUP = Target(TargetKind.GROUP, "credit_card")
COLLEAGUE = Target(TargetKind.AGENT, "1002")
NUMBER = Target(TargetKind.NUMBER, OUTSIDE)


def passed_on(centre: Centre, contact_id: str, to: Target) -> None:
    assert code(centre, s.TransferContact, "1001", contact_id, to) is None
    centre.settle()


def test_a_look_at_the_pbx_that_was_quicker_undoes_nothing():
    """Asked for before, taken just after the command, and before the PBX has done it."""
    centre, contact_id = talking(PERSISTENT)
    centre.pbx.ask([e.Resync("pbx-a")])
    assert code(centre, s.TransferContact, "1001", contact_id, GROUP) is None
    centre.pbx.carry_out()
    centre.settle()
    assert (contact(centre, contact_id).state, contact(centre, contact_id).group_id) == (
        "queued",
        "credit_card",
    )
    assert agent(centre).state == "wrap_up"
    assert centre.pbx.channels[contact_id].context == "cti-wait"


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("scene", [talking, held])
def test_to_a_group_and_taken_there(mode, scene):
    centre, contact_id = scene(mode)
    centre.command(s.SetData, "1001", contact_id, {"card": "credit"})
    seated(centre, "1003")
    passed_on(centre, contact_id, GROUP)
    assert agent(centre).state == "wrap_up"
    assert events(centre)[-2:] == ["agent.state_changed", "contact.transferred"]
    assert agent(centre, "1003").state == "reserved"
    accepted(centre, contact_id, "1003")
    found = contact(centre, contact_id)
    assert (found.state, found.agent_id, found.group_id) == ("active", "1003", "credit_card")
    assert found.data == {"card": "credit"}
    assert centre.pbx.channels[contact_id].variables["CTI_GROUP"] == "credit_card"
    assert code(centre, s.HangUp, "1001", contact_id) == "not_your_contact"
    assert code(centre, s.WrapUp, "1001", contact_id, "passed_on", "", "ready") is None
    assert agent(centre).state == "ready"
    centre.pbx.hang_up(contact_id)
    centre.settle()
    assert code(centre, s.WrapUp, "1003", contact_id, "done") is None
    assert contact_id not in centre.state.contacts
    story = kinds(centre, contact_id)
    assert story.count("contact.connected") == 2
    assert story.count("contact.wrapped_up") == 2
    assert story.index("contact.transferred") < story.index("contact.queued", 3)


def test_a_group_without_anybody_free_lets_the_customer_wait_and_leave():
    centre, contact_id = talking()
    passed_on(centre, contact_id, GROUP)
    assert centre.state.groups["credit_card"].waiting == [contact_id]
    centre.pbx.hang_up(contact_id)
    centre.settle()
    assert kinds(centre, contact_id)[-1] == "contact.ended"
    assert agent(centre).state == "wrap_up"
    assert code(centre, s.WrapUp, "1001", contact_id, "passed_on") is None
    assert contact_id not in centre.state.contacts


@pytest.mark.parametrize("mode", MODES)
def test_to_an_agent(mode):
    centre, contact_id = talking(mode)
    seated(centre, "1002", mode)
    passed_on(centre, contact_id, COLLEAGUE)
    assert contact(centre, contact_id).agent_id == "1002"
    accepted(centre, contact_id, "1002")
    assert contact(centre, contact_id).state == "active"


def test_an_agent_quicker_than_the_customer_gets_it_when_it_has_come_to_wait():
    """A second Redirect would be refused while the first is under way."""
    centre, contact_id = talking(PERSISTENT)
    seated(centre, "1002", PERSISTENT)
    joined = len(joins(centre))
    centre.command(s.TransferContact, "1001", contact_id, COLLEAGUE)
    centre.command(s.Accept, "1002", contact_id)
    assert len(joins(centre)) == joined
    centre.settle()
    assert len(joins(centre)) == joined + 1
    assert contact(centre, contact_id).state == "active"


def joins(centre: Centre) -> list[e.Connect]:
    return [effect for told in centre.told for effect in told.effects if isinstance(effect, e.Connect)]


def test_to_an_agent_who_does_not_answer_first_in_the_queue():
    centre, contact_id = talking()
    seated(centre, "1002", ON_DEMAND)
    later = called(centre)
    centre.command(s.Reject, "1002", later)
    centre.command(s.SetState, "1002", "ready")
    centre.command(s.Reject, "1002", later)
    centre.settle()
    centre.command(s.SetState, "1002", "busy")
    assert code(centre, s.TransferContact, "1001", contact_id, COLLEAGUE) == "agent_not_available"
    centre.pbx.hang_up(later)
    centre.settle()
    centre.command(s.SetState, "1002", "ready")
    passed_on(centre, contact_id, COLLEAGUE)
    waiting = called(centre)
    centre.pass_time(21)
    centre.settle()
    assert agent(centre, "1002").reason == "no_answer"
    assert centre.state.groups["general"].waiting == [contact_id, waiting]


def test_to_a_number_that_answers():
    centre, contact_id = talking()
    passed_on(centre, contact_id, NUMBER)
    assert contact(centre, contact_id).state == "outside"
    effect = next(x for o in centre.told for x in o.effects if isinstance(x, e.SendOutside))
    assert (effect.number, effect.shown) == (OUTSIDE, "")
    assert OUTSIDE not in repr(effect)
    assert OUTSIDE not in str([(o.notifications, o.records) for o in centre.told])
    centre.pbx.outside_answers(contact_id)
    centre.settle()
    centre.pass_time(200)
    centre.settle()
    assert contact(centre, contact_id).state == "outside"
    centre.pbx.hang_up(contact_id)
    centre.settle()
    assert contact_id not in centre.state.contacts
    row = [r.data for o in centre.told for r in o.records if r.kind == "contact"][-1]
    assert row["end_reason"] == "transferred_outside"


@pytest.mark.parametrize("fails", ["refuses", "cannot"])
def test_to_a_number_that_is_not_reached_first_in_the_queue(fails):
    centre, contact_id = talking()
    assert code(centre, s.TransferContact, "1001", contact_id, NUMBER) is None
    if fails == "cannot":
        centre.apply(s.EffectFailed(centre.now, "pbx-a", "SendOutside", contact_id, "pbx_refused"))
        centre.pbx.effects = type(centre.pbx.effects)(
            x for x in centre.pbx.effects if not isinstance(x, e.SendOutside)
        )
    centre.settle()
    if fails == "refuses":
        centre.pbx.outside_refuses(contact_id)
        centre.settle()
    found = contact(centre, contact_id)
    assert (found.state, found.priority) == ("queued", 1)
    assert centre.pbx.channels[contact_id].context == "cti-wait"


@pytest.mark.parametrize(
    ("to", "expected"),
    [
        (Target(TargetKind.GROUP, "nothing"), "unknown_group"),
        (Target(TargetKind.AGENT, "9999"), "unknown_agent"),
        (Target(TargetKind.AGENT, "1001"), "target_is_self"),
        (Target(TargetKind.AGENT, "1003"), "agent_not_available"),
        (Target(TargetKind.NUMBER, "110"), "number_not_allowed"),
        (Target(TargetKind.NUMBER, "0086" + OUTSIDE), "number_not_allowed"),
    ],
)
def test_refused_and_nothing_changed(to, expected):
    centre, contact_id = talking()
    before = agent(centre).seq
    assert code(centre, s.TransferContact, "1001", contact_id, to) == expected
    assert (agent(centre).seq, contact(centre, contact_id).state) == (before, "active")
    assert not centre.state.outside_calls


def test_caps():
    centre, contact_id = talking()
    centre.state.outside = OutsideRules(agent_calls_per_hour=1)
    agent(centre).outside_calls = [centre.now - 10]
    assert code(centre, s.TransferContact, "1001", contact_id, NUMBER) == "agent_cap_reached"
    agent(centre).outside_calls = [centre.now - 3601]
    centre.state.outside = OutsideRules(calls_per_minute=1)
    centre.state.outside_calls = [centre.now - 59]
    assert code(centre, s.TransferContact, "1001", contact_id, NUMBER) == "centre_cap_reached"
    centre.pass_time(2)
    assert code(centre, s.TransferContact, "1001", contact_id, NUMBER) is None


def test_not_while_something_is_under_way_or_without_the_pbx():
    centre, contact_id = talking()
    centre.command(s.Hold, "1001", contact_id)
    assert code(centre, s.TransferContact, "1001", contact_id, GROUP) == "operation_pending"
    centre.settle()
    centre.disconnect()
    assert code(centre, s.TransferContact, "1001", contact_id, GROUP) == "pbx_unavailable"
    assert contact(centre, contact_id).state == "held"
    centre, contact_id = wrapping_up()
    assert code(centre, s.TransferContact, "1001", contact_id, GROUP) == "action_not_allowed"


def test_the_server_dies_while_the_customer_is_outside():
    centre, contact_id = talking()
    passed_on(centre, contact_id, NUMBER)
    centre.disconnect()
    centre.pbx.outside_refuses(contact_id)
    centre.connect()
    centre.settle()
    assert contact(centre, contact_id).state == "queued"
    assert opened().state.contacts == {}
