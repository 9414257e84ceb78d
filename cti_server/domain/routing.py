"""Who gets which waiting contact: longest idle agent first, highest priority and longest wait first."""

from __future__ import annotations

from collections.abc import Iterator

from cti_server.domain.agent import Agent
from cti_server.domain.contact import Contact
from cti_server.domain.state import WorldState


def matches(state: WorldState) -> Iterator[tuple[Contact, Agent]]:
    """Pairs to offer now, best first; no agent and no contact stands in two pairs."""
    if not any(group.waiting for group in state.groups.values()):
        return
    free = sorted(
        (agent for agent in state.agents.values() if agent.may_be_offered()),
        key=lambda agent: agent.idle_since,
    )
    for contact in _waiting(state) if free else ():
        agent = next((a for a in free if _fits(state, contact, a)), None)
        if agent:
            free.remove(agent)
            yield contact, agent
        if not free:
            return


def _waiting(state: WorldState) -> list[Contact]:
    """Those that can be connected: at a node in reach, and not talking to somebody outside the seats."""
    up = {node.name for node in state.nodes.values() if node.up}
    contacts = [state.contacts[cid] for group in state.groups.values() for cid in group.waiting]
    return sorted(
        (contact for contact in contacts if contact.node in up and not contact.customer_leg.bridge),
        key=lambda c: (-c.priority, c.queued_at or 0.0, c.contact_id),
    )


def _fits(state: WorldState, contact: Contact, agent: Agent) -> bool:
    """In the group, and the phone at the customer's node (channels of two nodes cannot be bridged)."""
    station = state.stations.get(agent.station or "")
    return contact.group_id in agent.groups and station is not None and station.node == contact.node
