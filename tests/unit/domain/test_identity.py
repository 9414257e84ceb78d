"""An agent sends its customer to the machine that asks for card and PIN, and gets it back (A8)."""

from __future__ import annotations

from typing import Any

import pytest

from cti_server.domain import effects as e
from cti_server.domain import ivr_walk
from cti_server.domain import signals as s
from cti_server.domain.contact import Contact, ContactState, RecordingState
from cti_server.domain.customer import CustomerProfile
from cti_server.domain.events import Reply
from cti_server.domain.rules.identity import TAKE_BACK_TIME
from cti_server.domain.rules.operations import OPERATION_TIME
from cti_server.domain.target import Target, TargetKind
from cti_server.domain.views import contact_view
from tests.unit.domain.actions import check_allowed_actions
from tests.unit.domain.agreement import check_agreement
from tests.unit.domain.centre import Centre
from tests.unit.domain.scenes import MODES, agent, events, seated, talking

WHO = CustomerProfile(name="沈桂英", elder=True)
NUMBER = "13900000002"


def sent(mode: str = MODES[0]) -> tuple[Centre, Contact]:
    """A conversation whose customer is with the machine."""
    centre, contact = in_talk(mode)
    centre.command(s.Identify, "1001", contact.contact_id)
    centre.settle()
    assert result(centre)["contact"]["identification"]["state"] == "running"
    return centre, contact


def in_talk(mode: str = MODES[0]) -> tuple[Centre, Contact]:
    centre, contact_id = talking(mode)
    return centre, centre.state.contacts[contact_id]


def last(centre: Centre) -> Reply:
    """The answer to the last command."""
    return centre.replies[centre.commands[-1]][-1]


def result(centre: Centre) -> dict[str, Any]:
    found = last(centre).result
    assert found
    return found


def again(centre: Centre) -> Contact:
    """A new server takes over; the contact as it has it."""
    centre.restart()
    centre.connect()
    centre.settle()
    (contact,) = centre.state.contacts.values()
    return contact


def types(centre: Centre, contact: Contact, answer: str, subject: str = "", *, right: bool = False) -> None:
    assert contact.walk
    who = WHO if right else None
    centre.pbx.press(contact.contact_id, contact.walk.serial, answer, subject, who)
    centre.settle()


def fails_once(centre: Centre, contact: Contact, how: str = "wrong") -> None:
    types(centre, contact, "card", NUMBER)
    types(centre, contact, how, NUMBER)


def comes_back(centre: Centre, contact: Contact) -> None:
    centre.pbx.asked_enough(contact.contact_id)
    centre.settle()
    check_allowed_actions(centre)


def shown(centre: Centre, contact: Contact) -> dict[str, object]:
    found = contact_view(contact, agent(centre))["identification"]
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize("mode", MODES)
def test_right_card_and_pin(mode: str) -> None:
    centre, contact = sent(mode)
    assert (contact.state, contact.recording) == ("held", "paused")
    view = contact_view(contact, agent(centre))
    assert view["allowed_actions"] == [
        "contact.retrieve",
        "contact.hang_up",
        "contact.mute",
        "contact.set_data",
    ]
    check_allowed_actions(centre)
    assert shown(centre, contact)["asked"] == "card"
    types(centre, contact, "card", NUMBER)
    assert shown(centre, contact)["asked"] == "pin"
    types(centre, contact, ivr_walk.Check.RIGHT, NUMBER, right=True)
    assert (shown(centre, contact)["state"], contact.state) == ("verified", ContactState.HELD)
    check_allowed_actions(centre)
    comes_back(centre, contact)
    assert (contact.state, contact.recording, contact.customer.verified) == ("active", "recording", True)
    assert contact.customer.name == "沈桂英"
    assert contact.ivr_path[-2:] == ["identify", "verified"]
    assert [name for name in events(centre) if name.startswith(("contact.", "recording."))][-7:] == [
        "recording.paused",
        "contact.held",
        *["contact.identification_changed"] * 3,
        "contact.retrieved",
        "recording.resumed",
    ]


def test_three_wrong_pins_and_the_agent_has_its_customer_again() -> None:
    centre, contact = sent()
    for _ in range(3):
        fails_once(centre, contact)
    found = shown(centre, contact)
    assert (found["state"], found["failures"]) == ("not_verified", 3)
    comes_back(centre, contact)
    assert (contact.state, contact.recording, contact.customer.verified) == ("active", "recording", False)


