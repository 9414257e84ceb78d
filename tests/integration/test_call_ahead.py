"""A phone that the dialplan rings ahead, on the server's guess: taken, passed on, given up; servers die."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest_asyncio

from tests.support.audio import COLLEAGUE_TONE
from tests.support.centre import TestCentre, eventually
from tests.support.phones import BaresipPhone
from tests.support.seats import Seat, crew, seat, work_off
from tests.support.story import cel_calls
from tests.support.whole_centre import SHARED, shared_centre

pytestmark = SHARED
NUMBER = "4000"
GUESS = f"CTI_AHEAD_{NUMBER}"
centre = shared_centre(
    ring_timeout=4, greeted=False, figures=True, policies={"general": {"ring_ahead": True}}
)


@pytest_asyncio.fixture(loop_scope="module")
async def customer(centre: TestCentre) -> AsyncIterator[BaresipPhone]:
    async with centre.customer() as phone:
        yield phone


async def guessed(centre: TestCentre, address: str) -> None:
    """The node was told to ring this station for the next call; empty: none."""

    async def look() -> str:
        found = [line for line in await centre.console("dialplan show globals") if GUESS in line]
        return found[0].split("=", 1)[1].split(":")[0] if found else ""

    await eventually(look, lambda now: now == address, f"{GUESS} is {address}", 20)


def rung(centre: TestCentre, address: str) -> list[str]:
    """The legs to a station so far: `ahead` by the dialplan, else by the server."""
    made = [row for row in centre.cel() if row["eventtype"] == "CHAN_START"]
    legs = [row["uniqueid"] for row in made if row["channame"].startswith(f"PJSIP/{address}-")]
    return ["server" if leg.startswith("station-") else "ahead" for leg in legs]


async def began(centre: TestCentre, address: str, legs: list[str]) -> None:
    """So many legs were begun to that station, in these ways; CEL is written a moment later."""

    async def look() -> list[str]:
        return rung(centre, address)[-len(legs) :]

    await eventually(look, lambda now: now == legs, f"{address} was rung {legs}")


async def hear_each_other(customer: BaresipPhone, agent: Seat) -> None:
    await customer.hears(agent.phone.tone_hz)
    await agent.phone.hears(customer.tone_hz)


async def test_taken_held_and_recorded(centre: TestCentre, customer: BaresipPhone) -> None:
    async with seat(centre, "1001", answermode="manual") as agent:
        await guessed(centre, "1001")
        await customer.dial(NUMBER)
        contact_id = await agent.offered()
        await agent.phone.event("CALL_INCOMING")
        await guessed(centre, "")
        accepting = asyncio.create_task(agent.client.accept(contact_id))
        await agent.phone.accept()
        assert (await accepting)["state"] == "active"
        await hear_each_other(customer, agent)
        await agent.client.hold(contact_id)
        await customer.hears_music()
        await agent.client.retrieve(contact_id)
        await hear_each_other(customer, agent)
        await agent.client.hang_up(contact_id)
        await agent.wrap_up(contact_id)
        await began(centre, "1001", ["ahead"])
        assert agent.phone.happened("CALL_INCOMING") == 1
        assert agent.names(contact_id).count("recording.started") == 1
        [recording] = await eventually(
            lambda: centre.rows("recordings", contact_id=contact_id), bool, "recorded", 20
        )
        assert recording["contact_id"] == contact_id
    await centre.empty()


async def test_picked_up_at_once_and_one_after_the_other(centre: TestCentre, customer: BaresipPhone) -> None:
    async with seat(centre, "1001") as agent:
        for _ in range(3):
            await guessed(centre, "1001")
            await customer.dial(NUMBER)
            contact_id = (await agent.told("contact.connected")).contact["contact_id"]
            await hear_each_other(customer, agent)
            await agent.client.hang_up(contact_id)
            await agent.wrap_up(contact_id, "ready")
        await began(centre, "1001", ["ahead"] * 3)
    await centre.empty()


async def test_not_taken_it_goes_on_to_the_next(centre: TestCentre, customer: BaresipPhone) -> None:
    """Rejected by the first, not picked up by the second, whose phone is rung by the server."""
    async with (
        seat(centre, "1001", answermode="manual") as first,
        seat(centre, "1002", answermode="manual", tone_hz=COLLEAGUE_TONE) as second,
    ):
        await guessed(centre, "1001")
        await customer.dial(NUMBER)
        contact_id = await first.offered()
        await first.phone.event("CALL_INCOMING")
        await first.client.reject(contact_id)
        assert await second.offered() == contact_id
        await first.phone.event("CALL_CLOSED")
        await second.in_state("not_ready", "no_answer")
        await customer.hears_music()
        await first.client.ready()
        assert await first.offered() == contact_id
        await first.phone.event("CALL_INCOMING")
        await first.phone.accept()
        await first.told("contact.connected", contact_id)
        await hear_each_other(customer, first)
        await began(centre, "1001", ["ahead", "server"])
        await began(centre, "1002", ["server"])
    await centre.empty()


async def test_callers_who_give_up_leave_no_phone_ringing(centre: TestCentre, customer: BaresipPhone) -> None:
    async with seat(centre, "1001", answermode="manual") as agent:
        await guessed(centre, "1001")
        await customer.dial(NUMBER)
        contact_id = await agent.offered()
        await agent.phone.event("CALL_INCOMING")
        await customer.hang_up()
        await agent.phone.event("CALL_CLOSED")
        await agent.in_state("ready")
        await guessed(centre, "1001")
    await centre.empty()
    await centre.logged(contact_id, state="ended", end_reason="abandoned")
    assert not await centre.rows("recordings", contact_id=contact_id)


async def test_many_at_once(centre: TestCentre) -> None:
    """More callers than agents; whoever is rung ahead, each is served once."""
    known = set(cel_calls(centre))
    async with AsyncExitStack() as stack:
        phones = [await stack.enter_async_context(centre.customer(f"1380000000{n}")) for n in range(4)]
        async with crew(centre, ["1001", "1002"], "on_demand") as seats:
            await asyncio.gather(*(phone.dial(NUMBER) for phone in phones))
            served = await work_off(seats, len(phones))
    assert len(set(served)) == len(phones)
    await centre.empty()
    assert set(served) == set(cel_calls(centre)) - known


async def test_the_server_dies_while_it_rings(centre: TestCentre, customer: BaresipPhone) -> None:
    """Picked up while nobody leads, or as soon as somebody does: they talk either way."""
    for waits in (False, True):
        async with seat(centre, "1001", answermode="manual") as agent:
            await guessed(centre, "1001")
            await customer.dial(NUMBER)
            contact_id = await agent.offered()
            await agent.phone.event("CALL_INCOMING")
            centre.kill_server()
            if waits:
                resumed = agent.client.ledger.resumes + len(agent.client.ledger.snapshots)
                await _back(agent, resumed)
            await agent.phone.accept()
            await agent.told("contact.connected", contact_id, 30)
            await hear_each_other(customer, agent)
            await agent.client.hang_up(contact_id)
            await agent.wrap_up(contact_id)
            await began(centre, "1001", ["ahead"])
        await centre.empty()


async def _back(agent: Seat, resumed: int) -> None:
    async def look() -> int:
        return agent.client.ledger.resumes + len(agent.client.ledger.snapshots)

    await eventually(look, lambda now: now > resumed, f"{agent.agent_id} back", 20)
