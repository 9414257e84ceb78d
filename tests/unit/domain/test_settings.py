"""The routing settings as a document: what is refused, what differs."""

from __future__ import annotations

from dataclasses import asdict, replace

import pytest

from cti_server.domain.ivr import Ivr, Option
from cti_server.domain.policy import Opening, Policy
from cti_server.domain.settings import (
    AgentSkills,
    Change,
    Fault,
    GroupSettings,
    NumberSettings,
    RoutingSettings,
    changes,
    faults,
)

GOOD = RoutingSettings(
    groups={
        "general": GroupSettings("综合", "General", policy=Policy(hours=(Opening(1, 540, 1020),))),
        "cards": GroupSettings("卡", "Cards", policy=Policy(overflow_to="general", overflow_after=30)),
    },
    numbers={"4000": NumberSettings("general"), "4001": NumberSettings("cards")},
    agents={"1001": AgentSkills({"general": 5}, {"english": 3})},
    holidays={"2026-10-01": "国庆节"},
)


def group(name: str, policy: Policy) -> RoutingSettings:
    return replace(GOOD, groups={**GOOD.groups, name: replace(GOOD.groups[name], policy=policy)})


def test_what_is_good() -> None:
    assert faults(GOOD, {"1001"}) == []


@pytest.mark.parametrize(
    ("settings", "code", "where"),
    [
        (replace(GOOD, numbers={}), "number_without_target", "numbers"),
        (
            replace(GOOD, numbers={"4000": NumberSettings("loans")}),
            "number_without_target",
            "numbers.4000.group",
        ),
        *(
            (
                replace(GOOD, groups={**GOOD.groups, name: GroupSettings("x", "x")}),
                "invalid_group_id",
                f"groups.{name}",
            )
            for name in ("my-group", "CARDS", "1st", "a" * 49, "voicemail")
        ),
        *(
            (group("general", policy), "invalid_announcements", "groups.general.policy.announce_every")
            for policy in (Policy(announce_every=0.5), Policy(callback=True))
        ),
        (replace(GOOD, agents={"9": AgentSkills()}), "agent_not_in_directory", "agents.9"),
        (
            replace(GOOD, agents={"1001": AgentSkills({"loans": 1})}),
            "unknown_group",
            "agents.1001.groups.loans",
        ),
        (group("general", Policy(overflow_to="loans")), "unknown_group", "groups.general.policy.overflow_to"),
        (
            group("general", Policy(overflow_after=3)),
            "overflow_without_target",
            "groups.general.policy.overflow_to",
        ),
        (
            group("general", Policy(overflow_to="general")),
            "overflow_loop",
            "groups.general.policy.overflow_to",
        ),
        (replace(GOOD, holidays={"2026-02-30": ""}), "invalid_holiday", "holidays.2026-02-30"),
        (replace(GOOD, holidays={"20261001": ""}), "invalid_holiday", "holidays.20261001"),
    ],
)
def test_what_is_refused(settings: RoutingSettings, code: str, where: str) -> None:
    assert faults(settings, {"1001"}) == [Fault(code, where)]


def test_a_loop_is_told_of_each_group_in_it() -> None:
    found = faults(group("general", Policy(overflow_to="cards")), {"1001"})
    assert {fault.code for fault in found} == {"overflow_loop"}
    assert len(found) == 2


@pytest.mark.parametrize(
    "hours",
    [
        (Opening(0, 0, 60),),
        (Opening(8, 0, 60),),
        (Opening(1, 60, 60),),
        (Opening(1, 61, 60),),
        (Opening(1, -1, 60),),
        (Opening(1, 0, 1441),),
        (Opening(1, 0, 61), Opening(2, 0, 60), Opening(1, 60, 90)),
    ],
)
def test_hours_that_make_no_sense(hours: tuple[Opening, ...]) -> None:
    found = faults(group("general", Policy(hours=hours)), {"1001"})
    assert found == [Fault("invalid_hours", "groups.general.policy.hours")]


def test_a_menu_that_leads_nowhere() -> None:
    menu = Ivr({"main": (Option("1", "for_cards", "loans"),)})
    settings = replace(GOOD, numbers={**GOOD.numbers, "4005": NumberSettings("general", menu=menu)})
    assert Fault("invalid_menu", "numbers.4005.menu") in faults(settings, {"1001"})


def test_no_groups_at_all() -> None:
    codes = {fault.code for fault in faults(RoutingSettings({}, {"4000": NumberSettings("general")}), ())}
    assert codes == {"no_groups", "number_without_target"}


def test_what_differs() -> None:
    after = group("cards", Policy(overflow_to="general", overflow_after=60))
    after = replace(after, numbers={"4000": NumberSettings("cards")})
    assert changes(GOOD, after) == [
        Change("groups.cards.policy.overflow_after", 30, 60),
        Change("numbers.4000.group", "general", "cards"),
        Change("numbers.4001", asdict(NumberSettings("cards")), None),
    ]
    assert changes(GOOD, GOOD) == []


def test_agents_not_mentioned_keep_what_they_have() -> None:
    other = replace(GOOD, agents={"1002": AgentSkills({"cards": 1})})
    assert other.over(GOOD).agents == {**GOOD.agents, **other.agents}
