"""Operations change the routing while customers wait, on the real Asterisk; the server dies right after."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime, timedelta, timezone
from typing import Any

import httpx
import pytest_asyncio

from cti_server.client import CtiRequestError
from tests.support.audio import COLLEAGUE_TONE, MOSTLY, sine, write_wav
from tests.support.centre import TestCentre, eventually
from tests.support.figures import figures_agree
from tests.support.phones import BaresipPhone
from tests.support.seats import Seat, seat
from tests.support.whole_centre import SHARED, shared_centre

pytestmark = SHARED
ROUTING = "/api/v1/admin/routing"
SPRING = {"zh": 1013.0, "en": 1213.0}
"""Tones of a greeting."""
REFUSED = 1511.0
"""Of the announcement that a number is not in service."""
NEXT, MINUTES, CLOSED = 613.0, 797.0, 2411.0
"""Of the first place in the queue, the expected wait, and being closed."""
OUTSIDE = "13900000001"
CHINA = timezone(timedelta(hours=8))
TONES = {"number_not_in_service": REFUSED, "number_1": NEXT, "wait_before": MINUTES, "closed": CLOSED}
centre = shared_centre(tones=TONES)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def operations(centre: TestCentre) -> AsyncIterator[httpx.AsyncClient]:
    """The operations manager's HTTP client."""
    credentials = {"agent_id": "4001", "password": centre.person("4001")["password"]}
    async with httpx.AsyncClient(base_url=centre.http, timeout=10) as client:
        token = (await client.post("/api/v1/auth/token", json=credentials)).json()["access_token"]
        client.headers["Authorization"] = f"Bearer {token}"
        yield client


async def change(operations: httpx.AsyncClient, part: str, **value: Any) -> int:
    """Change one part from what it is; the new version, which is in effect."""
    now = await operations.get(ROUTING + part)
    body = {"why": "the test", "value": {**now.raise_for_status().json(), **value}}
    answer = await operations.put(ROUTING + part, json=body, headers={"If-Match": now.headers["etag"]})
    assert answer.status_code == 200, answer.text
    assert answer.json()["in_effect"]
    version: int = answer.json()["version"]
    return version


async def waits(centre: TestCentre, customer: BaresipPhone, number: str) -> str:
    """The customer calls and queues; the contact's id."""
    before = {row["contact_id"] for row in await centre.rows("contact_events", kind="contact.queued")}
    await customer.dial(number)
    found = await eventually(
        lambda: centre.rows("contact_events", kind="contact.queued"),
        lambda rows: any(row["contact_id"] not in before for row in rows),
        "queued",
        15,
    )
    return next(str(row["contact_id"]) for row in found if row["contact_id"] not in before)


async def served(agent: Seat, contact_id: str, customer: BaresipPhone) -> None:
    """The agent gets it, both hear each other, over."""
    await agent.until(lambda: contact_id in agent.view["contact_ids"], f"given {contact_id}", 30)
    try:
        await agent.accept(contact_id)
    except CtiRequestError as refused:
        if refused.code != "action_not_allowed":  # the fallback queue was quicker
            raise
    assert await customer.hears(agent.phone.tone_hz) >= MOSTLY
    await agent.client.hang_up(contact_id)
    await agent.wrap_up(contact_id)
    await agent.in_state("ready")


async def test_changes_reach_who_waits(centre: TestCentre, operations: httpx.AsyncClient) -> None:
    async with (
        seat(centre, "1001", "persistent") as agent,
        centre.customer() as skill,
        centre.customer("13700000002") as overflow,
        centre.customer("13700000003") as target,
    ):
        assert agent.view["groups"] == ["general"]
        contact_id = await waits(centre, skill, "4001")
        await change(operations, "/agents/1001", groups={"general": 5, "credit_card": 3})
        await served(agent, contact_id, skill)
        assert agent.view["groups"] == ["credit_card", "general"]

        contact_id = await waits(centre, overflow, "4003")
        policy = {"overflow_to": "general", "overflow_after": 1.0}
        await change(operations, "/groups/vtm", policy=policy)
        await served(agent, contact_id, overflow)

        await change(operations, "/numbers/4002", group="general")
        contact_id = await waits(centre, target, "4002")
        await served(agent, contact_id, target)
        row = await centre.logged(contact_id, group_id="general")
        assert row["service_number"] == "4002"
    await centre.empty()


