"""What changes the sound and moves nobody: mute, DTMF, recording paused (REQUIREMENTS A3, G1).

Such a command has a place of its own beside `Contact.operation`: it hinders no hold and no hang-up, and is
answered when the PBX says that it was done.
"""

from __future__ import annotations

from dataclasses import dataclass

from cti_server.domain import errors
from cti_server.domain.contact import Contact, ContactState, RecordingState
from cti_server.domain.effects import (
    Effect,
    Mute,
    PauseRecording,
    ResumeRecording,
    Resync,
    SendDigits,
    Unmute,
)
from cti_server.domain.events import Event
from cti_server.domain.leg import Leg, LegState
from cti_server.domain.operation import OperationKind
from cti_server.domain.rules import ahead, identity, operations
from cti_server.domain.rules.operations import OPERATION_TIME, own_contact, require
from cti_server.domain.signals import (
    ChannelFact,
    ContactCommand,
    EffectDone,
    EffectFailed,
    MuteMicrophone,
    NodeSnapshot,
    RecordingPause,
    RecordingResume,
    SendDtmf,
    UnmuteMicrophone,
)
from cti_server.domain.step import Step
from cti_server.domain.views import contact_view

WITH_MICROPHONE = (
    ContactState.ACTIVE,
    ContactState.HELD,
    ContactState.CONSULTING,
    ContactState.CONFERENCE,
)
DIGIT_TIME = 0.2
"""Seconds a digit takes, with the pause after it."""


@dataclass(frozen=True, slots=True)
class _Outcome:
    kind: OperationKind
    event: Event | None = None


_DONE: dict[str, _Outcome] = {
    Mute.__name__: _Outcome(OperationKind.MUTE, Event.CONTACT_MUTED),
    Unmute.__name__: _Outcome(OperationKind.UNMUTE, Event.CONTACT_UNMUTED),
    SendDigits.__name__: _Outcome(OperationKind.SEND_DTMF),
    PauseRecording.__name__: _Outcome(OperationKind.PAUSE, Event.RECORDING_PAUSED),
    ResumeRecording.__name__: _Outcome(OperationKind.RESUME, Event.RECORDING_RESUMED),
}
"""By the effect's name."""


# --- commands ------------------------------------------------------------------------------------------


def mute(step: Step, command: MuteMicrophone) -> None:
    """Nobody hears the agent any more; the agent goes on hearing."""
    contact, leg = _microphone(step, command, "contact.mute", muted=False)
    _begin(step, contact, OperationKind.MUTE, command, Mute(contact.node, leg.channel))


def unmute(step: Step, command: UnmuteMicrophone) -> None:
    """The agent is heard again."""
    contact, leg = _microphone(step, command, "contact.unmute", muted=True)
    _begin(step, contact, OperationKind.UNMUTE, command, Unmute(contact.node, leg.channel))


def _microphone(step: Step, command: ContactCommand, method: str, *, muted: bool) -> tuple[Contact, Leg]:
    contact, _ = own_contact(step, command)
    require(contact, method, *WITH_MICROPHONE)
    leg = contact.agent_leg
    if leg is None or leg.muted is not muted:
        raise errors.ActionNotAllowed(f"{method}: the microphone is {'open' if muted else 'muted'}")
    return contact, leg


def send_dtmf(step: Step, command: SendDtmf) -> None:
    """Key presses towards the customer's side (the menu of whom we called). Kept nowhere."""
    contact, _ = own_contact(step, command)
    identity.require_none(contact)
    require(contact, "contact.send_dtmf", ContactState.ACTIVE)
    if contact.agent_leg is None:
        raise errors.ActionNotAllowed("the conversation is ending")
    effect = SendDigits(contact.node, contact.contact_id, command.digits)
    _begin(step, contact, OperationKind.SEND_DTMF, command, effect, extra=len(command.digits) * DIGIT_TIME)


def pause_recording(step: Step, command: RecordingPause) -> None:
    """Silence in the recording from here on; its timeline is kept."""
    contact, _ = own_contact(step, command)
    identity.require_none(contact)
    _require_recording(contact, "recording.pause", RecordingState.RECORDING)
    effect = PauseRecording(contact.node, contact.contact_id)
    _begin(step, contact, OperationKind.PAUSE, command, effect)


def resume_recording(step: Step, command: RecordingResume) -> None:
    """The recording goes on."""
    contact, _ = own_contact(step, command)
    identity.require_none(contact)
    _require_recording(contact, "recording.resume", RecordingState.PAUSED)
    effect = ResumeRecording(contact.node, contact.contact_id)
    _begin(step, contact, OperationKind.RESUME, command, effect)


def _require_recording(contact: Contact, method: str, state: RecordingState) -> None:
    require(contact, method, *WITH_MICROPHONE)
    if contact.recording is not state or contact.agent_leg is None:
        raise errors.ActionNotAllowed(f"{method}: the recording is {contact.recording}")


