"""Campaigns on the real Asterisk: people, machines and nobody behind the numbers, agents on real phones."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest_asyncio

from tests.support.campaigning import NEW, Desk, outside_port, signed_in
from tests.support.carrier import GREETING, HELLO, Callee, Carrier, carrier, spoken
from tests.support.centre import TestCentre, eventually
from tests.support.seats import Seat, seat
from tests.support.whole_centre import SHARED, shared_centre

ROWS = "number,name\n13900000201,a\n13900000202,b\nnobody,c\n"
MORE = "13900000203,d\n"
pytestmark = SHARED
centre = shared_centre()


@pytest_asyncio.fixture(loop_scope="module")
async def desk(centre: TestCentre) -> AsyncIterator[Desk]:
    async with signed_in(centre, "4001") as operations:
        yield operations


def behind(number: str) -> Callee:
    """By the last digits: 0xx people, 9xx machines, else the SIP status."""
    kind = number[-3:]
    if kind.startswith("0"):
        return Callee(speech=spoken(HELLO[0]))
    if kind.startswith("9"):
        return Callee(speech=spoken(GREETING[0]))
    return Callee(int(kind))


async def test_people_reach_agents_and_nobody_else_does(centre: TestCentre, desk: Desk) -> None:
    """One agent, six numbers, one of them forbidden after the import: each outcome is what it should be."""
    numbers = ["13900000001", "13900000901", "13900000486", "13900000404", "13900000180", "13900000002"]
    async with (
        seat(centre, "1001", "persistent") as agent,
        carrier(outside_port(centre), behind) as people,
    ):
        campaign_id = str((await desk.post("campaigns", json=NEW))["campaign_id"])
        rows = "number,name,card\n" + "".join(f"{number},张伟,gold\n" for number in numbers)
        await desk.post(
            f"campaigns/{campaign_id}/imports", content=rows.encode(), headers={"Content-Type": "text/csv"}
        )
        await desk.post("do-not-call", json={"number": numbers[-1], "reason": "asked"})
        await desk.post(f"campaigns/{campaign_id}/start")
        contact = (await agent.told("contact.connected", deadline=30)).contact
        contact_id = contact["contact_id"]
        assert (contact["direction"], contact["data"]["card"]) == ("outbound", "gold")
        assert contact["data"]["campaign"]["campaign_id"] == campaign_id
        assert contact["customer"]["number"] == "139****0001"
        await eventually(
            lambda: _heard(people, numbers[0]), lambda frames: frames > 50, "the agent's tone heard", 15
        )
        await agent.client.hang_up(contact_id)
        await agent.told("contact.ended", contact_id)
        await agent.client.wrap_up(
            contact_id, "later", "calls again", call_back_at="2030-01-01T10:00:00+08:00"
        )
        expected = {"answered": 1, "machine": 1, "busy": 1, "invalid": 1, "no_answer": 1}
        await desk.outcomes(campaign_id, expected)
        await eventually(
            lambda: desk.view(campaign_id),
            lambda view: view["closed"] == {"do_not_call": 1, "invalid": 1},
            "the forbidden one closed",
        )
        assert dict(people.called) == dict.fromkeys(numbers[:-1], 1)
        rows_of = await centre.rows("campaign_records", number=numbers[0])
        assert rows_of[0]["call_back"] is True
        assert rows_of[0]["due_at"].year in (2029, 2030)
        await desk.post(f"campaigns/{campaign_id}/stop")
        row = await centre.logged(contact_id, state="ended", disposition="later")
        assert row["direction"] == "outbound"
        await eventually(
            lambda: centre.rows("recordings", contact_id=contact_id),
            lambda found: len(found) == 1,
            "recorded",
        )
        log = centre.centre.server.log.read_text(errors="replace")
        assert not any(number in log for number in numbers)
    await centre.empty()


async def _heard(people: Carrier, number: str) -> int:
    return people.heard.get(number, 0)


async def test_an_agent_looks_first_and_calls(centre: TestCentre, desk: Desk) -> None:
    numbers = ["13900000003", "13900000004"]
    async with (
        seat(centre, "1001", "persistent") as agent,
        carrier(outside_port(centre), behind) as people,
        signed_in(centre, "1001") as own,
    ):
        campaign_id = await desk.campaign(numbers, mode="preview")
        path = f"campaigns/{campaign_id}/preview"
        first = await own.post(f"{path}/next")
        await own.http.post(f"/api/v1/{path}/{first['record_id']}/skip")
        second = await own.post(f"{path}/next")
        assert (first["number"], second["number"]) == ("139****0003", "139****0004")
        dialled = await own.post(f"{path}/{second['record_id']}/dial", json={"request_id": "dial-1"})
        await agent.told("contact.connected", dialled["contact_id"], 30)
        await agent.client.hang_up(dialled["contact_id"])
        await agent.told("contact.ended", dialled["contact_id"])
        await agent.client.wrap_up(dialled["contact_id"], "never")
        await desk.outcomes(campaign_id, {"answered": 1})
        assert dict(people.called) == {numbers[1]: 1}
        check = await desk.post("do-not-call/checks", json={"number": numbers[1]})
        assert check["listed"] is True
    await centre.empty()


async def test_a_machine_is_left_a_message(centre: TestCentre, desk: Desk) -> None:
    """Once it has said what it says."""
    number = "13900000902"

    def machine(_number: str) -> Callee:
        return Callee(speech=spoken(GREETING[1]))

    async with seat(centre, "1001", "persistent"), carrier(outside_port(centre), machine) as people:
        campaign_id = await desk.campaign([number], machine_message="welcome")
        await desk.outcomes(campaign_id, {"machine": 1}, 90)
        assert await _heard(people, number) > 50
        assert number in people.ended
        await desk.post(f"campaigns/{campaign_id}/stop")
    await centre.empty()


async def test_nobody_is_free(centre: TestCentre, desk: Desk) -> None:
    """The only agent leaves while it rings: the person is told so, and counted."""
    number = "13900000103"

    def slow(_number: str) -> Callee:
        return Callee(speech=spoken(HELLO[1]), rings=2.0)

    async with seat(centre, "1001", "persistent") as agent, carrier(outside_port(centre), slow) as people:
        campaign_id = await desk.campaign([number])
        await eventually(lambda: _called(people, number), lambda count: count == 1, "called", 20)
        await agent.client.set_state("not_ready", "lunch")
        await desk.outcomes(campaign_id, {"abandoned": 1})
        await eventually(lambda: _heard(people, number), lambda frames: frames > 50, "an apology", 15)
        await eventually(lambda: _ended(people), lambda ended: number in ended, "let go", 30)
        await desk.post(f"campaigns/{campaign_id}/stop")
    await centre.empty()


async def _called(people: Carrier, number: str) -> int:
    return people.called[number]


async def _ended(people: Carrier) -> set[str]:
    return people.ended


async def test_a_killed_server_calls_nobody_twice(centre: TestCentre, desk: Desk) -> None:
    """And the list it was reading is known to be half read, what came of it is there."""
    numbers = [f"139000001{n:02}" for n in range(10, 13)]

    def slow(_number: str) -> Callee:
        return Callee(speech=spoken(HELLO[2]), rings=12.0)

    async with (
        seat(centre, "1001", "persistent") as first,
        seat(centre, "1002", "persistent") as second,
        carrier(outside_port(centre), slow) as people,
    ):
        campaign_id = await desk.campaign(numbers, ring_time=30)
        await eventually(lambda: _all_calls(people), lambda count: count == 2, "called", 20)
        half_read = await desk.half_import(ROWS)
        centre.kill_server()
        await asyncio.gather(*(_work(agent) for agent in (first, second)))
        await second.client.set_state("not_ready", "lunch")
        await _work(first)
        await desk.outcomes(campaign_id, {"answered": 3}, 90)
        assert dict(people.called) == dict.fromkeys(numbers, 1)
        await _given_up(desk, half_read)
        await desk.post(f"campaigns/{campaign_id}/stop")
    await centre.empty()


async def _given_up(desk: Desk, campaign_id: str) -> None:
    path = f"campaigns/{campaign_id}/imports"
    (dead,) = await eventually(
        lambda: desk.imports(campaign_id), lambda found: found[0]["state"] == "failed", "given up", 60
    )
    assert (dead["rows"], dead["accepted"], dead["refused"]) == (3, 2, {"not_a_number": 1})
    assert dead["ended_at"]
    report = (await desk.http.get(f"/api/v1/{path}/{dead['import_id']}/refused.csv")).text
    assert "nobody" in report
    again = await desk.post(path, content=(ROWS + MORE).encode(), headers={"Content-Type": "text/csv"})
    assert (again["accepted"], again["refused"]) == (1, {"duplicate": 2, "not_a_number": 1})


async def _work(agent: Seat) -> None:
    """One contact from its connection to its result."""
    contact_id = (await agent.told("contact.connected", deadline=60)).contact["contact_id"]
    await agent.client.hang_up(contact_id)
    await agent.told("contact.ended", contact_id)
    await agent.client.wrap_up(contact_id, "done", "")


async def _all_calls(people: Carrier) -> int:
    return people.called.total()
