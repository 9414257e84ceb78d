"""A third party beside the customer: every command, every answer, and whoever leaves at any moment."""

import pytest

from cti_server.domain import effects as e
from cti_server.domain import signals as s
from cti_server.domain.agent import AgentState
from cti_server.domain.consultation import Talk
from cti_server.domain.contact import ContactState
from cti_server.domain.events import Event
from cti_server.domain.leg import LegRole, LegState
from cti_server.domain.target import Target, TargetKind
from tests.fakes.pbx import BUSY, OUT_OF_ORDER
from tests.unit.domain import scenes
from tests.unit.domain.actions import check_allowed_actions
from tests.unit.domain.agreement import check_agreement
from tests.unit.domain.centre import Centre
from tests.unit.domain.scenes import (
    MODES,
    ON_DEMAND,
    PERSISTENT,
    agent,
    called,
    conferring,
    consulting,
    contact,
    seated,
    talking,
)

BOTH_MODES = [(first, third) for first in MODES for third in MODES]
TO_1002 = Target(TargetKind.AGENT, "1002")


def bridges(centre: Centre, contact_id: str) -> dict[str, str]:
    """Role → bridge of everybody there, as the PBX has it."""
    legs = contact(centre, contact_id).legs.values()
    return {
        leg.role.value: centre.pbx.channels[leg.channel].bridge
        for leg in legs
        if leg.state is not LegState.GONE
    }


def with_colleague(mode: str = PERSISTENT, third_mode: str = PERSISTENT) -> tuple[Centre, str]:
    """1001 talks to a customer and 1002 is ready."""
    centre, contact_id = talking(mode)
    seated(centre, "1002", third_mode)
    return centre, contact_id


@pytest.mark.parametrize("third_mode", MODES)
def test_only_who_is_outside_is_heard_to_ring(third_mode):
    centre, contact_id = with_colleague(third_mode=third_mode)
    centre.command(s.ConsultParty, "1001", contact_id, TO_1002)
    centre.settle()
    assert not [x for o in centre.told for x in o.effects if isinstance(x, e.HearRinging)]


@pytest.mark.parametrize(("mode", "third_mode"), BOTH_MODES)
def test_after_a_doubt_they_talk_whom_the_pbx_shows_talking(mode, third_mode):
    centre, contact_id = consulting(mode, third_mode)
    centre.command(s.Alternate, "1001", contact_id)
    centre.settle()
    it = contact(centre, contact_id)
    assert it.consult
    it.consult.goal = it.consult.talk = Talk.CONSULTED  # as if what moved them had been undone here alone
    centre.disconnect()
    centre.connect()
    centre.settle()
    there = bridges(centre, contact_id)
    assert there["agent"] == there["customer"] != there["consulted"]
    assert it.consult.goal is Talk.CUSTOMER


@pytest.mark.parametrize(("mode", "third_mode"), BOTH_MODES)
def test_the_customer_is_on_hold_while_the_agents_talk(mode, third_mode):
    centre, contact_id = consulting(mode, third_mode)
    it = contact(centre, contact_id)
    assert it.state is ContactState.CONSULTING
    there = bridges(centre, contact_id)
    assert there["customer"] == ""
    assert there["agent"] == there["consulted"] != ""
    assert centre.pbx.channels[contact_id].context == "cti-hold"
    assert (agent(centre).state, agent(centre, "1002").state) == (AgentState.TALKING, AgentState.TALKING)
    assert scenes.events(centre)[-2:] == [Event.CONTACT_CONSULT_STARTED, Event.CONTACT_CONSULT_CONNECTED]
    assert Event.CONTACT_OFFERED in scenes.events(centre, "1002")
    assert scenes.last_reply(centre) == (None, True)
    check_allowed_actions(centre)
    check_agreement(centre)


@pytest.mark.parametrize("mode", MODES)
def test_consult_is_answered_when_the_customer_is_on_hold(mode):
    centre, contact_id = with_colleague(mode)
    centre.command(s.ConsultParty, "1001", contact_id, TO_1002)
    assert scenes.last_reply(centre) == (None, False)
    centre.settle()
    assert scenes.last_reply(centre) == (None, True)
    check_allowed_actions(centre)


