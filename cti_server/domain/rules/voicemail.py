"""The last resort of who waits, or comes when all is closed: a message (REQUIREMENTS B4)."""

from __future__ import annotations

from cti_server.domain.contact import Contact, ContactEvent, ContactState, RecordingState
from cti_server.domain.effects import TakeMessage
from cti_server.domain.errors import Refusal
from cti_server.domain.events import Event
from cti_server.domain.leg import LegState
from cti_server.domain.policy import VOICEMAIL
from cti_server.domain.rules import waiting
from cti_server.domain.step import Step

UNSEEN = "gone_unseen"
"""End reason so far of who was gone when we came back."""
LOOK_AFTER = 2.0
"""Seconds until a customer who should be leaving a message is looked for."""


def full(step: Step, contact: Contact) -> bool:
    """Whether so many wait in the contact's group that it leaves a message instead. It is about to queue."""
    group = step.state.groups[contact.group_id]
    return 0 < group.policy.overflow_length <= len(group.waiting) and waiting.takes_messages(step, contact)


def overflow(step: Step, contact_id: str) -> None:
    """It has waited for as long as its group allows: on to the next group, or a message."""
    contact = step.state.contacts.get(contact_id)
    if contact is None or contact.state is not ContactState.QUEUED:
        return
    if contact.on_its_way:
        step.set_timer(f"overflow:{contact_id}", LOOK_AFTER)
    elif waiting.takes_messages(step, contact) and not contact.customer_leg.bridge:
        send(step, contact)
    else:
        waiting.overflow(step, contact_id)


def send(step: Step, contact: Contact) -> None:
    """From the waiting place to the message."""
    step.dequeue(contact)
    contact.moved_at = step.at
    _begin(step, contact)
    step.do(TakeMessage(contact.node, contact.contact_id))
    step.set_timer(f"apart:{contact.contact_id}", LOOK_AFTER)


def placed(step: Step, contact: Contact) -> None:
    """The customer is being told how to leave a message."""
    if contact.state is ContactState.QUEUED:
        step.dequeue(contact)
    if contact.state in (ContactState.IVR, ContactState.QUEUED):
        step.clear_timer(f"arrival:{contact.contact_id}")
        _begin(step, contact)
    contact.customer_leg.state = LegState.IVR


def _begin(step: Step, contact: Contact) -> None:
    contact.apply(ContactEvent.LEAVE_MESSAGE)
    contact.end_reason = ""
    contact.ivr_path.append(VOICEMAIL)
    step.tell_contact(contact, Event.CONTACT_IVR_CHANGED)


def back(step: Step, contact: Contact) -> None:
    """It waits after all: the PBX did not take it there, or brought it back."""
    contact.apply(ContactEvent.RETURN_TO_QUEUE)
    contact.queued_at = contact.queued_at or step.at
    contact.customer_leg.state = LegState.WAITING
    step.enqueue(contact)
    step.tell_contact(contact, Event.CONTACT_QUEUED)


def failed(step: Step, contact: Contact, refusal: type[Refusal]) -> None:
    """The PBX did not do it, or in doubt: then it will show."""
    if contact.state is ContactState.VOICEMAIL and refusal.code == "pbx_refused":
        back(step, contact)
    else:
        step.set_timer(f"apart:{contact.contact_id}", LOOK_AFTER)


def over(step: Step, contact: Contact) -> None:
    """The customer left: with a message it is kept for the group, without one the call was abandoned."""
    if contact.state is not ContactState.VOICEMAIL:
        return
    unseen = contact.end_reason == UNSEEN  # perhaps it spoke while nobody looked: better one without a word
    if unseen or contact.recording is not RecordingState.OFF:
        contact.end_reason = VOICEMAIL
        step.note_contact(contact, "contact.message_left")
        step.keep_message(contact)
