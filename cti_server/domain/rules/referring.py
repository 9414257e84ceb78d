"""An agent's phone passes its customer on by itself (SIP REFER): as `contact.transfer` does, or undone.

Asterisk has taken the customer out of the conversation by then; the dialplan lets it wait for our word.
"""

from __future__ import annotations

from cti_server.domain import errors
from cti_server.domain.agent import Agent
from cti_server.domain.contact import Contact, ContactState
from cti_server.domain.effects import Connect, Move, Place
from cti_server.domain.rules import (
    arrangement,
    consult_goals,
    conversation,
    offers,
    operations,
    transfers,
    watching,
)
from cti_server.domain.signals import CustomerPlaced, PhoneTransfers
from cti_server.domain.state import WorldState
from cti_server.domain.step import Step
from cti_server.domain.target import Target, TargetKind

REFUSED = "contact.transfer_refused"
"""In the contact's story: a phone wanted to pass it on and must not; `code` says why."""
TOLD_TWICE = 2.0
"""Seconds within which what the phone tells is what its customer's channel has told already."""
TALKING = (ContactState.ACTIVE, ContactState.HELD)


def asked(step: Step, fact: PhoneTransfers) -> None:
    """The phone wants it. It may hang up at once, which is no end of the conversation then."""
    contact = step.state.contacts.get(fact.channel)
    if contact is None:
        return
    known = step.at - contact.referred_at < TOLD_TWICE
    contact.referred_at = 0.0
    if not known and _has_it(contact, fact.by):
        contact.referred_to = fact.to


def waits(step: Step, contact: Contact, fact: CustomerPlaced) -> None:
    """The customer's channel says so; it may be the first to."""
    if not contact.referred_to and _has_it(contact, fact.by):
        contact.referred_to, contact.referred_at = fact.to, step.at
    placed(step, contact)


def _has_it(contact: Contact, phone: str) -> bool:
    leg = contact.leg_by_channel(phone)
    return leg is not None and leg is contact.agent_leg


def placed(step: Step, contact: Contact) -> None:
    """The customer waits for our word."""
    wanted, contact.referred_to = contact.referred_to, ""
    contact.customer_leg.bridge = ""
    agent = step.state.agents.get(contact.agent_id or "")
    try:
        if agent is None:
            raise errors.ActionNotAllowed("no agent has the contact")
        _require(contact, wanted)
        transfers.pass_on(step, contact, agent, target(step.state, wanted))
    except errors.Refusal as refusal:
        contact.refer_refused_at = step.at
        step.note_contact(contact, REFUSED, {"code": refusal.code})
        _back(step, contact, agent)
    else:
        contact.held_at_phone = False


def _require(contact: Contact, wanted: str) -> None:
    """As for `contact.transfer`, but a phone that holds may do it: most do so to ask where to."""
    operations.require(contact, "contact.transfer", *TALKING)
    operations.require_customer(contact, "contact.transfer")
    if contact.operation:
        raise errors.OperationPending(f"{contact.operation.kind} is under way")
    if contact.end_reason or not wanted:
        raise errors.ActionNotAllowed("the conversation is ending")


def target(state: WorldState, wanted: str) -> Target:
    """What a phone means: a service number or a group's name, an agent's id or extension, a number."""
    group = state.service_numbers.get(wanted) or wanted
    if group in state.groups:
        return Target(TargetKind.GROUP, group)
    station = state.stations.get(wanted)
    agent_id = wanted if wanted in state.agents else station.agent_id if station else None
    return Target(TargetKind.AGENT, agent_id) if agent_id else Target(TargetKind.NUMBER, wanted)


def _back(step: Step, contact: Contact, agent: Agent | None) -> None:
    """As it was before: to the agent; to the queue when its phone is gone."""
    leg = contact.agent_leg
    if contact.consult:
        if contact.customer_leg not in arrangement.talkers(contact, contact.consult.goal):
            step.do(Move(contact.node, contact.contact_id, Place.HOLD))
        consult_goals.arrange(step, contact, contact.consult, contact.consult.goal)
    elif contact.state in (*TALKING, ContactState.DIALLING) and leg and agent and contact.operation is None:
        step.do(Connect(contact.node, contact.contact_id, leg.channel, agent.station or ""))
        watching.watch(step, contact, operations.OPERATION_TIME)
    elif contact.state in TALKING and leg is None:
        conversation.lose_agent(step, contact)
        offers.send_back(step, contact)
    elif contact.state in (ContactState.IVR, ContactState.QUEUED, ContactState.OFFERED):
        offers.send_back(step, contact)
    else:
        watching.watch(step, contact, operations.OPERATION_TIME)
