"""Called back instead of waiting: the wish, the place kept for it, the calls made in vain (REQUIREMENTS B4).

The wish ends the customer's call; a contact of ours, without a call yet, waits in its place. The agent who
accepts it is given the call to the customer.
"""

from __future__ import annotations

from dataclasses import replace

from cti_server.domain import ivr_walk
from cti_server.domain.callback import CALLBACK, KEY, Callback
from cti_server.domain.contact import Contact, ContactEvent, ContactState, RecordingState
from cti_server.domain.events import Event
from cti_server.domain.ivr import Ivr
from cti_server.domain.ivr_walk import Turn
from cti_server.domain.leg import LegRole, LegState
from cti_server.domain.rules import preference
from cti_server.domain.signals import MenuAnswered
from cti_server.domain.step import Step

WAITING = 0
"""Number of the question that is no question: who waits pressed a key."""
AGAIN = 30.0
"""Seconds until one that expired while it was being offered is looked at again."""
EXPIRED, GIVEN_UP, SERVED = "callback_expired", "callback_failed", "callback_served"


def answered(step: Step, contact: Contact, fact: MenuAnswered) -> None:
    """A customer who waits pressed a key: to be asked about a call-back, or in answer to that."""
    walk = contact.walk
    if contact.to_be_called or contact.state is not ContactState.QUEUED:
        return
    if fact.serial == WAITING:
        if fact.answer == KEY and step.state.groups[contact.group_id].policy.callback:
            number = contact.customer.number
            known = number if step.state.outside.allows(number) else ""
            contact.walk = ivr_walk.wish(walk.serial + 1 if walk else 1, known)
    elif (
        walk and fact.serial == walk.serial and walk.asked in (ivr_walk.Asked.CALLBACK, ivr_walk.Asked.NUMBER)
    ):
        callable_ = walk.asked is ivr_walk.Asked.CALLBACK or step.state.outside.allows(fact.answer)
        answer = fact.answer if callable_ or fact.answer in ("", ivr_walk.PERSON_STAR) else "not_possible"
        _go_on(step, contact, ivr_walk.pressed(Ivr(), walk, answer))


def _go_on(step: Step, contact: Contact, turn: Turn) -> None:
    contact.walk = turn.walk
    if turn.callback:
        contact.ivr_path.extend(turn.path)
        _agree(step, contact, turn.callback)


def _agree(step: Step, contact: Contact, number: str) -> None:
    """The customer may hang up: its place is kept by a contact of ours."""
    policy = step.state.groups[contact.group_id].policy
    wished = Callback(
        wish_id=contact.contact_id,
        node=contact.node,
        group_id=contact.group_id,
        customer=replace(contact.customer, number=number),
        asked_at=step.at,
        queued_at=contact.queued_at or step.at,
        expires_at=step.at + policy.callback_expires,
        priority=contact.priority,
        language=contact.language,
        dedicated_agent=contact.dedicated_agent,
        requires=dict(contact.requires),
        ivr_path=list(contact.ivr_path),
        data=dict(contact.data),
    )
    _leave(step, contact)
    _wait(step, wished)


def _leave(step: Step, contact: Contact) -> None:
    step.dequeue(contact)
    contact.ended_at, contact.end_reason = step.at, CALLBACK
    contact.customer_leg.state = LegState.GONE
    if contact.recording in (RecordingState.RECORDING, RecordingState.PAUSED):
        contact.recording = RecordingState.STOPPED
    step.state.channels.pop(contact.contact_id, None)
    step.clear_timer(f"apart:{contact.contact_id}")
    contact.apply(ContactEvent.END)
    step.note_contact(contact, "contact.callback_agreed")
    step.tell_contact(contact, Event.CONTACT_ENDED)
    step.remember_end(contact)