@pytest.mark.parametrize("mode", MODES)
def test_a_phone_may_be_picked_up_before_the_customer_is_on_hold(mode):
    centre, contact_id = with_colleague(mode, ON_DEMAND)
    centre.command(s.ConsultParty, "1001", contact_id, TO_1002)
    while centre.pbx.effects:
        centre.pbx.carry_out()
    (ringing,) = scenes.ringing(centre)
    centre.pbx.answer(ringing)
    while ringing in centre.pbx.sources():
        centre.apply(centre.pbx.read(ringing))
    assert contact(centre, contact_id).operation, "the customer is not on hold yet"
    centre.settle()
    there = bridges(centre, contact_id)
    assert there["agent"] == there["consulted"] != there["customer"] == ""
    check_agreement(centre)


def test_a_group_is_asked_by_its_agent_idle_longest():
    centre, contact_id = with_colleague()
    centre.command(s.ConsultParty, "1001", contact_id, Target(TargetKind.GROUP, "credit_card"))
    centre.settle()
    third = contact(centre, contact_id).consulted_leg
    assert third
    assert third.party == "1002"


@pytest.mark.parametrize(("mode", "third_mode"), BOTH_MODES)
def test_alternate_there_and_back(mode, third_mode):
    centre, contact_id = consulting(mode, third_mode)
    centre.command(s.Alternate, "1001", contact_id)
    centre.settle()
    assert scenes.last_reply(centre) == (None, True)
    there = bridges(centre, contact_id)
    assert there["agent"] == there["customer"] != ""
    assert there["consulted"] == ""
    check_agreement(centre)
    centre.command(s.Alternate, "1001", contact_id)
    centre.settle()
    there = bridges(centre, contact_id)
    assert there["agent"] == there["consulted"] != ""
    assert there["customer"] == ""
    check_agreement(centre)


@pytest.mark.parametrize(
    ("command", "place"), [(s.Alternate, e.Place.CONSULTED), (s.CompleteTransfer, e.Place.BETWEEN)]
)
def test_music_only_for_a_third_party_who_is_put_aside(command, place):
    centre, contact_id = consulting()
    third = contact(centre, contact_id).consulted_leg
    assert third
    before = len(centre.told)
    centre.command(command, "1001", contact_id)
    centre.settle()
    moves = [it for told in centre.told[before:] for it in told.effects if isinstance(it, e.Move)]
    assert [it.other_place for it in moves if it.other == third.channel] == [place]


@pytest.mark.parametrize(("mode", "third_mode"), BOTH_MODES)
@pytest.mark.parametrize("start", [consulting, conferring])
def test_complete_makes_it_the_consulted_agents(mode, third_mode, start):
    centre, contact_id = start(mode, third_mode)
    centre.command(s.SetData, "1001", contact_id, {"reason": "loss"})
    centre.command(s.CompleteTransfer, "1001", contact_id)
    centre.settle()
    assert scenes.last_reply(centre) == (None, True)
    it = contact(centre, contact_id)
    assert (it.state, it.agent_id, it.data, it.wrapping) == (
        ContactState.ACTIVE,
        "1002",
        {"reason": "loss"},
        ["1001"],
    )
    assert (agent(centre).state, agent(centre, "1002").state) == (AgentState.WRAP_UP, AgentState.TALKING)
    assert Event.CONTACT_TRANSFERRED in scenes.events(centre)
    assert scenes.events(centre, "1002")[-1] is Event.CONTACT_TRANSFERRED
    check_allowed_actions(centre)
    check_agreement(centre)
    centre.command(s.WrapUp, "1001", contact_id, "handed_on", "")
    assert agent(centre).state is AgentState.READY
    centre.command(s.Hold, "1002", contact_id)
    centre.settle()
    assert contact(centre, contact_id).state is ContactState.HELD
    centre.command(s.HangUp, "1002", contact_id)
    centre.settle()
    centre.command(s.WrapUp, "1002", contact_id, "done", "")
    assert contact_id not in centre.state.contacts


def test_who_handed_on_may_wrap_up_after_the_end():
    centre, contact_id = consulting()
    centre.command(s.CompleteTransfer, "1001", contact_id)
    centre.settle()
    centre.pbx.hang_up(contact_id)
    centre.settle()
    centre.command(s.WrapUp, "1002", contact_id, "done", "")
    assert contact(centre, contact_id).state is ContactState.ENDED
    centre.pass_time(61)
    assert contact_id not in centre.state.contacts
    assert agent(centre).state is AgentState.READY


