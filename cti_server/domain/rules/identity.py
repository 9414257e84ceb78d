"""An agent sends its customer to prove who it is, by card and PIN, to the machine (REQUIREMENTS A8).

Meanwhile the contact is held: the agent hears nothing of it, and the recording is silent before the first
question is asked. The dialplan brings the customer back by itself, with or without a server.
"""

from __future__ import annotations

from dataclasses import replace

from cti_server.domain import errors, ivr, ivr_questions, ivr_walk
from cti_server.domain.contact import Contact, ContactEvent, ContactState, RecordingState
from cti_server.domain.effects import Connect, IdentifyCustomer, PauseRecording, ResumeRecording
from cti_server.domain.events import Event
from cti_server.domain.identification import Identification, IdentificationState
from cti_server.domain.leg import LegState
from cti_server.domain.operation import OperationKind
from cti_server.domain.rules import operations, preference
from cti_server.domain.rules.operations import OPERATION_TIME, begin, own_contact, require
from cti_server.domain.signals import Identify, MenuAnswered
from cti_server.domain.step import Step

METHOD = "contact.identify"
BACK_TIME = 15.0
"""Seconds in which a customer is back with its agent: what the machine still says, and some slack."""
TAKE_BACK_TIME = 10.0
"""The same when it is taken back in the middle of typing, which is waited for (`cti-connect`)."""
SENT = "identify"
"""The step of `ivr_path`: an agent asked for it."""
_ENDS = {
    "verified": IdentificationState.VERIFIED,
    "not_verified": IdentificationState.NOT_VERIFIED,
    "locked": IdentificationState.LOCKED,
    "not_checked": IdentificationState.NOT_CHECKED,
    f"card:{ivr_walk.PERSON_STAR}": IdentificationState.DECLINED,
    f"pin:{ivr_walk.PERSON_STAR}": IdentificationState.DECLINED,
}
"""By the last step of the walk; others are answers that were none."""


def identify(step: Step, command: Identify) -> None:
    """Send the customer to the machine; answered when it is there."""
    contact, _ = own_contact(step, command)
    require(contact, METHOD, ContactState.ACTIVE, ContactState.HELD)
    operations.require_customer(contact, METHOD)
    require_none(contact)
    if contact.held_at_phone:
        raise errors.HeldAtPhone("the phone holds the call; retrieve it there")
    if contact.agent_leg is None:
        raise errors.ActionNotAllowed("the conversation is ending")
    if contact.audio_operation:
        raise errors.OperationPending(f"{contact.audio_operation.kind} is under way")
    begin(step, contact, OperationKind.IDENTIFY, command)
    first = contact.walk.serial + 1 if contact.walk else 1
    contact.walk = ivr_walk.Walk(ivr_walk.Asked.CARD, first, first=first, back=True)
    contact.identification = Identification(step.at)
    if contact.recording is RecordingState.RECORDING:
        contact.identification.paused = True
        step.do(PauseRecording(contact.node, contact.contact_id))
    else:
        _send(step, contact)


def require_none(contact: Contact) -> None:
    """Raises IdentityCheckRunning."""
    if under_way(contact):
        raise errors.IdentityCheckRunning("the customer is being identified; take it back first")


def running(contact: Contact) -> bool:
    """Whether the machine has the customer, or is about to."""
    return contact.identification is not None and contact.identification.running


def under_way(contact: Contact) -> bool:
    """Whether the customer is with the machine, or on its way back from there."""
    return contact.identification is not None and not contact.identification.back


def _send(step: Step, contact: Contact) -> None:
    leg, found, walk = contact.agent_leg, contact.identification, contact.walk
    if leg is None or found is None or walk is None or found.sent:
        return
    found.sent = True
    asked = ivr_questions.question(_settings(step, contact), walk)
    effect = IdentifyCustomer(
        contact.node,
        contact.contact_id,
        leg.channel,
        walk.serial,
        asked,
        parted=contact.state is ContactState.HELD,
        silent=found.paused,
    )
    step.do(effect)


def _settings(step: Step, contact: Contact) -> ivr.Ivr:
    return step.state.ivrs.get(contact.service_number, ivr.Ivr())


# --- what the PBX shows ----------------------------------------------------------------------------------


def paused(step: Step, contact: Contact) -> None:
    """The recording is silent: now the customer may be asked."""
    if running(contact) and contact.operation and contact.operation.kind is OperationKind.IDENTIFY:
        _send(step, contact)


def not_paused(step: Step, contact: Contact, refusal: type[errors.Refusal]) -> None:
    """Without that nobody is asked for a PIN."""
    found = contact.identification
    if found and found.running and found.paused and not found.sent:
        _over(step, contact, IdentificationState.NOT_CHECKED)
        found.back = True
        resume(step, contact)
        operations.refuse_operation(step, contact, refusal)


