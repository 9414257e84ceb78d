"""What callers hear while they wait or come too late, on the real Asterisk."""

from contextlib import AsyncExitStack
from typing import Any

import httpx

from tests.support.audio import MOSTLY
from tests.support.centre import Row, TestCentre, eventually
from tests.support.seats import seat
from tests.support.whole_centre import SHARED, shared_centre

pytestmark = SHARED
CLOSED, FIRST, SECOND = 2411.0, 613.0, 797.0
POLICIES: dict[str, dict[str, Any]] = {
    "general": {"announce_every": 3.0, "overflow_to": "elder", "overflow_after": 12.0},
    "credit_card": {"hours": [{"weekday": 1, "opens": 0, "closes": 0}]},
}
TONES = {"closed": CLOSED, "number_1": FIRST, "number_2": SECOND}
centre = shared_centre(policies=POLICIES, tones=TONES)


async def test_outside_business_hours_the_caller_is_told_so(centre: TestCentre) -> None:
    async with centre.customer() as customer:
        await customer.dial("4001")
        assert await customer.hears(CLOSED) >= MOSTLY
        await customer.event("CALL_CLOSED", deadline=15)
    rows = await eventually(
        lambda: centre.rows("contacts", service_number="4001"),
        lambda found: bool(found) and found[-1]["state"] == "ended",
        "logged",
    )
    assert rows[-1]["end_reason"] == "closed"
    assert rows[-1]["queued_at"] is None
    await centre.empty()


async def figures(centre: TestCentre, person: str, by: str) -> dict[str, Row]:
    """Today's report by key."""
    credentials = {"agent_id": person, "password": centre.person(person)["password"]}
    async with httpx.AsyncClient(base_url=centre.http, timeout=10) as client:
        token = (await client.post("/api/v1/auth/token", json=credentials)).json()["access_token"]
        headers = {"Authorization": f"Bearer {token}"}
        answer = await client.get(f"/api/v1/reports/{by}", headers=headers)
    return {row["key"]: row["values"] for row in answer.raise_for_status().json()["rows"]}


async def _waiting(centre: TestCentre, number: str, count: int) -> None:
    """Return once so many have queued by that number."""

    def there(rows: list[Row]) -> bool:
        return len([row for row in rows if row["data"]["number"] == number]) == count

    await eventually(lambda: centre.rows("contact_events", kind="contact.queued"), there, "queued")


async def test_the_elderly_first_then_a_vip_and_the_report_counts_them(centre: TestCentre) -> None:
    """Three wait for the video tellers' group, which nobody else of these tests uses."""
    numbers = ("13800138000", "13900000001", "13900000002")
    async with AsyncExitStack() as stack:
        callers = [await stack.enter_async_context(centre.customer(number)) for number in numbers]
        for count, caller in enumerate(callers, start=1):
            await caller.dial("4003")
            await _waiting(centre, "4003", count)
        async with seat(centre, "1019", "persistent") as agent:
            served = []
            for _ in numbers:
                contact_id = await agent.offered()
                view = await agent.accept(contact_id)
                served.append(view["customer"]["number"])
                await agent.client.hang_up(contact_id)
                await agent.wrap_up(contact_id)
            assert served == ["139****0002", "139****0001", "138****8000"]
            of_queue = (await figures(centre, "4001", "queue"))["vtm"]
            assert (of_queue["asked"], of_queue["answered"], of_queue["connect_rate"]) == (3, 3, 1)
            assert of_queue["handle_time"] > 0
            own = await figures(centre, "1019", "agent")
            assert list(own) == ["1019"]
            assert own["1019"]["contacts"] == 3
    await centre.empty()


async def test_position_told_between_the_music_then_overflow_to_whoever_is_there(centre: TestCentre) -> None:
    async with centre.customer() as first, centre.customer("13700000002") as second:
        await first.dial("4000")
        assert await first.hears(FIRST, deadline=15) >= MOSTLY
        await second.dial("4000")
        assert await second.hears(SECOND, deadline=15) >= MOSTLY
        await first.hears_music()
        async with seat(centre, "1017", "persistent") as agent:  # of the group it overflows to
            contact_id = await agent.offered()
            await agent.accept(contact_id)
            assert await first.hears(agent.phone.tone_hz) >= MOSTLY
            assert await second.hears(FIRST, deadline=20) >= MOSTLY, "moved up"
            await agent.client.hang_up(contact_id)
            await agent.wrap_up(contact_id)
            await agent.accept(await agent.offered())
            assert await second.hears(agent.phone.tone_hz) >= MOSTLY
    story = await centre.story(contact_id, "contact.overflowed")
    assert [entry["data"]["to"] for entry in story] == ["elder"]
    await centre.empty()