@pytest.mark.parametrize(("mode", "third_mode"), BOTH_MODES)
def test_a_conference_has_everybody_in_one_bridge(mode, third_mode):
    centre, contact_id = conferring(mode, third_mode)
    assert scenes.last_reply(centre) == (None, True)
    assert contact(centre, contact_id).state is ContactState.CONFERENCE
    there = bridges(centre, contact_id)
    assert len(there) == 3
    assert len(set(there.values())) == 1
    assert scenes.events(centre)[-1] is Event.CONTACT_CONFERENCED
    check_allowed_actions(centre)
    check_agreement(centre)


@pytest.mark.parametrize(("mode", "third_mode"), BOTH_MODES)
def test_drop_the_third_party(mode, third_mode):
    centre, contact_id = conferring(mode, third_mode)
    third = contact(centre, contact_id).consulted_leg
    assert third
    assert scenes.code(centre, s.DropLeg, "1001", contact_id, "leg-9") == "unknown_leg"
    assert scenes.code(centre, s.DropLeg, "1001", contact_id, "leg-1") == "leg_not_droppable"
    centre.command(s.DropLeg, "1001", contact_id, third.leg_id)
    centre.settle()
    assert scenes.last_reply(centre) == (None, True)
    assert contact(centre, contact_id).state is ContactState.ACTIVE
    there = bridges(centre, contact_id)
    assert there["agent"] == there["customer"] != ""
    assert agent(centre, "1002").state is AgentState.READY
    check_agreement(centre)


@pytest.mark.parametrize(("mode", "third_mode"), BOTH_MODES)
@pytest.mark.parametrize("alternated", [False, True])
def test_cancel_brings_the_customer_back(mode, third_mode, alternated):
    centre, contact_id = consulting(mode, third_mode)
    if alternated:
        centre.command(s.Alternate, "1001", contact_id)
        centre.settle()
    centre.command(s.CancelConsult, "1001", contact_id)
    centre.settle()
    assert scenes.last_reply(centre) == (None, True)
    assert contact(centre, contact_id).state is ContactState.ACTIVE
    assert agent(centre, "1002").state is AgentState.READY
    assert Event.CONTACT_CONSULT_ENDED in scenes.events(centre, "1002")
    check_agreement(centre)


@pytest.mark.parametrize("third_mode", MODES)
def test_cancel_while_it_rings(third_mode):
    centre, contact_id = with_colleague(third_mode=third_mode)
    centre.command(s.ConsultParty, "1001", contact_id, TO_1002)
    centre.settle()
    centre.command(s.CancelConsult, "1001", contact_id)
    centre.settle()
    assert contact(centre, contact_id).state is ContactState.ACTIVE
    assert agent(centre, "1002").state is AgentState.READY
    check_agreement(centre)


# --- the third party does not come -------------------------------------------------------------------------


@pytest.mark.parametrize("third_mode", MODES)
def test_nobody_answers(third_mode):
    centre, contact_id = with_colleague(third_mode=third_mode)
    centre.command(s.ConsultParty, "1001", contact_id, TO_1002)
    centre.settle()
    centre.pass_time(21)
    centre.settle()
    assert contact(centre, contact_id).state is ContactState.HELD
    colleague = agent(centre, "1002")
    assert (colleague.state, colleague.reason) == (AgentState.NOT_READY, "no_answer")
    check_agreement(centre)


def test_it_is_rejected():
    centre, contact_id = with_colleague()
    centre.command(s.ConsultParty, "1001", contact_id, TO_1002)
    centre.settle()
    assert scenes.code(centre, s.Reject, "1002", contact_id) is None
    assert contact(centre, contact_id).state is ContactState.HELD
    assert agent(centre, "1002").reason == "rejected"


def test_the_phone_refuses():
    centre, contact_id = with_colleague(third_mode=ON_DEMAND)
    centre.command(s.ConsultParty, "1001", contact_id, TO_1002)
    centre.settle()
    centre.pbx.refuse(scenes.ringing(centre)[0], BUSY)
    centre.settle()
    assert contact(centre, contact_id).state is ContactState.HELD
    assert agent(centre, "1002").reason == "station_no_answer"


