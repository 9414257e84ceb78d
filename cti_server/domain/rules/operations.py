"""A command on a contact: whether it is allowed now; under way until the PBX shows its outcome."""

from __future__ import annotations

from cti_server.domain import errors
from cti_server.domain.agent import Agent
from cti_server.domain.contact import Contact, ContactState
from cti_server.domain.operation import Operation, OperationKind
from cti_server.domain.rules import seats
from cti_server.domain.signals import ContactCommand
from cti_server.domain.step import Step
from cti_server.domain.views import contact_view

OPERATION_TIME = 5.0
"""Seconds the PBX has to show the outcome of a command."""


def own_contact(step: Step, command: ContactCommand) -> tuple[Contact, Agent]:
    """The contact and its agent. Raises NotSignedIn, UnknownContact, NotYourContact."""
    agent = seats.signed_in_agent(step, command.agent_id)
    contact = step.state.contacts.get(command.contact_id)
    if contact is None:
        raise errors.UnknownContact(f"no contact {command.contact_id[:80]} is live")
    if contact.agent_id != agent.agent_id:
        raise errors.NotYourContact(f"contact {contact.contact_id} is not yours")
    return contact, agent


def require(contact: Contact, method: str, *states: ContactState) -> None:
    """Raises ActionNotAllowed when the contact is in another state."""
    if contact.state not in states:
        raise errors.ActionNotAllowed(f"{method} is not allowed while the contact is {contact.state}")


def require_customer(contact: Contact, method: str) -> None:
    """Raises ActionNotAllowed in an internal call: there is nobody to pass on."""
    if contact.internal:
        raise errors.ActionNotAllowed(f"{method} is not possible in an internal call")


def begin(step: Step, contact: Contact, kind: OperationKind, command: ContactCommand) -> None:
    """Note the operation; its outcome must show within OPERATION_TIME. Raises OperationPending."""
    if contact.operation:
        raise errors.OperationPending(f"{contact.operation.kind} is under way")
    seats.require_node(step, contact.node)
    contact.operation = Operation(kind, command.request_id, command.agent_id)
    step.set_timer(f"operation:{contact.contact_id}", OPERATION_TIME)


def finish_operation(step: Step, contact: Contact, *kinds: OperationKind) -> None:
    """The outcome showed: answer a pending command of one of these kinds; refuse any other as overtaken."""
    operation = contact.operation
    if operation is None or (operation.kind is OperationKind.HANG_UP and operation.kind not in kinds):
        return  # a hang-up is overtaken by nothing but the end
    contact.operation = None
    step.clear_timer(f"operation:{contact.contact_id}")
    if operation.kind in kinds:
        step.request_id = operation.request_id
        agent = step.state.agents[operation.agent_id]
        step.reply(operation, {"contact": contact_view(contact, agent)})
    else:
        step.refuse(operation.agent_id, operation.request_id, errors.ContactEnded)


def awaited(step: Step, contact: Contact) -> bool:
    """Whether a command is under way and may still show its outcome."""
    return contact.operation is not None and f"operation:{contact.contact_id}" in step.state.timers


def await_no_longer_than(step: Step, contact: Contact, seconds: float) -> None:
    """The outcome shows within so much time from the command's beginning, or not at all."""
    key = f"operation:{contact.contact_id}"
    began = step.state.timers[key] - OPERATION_TIME
    step.set_timer(key, max(0.0, began + seconds - step.at))


def refuse_operation(step: Step, contact: Contact, refusal: type[errors.Refusal]) -> None:
    """The command under way was not done."""
    if contact.operation:
        operation, contact.operation = contact.operation, None
        step.clear_timer(f"operation:{contact.contact_id}")
        step.refuse(operation.agent_id, operation.request_id, refusal)


def begin_audio(
    step: Step, contact: Contact, kind: OperationKind, command: ContactCommand, time: float
) -> None:
    """Note a command that moves nobody. Raises OperationPending (one at a time), PbxUnavailable."""
    if contact.audio_operation:
        raise errors.OperationPending(f"{contact.audio_operation.kind} is under way")
    seats.require_node(step, contact.node)
    contact.audio_operation = Operation(kind, command.request_id, command.agent_id)
    step.set_timer(f"audio:{contact.contact_id}", time)


def refuse_audio(step: Step, contact: Contact, refusal: type[errors.Refusal]) -> None:
    """The command that moves nobody was not done."""
    if contact.audio_operation:
        operation, contact.audio_operation = contact.audio_operation, None
        step.clear_timer(f"audio:{contact.contact_id}")
        step.refuse(operation.agent_id, operation.request_id, refusal)
