"""A customer's call comes, or comes to a place of the dialplan where it waits."""

from __future__ import annotations

from cti_server.domain.contact import TALK_STATES, Contact, ContactState
from cti_server.domain.customer import Customer
from cti_server.domain.effects import Apologise, Resync
from cti_server.domain.leg import LegRole, LegState
from cti_server.domain.rules import (
    ahead,
    consult_facts,
    conversation,
    dialling_facts,
    identity,
    menu,
    offers,
    preference,
    referring,
    transfers,
    voicemail,
)
from cti_server.domain.signals import ContactArrived, CustomerPlaced
from cti_server.domain.step import Step

TAKE_BACK_PAUSE = 10.0
"""Seconds a caller stays with the fallback queue that has just been fetched from it."""
ARRIVAL_TIME = 120.0
"""Seconds a call may take from its arrival to its waiting place."""


def contact_arrived(step: Step, fact: ContactArrived) -> None:
    """A call asked for its way: the contact begins."""
    ahead.arrived(step, fact)
    if fact.channel in step.state.contacts or fact.channel in step.state.ended:
        return
    group_id = step.state.service_numbers.get(fact.service_number) or fact.group_id
    if group_id not in step.state.groups:
        group_id = next(iter(step.state.groups), "")
    if not group_id:
        step.anomaly("no_group")
        return
    customer = Customer(fact.customer_number, fact.customer_name, fact.tier, fact.elder)
    contact = Contact(
        fact.channel, fact.node, fact.service_number, group_id, customer, step.at, language=fact.language
    )
    contact.priority = preference.priority(customer, step.state.priorities)
    contact.ageing = step.state.priorities.ageing
    contact.requires, contact.dedicated_agent = dict(fact.requires), fact.dedicated_agent
    contact.ivr_path.append(fact.service_number)
    contact.add_leg(LegRole.CUSTOMER, "", fact.channel, LegState.IVR)
    step.state.contacts[contact.contact_id] = contact
    step.state.channels[fact.channel] = contact.contact_id
    step.set_timer(f"arrival:{contact.contact_id}", ARRIVAL_TIME)
    menu.begin(step, contact, language_known=fact.language_known)
    step.note_contact(contact, "contact.arrived")
    if fact.ungreeted and not (contact.walk or contact.end_reason or voicemail.full(step, contact)):
        contact.on_its_way = True
        offers.queue(step, contact)


def customer_placed(step: Step, fact: CustomerPlaced) -> None:
    """A customer's channel reached a waiting place."""
    contact = _placed_contact(step, fact)
    if contact is None:
        return
    contact.customer_leg.bridge = ""
    offers.arrived(step, contact)
    if fact.place == "referred":
        referring.waits(step, contact, fact)
        return
    if contact.consult:
        consult_facts.placed(step, contact, contact.customer_leg)
        return
    if fact.place in ("hold", "identify"):
        _placed_aside(step, contact, fact.place)
        return
    if contact.state is ContactState.DIALLING:
        dialling_facts.answered_alone(step, contact)
    if contact.state is ContactState.OUTSIDE:
        third = transfers.outside_leg(contact)
        if third:  # it left a conference, and the customer is back from there first
            transfers.outside_left(step, contact, third, gone=False)
            return
        transfers.not_reached(step, contact)
    if fact.place == "voicemail":
        voicemail.placed(step, contact)
        return
    _waits(step, contact, talks=fact.place == "talks")
    if fact.place == "unserved" and offers.still_waits(contact):
        # The dialplan gave us up (a hiccup, a refused AGI), and here we are: take the caller back.
        step.note_contact(contact, "contact.unserved")
        _take_back(step, contact)


def _placed_aside(step: Step, contact: Contact, place: str) -> None:
    """On hold, or with the machine that asks who it is."""
    if place == "identify":
        identity.placed(step, contact)
    else:
        conversation.customer_on_hold(step, contact)
        identity.unserved(step, contact)


def _placed_contact(step: Step, fact: CustomerPlaced) -> Contact | None:
    """Whose place it is; taken up now if nobody told us of it. None: nobody's, or its call is being ended."""
    if fact.channel not in step.state.contacts:
        arrived = ContactArrived(
            fact.at,
            fact.node,
            fact.channel,
            fact.service_number,
            fact.customer_number,
            group_id=fact.group_id,
            language=fact.language,
        )
        contact_arrived(step, arrived)
    if fact.channel in step.state.ended and fact.place in ("wait", "unserved"):
        step.do(Apologise(fact.node, fact.channel))  # it was let go while it could not be told
    contact = step.state.contacts.get(fact.channel)
    if contact and contact.internal and contact.agent_leg is None and contact.state in TALK_STATES:
        conversation.end_call(step, contact)  # its caller is gone, and no queue waits for the colleague
        return None
    return contact


def _waits(step: Step, contact: Contact, *, talks: bool) -> None:
    """It came to wait, out of the menu or back from where it should have left a message.

    Who talks to an agent by now has waited, and is not sent to leave a message, however many others wait.
    """
    if contact.state is ContactState.VOICEMAIL:
        voicemail.back(step, contact)
    if contact.state is ContactState.IVR:
        menu.left(step, contact)
        full = not talks and voicemail.full(step, contact)
        offers.queue(step, contact)
        if full:
            voicemail.send(step, contact)


def _take_back(step: Step, contact: Contact) -> None:
    """Not again and again: a dialplan that does not hear us (clocks apart) would send it back each time."""
    if step.at - contact.taken_back_at >= TAKE_BACK_PAUSE:
        contact.taken_back_at = step.at
        offers.send_back(step, contact)


def arrival_overdue(step: Step, contact_id: str) -> None:
    """The call asked for its way and was seen nowhere since: look at the PBX."""
    contact = step.state.contacts.get(contact_id)
    if contact and (contact.state is ContactState.IVR or contact.on_its_way):
        step.set_timer(f"arrival:{contact_id}", ARRIVAL_TIME)
        step.do(Resync(contact.node))