def test_a_locked_customer_is_told_to_the_agent_alone() -> None:
    centre, contact = sent()
    for how in ("wrong", "wrong", "locked"):
        fails_once(centre, contact, how)
    assert shown(centre, contact)["state"] == "locked"


def test_who_proved_it_and_then_fails_is_in_doubt_again() -> None:
    centre, contact = sent()
    types(centre, contact, "card", NUMBER)
    types(centre, contact, ivr_walk.Check.RIGHT, NUMBER, right=True)
    comes_back(centre, contact)
    centre.command(s.Identify, "1001", contact.contact_id)
    centre.settle()
    for _ in range(3):
        fails_once(centre, contact)
    comes_back(centre, contact)
    assert not contact.customer.verified


@pytest.mark.parametrize(
    ("answers", "state"),
    [(["*"], "declined"), (["", "", ""], "not_verified"), (["card", "unavailable"], "not_checked")],
)
def test_other_ways_it_ends(answers: list[str], state: str) -> None:
    centre, contact = sent()
    for answer in answers:
        types(centre, contact, answer, NUMBER)
    assert shown(centre, contact)["state"] == state
    comes_back(centre, contact)
    assert (contact.state, contact.customer.verified) == ("active", False)


def test_the_agent_takes_the_customer_back_in_the_middle() -> None:
    centre, contact = sent()
    types(centre, contact, "card", NUMBER)
    serial = contact.walk.serial if contact.walk else 0
    centre.command(s.Retrieve, "1001", contact.contact_id)
    centre.pbx.press(contact.contact_id, serial, ivr_walk.Check.RIGHT, NUMBER, WHO)  # checked too late
    centre.settle()
    assert result(centre)["contact"]["state"] == "active"
    assert (shown(centre, contact)["state"], contact.customer.verified) == ("cancelled", False)
    assert contact.walk
    assert contact.walk.over
    assert contact.recording == "recording"


def test_it_may_take_as_long_as_a_digit_is_waited_for_until_the_customer_is_back() -> None:
    centre, contact = sent()
    centre.command(s.Retrieve, "1001", contact.contact_id)
    wanted = centre.commands[-1]
    centre.pbx.effects.clear()
    centre.pass_time(OPERATION_TIME + 1)
    assert wanted not in centre.replies
    centre.pass_time(TAKE_BACK_TIME)
    assert centre.replies[wanted][0].error_code == "outcome_unknown"


def test_a_recording_that_the_agent_paused_stays_paused() -> None:
    centre, contact = in_talk()
    centre.command(s.RecordingPause, "1001", contact.contact_id)
    centre.settle()
    centre.command(s.Identify, "1001", contact.contact_id)
    centre.settle()
    comes_back(centre, contact)
    assert (contact.state, contact.recording) == ("active", "paused")


def test_not_while_the_phone_holds() -> None:
    centre, contact = in_talk()
    leg = contact.agent_leg
    assert leg
    centre.pbx.hold(leg.channel)
    centre.settle()
    centre.command(s.Identify, "1001", contact.contact_id)
    assert last(centre).error_code == "held_at_phone"
    assert (contact.state, contact.identification) == ("held", None)


def test_out_of_a_hold() -> None:
    centre, contact = in_talk()
    centre.command(s.Hold, "1001", contact.contact_id)
    centre.settle()
    centre.command(s.Identify, "1001", contact.contact_id)
    centre.settle()
    assert shown(centre, contact)["state"] == "running"
    types(centre, contact, "*")
    comes_back(centre, contact)
    assert contact.state == "active"


def test_not_before_the_recording_is_silent() -> None:
    centre, contact = in_talk()
    centre.command(s.Identify, "1001", contact.contact_id)
    asked = [type(effect) for effect in centre.told[-1].effects]
    assert asked == [e.PauseRecording]
    failed = s.EffectFailed(centre.now, "pbx-a", "PauseRecording", contact.contact_id, "pbx_refused")
    centre.pbx.effects.clear()
    centre.apply(failed)
    centre.settle()
    assert (contact.state, shown(centre, contact)["state"]) == ("active", "not_checked")
    assert last(centre).error_code == "pbx_refused"
    check_allowed_actions(centre)


