"""Mute, DTMF and the recording's pause: what moves nobody, and what becomes of it when others move."""

import pytest

from cti_server.domain import effects as e
from cti_server.domain import signals as s
from cti_server.domain.contact import RecordingState
from cti_server.domain.rules.operations import OPERATION_TIME
from cti_server.domain.target import Target, TargetKind
from cti_server.engine import codec
from tests.unit.domain.centre import Centre
from tests.unit.domain.scenes import (
    MODES,
    PERSISTENT,
    accepted,
    agent_channel,
    called,
    code,
    contact,
    events,
    held,
    last_reply,
    talking,
)

SWITCHES = [
    (s.MuteMicrophone, s.UnmuteMicrophone, "contact.muted", "contact.unmuted"),
    (s.RecordingPause, s.RecordingResume, "recording.paused", "recording.resumed"),
]


def switched(centre: Centre, kind: type[s.ContactCommand], contact_id: str, *more: str) -> str | None:
    centre.command(kind, "1001", contact_id, *more)
    centre.settle()
    error, answered = last_reply(centre)
    assert answered
    return error


def muted(centre: Centre, contact_id: str) -> bool:
    leg = contact(centre, contact_id).agent_leg
    assert leg
    return leg.muted


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("on", "off", "told_on", "told_off"), SWITCHES)
def test_on_and_off(mode, on, off, told_on, told_off):
    centre, contact_id = talking(mode)
    assert switched(centre, off, contact_id) == "action_not_allowed"
    assert switched(centre, on, contact_id) is None
    assert switched(centre, on, contact_id) == "action_not_allowed"
    assert switched(centre, s.Hold, contact_id) is None
    assert switched(centre, s.Retrieve, contact_id) is None
    assert told_off not in events(centre)
    assert switched(centre, off, contact_id) is None
    told = events(centre)
    assert told.index(told_on) < told.index(told_off)


def test_held_too():
    centre, contact_id = held()
    assert switched(centre, s.MuteMicrophone, contact_id) is None
    assert muted(centre, contact_id)
    assert switched(centre, s.SendDtmf, contact_id, "1") == "action_not_allowed"


def test_a_nailed_up_microphone_is_open_again_for_the_next_customer():
    centre, contact_id = talking(PERSISTENT)
    channel = agent_channel(centre, contact_id)
    switched(centre, s.MuteMicrophone, contact_id)
    assert centre.pbx.channels[channel].variables["CTI_MUTED"] == "1"
    centre.pbx.hang_up(contact_id)
    centre.settle()
    assert centre.pbx.channels[channel].variables["CTI_MUTED"] == ""
    centre.command(s.WrapUp, "1001", contact_id, "done", "", "ready")
    following = called(centre)
    accepted(centre, following)
    assert agent_channel(centre, following) == channel
    assert not muted(centre, following)


def test_muted_in_the_moment_of_a_transfer_it_is_open_again_too():
    """The PBX says that it is muted only after the contact has left the agent."""
    centre, contact_id = talking(PERSISTENT)
    channel = agent_channel(centre, contact_id)
    centre.command(s.MuteMicrophone, "1001", contact_id)
    centre.command(s.TransferContact, "1001", contact_id, Target(TargetKind.GROUP, "credit_card"))
    centre.settle()
    assert centre.pbx.channels[channel].variables["CTI_MUTED"] == ""


def test_whether_it_is_open_again_is_looked_after():
    centre, contact_id = talking(PERSISTENT)
    channel = agent_channel(centre, contact_id)
    switched(centre, s.MuteMicrophone, contact_id)
    centre.pbx.hang_up(contact_id)
    while centre.pbx.sources():
        centre.apply(centre.pbx.read(centre.pbx.sources()[0]))
    centre.pbx.effects.clear()
    centre.apply(s.EffectFailed(centre.now, "pbx-a", "Unmute", channel, "outcome_unknown"))
    centre.settle()
    assert centre.pbx.channels[channel].variables["CTI_MUTED"] == ""


def test_an_older_failure_does_not_refuse_what_is_under_way():
    centre, contact_id = talking(PERSISTENT)
    centre.command(s.MuteMicrophone, "1001", contact_id)
    late = s.EffectFailed(centre.now, "pbx-a", "PauseRecording", contact_id, "pbx_refused")
    centre.apply(late)
    centre.settle()
    assert last_reply(centre) == (None, True)
    assert muted(centre, contact_id)


def test_digits_reach_the_customers_channel_and_nothing_else():
    centre, contact_id = talking()
    assert switched(centre, s.SendDtmf, contact_id, "4711#") is None
    assert centre.pbx.channels[contact_id].variables["heard"] == "4711#"
    told = [(o.notifications, o.records, o.replies, o.anomalies) for o in centre.told]
    assert "4711" not in str(told)
    command = s.SendDtmf(1.0, "r", "1001", contact_id, "4711#")
    assert "4711" not in repr(command)
    assert "4711" not in repr(e.SendDigits("pbx-a", contact_id, "4711#"))
    kept = codec.encode_batch([command])
    assert b"4711" not in kept
    assert codec.decode_batch(kept) == [s.SendDtmf(1.0, "r", "1001", contact_id, "00000")]


@pytest.mark.parametrize("kind", [s.MuteMicrophone, s.RecordingPause])
def test_one_at_a_time_and_none_in_the_way_of_a_hold(kind):
    centre, contact_id = talking()
    centre.command(kind, "1001", contact_id)
    assert code(centre, s.SendDtmf, "1001", contact_id, "1") == "operation_pending"
    assert code(centre, s.Hold, "1001", contact_id) is None
    centre.settle()
    assert all(len(replies) == 1 and replies[0].error_code in (None, "operation_pending")
               for replies in centre.replies.values())  # fmt: skip


def test_silence_of_the_pbx_is_an_unknown_outcome_and_the_snapshot_tells():
    centre, contact_id = talking()
    centre.command(s.MuteMicrophone, "1001", contact_id)
    centre.pbx.effects.clear()
    centre.pbx.channels[agent_channel(centre, contact_id)].variables["CTI_MUTED"] = "1"
    centre.pass_time(OPERATION_TIME + 1)
    assert last_reply(centre) == ("outcome_unknown", True)
    assert not muted(centre, contact_id)
    centre.settle()
    assert muted(centre, contact_id)
    assert events(centre)[-1] == "contact.muted"


def test_who_leaves_meanwhile_refuses_it():
    centre, contact_id = talking()
    centre.command(s.SendDtmf, "1001", contact_id, "1")
    centre.pbx.effects.clear()
    centre.pbx.hang_up(contact_id)
    centre.settle()
    assert last_reply(centre) == ("contact_ended", True)


def test_the_next_agent_does_not_inherit_the_pause():
    centre, contact_id = talking()
    switched(centre, s.RecordingPause, contact_id)
    assert contact(centre, contact_id).recording is RecordingState.PAUSED
    centre.pbx.hang_up(agent_channel(centre, contact_id), 27)
    centre.settle()
    assert contact(centre, contact_id).recording is RecordingState.RECORDING
