"""The directory and the routing settings, as the database has them."""

from __future__ import annotations

from dataclasses import dataclass, field

from cti_server.domain.agent import CAPACITY
from cti_server.domain.ivr import Ivr
from cti_server.domain.outside import OutsideRules
from cti_server.domain.policy import Greeting, Policy, Priorities
from cti_server.domain.signals.base import Signal


@dataclass(frozen=True, slots=True)
class AgentProfile:
    """An agent as the directory has it."""

    agent_id: str
    name: str
    roles: tuple[str, ...]
    groups: dict[str, int]
    skills: dict[str, int] = field(default_factory=dict)
    capacity: dict[str, int] = field(default_factory=lambda: dict(CAPACITY))


@dataclass(frozen=True, slots=True)
class GroupProfile:
    """A group (and its queue) as the directory has it; times in seconds."""

    group_id: str
    name_zh: str
    name_en: str
    ring_timeout: float = 20.0
    wrap_up_time: float = 60.0
    policy: Policy = field(default_factory=Policy)


@dataclass(frozen=True, slots=True)
class DirectoryLoaded(Signal):
    """The directory of the database, whole. What has gone is dropped when nobody uses it."""

    agents: tuple[AgentProfile, ...]
    groups: tuple[GroupProfile, ...]
    service_numbers: dict[str, str]
    """Service number to group id."""
    stations: tuple[str, ...]
    outside: OutsideRules = field(default_factory=OutsideRules)
    holidays: tuple[str, ...] = ()
    """Days like `2026-10-01` on which groups with business hours are closed."""
    greetings: dict[str, Greeting] = field(default_factory=dict)
    """By service number."""
    priorities: Priorities = field(default_factory=Priorities)
    version: int = 0
    """Of the routing settings; an older one than is in force changes nothing."""
    ivrs: dict[str, Ivr] = field(default_factory=dict)
    """Service number to its menu."""


@dataclass(frozen=True, slots=True)
class RoutingChanged(DirectoryLoaded):
    """Operations changed the routing settings: the directory as it is from now on."""
