"""The rules of routing written down plainly: every contact in order, every agent looked at each time."""

from __future__ import annotations

from cti_server.domain.agent import Agent
from cti_server.domain.contact import Contact, ContactState
from cti_server.domain.policy import Strategy
from cti_server.domain.state import WorldState


def pairs(state: WorldState) -> list[tuple[str, str]]:
    """Contact and agent ids to offer now, in order."""
    free = [agent for agent in state.agents.values() if agent.may_be_offered()]
    found = []
    for contact in sorted(_waiting(state), key=_order):
        fitting = [agent for agent in free if _fits(state, contact, agent)]
        if fitting:
            agent = min(fitting, key=lambda one: _rank(state, contact, one))
            free.remove(agent)
            found.append((contact.contact_id, agent.agent_id))
    return found


def _waiting(state: WorldState) -> list[Contact]:
    up = {node.name for node in state.nodes.values() if node.up}
    return [
        contact
        for contact in state.contacts.values()
        if contact.state is ContactState.QUEUED and contact.node in up and not contact.customer_leg.bridge
    ]


def _order(contact: Contact) -> tuple[bool, float, str]:
    came = (contact.queued_at or 0.0) - contact.ageing * contact.priority
    return not contact.preferred_agent, came, contact.contact_id


def _fits(state: WorldState, contact: Contact, agent: Agent) -> bool:
    station = state.stations.get(agent.station or "")
    if station is None or station.node != contact.node:
        return False
    if agent.capacity.get(contact.medium, 0) < 1:
        return False
    if contact.preferred_agent:
        return contact.preferred_agent == agent.agent_id
    asked = [*state.groups[contact.group_id].policy.requires.items(), *contact.requires.items()]
    skilled = all(max(agent.skills.get(s, 0), agent.groups.get(s, 0)) >= level for s, level in asked)
    return contact.group_id in agent.groups and skilled


def _rank(state: WorldState, contact: Contact, agent: Agent) -> tuple[int, float, str]:
    most_skilled = state.groups[contact.group_id].policy.strategy is Strategy.MOST_SKILLED
    level = agent.groups.get(contact.group_id, 0) if most_skilled else 0
    return -level, agent.idle_since, agent.agent_id
