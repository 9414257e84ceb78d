"""What settings may say and hardly mean."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cti_server.domain.doubts import Doubt, Sound, Warned, doubts, sounds, unheard
from cti_server.domain.ivr import Ivr, Option
from cti_server.domain.policy import Policy
from cti_server.domain.settings import AgentSkills, GroupSettings, NumberSettings, RoutingSettings

WHERE = "groups.general.policy.requires"


def centre(requires: dict[str, int], *agents: AgentSkills) -> RoutingSettings:
    groups = {"general": GroupSettings("综合", "General", policy=Policy(requires=requires))}
    numbers = {"4000": NumberSettings("general")}
    return RoutingSettings(groups, numbers, {str(n): agent for n, agent in enumerate(agents)})


@pytest.mark.parametrize(
    ("requires", "agents", "told"),
    [
        ({}, [], [(Doubt.GROUP_WITHOUT_AGENTS, "groups.general")]),
        ({}, [AgentSkills({"general": 1})], []),
        ({"a": 3}, [AgentSkills({"general": 1}, {"a": 3})], []),
        ({"general": 3}, [AgentSkills({"general": 3})], []),  # a group counts as a skill
        ({"a": 3}, [AgentSkills({"general": 1}, {"a": 2})], [(Doubt.SKILL_NOBODY_HAS, f"{WHERE}.a")]),
        (
            {"a": 3},
            [AgentSkills({"general": 1}), AgentSkills({"b": 1}, {"a": 9})],
            [(Doubt.SKILL_NOBODY_HAS, f"{WHERE}.a")],
        ),
        (
            {"a": 1, "b": 1},
            [AgentSkills({"general": 1}, {"a": 1}), AgentSkills({"general": 1}, {"b": 1})],
            [(Doubt.SKILL_NOBODY_HAS, WHERE)],
        ),
    ],
)
def test_who_would_wait_in_vain(
    requires: dict[str, int], agents: list[AgentSkills], told: list[tuple[Doubt, str]]
) -> None:
    found = list(doubts(centre(requires, *agents)))
    assert [(one.code, one.where) for one in found] == told


@pytest.mark.parametrize(
    ("greeting", "preference", "vain"), [("", 0.0, False), ("", 5.0, True), ("welcome", 0.0, True)]
)
def test_where_no_phone_is_rung_ahead(greeting: str, preference: float, vain: bool) -> None:
    policy = Policy(ring_ahead=True, preference_time=preference)
    settings = RoutingSettings(
        {"general": GroupSettings("综合", "General", policy=policy)},
        {"4000": NumberSettings("general", greeting=greeting)},
        {"1001": AgentSkills({"general": 1})},
    )
    told = Warned(Doubt.RING_AHEAD_WITHOUT_EFFECT, "groups.general.policy.ring_ahead")
    assert list(doubts(settings)) == ([told] if vain else [])


def test_sounds_in_the_languages_they_are_played_in() -> None:
    menu = Ivr(languages=("zh", "en"), menus={"main": (Option("1", "for_a", group="general"),)})
    numbers = {
        "4000": NumberSettings("general", "en-GB", "spring"),
        "4001": NumberSettings("general", greeting="", menu=menu),
        "4002": NumberSettings("general", "zh", "", menu=replace(menu, languages=())),
    }
    settings = replace(centre({}), numbers=numbers)
    prompt = "numbers.4001.menu.menus.main.1.prompt"
    assert list(sounds(settings)) == [
        ("numbers.4000.greeting", Sound("en", "spring")),
        (prompt, Sound("zh", "for_a")),
        (prompt, Sound("en", "for_a")),
        ("numbers.4002.menu.menus.main.1.prompt", Sound("zh", "for_a")),
    ]
    both = {Sound("zh", "for_a"), Sound("en", "for_a")}
    assert unheard(settings, both) == [
        Warned(Doubt.SOUND_MISSING, prompt),
        Warned(Doubt.SOUND_MISSING, "numbers.4002.menu.menus.main.1.prompt"),
    ]
    assert unheard(settings, set()) == []