async def test_killed_right_after_a_change(centre: TestCentre, operations: httpx.AsyncClient) -> None:
    async with seat(centre, "1001", "persistent") as agent, centre.customer("13700000004") as customer:
        await change(operations, "/groups/vtm", policy={})
        contact_id = await waits(centre, customer, "4003")
        version = await change(operations, "/agents/1001", groups={"vtm": 7})
        centre.kill_server()
        await served(agent, contact_id, customer)
        assert agent.view["groups"] == ["vtm"]
        now = await eventually(
            lambda: operations.get(ROUTING), lambda answer: answer.status_code == 200, "leading", 20
        )
        assert now.headers["etag"] == f'"{version}"'
        assert agent.client.ledger.intact
    await centre.empty()
    await figures_agree(centre, tolerance=10)  # what the fallback queue joined is noted when a server is back


async def test_told_how_long_past_the_length_and_back_to_the_agent_it_knows(
    centre: TestCentre, operations: httpx.AsyncClient
) -> None:
    """`guest` calls twice; while it waits for the agent it knows, `talker` keeps that one busy."""
    policy: dict[str, Any] = {"announce_every": 2.0, "last_agent_within": 3600.0, "preference_time": 60.0}
    policy |= {"overflow_to": "credit_card", "overflow_length": 1, "caller_id": "4003"}
    await change(operations, "/groups/vtm", policy=policy)
    async with (
        seat(centre, "1019", "persistent") as known,
        centre.customer("13700000011") as guest,
        centre.customer("13700000012") as talker,
        centre.customer("13700000013") as third,
    ):
        await served(known, await waits(centre, guest, "4003"), guest)
        talk = await waits(centre, talker, "4003")
        await known.until(lambda: talk in known.view["contact_ids"], "given the talker")
        await known.accept(talk)
        assert await talker.hears(known.phone.tone_hz) >= MOSTLY
        again = await waits(centre, guest, "4003")
        assert await guest.hears(NEXT, 15) >= MOSTLY
        assert await guest.hears(MINUTES, 15) >= MOSTLY
        told = await centre.story(again, "contact.announced")
        assert told[0]["data"]["position"] == 1
        assert told[0]["data"]["expected_wait"] > 0
        async with (
            seat(centre, "1020", "persistent", tone_hz=COLLEAGUE_TONE) as stranger,
            seat(centre, "1009", "persistent", tone_hz=COLLEAGUE_TONE) as cards,
        ):
            assert "vtm" in stranger.view["groups"]
            await third.dial("4003")
            passed = await cards.next_contact()
            assert cards.client.contacts[passed]["queue"] == "credit_card"
            assert await third.hears(COLLEAGUE_TONE) >= MOSTLY
            (why,) = await centre.story(passed, "contact.overflowed")
            assert (why["data"]["from"], why["data"]["to"], why["data"]["why"]) == (
                *("vtm", "credit_card"),
                "length",
            )
            await cards.client.hang_up(passed)
            await cards.wrap_up(passed)
            await known.client.hang_up(talk)
            await known.wrap_up(talk)
            await served(known, again, guest)
            assert again not in stranger.client.contacts
            assert "contact.offered" not in stranger.names(again)
        async with centre.outside_phone(OUTSIDE) as outside:
            dialled = await known.client.dial(number=OUTSIDE, group="vtm")
            assert "4003@" in (await outside.event("CALL_ESTABLISHED", 15)).peer
            assert await outside.hears(known.phone.tone_hz) >= MOSTLY
            await known.client.hang_up(dialled["contact_id"])
            await known.wrap_up(dialled["contact_id"])

        today = datetime.now(CHINA).date()
        days = {str(day): "holiday" for day in (today, today + timedelta(days=1))}
        tag = (await operations.get(ROUTING)).headers["etag"]
        body = {"why": "a holiday", "value": days}
        answer = await operations.put(f"{ROUTING}/holidays", json=body, headers={"If-Match": tag})
        assert answer.status_code == 200, answer.text
        always = [{"weekday": day, "opens": 0, "closes": 1440} for day in range(1, 8)]
        await change(operations, "/groups/vtm", policy={"hours": always})
        await guest.dial("4003")
        assert await guest.hears(CLOSED, 15) >= MOSTLY
        await guest.event("CALL_CLOSED", 15)
        await change(operations, "/groups/vtm", policy={})
    await centre.empty()


async def put_number(operations: httpx.AsyncClient, number: str, **value: Any) -> None:
    tag = (await operations.get(ROUTING)).headers["etag"]
    body = {"why": "the test", "value": value}
    answer = await operations.put(f"{ROUTING}/numbers/{number}", json=body, headers={"If-Match": tag})
    assert (answer.status_code, answer.json().get("in_effect")) == (200, True), answer.text


