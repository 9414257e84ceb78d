"""Who sees what, and how far: the one table of roles, for sockets and HTTP alike (REQUIREMENTS A7, I).

A person sees of a matter what the widest of its roles allows: its own, that of its groups, or everything.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from functools import lru_cache
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


class Matter(StrEnum):
    """What else is seen, or done, by role and group."""

    LOG = "log"
    """The interaction log: contacts, their stories, a customer's earlier contacts."""
    ACTIVITY = "activity"
    """What people did: activity, figures by agent, scorecards."""
    FIGURES = "figures"
    """Figures by queue and by number."""
    VOICEMAILS = "voicemails"
    VOICEMAIL_AUDIO = "voicemail_audio"
    VOICEMAIL_WORK = "voicemail_work"
    MESSAGES = "messages"
    CAMPAIGNS = "campaigns"
    LISTENING = "listening"
    LEADING = "leading"
    """Whisper, barge, intercept, force a state, sign out, give a voicemail to somebody."""


class Scope(IntEnum):
    """How far; the wider one is the greater."""

    NONE = 0
    OWN = 1
    GROUPS = 2
    ALL = 3


ROLES: dict[str, dict[Topic | Matter, Scope]] = {
    "agent": {
        **dict.fromkeys((Matter.LOG, Matter.ACTIVITY, Matter.MESSAGES), Scope.OWN),
        **dict.fromkeys((Matter.VOICEMAILS, Matter.VOICEMAIL_AUDIO, Matter.VOICEMAIL_WORK), Scope.GROUPS),
    },
    "team_leader": dict.fromkeys((*Topic, *Matter), Scope.GROUPS),
    "operations_manager": dict.fromkeys(
        (
            *Topic,
            *(Matter.LOG, Matter.ACTIVITY, Matter.FIGURES, Matter.VOICEMAILS),
            *(Matter.MESSAGES, Matter.CAMPAIGNS),
        ),
        Scope.ALL,
    ),
    "quality_inspector": dict.fromkeys(
        (
            *(Topic.AGENTS, Topic.CONTACTS, Matter.LOG, Matter.LISTENING),
            *(Matter.VOICEMAILS, Matter.VOICEMAIL_AUDIO),
        ),
        Scope.ALL,
    ),
    "data_analyst": dict.fromkeys((Topic.WALLBOARD, Matter.ACTIVITY, Matter.FIGURES), Scope.ALL),
    "auditor": dict.fromkeys((Matter.LOG, Matter.VOICEMAILS), Scope.ALL),
}
"""By role; what is not there is not seen."""


def roles_for(*matters: Topic | Matter) -> frozenset[str]:
    """Roles that see anything of one of these."""
    return frozenset(role for role, seen in ROLES.items() if any(matter in seen for matter in matters))


@lru_cache(maxsize=1024)
def scope(roles: tuple[str, ...] | frozenset[str], matter: Topic | Matter) -> Scope:
    """How much of the matter somebody with these roles sees."""
    return max((ROLES.get(role, {}).get(matter, Scope.NONE) for role in roles), default=Scope.NONE)


@dataclass(frozen=True, slots=True)
class Reach:
    """What of a matter one person sees: of these groups (None: of all), and its own."""

    agent_id: str
    groups: frozenset[str] | None

    def covers(self, group_id: str | None, agent_id: str | None = None) -> bool:
        """Whether something of that group, and of that agent, is within it."""
        return self.groups is None or group_id in self.groups or agent_id == self.agent_id


def reach(
    agent_id: str, roles: tuple[str, ...] | frozenset[str], groups: Iterable[str], matter: Topic | Matter
) -> Reach | None:
    """What a person of these roles and groups sees of the matter; None for nothing at all."""
    match scope(roles, matter):
        case Scope.NONE:
            return None
        case Scope.OWN:
            return Reach(agent_id, frozenset())
        case Scope.GROUPS:
            return Reach(agent_id, frozenset(groups))
    return Reach(agent_id, None)


def may(watcher: Agent, matter: Topic | Matter) -> bool:
    """Whether one of the person's roles has it."""
    return scope(watcher.roles, matter) is not Scope.NONE


def sees(watcher: Agent, matter: Topic | Matter, groups: Iterable[str]) -> bool:
    """Whether something of these groups is within what the person answers for."""
    how_far = scope(watcher.roles, matter)
    if how_far is Scope.GROUPS:
        return any(group in watcher.groups for group in groups)
    return how_far is Scope.ALL


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
    seen = reach(agent_id, watcher.roles, watcher.groups, topic) if watcher else None
    return seen.groups if seen else frozenset()
