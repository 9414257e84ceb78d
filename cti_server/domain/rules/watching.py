"""Something is not as it should be, or an outcome does not show: look at the PBX again, which is right."""

from __future__ import annotations

from cti_server.domain import errors
from cti_server.domain.contact import TALK_STATES, Contact, ContactState
from cti_server.domain.effects import Resync
from cti_server.domain.leg import LegState
from cti_server.domain.rules import arrangement, identity
from cti_server.domain.rules.operations import OPERATION_TIME, refuse_operation
from cti_server.domain.step import Step

APART_TIME = 1.0
"""Seconds two legs may be out of their bridge with nothing to explain it."""


def watch(step: Step, contact: Contact, delay: float) -> None:
    """Something is not as it should be and is about to be explained or mended: look again later."""
    step.set_timer(f"apart:{contact.contact_id}", delay)


def apart(step: Step, contact_id: str) -> None:
    """Who shares a bridge still does not match the contact's state: look at the PBX until it does."""
    contact = step.state.contacts.get(contact_id)
    node = step.state.nodes.get(contact.node) if contact else None
    if contact and node and node.up and not _in_order(contact):
        step.anomaly("apart")
        step.do(Resync(contact.node))
        watch(step, contact, OPERATION_TIME)


def _in_order(contact: Contact) -> bool:
    """Whether exactly those who should talk share a bridge (a call held at the phone stays in its bridge)."""
    if contact.consult:
        return contact.consult.settled and arrangement.reached(contact, contact.consult.goal)
    bridge, leg = contact.customer_leg.bridge, contact.agent_leg
    if contact.state in TALK_STATES and leg is None:
        return False
    if contact.state in (ContactState.OUTSIDE, ContactState.VOICEMAIL):
        away = contact.customer_leg.state is LegState.IVR
        return away if contact.state is ContactState.VOICEMAIL else bool(bridge)
    if contact.dialling:
        return not contact.dialling.answered
    if contact.state is ContactState.ACTIVE or contact.held_at_phone:
        return bool(leg and bridge and bridge == leg.bridge)
    return not bridge and (identity.running(contact) or not identity.under_way(contact))


def operation_timed_out(step: Step, contact_id: str) -> None:
    """The PBX did not show the outcome: say so, then look at the PBX; never do it again."""
    contact = step.state.contacts.get(contact_id)
    if contact is None:
        return
    outcome_unknown(step, contact)


def take_back_hang_up(contact: Contact) -> None:
    """A hang-up that did not happen explains nothing that comes later."""
    if contact.agent_leg:
        contact.end_reason = ""


def outcome_unknown(step: Step, contact: Contact) -> None:
    """Whether the command under way was done cannot be said: the PBX will show."""
    take_back_hang_up(contact)
    refuse_operation(step, contact, errors.OutcomeUnknown)
    if contact.state is ContactState.OFFERED:
        step.set_timer(f"offer:{contact.contact_id}", OPERATION_TIME)
    else:
        watch(step, contact, OPERATION_TIME)
    step.do(Resync(contact.node))
