"""What routing settings may mean, and what leaves callers waiting or in silence: told, not refused."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from enum import StrEnum

from cti_server.domain.settings import AgentSkills, RoutingSettings


class Doubt(StrEnum):
    """Stable codes."""

    GROUP_WITHOUT_AGENTS = "group_without_agents"
    SKILL_NOBODY_HAS = "skill_nobody_has"
    SOUND_MISSING = "sound_missing"
    RING_AHEAD_WITHOUT_EFFECT = "ring_ahead_without_effect"


@dataclass(frozen=True, slots=True)
class Warned:
    """A doubt, and where in the document."""

    code: Doubt
    where: str


@dataclass(frozen=True, slots=True)
class Sound:
    """A prompt by its name, in one language, as the nodes have it."""

    language: str
    name: str


def doubts(settings: RoutingSettings) -> Iterator[Warned]:
    """Whom contacts would wait for in vain, and what will not come about."""
    yield from _never_ahead(settings)
    for group_id, group in settings.groups.items():
        there = [agent for agent in settings.agents.values() if group_id in agent.groups]
        if not there:
            yield Warned(Doubt.GROUP_WITHOUT_AGENTS, f"groups.{group_id}")
            continue
        requires, where = group.policy.requires, f"groups.{group_id}.policy.requires"
        lacking = [
            skill for skill in requires if not any(_has(agent, skill, requires[skill]) for agent in there)
        ]
        yield from (Warned(Doubt.SKILL_NOBODY_HAS, f"{where}.{skill}") for skill in lacking)
        if not lacking and not any(all(_has(a, skill, requires[skill]) for skill in requires) for a in there):
            yield Warned(Doubt.SKILL_NOBODY_HAS, where)


def _never_ahead(settings: RoutingSettings) -> Iterator[Warned]:
    plain = {one.group for one in settings.numbers.values() if not (one.greeting or one.menu)}
    for group_id, group in settings.groups.items():
        if group.policy.ring_ahead and (group.policy.preference_time > 0 or group_id not in plain):
            yield Warned(Doubt.RING_AHEAD_WITHOUT_EFFECT, f"groups.{group_id}.policy.ring_ahead")


def _has(agent: AgentSkills, skill: str, level: int) -> bool:
    return max(agent.skills.get(skill, 0), agent.groups.get(skill, 0)) >= level


def sounds(settings: RoutingSettings) -> Iterator[tuple[str, Sound]]:
    """What is played to callers by these settings, and where in the document it is named."""
    for number, one in settings.numbers.items():
        own = one.language[:2]
        if one.greeting:
            yield f"numbers.{number}.greeting", Sound(own, one.greeting)
        for name, options in one.menu.menus.items() if one.menu else ():
            for option in options:
                where = f"numbers.{number}.menu.menus.{name}.{option.key}.prompt"
                languages = (one.menu.languages if one.menu else ()) or (own,)
                yield from ((where, Sound(language, option.prompt)) for language in languages)


def unheard(settings: RoutingSettings, missing: Collection[Sound]) -> list[Warned]:
    """Where the settings name a sound that is missing."""
    wheres = dict.fromkeys(where for where, sound in sounds(settings) if sound in missing)
    return [Warned(Doubt.SOUND_MISSING, where) for where in wheres]
