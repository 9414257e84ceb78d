"""Blind transfer: to a group, to one agent, to a number outside (REQUIREMENTS A4).

The agent's part ends at once and is wrapped up by itself (`handing`); the contact lives on under its id, with
data, story, priority and its place by arrival kept.
"""

from __future__ import annotations

from typing import Any

from cti_server.domain import errors
from cti_server.domain.agent import Agent
from cti_server.domain.contact import Contact, ContactEvent, ContactState
from cti_server.domain.effects import HangUpChannel, SendOutside
from cti_server.domain.events import Event
from cti_server.domain.leg import Leg, LegRole, LegState
from cti_server.domain.rules import handing, identity, offers, operations, seats
from cti_server.domain.rules.operations import OPERATION_TIME, own_contact, require
from cti_server.domain.signals import TransferContact
from cti_server.domain.step import Step
from cti_server.domain.target import Target, TargetKind, available_agent, known_group, take_outside_call
from cti_server.domain.views import agent_view, contact_view, masked

FRONT = 1
"""Steps of priority gained by a customer who is passed on and reaches nobody."""
TALKED_OUTSIDE = "transferred_outside"
"""End reason of a contact whose customer reached the outside party."""


def transfer(step: Step, command: TransferContact) -> dict[str, Any]:
    """Pass the customer on; the agent goes to after-call work."""
    contact, agent = own_contact(step, command)
    require(contact, "contact.transfer", ContactState.ACTIVE, ContactState.HELD)
    operations.require_customer(contact, "contact.transfer")
    identity.require_none(contact)
    if contact.held_at_phone:
        raise errors.HeldAtPhone("the phone holds the call; retrieve it there")
    if contact.operation:
        raise errors.OperationPending(f"{contact.operation.kind} is under way")
    if contact.agent_leg is None:
        raise errors.ActionNotAllowed("the conversation is ending")
    pass_on(step, contact, agent, command.to)
    return {"contact": contact_view(contact, agent), "agent": agent_view(step.state, agent)}


def pass_on(step: Step, contact: Contact, agent: Agent, to: Target) -> None:
    """Hand on a customer who is talked to, or held. Raises Refusal; nothing has changed then."""
    seats.require_node(step, contact.node)
    _TO[to.kind](step, contact, agent, to)


def _to_group(step: Step, contact: Contact, agent: Agent, to: Target) -> None:
    group = known_group(step.state, to.value)
    offers.send_back(step, contact, group.group_id)
    _hand_on(step, contact, agent, to, event=ContactEvent.RETURN_TO_QUEUE)
    contact.group_id = group.group_id
    _wait_again(step, contact)


def _to_agent(step: Step, contact: Contact, agent: Agent, to: Target) -> None:
    """Offered to that agent alone; refused or not answered, first in the queue of the contact's group."""
    wanted = available_agent(step.state, to.value, agent, contact.node)
    offers.send_back(step, contact, contact.group_id)
    _hand_on(step, contact, agent, to, event=ContactEvent.RETURN_TO_QUEUE)
    contact.priority += FRONT
    _wait_again(step, contact)
    offers.offer(step, contact, wanted)
    step.agents.add(wanted.agent_id)


def _to_number(step: Step, contact: Contact, agent: Agent, to: Target) -> None:
    """The PBX dials and joins by itself: it goes on without a server."""
    take_outside_call(step.state, to.value, agent, step.at)
    rules = step.state.outside
    caller_id = rules.caller_id(contact.group_id)
    step.do(SendOutside(contact.node, contact.contact_id, to.value, caller_id, rules.ring_time))
    _hand_on(step, contact, agent, to, event=ContactEvent.GO_OUTSIDE)
    step.set_timer(f"apart:{contact.contact_id}", rules.ring_time + OPERATION_TIME)


_TO = {TargetKind.GROUP: _to_group, TargetKind.AGENT: _to_agent, TargetKind.NUMBER: _to_number}


def _hand_on(step: Step, contact: Contact, agent: Agent, to: Target, *, event: ContactEvent) -> None:
    """End the agent's part, after the customer was moved: left alone by the agent's end it would be lost."""
    contact.apply(event)
    offers.drop_agent_leg(step, contact)
    contact.customer_leg.state, contact.customer_leg.bridge = LegState.WAITING, ""
    contact.moved_at, contact.agent_id, contact.end_reason = step.at, None, ""
    handing.hand_on(step, contact, agent)
    shown = masked(to.value) if to.kind is TargetKind.NUMBER else to.value
    step.tell_part(contact, agent, Event.CONTACT_TRANSFERRED, {"to": {to.kind.value: shown}})


def _wait_again(step: Step, contact: Contact) -> None:
    step.set_timer(f"apart:{contact.contact_id}", OPERATION_TIME)
    contact.queued_at = contact.queued_at or step.at
    step.enqueue(contact)
    step.tell_contact(contact, Event.CONTACT_QUEUED)


# --- what the PBX shows ----------------------------------------------------------------------------------


def reached(step: Step, contact: Contact) -> None:
    """The outside party answered."""
    if contact.customer_leg.state is not LegState.TALKING:
        step.clear_timer(f"apart:{contact.contact_id}")
        contact.customer_leg.state = LegState.TALKING
        contact.end_reason = TALKED_OUTSIDE
        step.note_contact(contact, "contact.outside_connected")


def handed_outside(step: Step, contact: Contact, first: Agent) -> None:
    """Customer and a consulted number outside talk: no agent has the contact any more."""
    offers.drop_agent_leg(step, contact)
    contact.consult = None
    contact.apply(ContactEvent.GO_OUTSIDE)
    contact.agent_id, contact.held_at_phone, contact.end_reason = None, False, TALKED_OUTSIDE
    handing.hand_on(step, contact, first)
    step.note_contact(contact, "contact.outside_connected")


def outside_left(step: Step, contact: Contact, leg: Leg, *, gone: bool = True) -> None:
    """The number outside that a customer was handed to hung up: so does the customer's call end."""
    if not gone:
        step.do(HangUpChannel(contact.node, leg.channel))
    leg.state, leg.bridge = LegState.GONE, ""
    step.state.channels.pop(leg.channel, None)
    step.do(HangUpChannel(contact.node, contact.contact_id))
    step.set_timer(f"apart:{contact.contact_id}", OPERATION_TIME)


def outside_leg(contact: Contact) -> Leg | None:
    """The number outside that the customer was handed to after a consultation."""
    there = (leg for leg in contact.legs.values() if leg.state is not LegState.GONE)
    return next((leg for leg in there if leg.role is LegRole.CONSULTED), None)


def not_reached(step: Step, contact: Contact) -> None:
    """The customer waits again: the outside party was busy, did not answer, could not be dialled."""
    contact.apply(ContactEvent.RETURN_TO_QUEUE)
    contact.customer_leg.state, contact.end_reason = LegState.WAITING, ""
    contact.priority += FRONT
    step.note_contact(contact, "contact.outside_failed")
    _wait_again(step, contact)


def outside_failed(step: Step, contact: Contact, refusal: type[errors.Refusal]) -> None:
    """The PBX did not take the customer outside."""
    if contact.state is not ContactState.OUTSIDE:
        return
    if refusal is errors.OutcomeUnknown:
        step.set_timer(f"apart:{contact.contact_id}", OPERATION_TIME)
        return
    not_reached(step, contact)
    offers.send_back(step, contact, contact.group_id)
