"""Whose turn comes sooner, and whom a customer had better talk to (REQUIREMENTS B2, B5)."""

from __future__ import annotations

from dataclasses import replace

from cti_server.domain.agent import IN_CONTACT, AgentState
from cti_server.domain.contact import Contact
from cti_server.domain.customer import Customer, CustomerProfile
from cti_server.domain.policy import Priorities
from cti_server.domain.state import LastAgent
from cti_server.domain.step import Step

TIERS = frozenset({"vip"})
REMEMBERED = 7 * 86_400.0
"""Seconds after which nobody asks any more who had a customer last."""


def priority(customer: Customer, steps: Priorities) -> int:
    """Steps of priority of a customer."""
    return steps.elder * customer.elder + steps.vip * (customer.tier in TIERS)


def proved(step: Step, contact: Contact, who: CustomerProfile | None) -> None:
    """Whoever's phone it is: this is the customer whose card and PIN it had."""
    if who:
        contact.customer = replace(
            contact.customer, name=who.name, tier=who.tier, elder=who.elder, verified=True
        )
        contact.priority = priority(contact.customer, step.state.priorities)
        contact.requires, contact.dedicated_agent = dict(who.requires), who.dedicated_agent


def begin(step: Step, contact: Contact) -> None:
    """Let the contact wait for its dedicated or last agent alone, if that agent is at work."""
    policy = step.state.groups[contact.group_id].policy
    agent = step.state.agents.get(contact.dedicated_agent or _last_agent(step, contact))
    at_work = agent is not None and (agent.state is AgentState.READY or agent.state in IN_CONTACT)
    if agent and at_work and policy.preference_time > 0:
        contact.preferred_agent = agent.agent_id
        step.set_timer(f"preference:{contact.contact_id}", policy.preference_time)


def over(step: Step, contact_id: str) -> None:
    """That agent did not become free in time: any agent that fits will do."""
    contact = step.state.contacts.get(contact_id)
    if contact:
        contact.preferred_agent = ""
        step.waiting.add(contact_id)


def remember(step: Step, contact: Contact) -> None:
    """The contact is over: note who had it, for the customer's next call."""
    number = contact.customer.number
    if not number or not contact.agent_id or contact.connected_at is None:
        return
    last = step.state.last_agents
    last.pop(number, None)
    last[number] = LastAgent(contact.agent_id, step.at)
    while next(iter(last.values())).at < step.at - REMEMBERED:
        del last[next(iter(last))]


def _last_agent(step: Step, contact: Contact) -> str:
    last = step.state.last_agents.get(contact.customer.number)
    within = step.state.groups[contact.group_id].policy.last_agent_within
    return last.agent_id if last and step.at - last.at <= within else ""
