"""Towards the goal of a consultation: who is to talk with whom, and what is told once they do."""

from __future__ import annotations

from cti_server.domain import errors
from cti_server.domain.agent import AgentEvent
from cti_server.domain.consultation import Consult, Talk
from cti_server.domain.contact import Contact, ContactEvent, ContactState
from cti_server.domain.effects import HearRinging
from cti_server.domain.events import Event
from cti_server.domain.leg import LegRole
from cti_server.domain.operation import OperationKind
from cti_server.domain.rules import (
    arrangement,
    conversation,
    handing,
    offers,
    operations,
    parties,
    transfers,
    watching,
)
from cti_server.domain.step import Step
from cti_server.domain.views import contact_view

SERVED = {
    Talk.NOBODY: OperationKind.CONSULT,
    Talk.ALL: OperationKind.CONFERENCE,
    Talk.HANDED: OperationKind.COMPLETE,
}
"""Goals that one command has; the others are told by the operation under way."""


def arrange(step: Step, contact: Contact, consultation: Consult, goal: Talk) -> None:
    """From now on `goal` is to be reached."""
    arrangement.begin(consultation, goal)
    go_on(step, contact, consultation)


def go_on(step: Step, contact: Contact, consultation: Consult) -> None:
    """Take the next step to the goal, or tell that it is reached."""
    before = consultation.talk
    if arrangement.go_on(step, contact, consultation):
        step.clear_timer(f"apart:{contact.contact_id}")
        _reached(step, contact, consultation, before)
    elif not consultation.settled and contact.operation is None:
        watching.watch(step, contact, operations.OPERATION_TIME)


def _reached(step: Step, contact: Contact, consultation: Consult, before: Talk) -> None:
    """The PBX shows what was asked for: tell, answer, and take the next step if one waits.

    `before`: who talked until now; a look at the PBX that finds all as it was tells nothing.
    """
    goal, operation = consultation.goal, contact.operation
    leaving = (OperationKind.CANCEL_CONSULT, OperationKind.DROP_LEG)
    if goal is Talk.HANDED:
        _hand_over(step, contact)
    elif goal is Talk.CUSTOMER and (not consultation.connected or (operation and operation.kind in leaving)):
        contact.operation = None  # ending the consultation would refuse it
        parties.end(step, contact, errors.ConsultEnded, ContactEvent.RETRIEVE)
        contact.operation = operation
        operations.finish_operation(step, contact, *leaving)
    elif goal is Talk.ALL:
        if contact.state is ContactState.CONSULTING:
            contact.apply(ContactEvent.CONFER)
            operations.finish_operation(step, contact, OperationKind.CONFERENCE)
            step.tell_contact(contact, Event.CONTACT_LEG_JOINED)
            step.tell_contact(contact, Event.CONTACT_CONFERENCED)
    else:
        alternated = consultation.connected and goal is not before
        if goal is Talk.CONSULTED and not consultation.connected:
            _talk_first(step, contact, consultation)
        operations.finish_operation(step, contact, SERVED.get(goal, OperationKind.ALTERNATE))
        if alternated:
            step.tell_contact(contact, Event.CONTACT_ALTERNATED)
        _next(step, contact, consultation)


def _next(step: Step, contact: Contact, consultation: Consult) -> None:
    """A phone was picked up before the customer was on hold; one outside rings, and the agent hears it."""
    leg, agent_leg = contact.consulted_leg, contact.agent_leg
    if consultation.goal is not Talk.NOBODY or leg is None:
        return
    if leg in arrangement.present(contact):
        arrange(step, contact, consultation, Talk.CONSULTED)
    elif agent_leg and parties.outside(step, leg):
        address = parties.address(step, agent_leg)
        step.do(HearRinging(contact.node, agent_leg.channel, address, step.state.outside.ring_time))


def _talk_first(step: Step, contact: Contact, consultation: Consult) -> None:
    """Agent and third party talk for the first time."""
    consultation.connected = True
    step.clear_timer(f"consult:{contact.contact_id}")
    leg = contact.consulted_leg
    third = parties.agent_on(step, leg) if leg else None
    if third:
        third.apply(AgentEvent.TALK, step.at)
        step.tell_agent(third, Event.AGENT_STATE_CHANGED)
    acceptance, consultation.acceptance = consultation.acceptance, None
    if acceptance and third:
        step.reply(acceptance, {"contact": contact_view(contact, third)})
    step.tell_contact(contact, Event.CONTACT_CONSULT_CONNECTED)


def _hand_over(step: Step, contact: Contact) -> None:
    """Customer and third party talk: the contact is the third party's."""
    first = step.state.agents[contact.agent_id or ""]
    leg = contact.consulted_leg
    if leg is None:
        return
    third = parties.agent_on(step, leg)
    if third is None:
        step.request_id = contact.operation.request_id if contact.operation else ""
        transfers.handed_outside(step, contact, first)
        operations.finish_operation(step, contact, OperationKind.COMPLETE)
        operations.refuse_operation(step, contact, errors.ContactEnded)  # it hung up meanwhile
        step.tell_part(contact, first, Event.CONTACT_TRANSFERRED)
        return
    offers.drop_agent_leg(step, contact)
    leg.role, contact.consult = LegRole.AGENT, None
    contact.apply(ContactEvent.HAND_ON)
    contact.agent_id, contact.held_at_phone, contact.end_reason = third.agent_id, False, ""
    step.request_id = contact.operation.request_id if contact.operation else ""
    handing.hand_on(step, contact, first)
    operations.finish_operation(step, contact, OperationKind.COMPLETE)
    step.tell_contact(contact, Event.CONTACT_TRANSFERRED, also=(first,))
    if leg.held:
        conversation.phone_held(step, contact)