# --- somebody leaves -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("mode", "third_mode"), BOTH_MODES)
@pytest.mark.parametrize("start", [consulting, conferring])
def test_the_customer_hangs_up(mode, third_mode, start):
    centre, contact_id = start(mode, third_mode)
    centre.pbx.hang_up(contact_id)
    centre.settle()
    assert contact(centre, contact_id).state is ContactState.WRAP_UP
    assert agent(centre).state is AgentState.WRAP_UP
    assert agent(centre, "1002").state is AgentState.READY
    assert not [c for c in centre.pbx.channels.values() if c.bridge]
    check_agreement(centre)


@pytest.mark.parametrize("third_mode", MODES)
@pytest.mark.parametrize(("start", "state"), [(consulting, "held"), (conferring, "active")])
def test_the_third_partys_phone_leaves(third_mode, start, state):
    centre, contact_id = start(PERSISTENT, third_mode)
    third = contact(centre, contact_id).consulted_leg
    assert third
    centre.pbx.hang_up(third.channel)
    centre.settle()
    assert contact(centre, contact_id).state == state
    assert contact(centre, contact_id).consult is None
    check_agreement(centre)


@pytest.mark.parametrize("third_mode", MODES)
@pytest.mark.parametrize(("start", "state"), [(consulting, "held"), (conferring, "active")])
def test_the_consulted_agent_leaves_by_its_seat(third_mode, start, state):
    centre, contact_id = start(ON_DEMAND, third_mode)
    assert scenes.code(centre, s.HangUp, "1002", contact_id) is None
    centre.settle()
    assert contact(centre, contact_id).state == state
    assert agent(centre, "1002").state is AgentState.READY
    check_agreement(centre)


@pytest.mark.parametrize(("mode", "third_mode"), BOTH_MODES)
@pytest.mark.parametrize("start", [consulting, conferring])
@pytest.mark.parametrize("cause", [16, OUT_OF_ORDER])
def test_the_agents_phone_leaves_and_the_consulted_one_takes_over(mode, third_mode, start, cause):
    centre, contact_id = start(mode, third_mode)
    centre.pbx.hang_up(scenes.agent_channel(centre, contact_id), cause)
    centre.settle()
    it = contact(centre, contact_id)
    assert (it.state, it.agent_id) == (ContactState.ACTIVE, "1002")
    assert it.agent_leg
    assert it.agent_leg.role is LegRole.AGENT
    assert agent(centre).state is AgentState.WRAP_UP
    check_agreement(centre)


@pytest.mark.parametrize("third_mode", MODES)
def test_the_agents_phone_leaves_while_it_rings(third_mode):
    centre, contact_id = with_colleague(third_mode=third_mode)
    centre.command(s.ConsultParty, "1001", contact_id, TO_1002)
    centre.settle()
    centre.pbx.hang_up(scenes.agent_channel(centre, contact_id))
    centre.settle()
    it = contact(centre, contact_id)
    assert it.agent_id == "1002"  # first in the queue again, and who was to be consulted is free for it
    assert it.state is ContactState.OFFERED


def test_both_agents_phones_leave():
    centre, contact_id = consulting()
    third = contact(centre, contact_id).consulted_leg
    assert third
    centre.pbx.hang_up(scenes.agent_channel(centre, contact_id))
    centre.pbx.hang_up(third.channel)
    centre.settle()
    assert contact(centre, contact_id).state is ContactState.QUEUED
    check_agreement(centre)


@pytest.mark.parametrize("start", [consulting, conferring])
def test_hang_up_ends_it_for_everybody(start):
    centre, contact_id = start(ON_DEMAND, ON_DEMAND)
    centre.command(s.HangUp, "1001", contact_id)
    centre.settle()
    assert scenes.last_reply(centre) == (None, True)
    assert contact(centre, contact_id).state is ContactState.WRAP_UP
    assert not centre.pbx.channels


# --- refusals and faults ---------------------------------------------------------------------------------


