"""Who may watch what, and who does: subscriptions by topic, within the groups a person answers for."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cti_server.domain.agent import Agent
    from cti_server.domain.state import WorldState


class Topic(StrEnum):
    """What can be subscribed to."""

    AGENTS = "agents"
    QUEUES = "queues"
    CONTACTS = "contacts"
    WALLBOARD = "wallboard"
    """Figures once a second; nothing of it goes through the journal."""


EVERYTHING = frozenset(Topic)
TOPICS: dict[str, frozenset[Topic]] = {
    "team_leader": EVERYTHING,
    "operations_manager": EVERYTHING,
    "quality_inspector": frozenset({Topic.AGENTS, Topic.CONTACTS}),
    "data_analyst": frozenset({Topic.WALLBOARD}),
}
"""By role."""
ALL_GROUPS = frozenset({"operations_manager", "quality_inspector", "data_analyst"})
"""Roles that see every group; others see their own."""


def may(watcher: Agent, topic: Topic) -> bool:
    """Whether one of the person's roles has the topic."""
    return any(topic in TOPICS.get(role, ()) for role in watcher.roles)


def sees(watcher: Agent, topic: Topic, groups: Iterable[str]) -> bool:
    """Whether something of these groups is within what the person answers for."""
    if any(role in ALL_GROUPS and topic in TOPICS[role] for role in watcher.roles):
        return True
    return may(watcher, topic) and any(group in watcher.groups for group in groups)


def watchers(state: WorldState, topic: Topic, groups: Iterable[str]) -> list[Agent]:
    """Subscribers of the topic who see one of the groups."""
    ids = state.subscribers.get(topic.value)
    if not ids:
        return []
    wanted = tuple(groups)
    found = (state.agents.get(agent_id) for agent_id in ids)
    return [agent for agent in found if agent and sees(agent, topic, wanted)]


def groups_seen(state: WorldState, topic: Topic, agent_id: str) -> frozenset[str] | None:
    """Groups of which the person sees the topic; None for all of them."""
    watcher = state.agents.get(agent_id)
    if watcher is None or not may(watcher, topic):
        return frozenset()
    every = any(role in ALL_GROUPS and topic in TOPICS[role] for role in watcher.roles)
    return None if every else frozenset(watcher.groups)
