"""What the PBX shows of a call that the centre makes.

Decided here: a customer who answers and finds no agent waits for one of the group, like anybody who calls.
"""

from __future__ import annotations

from cti_server.domain import errors
from cti_server.domain.agent import AgentState, AskedState
from cti_server.domain.contact import Contact, ContactState
from cti_server.domain.effects import Connect, HangUpChannel, Resync
from cti_server.domain.leg import Leg, LegRole, LegState
from cti_server.domain.rules import colleagues, conversation, dialled_in_vain, dialling, offers, watching
from cti_server.domain.rules.dialled_in_vain import (
    BUSY,
    CANCELLED,
    NO_ANSWER,
    NOT_REACHED,
    STATION_LOST,
    STATION_NO_ANSWER,
)
from cti_server.domain.rules.operations import OPERATION_TIME
from cti_server.domain.signals import ChannelFact, EffectFailed
from cti_server.domain.signals.facts import NORMAL_CLEARING, UNKNOWN_CAUSE
from cti_server.domain.step import Step

OUTCOMES = {
    1: "invalid_number",
    2: "invalid_number",
    3: "invalid_number",
    16: NO_ANSWER,
    17: BUSY,
    18: NO_ANSWER,
    19: NO_ANSWER,
    21: "rejected",
    22: "invalid_number",
    28: "invalid_number",
}
"""End reason by Q.850 cause; 16: our own ring time ran out. Everything else was not reached."""
LISTENING = "cti-campaign"
"""Where a campaign's call is listened to, or a machine spoken to."""
LISTENING_TIME = 60.0
"""Seconds in which that ends by itself."""
FAILED_TIME = 1.0
"""Seconds in which a call that failed tells by its own end why it did."""


def phone_answered(step: Step, contact: Contact, leg: Leg) -> None:
    """A phone was picked up; a nailed-up one only tells that it idles."""
    if leg.role is LegRole.COLLEAGUE:
        colleagues.phone_answered(step, contact, leg)
    elif leg.state is LegState.RINGING and not contact.end_reason:
        leg.state = LegState.UP
        dialling.begin(step, contact)


def together(step: Step, contact: Contact) -> None:
    """Agent and customer (or colleague) share a bridge."""
    before = contact.dialling
    conversation.together(step, contact)
    if before and contact.internal and contact.dialling is None:
        colleagues.talks(step, contact, before.acceptance)


def agent_leg_gone(step: Step, contact: Contact, cause: int) -> None:
    """The agent's phone did not answer, refused, hung up or vanished: nobody is called any more."""
    leg = contact.agent_leg
    if leg is None:
        return
    leg.state, leg.bridge = LegState.GONE, ""
    step.state.channels.pop(leg.channel, None)
    left = CANCELLED if cause == NORMAL_CLEARING else STATION_LOST
    if not dialled_in_vain.called(contact):
        rang = contact.colleague_leg is None
        reason = STATION_NO_ANSWER if rang else left
        dialled_in_vain.give_up(
            step,
            contact,
            reason,
            AskedState(AgentState.NOT_READY, STATION_NO_ANSWER) if rang else None,
        )
        return
    contact.end_reason = contact.end_reason or left
    step.do(HangUpChannel(contact.node, contact.contact_id))
    step.set_timer(f"dial:{contact.contact_id}", OPERATION_TIME)


def customer_gone(step: Step, contact: Contact, reason: str = "", cause: int = UNKNOWN_CAUSE) -> None:
    """The customer's channel ended, whatever was going on."""
    if contact.internal and contact.state is not ContactState.ENDED:
        colleagues.over(step, contact, reason or "agent_hung_up")
    elif contact.state is ContactState.DIALLING:
        dialled_in_vain.ended(step, contact, reason or OUTCOMES.get(cause, NOT_REACHED))
    else:
        conversation.customer_gone(step, contact, reason or "customer_hung_up")