def test_each_refusal_has_its_code_and_changes_nothing():
    centre, contact_id = with_colleague()
    before = centre.state.contacts[contact_id].version
    consult = s.ConsultParty
    assert (
        scenes.code(centre, consult, "1001", contact_id, Target(TargetKind.AGENT, "1001")) == "target_is_self"
    )
    assert scenes.code(centre, consult, "1001", contact_id, Target(TargetKind.AGENT, "7")) == "unknown_agent"
    not_there = Target(TargetKind.AGENT, "1003")
    assert scenes.code(centre, consult, "1001", contact_id, not_there) == "agent_not_available"
    assert scenes.code(centre, consult, "1001", contact_id, Target(TargetKind.GROUP, "x")) == "unknown_group"
    for kind in (s.Alternate, s.CompleteTransfer, s.CancelConsult, s.Conference):
        assert scenes.code(centre, kind, "1001", contact_id) == "consult_not_connected"
    assert scenes.code(centre, s.DropLeg, "1001", contact_id, "leg-1") == "consult_not_connected"
    assert centre.state.contacts[contact_id].version == before
    centre.command(consult, "1001", contact_id, TO_1002)
    centre.settle()
    assert scenes.code(centre, consult, "1001", contact_id, TO_1002) == "already_consulting"
    assert scenes.code(centre, s.CompleteTransfer, "1001", contact_id) == "consult_not_connected"
    assert scenes.code(centre, s.Hold, "1001", contact_id) == "action_not_allowed"
    assert scenes.code(centre, s.Alternate, "1002", contact_id) == "not_your_contact"


def test_a_conference_is_full_with_three():
    centre, contact_id = conferring()
    assert scenes.code(centre, s.ConsultParty, "1001", contact_id, TO_1002) == "conference_full"


def test_a_phone_that_holds_is_not_joined():
    centre, contact_id = consulting()
    third = contact(centre, contact_id).consulted_leg
    assert third
    centre.pbx.hold(third.channel)
    centre.settle()
    check_allowed_actions(centre)
    for kind in (s.Alternate, s.CompleteTransfer, s.Conference):
        assert scenes.code(centre, kind, "1001", contact_id) == "held_at_phone"
    centre.pbx.retrieve(third.channel)
    centre.settle()
    centre.command(s.CompleteTransfer, "1001", contact_id)
    centre.settle()
    assert contact(centre, contact_id).agent_id == "1002"


@pytest.mark.parametrize(("mode", "third_mode"), BOTH_MODES)
@pytest.mark.parametrize("start", [consulting, conferring])
def test_it_goes_on_after_the_server_was_killed(mode, third_mode, start):
    centre, contact_id = start(mode, third_mode)
    before = bridges(centre, contact_id)
    centre.restart()
    centre.connect()
    centre.settle()
    assert bridges(centre, contact_id) == before
    centre.command(s.CompleteTransfer, "1001", contact_id)
    centre.settle()
    assert contact(centre, contact_id).agent_id == "1002"
    check_agreement(centre)


def test_whom_the_agent_talks_to_is_told_to_both():
    centre, contact_id = consulting()
    for whom in ("customer", "consulted"):
        centre.command(s.Alternate, "1001", contact_id)
        centre.settle()
        told = [n for o in centre.told for n in o.notifications if n.event is Event.CONTACT_ALTERNATED]
        assert [n.agent_id for n in told[-2:]] == ["1001", "1002"]
        assert {n.params["contact"]["consult"]["talking_to"] for n in told[-2:]} == {whom}
        assert "contact.alternate" in told[-2].params["contact"]["allowed_actions"]


def test_a_look_that_finds_all_as_it_was_tells_nothing():
    centre, _ = consulting()
    centre.restart()
    so_far = len(centre.told)
    centre.connect()
    centre.settle()
    records = [record for outcome in centre.told[so_far:] for record in outcome.records]
    assert "contact.alternated" not in str(records)


def test_who_left_while_no_server_looked():
    centre, contact_id = consulting()
    centre.restart()
    centre.pbx.hang_up(scenes.agent_channel(centre, contact_id))
    centre.connect()
    centre.settle()
    assert contact(centre, contact_id).agent_id == "1002"
    check_agreement(centre)


def settled_until(centre: Centre, kind: type[e.Effect]) -> bool:
    """Let everything happen until such an effect is next; False when all is done without one."""
    while True:
        if centre.pbx.effects and isinstance(centre.pbx.effects[0], kind):
            return True
        if centre.pbx.effects:
            centre.pbx.carry_out()
        elif sources := centre.pbx.sources():
            centre.apply(centre.pbx.read(sources[0]))
        else:
            return False


