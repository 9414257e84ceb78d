"""Who gets which waiting contact: longest idle agent first, highest priority and longest wait first."""

from __future__ import annotations

from collections.abc import Iterator
from heapq import merge

from cti_server.domain.agent import Agent, AgentState
from cti_server.domain.contact import Contact
from cti_server.domain.queue import Group
from cti_server.domain.state import WorldState

READY = AgentState.READY


def matches(state: WorldState) -> Iterator[tuple[Contact, Agent]]:
    """Pairs to offer now, best first; no agent and no contact stands in two pairs.

    Asked after every signal: the queues are in order already, and only those are looked into for which an
    agent is free.
    """
    waiting = [group for group in state.groups.values() if group.waiting]
    free = _free(state, {group.group_id for group in waiting}) if waiting else []
    hopeless: set[tuple[str, str]] = set()
    for contact in _in_order(state, waiting, free):
        kind = (contact.group_id, contact.node)
        if kind in hopeless:
            continue
        agent = next((a for a in free if _fits(state, contact, a)), None)
        if agent is None:
            hopeless.add(kind)
            continue
        free.remove(agent)
        yield contact, agent
        if not free:
            return


def _free(state: WorldState, wanted: set[str]) -> list[Agent]:
    """Agents who may be offered something of these groups, longest idle first."""
    ready = (agent for agent in state.agents.values() if agent.state is READY)
    free = [agent for agent in ready if not wanted.isdisjoint(agent.groups) and agent.may_be_offered()]
    return sorted(free, key=lambda agent: agent.idle_since)


def _in_order(state: WorldState, waiting: list[Group], free: list[Agent]) -> Iterator[Contact]:
    """Contacts of the groups that these agents serve, as they wait.

    Left out are those that cannot be connected: their node is out of reach, or they talk to somebody outside
    the seats.
    """
    served = {group_id for agent in free for group_id in agent.groups}
    queues = [
        [state.contacts[contact_id] for contact_id in group.waiting]
        for group in waiting
        if group.group_id in served
    ]
    up = {node.name for node in state.nodes.values() if node.up}
    for contact in merge(*queues, key=lambda c: (-c.priority, c.queued_at or 0.0, c.contact_id)):
        if contact.node in up and not contact.customer_leg.bridge:
            yield contact


def _fits(state: WorldState, contact: Contact, agent: Agent) -> bool:
    """In the group, and the phone at the customer's node (channels of two nodes cannot be bridged)."""
    station = state.stations.get(agent.station or "")
    return contact.group_id in agent.groups and station is not None and station.node == contact.node