def not_sent(step: Step, contact: Contact, refusal: type[errors.Refusal]) -> None:
    """The PBX did not take the customer to the machine: it is where it was."""
    found = contact.identification
    if found and found.running:
        _over(step, contact, IdentificationState.NOT_CHECKED)
        found.back = True
        resume(step, contact)
        step.set_timer(f"apart:{contact.contact_id}", OPERATION_TIME)
    operations.refuse_operation(step, contact, refusal)


def placed(step: Step, contact: Contact) -> None:
    """The machine speaks to the customer."""
    leg = contact.agent_leg
    if not running(contact) or leg is None or contact.customer_leg.state is LegState.IVR:
        return
    if contact.state not in (ContactState.ACTIVE, ContactState.HELD):
        return
    step.clear_timer(f"apart:{contact.contact_id}")
    parted = contact.state is ContactState.ACTIVE
    if parted:
        contact.apply(ContactEvent.HOLD)
    contact.customer_leg.state, leg.state = LegState.IVR, LegState.UP
    contact.ivr_path.append(SENT)
    operations.finish_operation(step, contact, OperationKind.IDENTIFY)
    if parted:
        step.tell_contact(contact, Event.CONTACT_HELD)
    step.tell_contact(contact, Event.CONTACT_IDENTIFICATION_CHANGED)


def answered(step: Step, contact: Contact, fact: MenuAnswered) -> None:
    """The customer typed something, or nothing. An answer to a question of before says nothing."""
    walk = contact.walk
    if walk is None or fact.serial != walk.serial or contact.state is not ContactState.HELD:
        return
    turn = ivr_walk.pressed(_settings(step, contact), walk, fact.answer, fact.subject)
    if fact.customer and fact.answer == ivr_walk.Check.RIGHT:
        preference.proved(step, contact, fact.customer)
    contact.walk = turn.walk
    contact.ivr_path.extend(turn.path)
    if turn.walk.over:
        ended = _ENDS.get(turn.path[-1] if turn.path else "", IdentificationState.NOT_VERIFIED)
        if turn.path[-1:] in (("not_verified",), ("locked",)):  # what was proved before is in doubt again
            contact.customer = replace(contact.customer, verified=False)
        _over(step, contact, ended)
        step.set_timer(f"apart:{contact.contact_id}", BACK_TIME)
    step.tell_contact(contact, Event.CONTACT_IDENTIFICATION_CHANGED)


def take_back(step: Step, contact: Contact) -> bool:
    """The agent wants its customer back in the middle of it: what is typed from now on counts for nothing."""
    if not running(contact):
        return False
    _over(step, contact, IdentificationState.CANCELLED)
    step.set_timer(f"operation:{contact.contact_id}", TAKE_BACK_TIME)
    return True


def together(step: Step, contact: Contact) -> None:
    """The customer talks to its agent (again)."""
    found = contact.identification
    sending = contact.operation and contact.operation.kind is OperationKind.IDENTIFY
    if found is None or found.back or sending:
        return
    if found.running:  # the dialplan gave up asking
        _over(step, contact, IdentificationState.NOT_CHECKED)
        step.tell_contact(contact, Event.CONTACT_IDENTIFICATION_CHANGED)
    found.back = True
    resume(step, contact)


def lost(step: Step, contact: Contact) -> None:
    """Customer or agent left in the middle of it."""
    found = contact.identification
    if found:
        if found.running:
            _over(step, contact, IdentificationState.CANCELLED)
        found.back, found.paused = True, False


def unserved(step: Step, contact: Contact) -> None:
    """With no server alive the dialplan took the customer out of it, and it found no way to its agent."""
    leg, found = contact.agent_leg, contact.identification
    if found is None or found.back or leg is None or contact.operation:
        return
    if found.running:
        _over(step, contact, IdentificationState.NOT_CHECKED)
        step.tell_contact(contact, Event.CONTACT_IDENTIFICATION_CHANGED)
    if not found.sent:  # on hold it was, and is
        found.back = True
        resume(step, contact)
        return
    agent = step.state.agents[contact.agent_id or ""]
    step.do(Connect(contact.node, contact.contact_id, leg.channel, agent.station or ""))
    step.set_timer(f"apart:{contact.contact_id}", OPERATION_TIME)


def resume(step: Step, contact: Contact) -> None:
    """The recording goes on, if it was paused for this."""
    if contact.identification and contact.identification.paused:
        contact.identification.paused = False
        step.do(ResumeRecording(contact.node, contact.contact_id))


def _over(step: Step, contact: Contact, state: IdentificationState) -> None:
    found = contact.identification
    if found:
        found.state, found.ended_at = state, step.at
    if contact.walk and not contact.walk.over:
        contact.walk = replace(
            contact.walk, asked=ivr_walk.Asked.NOTHING, serial=contact.walk.serial + 1, said=()
        )