def answered_alone(step: Step, contact: Contact) -> None:
    """The customer answered and waits: for an agent of the group, because its own is gone or never was."""
    if contact.end_reason or contact.internal:  # it was given up in that moment
        step.do(HangUpChannel(contact.node, contact.contact_id))
        return
    agent = step.state.agents.get(contact.agent_id or "")
    colleagues.drop_caller(step, contact)
    if agent:
        agent.contact_ids.remove(contact.contact_id)
    contact.agent_id, contact.dialling = None, None
    step.clear_timer(f"dial:{contact.contact_id}")
    offers.queue(step, contact)
    if agent:
        offers.free_agent(step, agent, None)


def effect_failed(step: Step, contact: Contact, fact: EffectFailed) -> None:
    """The PBX did not call, or did not hang up (a channel that is not there yet, or not any more)."""
    in_doubt = fact.code == errors.OutcomeUnknown.code
    if fact.effect != HangUpChannel.__name__ and not in_doubt and contact.dialling:
        contact.dialling.failed = True
    step.set_timer(f"dial:{contact.contact_id}", OPERATION_TIME if in_doubt else FAILED_TIME)


def overdue(step: Step, contact_id: str) -> None:
    """Nothing was heard for longer than it may ring."""
    contact = step.state.contacts.get(contact_id)
    if contact is None or contact.state is not ContactState.DIALLING or contact.dialling is None:
        return
    if contact.dialling.failed:
        customer_gone(step, contact, NOT_REACHED)
    elif contact.colleague_leg and not dialled_in_vain.called(contact):
        no_answer = AskedState(AgentState.NOT_READY, NO_ANSWER)
        colleagues.over(step, contact, NO_ANSWER, colleague_next=no_answer)
    elif dialled_in_vain.called(contact):
        step.set_timer(f"dial:{contact_id}", OPERATION_TIME)
        step.do(Resync(contact.node))
    else:
        dialled_in_vain.give_up(
            step,
            contact,
            STATION_NO_ANSWER,
            AskedState(AgentState.NOT_READY, NO_ANSWER),
        )


def corrected(step: Step, contact: Contact, fact: ChannelFact) -> None:
    """After a doubt: the customer's channel is there, in no conversation."""
    leg, dialling = contact.agent_leg, contact.dialling
    if dialling is None:
        return
    dialling.failed = False
    if fact.context == LISTENING:
        step.set_timer(f"dial:{contact.contact_id}", LISTENING_TIME)
    elif fact.context == "cti-let-go":  # it answered while no server lived, and was told so
        contact.end_reason = "abandoned"
        step.set_timer(f"dial:{contact.contact_id}", LISTENING_TIME)
    elif contact.end_reason:
        step.do(HangUpChannel(contact.node, contact.contact_id))
        step.set_timer(f"dial:{contact.contact_id}", OPERATION_TIME)
    elif fact.up and not dialling.answered:
        dialling.answered = True  # about to be joined, most likely
        watching.watch(step, contact, watching.APART_TIME)
    elif fact.up and leg:
        agent = step.state.agents[leg.party]
        step.do(Connect(contact.node, contact.contact_id, leg.channel, agent.station or ""))
        watching.watch(step, contact, OPERATION_TIME)


def missing(step: Step, contact: Contact, at: float) -> None:
    """The PBX has no such channel (`at`: when it was asked): gone unseen, unless it may not be there yet."""
    if contact.to_be_called:
        return
    since = contact.dialling.called_at if contact.dialling else contact.arrived_at
    if since is None:
        return
    if contact.dialling and since + FAILED_TIME >= at:
        step.set_timer(f"dial:{contact.contact_id}", OPERATION_TIME)
    elif since < at:
        if contact.dialling:
            # Should the call be on its way all the same, it is on its way ahead of this.
            step.do(HangUpChannel(contact.node, contact.contact_id))
        customer_gone(step, contact, "gone_unseen")