def test_not_when_the_recording_is_silent_too_late() -> None:
    """The agent was told that it is not known; the machine is no longer waited for."""
    centre, contact = in_talk()
    centre.command(s.Identify, "1001", contact.contact_id)
    pause = centre.pbx.effects.popleft()
    centre.pass_time(OPERATION_TIME + 0.1)
    assert last(centre).error_code == "outcome_unknown"
    centre.pbx.effects.appendleft(pause)
    centre.settle()
    assert (contact.state, shown(centre, contact)["state"]) == ("active", "not_checked")
    assert contact.recording is RecordingState.RECORDING
    check_allowed_actions(centre)


def test_while_it_is_not_known_whether_the_customer_is_there() -> None:
    centre, contact = in_talk()
    centre.command(s.Identify, "1001", contact.contact_id)
    centre.pbx.carry_out()
    while centre.pbx.sources():
        centre.apply(centre.pbx.read(centre.pbx.sources()[0]))
    centre.pass_time(OPERATION_TIME + 0.1)
    assert last(centre).error_code == "outcome_unknown"
    check_allowed_actions(centre)
    reply = centre.command(s.Hold, "1001", contact.contact_id)
    assert reply
    assert reply.error_code == "identity_check_running"
    centre.settle()
    check_agreement(centre)


@pytest.mark.parametrize("effect", ["hold", "transfer", "consult", "pause", "resume", "digits", "identify"])
def test_what_is_refused_meanwhile(effect: str) -> None:
    centre, contact = sent()
    to = Target(TargetKind.GROUP, "general")
    commands: dict[str, tuple[type[s.Command], dict[str, Any]]] = {
        "hold": (s.Hold, {}),
        "transfer": (s.TransferContact, {"to": to}),
        "consult": (s.ConsultParty, {"to": to}),
        "pause": (s.RecordingPause, {}),
        "resume": (s.RecordingResume, {}),
        "digits": (s.SendDtmf, {"digits": "1"}),
        "identify": (s.Identify, {}),
    }
    command, more = commands[effect]
    centre.command(command, "1001", contact.contact_id, **more)
    code = "action_not_allowed" if effect == "hold" else "identity_check_running"
    assert last(centre).error_code == code


@pytest.mark.parametrize("mode", MODES)
def test_the_customer_hangs_up_in_it(mode: str) -> None:
    centre, contact = sent(mode)
    centre.pbx.hang_up(contact.contact_id)
    centre.settle()
    assert (contact.state, contact.end_reason) == ("wrap_up", "customer_hung_up")
    assert shown(centre, contact)["state"] == "cancelled"


@pytest.mark.parametrize("mode", MODES)
def test_the_agents_phone_is_lost_in_it(mode: str) -> None:
    centre, contact = sent(mode)
    types(centre, contact, "card", NUMBER)
    leg = contact.agent_leg
    assert leg
    centre.pbx.hang_up(leg.channel, 38)
    centre.settle()
    assert (contact.state, contact.recording) == ("queued", "recording")
    assert shown(centre, contact)["state"] == "cancelled"
    assert centre.pbx.channels[contact.contact_id].context == "cti-wait"


def test_the_server_dies_in_it_and_it_goes_on() -> None:
    centre, _ = sent()
    contact = again(centre)
    fails_once(centre, contact)
    types(centre, contact, "card", NUMBER)
    types(centre, contact, ivr_walk.Check.RIGHT, NUMBER, right=True)
    comes_back(centre, contact)
    assert (contact.state, contact.recording, contact.customer.verified) == ("active", "recording", True)


def test_with_no_server_the_dialplan_brings_them_together() -> None:
    centre, contact = sent()
    centre.pbx.forget_server()
    centre.pbx.asked_enough(contact.contact_id)
    centre.pbx.on_its_own(contact.contact_id)
    contact = again(centre)
    assert (contact.state, contact.recording) == ("active", "recording")
    assert shown(centre, contact)["state"] == "not_checked"


def test_a_server_that_comes_back_fetches_who_was_left_on_hold() -> None:
    centre, contact = sent()
    centre.pbx.forget_server()
    centre.pbx.asked_enough(contact.contact_id)
    contact = again(centre)
    assert (contact.state, contact.recording) == ("active", "recording")
    assert shown(centre, contact)["state"] == "not_checked"


def test_not_another_agents_customer() -> None:
    centre, contact = in_talk()
    seated(centre, "1002")
    centre.command(s.Identify, "1002", contact.contact_id)
    assert last(centre).error_code == "not_your_contact"
