"""Routing settings over HTTP: by role, by version, refused as a whole or done as a whole."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from cti_server.api.models import routing as m
from cti_server.api.settings_errors import FAULTS
from cti_server.domain import settings as d
from cti_server.domain.doubts import Sound
from cti_server.domain.ivr import Ivr, Option
from cti_server.domain.policy import Opening, Policy, Priorities
from cti_server.store.errors import StoreUnavailable
from tests.support.edge import Edge
from tests.unit.domain.test_settings import GOOD

ROUTING = "/api/v1/admin/routing"
WHY = {"why": "测试"}


async def put(
    edge: Edge, path: str, body: dict[str, Any], version: int = 0, who: str = "4001"
) -> httpx.Response:
    async with edge.http(who) as http:
        return await http.put(ROUTING + path, json={**WHY, **body}, headers={"If-Match": f'"{version}"'})


async def get(edge: Edge, path: str = "", who: str = "4001") -> Any:
    async with edge.http(who) as http:
        answer = await http.get(ROUTING + path)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_the_models_are_the_domains() -> None:
    pairs = (
        (m.SettingsModel, d.RoutingSettings),
        (m.GroupModel, d.GroupSettings),
        (m.AgentModel, d.AgentSkills),
        (m.NumberModel, d.NumberSettings),
        (m.MenuModel, Ivr),
        (m.OptionModel, Option),
        (m.PolicyModel, Policy),
        (m.OpeningModel, Opening),
        (m.PrioritiesModel, Priorities),
    )
    for model, kind in pairs:
        assert list(model.model_fields) == [one.name for one in fields(kind)], model
    assert msgspec.convert(m.PolicyModel.model_validate({}).model_dump(), Policy) == Policy()


async def test_all_of_it_there_and_back(edge: Edge) -> None:
    async with edge.http("9001") as http:
        answer = await http.get(ROUTING)
    assert answer.headers["etag"] == '"0"'
    settings = answer.json()["settings"]
    settings["numbers"]["4001"]["group"] = "general"
    saved = await put(edge, "", {"settings": settings}, who="9001")
    assert (saved.status_code, saved.headers["etag"]) == (200, '"1"')
    told = saved.json()
    assert (told["author"], told["why"], told["in_effect"]) == ("9001", "测试", True)
    assert told["changes"] == [{"where": "numbers.4001.group", "before": "cards", "after": "general"}]
    version, kept = await edge.routing.current()
    assert (version, kept.numbers["4001"].group) == (1, "general")
    assert kept.groups == GOOD.groups
    assert (await get(edge))["settings"] == settings


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("/groups/general", {"name_zh": "综", "name_en": "G", "ring_timeout": 9.0, "wrap_up_time": 0.0}),
        ("/numbers/4001", {"group": "general", "language": "en", "greeting": "brief", "name": "x"}),
        ("/agents/1001", {"groups": {"cards": 3}, "skills": {}}),
    ],
)
async def test_one_part_at_a_time(edge: Edge, path: str, value: dict[str, Any]) -> None:
    saved = await put(edge, path, {"value": value})
    assert saved.status_code == 200, saved.text
    found = await get(edge, path)
    assert {name: found[name] for name in value} == value


async def test_holidays_and_priorities(edge: Edge) -> None:
    assert (await put(edge, "/holidays", {"value": {"2026-05-01": "劳动节"}})).status_code == 200
    steps = {"elder": 3, "vip": 2, "ageing": 60.0}
    assert (await put(edge, "/priorities", {"value": steps}, 1)).status_code == 200
    settings = (await get(edge))["settings"]
    assert (settings["holidays"], settings["priorities"]) == ({"2026-05-01": "劳动节"}, steps)


async def test_a_group_is_taken_away_with_its_agents_levels(edge: Edge) -> None:
    await put(edge, "/agents/1001", {"value": {"groups": {"cards": 3, "general": 1}}})
    await put(edge, "/numbers/4001", {"value": {"group": "general"}}, 1)
    async with edge.http("4001") as http:
        answer = await http.request(
            "DELETE", f"{ROUTING}/groups/cards", json=WHY, headers={"If-Match": '"2"'}
        )
        assert answer.status_code == 200, answer.text
        gone = await http.get(f"{ROUTING}/groups/cards")
        assert (gone.status_code, gone.json()["code"]) == (404, "unknown_setting")
    assert (await get(edge, "/agents/1001"))["groups"] == {"general": 1}


async def test_a_number_is_taken_away_but_not_the_last_one(edge: Edge) -> None:
    await put(edge, "/numbers/4010", {"value": {"group": "general"}})
    numbers = sorted((await get(edge))["settings"]["numbers"])
    async with edge.http("4001") as http:
        for version, number in enumerate(reversed(numbers), 1):
            tag = {"If-Match": f'"{version}"'}
            answer = await http.request("DELETE", f"{ROUTING}/numbers/{number}", json=WHY, headers=tag)
            if number == numbers[0]:
                assert (answer.status_code, answer.json()["code"]) == (422, "number_without_target")
            else:
                assert answer.status_code == 200, answer.text
        answer = await http.request("DELETE", f"{ROUTING}/numbers/4010", json=WHY, headers=tag)
        assert (answer.status_code, answer.json()["code"]) == (404, "unknown_setting")


@pytest.mark.parametrize(
    ("path", "value", "code"),
    [
        ("/numbers/4001", {"group": "loans"}, "number_without_target"),
        ("/numbers/4001", {"group": ""}, "number_without_target"),
        ("/groups/My-Cards", {}, "invalid_group_id"),
        ("/groups/general", {"policy": {"callback": True}}, "invalid_announcements"),
        ("/groups/general", {"policy": {"caller_id": "+"}}, "invalid_params"),
        ("/agents/1001", {"groups": {"loans": 1}}, "unknown_group"),
        ("/groups/general", {"policy": {"overflow_to": "loans"}}, "unknown_group"),
        ("/groups/general", {"policy": {"overflow_to": "cards"}}, "overflow_loop"),
        ("/groups/general", {"policy": {"overflow_after": 9.0}}, "overflow_without_target"),
        (
            "/groups/general",
            {"policy": {"hours": [{"weekday": 1, "opens": 9, "closes": 9}]}},
            "invalid_hours",
        ),
        (
            "/numbers/4001",
            {"group": "general", "menu": {"menus": {"main": [{"key": "1", "prompt": "x", "group": "no"}]}}},
            "invalid_menu",
        ),
        ("/holidays", {"2026-02-30": ""}, "invalid_holiday"),
        ("/groups/general", {"ring_timeout": 1.0}, "invalid_params"),
        ("/groups/general", {"policy": {"overflow_length": "3"}}, "invalid_params"),
        ("/groups/general", {"colour": "red"}, "invalid_params"),
        ("/groups/a%20b", {}, "invalid_params"),
        ("/agents/1001", {"skills": {"english": 11}}, "invalid_params"),
        ("/numbers/40x1", {"group": "general"}, "invalid_params"),
        ("/numbers/4001", {"group": "general", "greeting": "../x"}, "invalid_params"),
        ("/groups/general", {"policy": {"caller_id": "1;2"}}, "invalid_params"),
        ("/groups/general", {"name_zh": "a\nb"}, "control_characters"),
    ],
)
async def test_what_is_refused_changes_nothing(edge: Edge, path: str, value: Any, code: str) -> None:
    names = {"name_zh": "综合", "name_en": "General"} if path.startswith("/groups") else {}
    answer = await put(edge, path, {"value": {**names, **value}})
    assert (answer.status_code, answer.json()["code"]) == (422, code), answer.text
    assert edge.routing.saved == []


async def test_every_fault_is_told_at_once(edge: Edge) -> None:
    settings = (await get(edge))["settings"]
    del settings["groups"]["general"]
    answer = await put(edge, "", {"settings": settings})
    assert answer.json()["code"] == "number_without_target"
    assert answer.json()["faults"] == [
        {"code": "number_without_target", "where": "numbers.4000.group"},
        {"code": "unknown_group", "where": "agents.1001.groups.general"},
        {"code": "unknown_group", "where": "groups.cards.policy.overflow_to"},
    ]
    left_out = {**settings, "groups": {}, "numbers": {}, "agents": {"1001": {}}}
    codes = [fault["code"] for fault in (await put(edge, "", {"settings": left_out})).json()["faults"]]
    assert codes == ["no_groups", "number_without_target"]
    stranger = await put(edge, "", {"settings": {**(await get(edge))["settings"], "agents": {"7": {}}}})
    assert stranger.json()["code"] == "agent_not_in_directory"


@pytest.mark.parametrize("who", ["1001", "2001", "3001", "5001"])
async def test_only_operations(edge: Edge, who: str) -> None:
    async with edge.http(who) as http:
        for answer in (await http.get(ROUTING), await http.get(f"{ROUTING}/versions")):
            assert (answer.status_code, answer.json()["code"]) == (403, "wrong_role")
    answer = await put(edge, "/numbers/4001", {"value": {"group": "general"}}, who=who)
    assert (answer.status_code, answer.json()["code"]) == (403, "wrong_role")
    async with edge.http() as http:
        assert (await http.get(ROUTING)).status_code == 401
    assert edge.routing.saved == []


async def test_of_two_who_change_at_once_the_second_is_told(edge: Edge) -> None:
    good = {"value": {"group": "general"}}
    assert (await put(edge, "/numbers/4001", good)).status_code == 200
    answer = await put(edge, "/numbers/4000", good)
    assert (answer.status_code, answer.json()["code"], answer.json()["version"]) == (
        412,
        "version_conflict",
        1,
    )
    async with edge.http("4001") as http:
        for headers in ({}, {"If-Match": "*"}, {"If-Match": "1"}):
            answer = await http.put(f"{ROUTING}/numbers/4000", json={**WHY, **good}, headers=headers)
            assert (answer.status_code, answer.json()["code"]) == (428, "precondition_required")
        unexplained = await http.put(f"{ROUTING}/numbers/4000", json=good, headers={"If-Match": '"1"'})
        assert unexplained.json()["code"] == "invalid_params"
    assert len(edge.routing.saved) == 1


async def test_versions_differences_and_the_way_back(edge: Edge) -> None:
    for version, group in enumerate(("general", "cards", "general")):
        assert (await put(edge, "/numbers/4001", {"value": {"group": group}}, version)).status_code == 200
    page = await get(edge, "/versions?limit=2")
    assert ([one["version"] for one in page["versions"]], page["next_before"]) == ([3, 2], 2)
    rest = await get(edge, "/versions?limit=2&before=2")
    assert ([one["version"] for one in rest["versions"]], rest["next_before"]) == ([1], None)
    assert (await get(edge, "/versions/2"))["settings"]["numbers"]["4001"]["group"] == "cards"
    assert (await get(edge, "/versions/3/changes?since=2"))["changes"] == [
        {"where": "numbers.4001.group", "before": "cards", "after": "general"}
    ]
    async with edge.http("4001") as http:
        answer = await http.post(f"{ROUTING}/versions/2/restore", json=WHY, headers={"If-Match": '"3"'})
        assert (answer.status_code, answer.json()["version"]) == (200, 4)
        for path in ("/versions/9", "/versions/9/changes?since=1"):
            gone = await http.get(ROUTING + path)
            assert (gone.status_code, gone.json()["code"]) == (404, "unknown_version")
    assert (await get(edge, "/numbers/4001"))["group"] == "cards"


async def test_without_a_database_nothing_is_done(edge: Edge) -> None:
    edge.routing.away = StoreUnavailable("away")
    answer = await put(edge, "/numbers/4001", {"value": {"group": "general"}})
    assert (answer.status_code, answer.json()["code"]) == (503, "database_unavailable")
    assert edge.routing.saved == []


async def test_saved_and_not_in_effect_yet(edge: Edge) -> None:
    edge.routing.in_effect = False
    answer = await put(edge, "/numbers/4001", {"value": {"group": "general"}})
    assert answer.json()["in_effect"] is False


async def test_the_examples_of_the_document(edge: Edge) -> None:
    """One after the other, each from the version that is in force."""
    text = (Path(__file__).parents[2] / "docs/routing.md").read_text(encoding="utf-8")
    examples = re.findall(r"```http\n(.*?)```", text, re.DOTALL)[0].splitlines()
    called = set()
    async with edge.http("4001") as http:
        for line in examples:
            verb, path, *body = line.split(" ", 2)
            headers = {"If-Match": f'"{len(edge.routing.saved)}"', "Content-Type": "application/json"}
            answer = await http.request(
                verb, path, content=body[0].encode() if body else None, headers=headers
            )
            assert answer.status_code == 200, (line, answer.text)
            shape = re.sub(r"/(agents|groups|numbers|versions)/[^/?]+", r"/\1/…", path.partition("?")[0])
            called.add((verb, shape))
    offered = {
        (verb.upper(), re.sub(r"\{\w+\}", "…", path))
        for path, verbs in edge.app.openapi()["paths"].items()
        for verb in verbs
        if path.startswith(ROUTING)
    }
    assert called == offered
    assert set(FAULTS) <= set(re.findall(r"`(\w+)`", text.partition("| code | status |")[2]))


async def test_what_leaves_callers_waiting_is_told_and_done(edge: Edge) -> None:
    policy = {"requires": {"english": 4}}
    group = {"name_zh": "综", "name_en": "G", "policy": policy}
    told = (await put(edge, "/groups/general", {"value": group})).json()["warnings"]
    assert [(one["code"], one["where"]) for one in told] == [
        ("skill_nobody_has", "groups.general.policy.requires.english"),
        ("group_without_agents", "groups.cards"),
    ]
    assert told[0]["message"].startswith("Nobody in the group")
    headers = {"If-Match": '"1"', "Accept-Language": "zh-CN"}
    async with edge.http("4001") as http:
        value = {"group": "general", "greeting": "spring"}
        answer = await http.put(f"{ROUTING}/numbers/4000", json={**WHY, "value": value}, headers=headers)
        assert answer.status_code == 200
        sound = next(one for one in answer.json()["warnings"] if one["code"] == "sound_missing")
        assert (sound["where"], sound["message"][:4]) == ("numbers.4000.greeting", "PBX ")
        assert (await http.get(ROUTING, headers=headers)).json()["warnings"] == answer.json()["warnings"]
    edge.routing.sounds.add(Sound("zh", "spring"))
    await put(
        edge, "/agents/1001", {"value": {"groups": {"general": 1, "cards": 1}, "skills": {"english": 4}}}, 2
    )
    assert (await get(edge))["warnings"] == []
