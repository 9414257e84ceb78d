"""Accept, reject, hang up: what they mean depends on the agent's part in the contact.

It may be the contact's own agent, the third party of a consultation, or the colleague of an internal call.
`contact.hang_up` ends the call for everybody, said by the consulted agent it only leaves.
"""

from __future__ import annotations

from typing import Any

from cti_server.domain import errors
from cti_server.domain.agent import Agent, AgentState, AskedState
from cti_server.domain.consultation import Consult
from cti_server.domain.contact import Contact, ContactState
from cti_server.domain.leg import Leg, LegState
from cti_server.domain.operation import Operation, OperationKind
from cti_server.domain.rules import colleagues, consult_facts, conversation, dialling, offers, parties, seats
from cti_server.domain.signals import Accept, ContactCommand, HangUp, Reject
from cti_server.domain.step import Step
from cti_server.domain.views import contact_view


def _as_third(step: Step, command: ContactCommand) -> tuple[Contact, Consult, Leg, Agent] | None:
    """The contact when the agent is its third party."""
    contact = step.state.contacts.get(command.contact_id)
    agent = step.state.agents.get(command.agent_id)
    leg = contact.consulted_leg if contact else None
    if not (contact and contact.consult and leg and agent) or parties.agent_on(step, leg) is not agent:
        return None
    return contact, contact.consult, leg, agent


def accept(step: Step, command: Accept) -> dict[str, Any] | None:
    """Take an offered contact, or the part of a third party in one."""
    found = _as_third(step, command)
    if found is None:
        called = colleagues.called(step, command)
        if called is None:
            return offers.accept(step, command)
        colleagues.accept(step, command, called[0], called[2])
        return None
    contact, consultation, leg, _ = found
    _require_ringing(step, contact, consultation, leg)
    consultation.acceptance = Operation(OperationKind.ACCEPT, command.request_id, command.agent_id)
    if parties.nailed_up(step, leg):
        consult_facts.answered(step, contact, consultation, leg)
    return None


def reject(step: Step, command: Reject) -> dict[str, Any]:
    """Do not take it."""
    found = _as_third(step, command)
    if found is None:
        called = colleagues.called(step, command)
        if called is None:
            return offers.reject(step, command)
        return colleagues.reject(step, command, called[0], called[2])
    contact, consultation, leg, agent = found
    _require_ringing(step, contact, consultation, leg)
    consult_facts.third_left(step, contact, AskedState(AgentState.NOT_READY, "rejected"))
    return {"contact": contact_view(contact, agent)}


def _require_ringing(step: Step, contact: Contact, consultation: Consult, leg: Leg) -> None:
    if leg.state is not LegState.RINGING:
        raise errors.ActionNotAllowed("the consultation is accepted already")
    operation = contact.operation
    if consultation.acceptance or (operation and operation.kind is not OperationKind.CONSULT):
        raise errors.OperationPending("the consultation is being accepted or cancelled")
    seats.require_node(step, contact.node)


def hang_up(step: Step, command: HangUp) -> dict[str, Any] | None:
    """End the call; the third party only leaves it."""
    found = _as_third(step, command)
    if found is None:
        called = colleagues.called(step, command)
        if called:
            return colleagues.hang_up(step, command, called[0], called[2])
        contact = step.state.contacts.get(command.contact_id)
        dials = contact is not None and contact.state is ContactState.DIALLING
        (dialling.hang_up if dials else conversation.hang_up)(step, command)
        return None
    contact, consultation, _, agent = found
    if not consultation.connected:
        raise errors.ActionNotAllowed("the consultation is not accepted yet")
    seats.require_node(step, contact.node)
    consult_facts.third_left(step, contact, None)
    return {"contact": contact_view(contact, agent)}