def _begin(
    step: Step,
    contact: Contact,
    kind: OperationKind,
    command: ContactCommand,
    effect: Effect,
    *,
    extra: float = 0.0,
) -> None:
    operations.begin_audio(step, contact, kind, command, OPERATION_TIME + extra)
    step.do(effect)


# --- what the PBX shows ----------------------------------------------------------------------------------


def effect_done(step: Step, fact: EffectDone) -> None:
    """The PBX did it: the state follows, and the command that wanted it is answered."""
    contact = step.state.contacts.get(step.state.channels.get(fact.channel, ""))
    if contact is None:
        return
    outcome = _DONE[fact.effect]
    operation = contact.audio_operation
    wanted = operation if operation and operation.kind is outcome.kind else None
    step.request_id = wanted.request_id if wanted else ""
    if _changed(contact, fact, outcome.kind):
        contact.audio_at = step.at
        if outcome.event:
            step.tell_contact(contact, outcome.event)
    if wanted:
        contact.audio_operation = None
        step.clear_timer(f"audio:{contact.contact_id}")
        agent = step.state.agents[wanted.agent_id]
        step.reply(wanted, {"contact": contact_view(contact, agent)})
    if outcome.kind is OperationKind.PAUSE:
        identity.paused(step, contact)


def _changed(contact: Contact, fact: EffectDone, kind: OperationKind) -> bool:
    """Take the new state over; whether there was another one before."""
    if kind in (OperationKind.MUTE, OperationKind.UNMUTE):
        leg, muted = contact.leg_by_channel(fact.channel), kind is OperationKind.MUTE
        if leg is None or leg.muted is muted:
            return False
        leg.muted = muted
        return True
    if kind in (OperationKind.PAUSE, OperationKind.RESUME):
        return _recording_is(contact, paused=kind is OperationKind.PAUSE)
    return False


def _recording_is(contact: Contact, *, paused: bool) -> bool:
    before, after = RecordingState.RECORDING, RecordingState.PAUSED
    if not paused:
        before, after = after, before
    if contact.recording is not before:
        return False
    contact.recording = after
    return True


def effect_failed(step: Step, contact: Contact, fact: EffectFailed) -> None:
    """The PBX did not do it, or did not say: refuse the command; in doubt the PBX will show."""
    refusal = errors.refusals().get(fact.code, errors.PbxRefused)
    operation = contact.audio_operation
    if operation and operation.kind is _DONE[fact.effect].kind:  # not one that is long answered
        operations.refuse_audio(step, contact, refusal)
    if fact.effect == PauseRecording.__name__:
        identity.not_paused(step, contact, refusal)
    if refusal is errors.OutcomeUnknown:
        step.do(Resync(contact.node))


def is_ours(effect: str) -> bool:
    """Whether the effect of that name is one of these."""
    return effect in _DONE


def timed_out(step: Step, contact_id: str) -> None:
    """The PBX said nothing in time."""
    contact = step.state.contacts.get(contact_id)
    if contact:
        operations.refuse_audio(step, contact, errors.OutcomeUnknown)
        step.do(Resync(contact.node))


# --- after a doubt -----------------------------------------------------------------------------------------


def corrected(step: Step, snapshot: NodeSnapshot, channels: dict[str, ChannelFact]) -> None:
    """What the channels' own variables say. What was changed since the snapshot was asked for stays."""
    taken_at = snapshot.at if snapshot.taken_at is None else snapshot.taken_at
    for contact in step.state.contacts.values():
        settled = max(contact.audio_at, contact.offered_at or 0.0) < taken_at
        if contact.node == snapshot.node and contact.audio_operation is None and settled:
            _correct(step, contact, channels)
    for station in step.state.stations.values():
        fact = channels.get(station.channel or "")
        if fact and _says(fact, "CTI_MUTED") and fact.channel not in step.state.channels:
            step.do(Unmute(snapshot.node, fact.channel))


def _correct(step: Step, contact: Contact, channels: dict[str, ChannelFact]) -> None:
    for leg in contact.legs.values():
        fact = channels.get(leg.channel)
        if fact and leg.state is not LegState.GONE and leg.muted is not _says(fact, "CTI_MUTED"):
            leg.muted = not leg.muted
            step.tell_contact(contact, Event.CONTACT_MUTED if leg.muted else Event.CONTACT_UNMUTED)
    customer = channels.get(contact.contact_id)
    begun = customer and customer.variables.get("CTI_RECORDED_WITH")
    if begun and contact.recording is RecordingState.OFF and not ahead.recording_seen(contact):
        contact.recording = RecordingState.RECORDING
        step.tell_contact(contact, Event.RECORDING_STARTED)
    if customer and _recording_is(contact, paused=_says(customer, "CTI_PAUSED")):
        paused = contact.recording is RecordingState.PAUSED
        step.tell_contact(contact, Event.RECORDING_PAUSED if paused else Event.RECORDING_RESUMED)


def _says(fact: ChannelFact, variable: str) -> bool:
    return fact.variables.get(variable) == "1"
