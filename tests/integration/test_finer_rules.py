"""Routing's finer rules and the caps of calls outside, on the real Asterisk; a centre for all of them."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest
import pytest_asyncio

from cti_server.client import CtiRequestError
from tests.support.audio import AGENT_TONE, LEADER_TONE, MOSTLY
from tests.support.campaigning import Desk, signed_in
from tests.support.centre import TestCentre, eventually
from tests.support.seats import Seat, seat
from tests.support.whole_centre import whole_centre

pytestmark = [pytest.mark.asterisk, pytest.mark.asyncio(loop_scope="module")]
FIRST = 613.0
POLICIES: dict[str, dict[str, Any]] = {
    "general": {"preference_time": 60.0},
    "elder": {"strategy": "most_skilled"},
    "vtm": {"announce_every": 3.0},
}
ONCE = {"outside_agent_calls_per_hour": 1, "outside_calls_per_minute": 1}
VIP, ELDER, NUMBER = "13900000001", "13900000002", "13900000009"
ROUTING = "/api/v1/admin/routing"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def centre(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[TestCentre]:
    folder, tones = tmp_path_factory.mktemp("centre"), {"number_1": FIRST}
    async with whole_centre(folder, policies=POLICIES, tones=tones, settings=ONCE) as running:
        yield running


async def test_the_most_skilled_first_then_who_is_left(centre: TestCentre) -> None:
    """1005 is idle longer, 1017 better; then its level is lowered while it talks."""
    async with (
        signed_in(centre, "4001") as desk,
        seat(centre, "1005", "persistent", tone_hz=LEADER_TONE) as longest,
        seat(centre, "1017", "persistent") as best,
        centre.customer() as first,
        centre.customer("13700000002") as second,
    ):
        await _change(desk, "/agents/1017", groups={"elder": 9, "vtm": 5})
        await first.dial("4002")
        contact_id = await best.next_contact()
        assert await first.hears(AGENT_TONE) >= MOSTLY
        await second.dial("4002")
        other = await longest.next_contact()
        assert await second.hears(LEADER_TONE) >= MOSTLY
        await _change(desk, "/agents/1017", groups={"elder": 1, "vtm": 5})
        for it, contact in ((best, contact_id), (longest, other)):  # the better one is idle longer now
            await it.client.hang_up(contact)
            await it.wrap_up(contact)
            await it.in_state("ready")
        await first.dial("4002")
        contact_id = await longest.next_contact()
        await longest.client.hang_up(contact_id)
        await longest.wrap_up(contact_id)
        assert best.names().count("contact.offered") == 1
    await centre.empty()


async def test_a_customer_waits_for_the_dedicated_agent(centre: TestCentre) -> None:
    """Who is busy and no other, though another is ready; whoever else calls does not wait."""
    async with (
        seat(centre, "1002", "persistent", tone_hz=LEADER_TONE) as other,
        seat(centre, "1001", "persistent") as own,
        centre.customer() as stranger,
        centre.customer(VIP) as customer,
    ):
        await customer.dial("4000")
        contact_id = await own.next_contact()  # the other one is idle longer
        await own.client.hang_up(contact_id)
        await customer.event("CALL_CLOSED", 15)
        await customer.dial("4000")
        waiting = await eventually(
            lambda: centre.rows("contacts", customer_number=VIP, state="queued"),
            lambda rows: len(rows) == 1,
            "waits for its agent, who does after-call work",
        )
        await stranger.dial("4000")
        strangers = await other.next_contact()
        assert await stranger.hears(LEADER_TONE) >= MOSTLY
        await customer.hears_music()
        await other.client.hang_up(strangers)
        await other.wrap_up(strangers)
        await other.in_state("ready")
        await customer.hears_music()  # the other one is ready, and it waits on
        await own.wrap_up(contact_id)
        again = await own.next_contact()
        assert again == waiting[0]["contact_id"]
        assert await customer.hears(AGENT_TONE) >= MOSTLY
        assert other.names().count("contact.offered") == 1
        await own.client.hang_up(again)
        await own.wrap_up(again)
    await centre.empty()


async def test_who_has_waited_long_is_not_overtaken_for_ever(centre: TestCentre) -> None:
    """A step of priority is worth a second of waiting now: those who came three seconds later come later."""
    async with AsyncExitStack() as stack:
        desk = await stack.enter_async_context(signed_in(centre, "4001"))
        callers = [await stack.enter_async_context(centre.customer(n)) for n in ("13800138000", ELDER, VIP)]
        await callers[0].dial("4003")
        assert await callers[0].hears(FIRST, deadline=20) >= MOSTLY  # told so after three seconds
        for count, caller in enumerate(callers[1:], 2):
            await caller.dial("4003")
            await _queued(centre, "4003", count)
        await _change(desk, "/priorities", elder=2, vip=1, ageing=1.0)
        async with seat(centre, "1019", "persistent") as agent:
            served = []
            for _ in callers:
                contact_id = await agent.next_contact()
                served.append(agent.client.contacts[contact_id]["customer"]["number"][-4:])
                await agent.client.hang_up(contact_id)
                await agent.wrap_up(contact_id)
            assert served == ["8000", "0002", "0001"]
    await centre.empty()


async def test_the_caps_of_calls_outside(centre: TestCentre) -> None:
    """One an hour for each agent, one a minute for all: what is beyond is refused and changes nothing."""
    async with (
        seat(centre, "1001", "persistent", state="not_ready") as first,
        seat(centre, "1002", "persistent", tone_hz=LEADER_TONE) as second,
        centre.outside_phone(NUMBER) as outside,
        centre.customer() as customer,
    ):
        await customer.dial("4000")
        theirs = await second.next_contact()
        view = await first.client.dial(number=NUMBER)
        await first.told("contact.connected", view["contact_id"])
        assert await outside.hears(AGENT_TONE) >= MOSTLY
        for way in (second.client.consult, second.client.transfer):
            await _refused(second, "centre_cap_reached", way(theirs, number=NUMBER))
        assert await customer.hears(LEADER_TONE) >= MOSTLY, "nothing was changed"
        await first.client.hang_up(view["contact_id"])
        await first.wrap_up(view["contact_id"])
        channels = await centre.channels()
        await _refused(first, "agent_cap_reached", first.client.dial(number=NUMBER))
        assert first.view["state"] == "not_ready"
        assert len(await centre.channels()) == len(channels)
        await second.client.hang_up(theirs)
        await second.wrap_up(theirs)
    await centre.logged(view["contact_id"], state="ended", direction="outbound")
    assert len(await centre.rows("contacts", direction="outbound")) == 1, "who was refused dialled nobody"
    await centre.empty()


async def _refused(it: Seat, code: str, command: Any) -> None:
    before = dict(it.client.contacts)
    with pytest.raises(CtiRequestError) as refused:
        await command
    assert refused.value.code == code
    assert it.client.contacts == before


async def _change(desk: Desk, part: str, **value: Any) -> None:
    now = await desk.http.get(ROUTING)
    body, headers = {"why": "the test", "value": value}, {"If-Match": now.headers["etag"]}
    answer = await desk.http.put(ROUTING + part, json=body, headers=headers)
    assert answer.status_code == 200, answer.text
    assert answer.json()["in_effect"]


async def _queued(centre: TestCentre, number: str, count: int) -> None:
    await eventually(
        lambda: centre.rows("contact_events", kind="contact.queued"),
        lambda rows: len([row for row in rows if row["data"]["number"] == number]) == count,
        "queued",
    )