async def is_refused(customer: BaresipPhone, number: str) -> None:
    await customer.dial(number)
    await customer.hears(REFUSED, 15)
    assert "404" in (await customer.event("CALL_CLOSED", 15)).detail


async def test_a_number_is_added_changed_and_removed_with_no_render(
    centre: TestCentre, operations: httpx.AsyncClient
) -> None:
    for language, hz in SPRING.items():
        sounds = centre.centre.rendered.home / "data/sounds" / language / "cti"
        write_wav(sounds / "spring.wav", sine(hz, 1.6))
    async with (
        seat(centre, "1013", "on_demand", tone_hz=COLLEAGUE_TONE) as cards,
        centre.customer("13700000005") as customer,
        centre.customer("13700000006") as stranger,
    ):
        await is_refused(stranger, "4010")
        await put_number(operations, "4010", group="general", greeting="spring", language="zh")
        await put_number(operations, "4010", group="credit_card", greeting="spring", language="en")
        await customer.dial("4010")
        await customer.hears(SPRING["en"], 15)
        contact_id = await cards.next_contact()
        view = cards.client.contacts[contact_id]
        assert (view["queue"], view["service_number"]) == ("credit_card", "4010")
        await customer.hears(COLLEAGUE_TONE)
        await cards.client.hang_up(contact_id)
        await cards.wrap_up(contact_id)

        # no server: the node knows by itself; what is wrong there is put right when one is back
        with centre.server_restart:
            centre.kill_server()
            await is_refused(stranger, "4011")
            await customer.dial("4010")
            await customer.hears(COLLEAGUE_TONE, 30)
            await customer.hang_up()
            await centre.console("database del cti/number 4010")
            await centre.console("database put cti/number 4011 general:brief:zh")
        await eventually(
            lambda: centre.console("database show cti/number"),
            lambda lines: any("4010" in line for line in lines) and not any("4011" in line for line in lines),
            "put right",
            20,
        )
        await is_refused(stranger, "4011")

        now = await eventually(
            lambda: operations.get(ROUTING), lambda answer: answer.status_code == 200, "leading", 20
        )
        removed = await operations.request(
            "DELETE",
            f"{ROUTING}/numbers/4010",
            json={"why": "spring is over"},
            headers={"If-Match": now.headers["etag"]},
        )
        assert removed.status_code == 200, removed.text
        await is_refused(stranger, "4010")
    await centre.empty()


async def test_what_is_refused_and_the_way_back(centre: TestCentre, operations: httpx.AsyncClient) -> None:
    noon = await change(operations, "/agents/1002", groups={"general": 2, "elder": 3})
    last = await change(operations, "/agents/1002", groups={})
    doubtful = {"group": "general", "greeting": "nowhere"}
    body = {"why": "a doubtful one", "value": doubtful}
    answer = await operations.put(
        f"{ROUTING}/numbers/4012", json=body, headers={"If-Match": f'"{last}"', "Accept-Language": "zh-CN"}
    )
    told = {one["where"]: one for one in answer.json()["warnings"]}
    assert told["numbers.4012.greeting"]["code"] == "sound_missing"
    assert "语音" in told["numbers.4012.greeting"]["message"]
    assert "numbers.4000.greeting" not in told  # the node has it
    last = answer.json()["version"]
    settings = (await operations.get(ROUTING)).json()["settings"]
    assert settings["agents"]["1002"]["groups"] == {}
    del settings["groups"]["general"]
    headers, body = {"If-Match": f'"{last}"'}, {"why": "by mistake", "settings": settings}
    answer = await operations.put(ROUTING, json=body, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (422, "number_without_target")
    assert (await operations.get(ROUTING)).headers["etag"] == headers["If-Match"]
    path, body = f"{ROUTING}/versions/{noon}/restore", {"why": "as it was at noon"}
    answer = await operations.post(path, json=body, headers=headers)
    assert (answer.status_code, answer.json()["in_effect"]) == (200, True), answer.text
    settings = (await operations.get(ROUTING)).json()["settings"]
    assert settings["agents"]["1002"]["groups"] == {"elder": 3, "general": 2}
    history = (await operations.get(f"{ROUTING}/versions")).json()["versions"]
    assert [one["version"] for one in history] == list(range(last + 1, 0, -1))
    assert {one["author"] for one in history} == {"4001"}
    assert history[0]["why"] == "as it was at noon"