@pytest.mark.parametrize("failing", [e.Move, e.Join, e.Confer, e.Connect])
def test_a_step_that_fails_is_refused_and_mended(failing):
    centre, contact_id = with_colleague()
    commands = [
        (s.ConsultParty, "1001", (TO_1002,)),
        (s.Accept, "1002", ()),
        (s.Conference, "1001", ()),
        (s.CompleteTransfer, "1001", ()),
    ]
    if failing is e.Connect:
        commands[2:3] = []
    for kind, who, more in commands:
        centre.command(kind, who, contact_id, *more)
        if settled_until(centre, failing):
            lost = centre.pbx.effects.popleft()
            channel = lost.channel  # type: ignore[attr-defined]  # each of these has one
            name = failing.__name__
            centre.apply(s.EffectFailed(centre.now, "pbx-a", name, channel, "pbx_refused"))
            for _ in range(4):
                centre.settle()
                centre.pass_time(2)
            check_agreement(centre)
            return
    raise AssertionError("the effect was not asked for")


def test_the_called_are_free_again():
    centre, contact_id = consulting()
    centre.command(s.CancelConsult, "1001", contact_id)
    centre.settle()
    second = called(centre)
    centre.settle()
    assert contact(centre, second).agent_id == "1002"


STORY_OF_STEPS: list[tuple[type[s.ContactCommand], str, tuple[object, ...]]] = [
    (s.ConsultParty, "1001", (TO_1002,)),
    (s.Accept, "1002", ()),
    (s.Alternate, "1001", ()),
    (s.Alternate, "1001", ()),
    (s.Conference, "1001", ()),
    (s.CompleteTransfer, "1001", ()),
]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("last", [s.CompleteTransfer, s.DropLeg, s.CancelConsult])
@pytest.mark.parametrize("step", [e.Move, e.Join, e.Connect, e.Confer])
def test_a_step_that_was_lost_with_its_server_is_done_by_the_next(mode, last, step):
    """At each command whose outcome needs it; it is answered then, not in doubt."""
    story = STORY_OF_STEPS[: 4 if last is s.CancelConsult else 5]
    lost = 0
    for killed in range(len(story) + 1):
        centre, contact_id = with_colleague(mode, mode)
        for number, (kind, who, more) in enumerate([*story, (last, "1001", ())]):
            third = contact(centre, contact_id).consulted_leg
            leg = (third.leg_id,) if third and kind is s.DropLeg else ()
            centre.command(kind, who, contact_id, *more, *leg)
            if kind is s.Accept:
                for channel in scenes.ringing(centre):
                    centre.pbx.answer(channel)
            if number == killed and settled_until(centre, step):
                lost += 1
                centre.restart()
                for agent_id in ("1001", "1002"):
                    centre.apply(s.AgentConnected(centre.now, agent_id))
                centre.connect()
            centre.settle()
            (reply,) = centre.replies[centre.commands[-1]]
            assert reply.error_code is None, (kind, reply)
            check_agreement(centre)
        ended = contact(centre, contact_id)
        if last is s.CompleteTransfer:
            assert ended.agent_id == "1002"
        else:
            assert (ended.state, ended.consult) == (ContactState.ACTIVE, None)
    assert lost or step is e.Confer


@pytest.mark.parametrize(("mode", "third_mode"), BOTH_MODES)
def test_the_two_who_talk_stay_together_while_the_customer_joins_them(mode, third_mode):
    centre, contact_id = consulting(mode, third_mode)
    asked = len(centre.told)
    centre.command(s.Conference, "1001", contact_id)
    centre.settle()
    assert contact(centre, contact_id).state is ContactState.CONFERENCE
    assert not [x for o in centre.told[asked:] for x in o.effects if isinstance(x, e.Move)]


def test_a_customer_whom_the_phone_passes_on_while_the_server_is_killed_is_put_on_hold():
    """The phone was quicker than the step of the consultation, and nobody heard of it."""
    centre, contact_id = talking(PERSISTENT)
    station = contact(centre, contact_id).agent_leg
    assert station
    centre.command(s.ConsultParty, "1001", contact_id, Target(TargetKind.NUMBER, "13900000001"))
    centre.pbx.refer(station.channel, "1003")
    centre.restart()
    centre.apply(s.AgentConnected(centre.now, "1001"))
    centre.connect()
    centre.settle()
    assert centre.pbx.channels[contact_id].context == "cti-hold"
    check_agreement(centre)
