"""What callers hear while they wait or come too late, on the real Asterisk."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from tests.support.audio import MOSTLY
from tests.support.centre import TestCentre, eventually, whole_centre
from tests.support.seats import seat

pytestmark = [pytest.mark.asterisk, pytest.mark.asyncio(loop_scope="module")]
CLOSED, FIRST, SECOND = 2411.0, 613.0, 797.0
POLICIES: dict[str, dict[str, Any]] = {
    "general": {"announce_every": 3.0, "overflow_to": "elder", "overflow_after": 12.0},
    "credit_card": {"hours": [{"weekday": 1, "opens": 0, "closes": 0}]},
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def centre(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[TestCentre]:
    tones = {"closed": CLOSED, "number_1": FIRST, "number_2": SECOND}
    async with whole_centre(tmp_path_factory.mktemp("centre"), policies=POLICIES, tones=tones) as running:
        yield running


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


async def test_position_told_between_the_music_then_overflow_to_whoever_is_there(centre: TestCentre) -> None:
    async with centre.customer() as first, centre.customer("13900000002") as second:
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
    story = await centre.rows("contact_events", contact_id=contact_id, kind="contact.overflowed")
    assert [entry["data"]["to"] for entry in story] == ["elder"]
    await centre.empty()
