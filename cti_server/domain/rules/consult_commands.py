"""Consultation: a third party beside the customer, then alternate, complete, cancel or conference (A4).

Decided here: cancelling brings the customer back to the agent. Each command names the goal, `consult_goals`
lead there; what the PBX shows meanwhile is in `consult_facts`.
"""

from __future__ import annotations

from cti_server.domain import errors
from cti_server.domain.agent import Agent
from cti_server.domain.consultation import Consult, Talk
from cti_server.domain.contact import Contact, ContactEvent, ContactState
from cti_server.domain.events import Event
from cti_server.domain.leg import LegState
from cti_server.domain.operation import OperationKind
from cti_server.domain.rules import arrangement, consult_goals, identity, operations, parties, seats
from cti_server.domain.signals import (
    Alternate,
    CancelConsult,
    CompleteTransfer,
    Conference,
    ConsultParty,
    ContactCommand,
    DropLeg,
)
from cti_server.domain.step import Step
from cti_server.domain.target import TargetKind, available_agent, free_agent_of, take_outside_call


def consult(step: Step, command: ConsultParty) -> None:
    """Customer on hold, third party rung; answered when the customer is there."""
    contact, agent = operations.own_contact(step, command)
    if contact.state is ContactState.CONSULTING:
        raise errors.AlreadyConsulting
    if contact.state is ContactState.CONFERENCE:
        raise errors.ConferenceFull("customer, agent and one more")
    operations.require(contact, "contact.consult", ContactState.ACTIVE, ContactState.HELD)
    operations.require_customer(contact, "contact.consult")
    identity.require_none(contact)
    if contact.held_at_phone:
        raise errors.HeldAtPhone("the phone holds the call; retrieve it there")
    if contact.agent_leg is None:
        raise errors.ActionNotAllowed("the conversation is ending")
    if contact.operation:
        raise errors.OperationPending(f"{contact.operation.kind} is under way")
    seats.require_node(step, contact.node)
    third = _third(step, contact, agent, command)
    operations.begin(step, contact, OperationKind.CONSULT, command)
    contact.apply(ContactEvent.CONSULT)
    step.clear_timer(f"apart:{contact.contact_id}")
    leg = parties.ring(step, contact, third) if third else parties.call(step, contact, command.to.value)
    contact.consult = Consult(leg.leg_id, {command.to.kind.value: command.to.value}, step.at)
    step.request_id = command.request_id
    step.tell_contact(contact, Event.CONTACT_CONSULT_STARTED)
    step.request_id = ""
    if third:
        step.tell_agent(third, Event.AGENT_STATE_CHANGED)
        step.tell_part(contact, third, Event.CONTACT_OFFERED)
    consult_goals.arrange(step, contact, contact.consult, Talk.NOBODY)


def _third(step: Step, contact: Contact, agent: Agent, command: ConsultParty) -> Agent | None:
    """Who is to be rung, None for a number outside. Raises what `target` raises."""
    value = command.to.value
    if command.to.kind is TargetKind.AGENT:
        return available_agent(step.state, value, agent, contact.node)
    if command.to.kind is TargetKind.GROUP:
        return free_agent_of(step.state, value, agent, contact.node)
    take_outside_call(step.state, value, agent, step.at)
    return None


def alternate(step: Step, command: Alternate) -> None:
    """The agent talks to the other one of the two; who is left hears music."""
    contact, consultation = _connected(step, command, "contact.alternate", ContactState.CONSULTING)
    operations.begin(step, contact, OperationKind.ALTERNATE, command)
    other = Talk.CUSTOMER if consultation.talk is Talk.CONSULTED else Talk.CONSULTED
    consult_goals.arrange(step, contact, consultation, other)


def complete_transfer(step: Step, command: CompleteTransfer) -> None:
    """Customer and third party talk, the agent leaves."""
    states = (ContactState.CONSULTING, ContactState.CONFERENCE)
    contact, consultation = _connected(step, command, "contact.complete_transfer", *states)
    operations.begin(step, contact, OperationKind.COMPLETE, command)
    consult_goals.arrange(step, contact, consultation, Talk.HANDED)


def conference(step: Step, command: Conference) -> None:
    """Everybody hears everybody."""
    contact, consultation = _connected(step, command, "contact.conference", ContactState.CONSULTING)
    operations.begin(step, contact, OperationKind.CONFERENCE, command)
    consult_goals.arrange(step, contact, consultation, Talk.ALL)


def cancel_consult(step: Step, command: CancelConsult) -> None:
    """The customer comes back, then the third party is released."""
    contact, consultation = _consulting(step, command, "contact.cancel_consult", ContactState.CONSULTING)
    if contact.agent_leg and contact.agent_leg.held:
        raise errors.HeldAtPhone("the phone holds the call; retrieve it there")
    operations.begin(step, contact, OperationKind.CANCEL_CONSULT, command)
    consult_goals.arrange(step, contact, consultation, Talk.CUSTOMER)


def drop_leg(step: Step, command: DropLeg) -> None:
    """Take the third party out of the conference."""
    contact, consultation = _consulting(step, command, "contact.drop_leg", ContactState.CONFERENCE)
    leg = contact.legs.get(command.leg_id)
    if leg is None or leg.state is LegState.GONE:
        raise errors.UnknownLeg(f"no leg {command.leg_id[:20]}")
    if leg.leg_id != consultation.leg_id:
        raise errors.LegNotDroppable(f"{leg.leg_id} is the {leg.role}")
    operations.begin(step, contact, OperationKind.DROP_LEG, command)
    consult_goals.arrange(step, contact, consultation, Talk.CUSTOMER)


def _consulting(
    step: Step, command: ContactCommand, method: str, *states: ContactState
) -> tuple[Contact, Consult]:
    contact, _ = operations.own_contact(step, command)
    if contact.state in (ContactState.ACTIVE, ContactState.HELD):
        raise errors.ConsultNotConnected("nobody is consulted")
    operations.require(contact, method, *states)
    if contact.consult is None or contact.agent_leg is None:
        raise errors.ActionNotAllowed("the conversation is ending")
    return contact, contact.consult


def _connected(
    step: Step, command: ContactCommand, method: str, *states: ContactState
) -> tuple[Contact, Consult]:
    contact, consultation = _consulting(step, command, method, *states)
    if not consultation.connected:
        raise errors.ConsultNotConnected("the third party has not answered")
    if contact.state is ContactState.CONSULTING and any(leg.held for leg in arrangement.present(contact)):
        raise errors.HeldAtPhone("a phone holds its call; retrieve it there")
    return contact, consultation
