"""Routing as operations set it: one document, checked as a whole before any of it takes effect."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import date
from itertools import pairwise
from typing import Any

from cti_server.domain.ivr import Ivr, problems
from cti_server.domain.policy import VOICEMAIL, Opening, Policy, Priorities

MINUTES = 24 * 60
SOONEST_AGAIN = 1.0
"""Seconds between two announcements at least; each takes longer to be spoken."""
_GROUP_ID = re.compile(r"[a-z][a-z0-9_]{0,47}")
"""What a node's dialplan can keep; any other name would lose characters there."""


@dataclass(frozen=True, slots=True)
class GroupSettings:
    """A group with its queue; times in seconds."""

    name_zh: str
    name_en: str
    ring_timeout: float = 20.0
    wrap_up_time: float = 60.0
    policy: Policy = field(default_factory=Policy)


@dataclass(frozen=True, slots=True)
class AgentSkills:
    """What an agent serves: groups and other skills, each with its level, 1 (low) to 10."""

    groups: dict[str, int] = field(default_factory=dict)
    skills: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class NumberSettings:
    """A service number: the group that takes its calls, and what callers hear first."""

    group: str
    language: str = "zh"
    greeting: str = "welcome"
    name: str = ""
    menu: Ivr | None = None
    """What callers walk through before they wait; None: straight to the group."""


@dataclass(frozen=True, slots=True)
class RoutingSettings:
    """The whole of it. An agent that is not in it keeps what it has."""

    groups: dict[str, GroupSettings]
    numbers: dict[str, NumberSettings]
    agents: dict[str, AgentSkills] = field(default_factory=dict)
    holidays: dict[str, str] = field(default_factory=dict)
    """Local day like `2026-10-01` to its name."""
    priorities: Priorities = field(default_factory=Priorities)

    def over(self, before: RoutingSettings) -> RoutingSettings:
        """These, with agents of `before` that they do not mention."""
        return replace(self, agents={**before.agents, **self.agents})


@dataclass(frozen=True, slots=True)
class Fault:
    """Why settings cannot be: a stable code, and where in the document."""

    code: str
    where: str


@dataclass(frozen=True, slots=True)
class Change:
    """One difference between two versions; None where there was, or is, nothing."""

    where: str
    before: Any
    after: Any


def faults(settings: RoutingSettings, known_agents: Collection[str]) -> list[Fault]:
    """Everything that is wrong with the document; it may be used when there is nothing."""
    return [
        *_centre(settings),
        *_numbers(settings),
        *_agents(settings, known_agents),
        *_groups(settings),
        *_loops(settings),
    ]


def _centre(settings: RoutingSettings) -> Iterator[Fault]:
    if not settings.groups:
        yield Fault("no_groups", "groups")
    for day in settings.holidays:
        try:
            good = date.fromisoformat(day).isoformat() == day
        except ValueError:
            good = False
        if not good:
            yield Fault("invalid_holiday", f"holidays.{day}")


def _numbers(settings: RoutingSettings) -> Iterator[Fault]:
    if not settings.numbers:
        yield Fault("number_without_target", "numbers")
    for number, one in settings.numbers.items():
        if one.group not in settings.groups:
            yield Fault("number_without_target", f"numbers.{number}.group")
        if one.menu and problems(one.menu, frozenset(settings.groups)):
            yield Fault("invalid_menu", f"numbers.{number}.menu")


def _agents(settings: RoutingSettings, known_agents: Collection[str]) -> Iterator[Fault]:
    for agent_id, agent in settings.agents.items():
        if agent_id not in known_agents:
            yield Fault("agent_not_in_directory", f"agents.{agent_id}")
        for group in agent.groups:
            if group not in settings.groups:
                yield Fault("unknown_group", f"agents.{agent_id}.groups.{group}")


def _groups(settings: RoutingSettings) -> Iterator[Fault]:
    for group_id, group in settings.groups.items():
        policy, where = group.policy, f"groups.{group_id}.policy"
        if not _GROUP_ID.fullmatch(group_id) or group_id == VOICEMAIL:
            yield Fault("invalid_group_id", f"groups.{group_id}")
        if 0 < policy.announce_every < SOONEST_AGAIN or (policy.callback and not policy.announce_every):
            yield Fault("invalid_announcements", f"{where}.announce_every")
        if policy.overflow_to and policy.overflow_to not in {*settings.groups, VOICEMAIL}:
            yield Fault("unknown_group", f"{where}.overflow_to")
        if not policy.overflow_to and (policy.overflow_after or policy.overflow_length):
            yield Fault("overflow_without_target", f"{where}.overflow_to")
        if not _sane(policy.hours):
            yield Fault("invalid_hours", f"{where}.hours")


def _sane(hours: tuple[Opening, ...]) -> bool:
    """Each opens before it closes, within a day of the week; none overlaps another."""
    if any(not (1 <= one.weekday <= 7 and 0 <= one.opens < one.closes <= MINUTES) for one in hours):  # noqa: PLR2004  # days of a week
        return False
    ordered = sorted(hours, key=lambda one: (one.weekday, one.opens))
    return not any(one.weekday == two.weekday and two.opens < one.closes for one, two in pairwise(ordered))


def _loops(settings: RoutingSettings) -> Iterator[Fault]:
    """Overflow must come to an end: in a loop nobody would know where a contact waits."""
    for start in settings.groups:
        seen, at = {start}, settings.groups[start].policy.overflow_to
        while at in settings.groups and at not in seen:
            seen.add(at)
            at = settings.groups[at].policy.overflow_to
        if at == start:
            yield Fault("overflow_loop", f"groups.{start}.policy.overflow_to")


def changes(before: RoutingSettings, after: RoutingSettings) -> list[Change]:
    """What differs, by its place in the document."""
    return list(differences("", asdict(before), asdict(after)))


def differences(where: str, before: Any, after: Any) -> Iterator[Change]:
    """What differs between two documents at that place."""
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in sorted(before.keys() | after.keys()):
            yield from differences(f"{where}.{key}".lstrip("."), before.get(key), after.get(key))
    elif before != after:
        yield Change(where, before, after)
