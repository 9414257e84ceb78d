"""A look at the PBX: customers who talk, also to an agent whose phone took them without a server."""

from __future__ import annotations

from cti_server.domain.agent import Agent, AgentState, AskedState
from cti_server.domain.contact import TALK_STATES, Contact, ContactState
from cti_server.domain.leg import Leg, LegRole, LegState
from cti_server.domain.rules import (
    after_call,
    consult_facts,
    conversation,
    dialling_facts,
    handing,
    offers,
    resync_alone,
)
from cti_server.domain.rules.unseen import ANSWERED_UNSERVED
from cti_server.domain.signals import (
    ChannelFact,
    NodeSnapshot,
)
from cti_server.domain.signals.facts import UNKNOWN_CAUSE
from cti_server.domain.step import Step


def in_conversation(
    step: Step,
    snapshot: NodeSnapshot,
    fact: ChannelFact,
    partner: ChannelFact,
    channels: dict[str, ChannelFact],
) -> None:
    """The customer shares a bridge with `partner`, a station's channel."""
    contact = step.state.contacts.get(fact.channel)
    if contact and contact.consult:
        consult_facts.corrected(step, contact, channels)
        return
    leg = contact.leg_by_channel(partner.channel) if contact else None
    if contact is None or leg is None:
        resync_alone.take_up(step, snapshot, fact, "talks")
        contact = step.state.contacts.get(fact.channel)
        leg = _adopt(step, contact, partner, channels) if contact else None
    if contact and leg:
        leg.bridge = contact.customer_leg.bridge = fact.bridge
        dialling_facts.together(step, contact)
    elif contact:
        _served_outside(step, contact, fact.bridge)


def _served_outside(step: Step, contact: Contact, bridge: str) -> None:
    """Whoever talks to the caller holds no seat: nobody else is offered it, and it counts as answered."""
    if contact.state is ContactState.OFFERED:
        offers.withdraw(step, contact, None)
    elif contact.state in TALK_STATES:
        conversation.lose_agent(step, contact)
    if contact.state is ContactState.QUEUED:
        contact.customer_leg.bridge = bridge
        contact.connected_at = contact.connected_at or step.at
        if contact.end_reason != ANSWERED_UNSERVED:
            contact.end_reason = ANSWERED_UNSERVED
            step.note_contact(contact, "contact.answered_unserved")
    step.clear_timer(f"apart:{contact.contact_id}")


def _adopt(
    step: Step, contact: Contact, partner: ChannelFact, channels: dict[str, ChannelFact]
) -> Leg | None:
    """An agent's phone took the call from the fallback queue: it is that agent's contact now.

    None, and nothing changed, when nobody is signed in at that phone, or has another customer (on hold).
    """
    station = step.state.stations.get(partner.peer_station)
    agent = step.state.agents.get(station.agent_id or "") if station else None
    if agent is None or not agent.signed_in or not contact.live or contact.dialling:
        return None
    if not _release(step, contact, agent, channels):
        return None
    step.dequeue(contact)
    contact.agent_id = agent.agent_id
    agent.contact_ids.append(contact.contact_id)
    step.state.channels[partner.channel] = contact.contact_id
    if agent.state is not AgentState.READY:
        agent.pending = AskedState(agent.state, agent.reason)
    return contact.add_leg(LegRole.AGENT, agent.agent_id, partner.channel, LegState.UP)


def _release(step: Step, contact: Contact, agent: Agent, channels: dict[str, ChannelFact]) -> bool:
    """End what contact and agent were engaged in before; False when the agent has somebody else on hold."""
    other = step.state.contacts.get(agent.contact_ids[0]) if agent.contact_ids else None
    if other and agent.agent_id in other.wrapping:
        handing.after_call_over(step, agent.agent_id)
        other = None
    if other and other is not contact and other.state in TALK_STATES:
        if other.agent_leg and other.agent_leg.channel in channels:
            return False
        conversation.agent_leg_gone(step, other, UNKNOWN_CAUSE)
    if contact.state is ContactState.OFFERED:
        offers.withdraw(step, contact, None)
    elif contact.state in TALK_STATES:
        conversation.lose_agent(step, contact)
    if other and other.state is ContactState.OFFERED:
        offers.withdraw(step, other, None)
    elif other and other.state is ContactState.WRAP_UP:
        after_call.wrap_up_over(step, other.contact_id)
    return not agent.contact_ids  # one that is being hung up goes only when the PBX says so