def _wait(step: Step, wished: Callback) -> None:
    """In the customer's place in the queue, until an agent takes it."""
    contact_id = step.new_call(wished.node)
    group_id = wished.group_id if wished.group_id in step.state.groups else next(iter(step.state.groups))
    contact = Contact(
        contact_id,
        wished.node,
        step.state.outside.caller_id(group_id),
        group_id,
        wished.customer,
        step.at,
        ContactState.QUEUED,
        direction="outbound",
        language=wished.language,
        priority=wished.priority,
        ageing=step.state.priorities.ageing,
        requires=dict(wished.requires),
        dedicated_agent=wished.dedicated_agent,
        ivr_path=list(wished.ivr_path),
        data=dict(wished.data),
        callback=wished,
        queued_at=wished.queued_at,
    )
    contact.add_leg(LegRole.CUSTOMER, "", contact_id, LegState.WAITING)
    step.state.contacts[contact_id] = contact
    step.state.channels[contact_id] = contact_id
    step.set_timer(f"callback_over:{contact_id}", max(wished.expires_at - step.at, 0.0))
    preference.begin(step, contact)
    step.enqueue(contact)
    step.tell_contact(contact, Event.CONTACT_QUEUED)


# --- in vain -------------------------------------------------------------------------------------------


def in_vain(step: Step, contact: Contact) -> None:
    """The customer was called and not reached: again later, or never again."""
    made = contact.callback
    if made is None:
        return
    policy = step.state.groups[contact.group_id].policy
    tries = made.tries + 1
    if tries >= policy.callback_tries or step.at + policy.callback_retry >= made.expires_at:
        step.note_contact(contact, f"contact.{GIVEN_UP}", {"tries": tries})
        return
    step.state.callbacks[made.wish_id] = replace(made, tries=tries, called=False)
    step.set_timer(f"callback:{made.wish_id}", policy.callback_retry)


def due(step: Step, wish_id: str) -> None:
    """Time to call again: back in the queue, before whoever came later."""
    wished = step.state.callbacks.pop(wish_id, None)
    if wished:
        _wait(step, wished)


def served(step: Step, contact: Contact) -> None:
    """The customer called again and talks to an agent: nobody calls it back for the same group any more.

    One that is being offered at this moment goes on: the agent has it on the screen.
    """
    number = contact.customer.number
    if contact.direction != "inbound" or not number:
        return
    groups = {contact.group_id, *contact.overflowed}
    waits = [c for c in step.state.contacts.values() if c.callback and c.state is ContactState.QUEUED]
    for other in waits:
        wished = other.callback
        if wished and other.to_be_called and wished.customer.number == number and wished.group_id in groups:
            _drop(step, other, SERVED)
            step.note_contact(contact, f"contact.{SERVED}", {"wish_id": wished.wish_id})
    for wished in list(step.state.callbacks.values()):
        if wished.customer.number == number and wished.group_id in groups:
            del step.state.callbacks[wished.wish_id]
            step.clear_timer(f"callback:{wished.wish_id}")
            step.note_contact(contact, f"contact.{SERVED}", {"wish_id": wished.wish_id})


def expired(step: Step, contact_id: str) -> None:
    """Nobody took it in time. One that is being offered is looked at again later."""
    contact = step.state.contacts.get(contact_id)
    if contact is None or not contact.to_be_called:
        return
    if contact.state is not ContactState.QUEUED:
        step.set_timer(f"callback_over:{contact_id}", AGAIN)
        return
    _drop(step, contact, EXPIRED)


def _drop(step: Step, contact: Contact, reason: str) -> None:
    """Who waits to be called back is not called."""
    step.clear_timer(f"callback_over:{contact.contact_id}")
    step.dequeue(contact)
    contact.ended_at, contact.end_reason = step.at, reason
    contact.customer_leg.state = LegState.GONE
    step.state.channels.pop(contact.contact_id, None)
    contact.apply(ContactEvent.END)
    step.tell_contact(contact, Event.CONTACT_ENDED)
    step.remember_end(contact)
