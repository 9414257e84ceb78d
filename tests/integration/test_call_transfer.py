"""Blind transfer on real phones, with who hears whom measured: to a group, an agent, a number outside."""

import pytest

from cti_server.client import CtiRequestError
from tests.support.audio import AGENT_TONE, COLLEAGUE_TONE, MOSTLY, RECORDED, read_wav, tone_share
from tests.support.centre import TestCentre, eventually
from tests.support.seats import SHARED_IN_EACH_MODE, Mode, seat
from tests.support.whole_centre import shared_centre

pytestmark = SHARED_IN_EACH_MODE
OUTSIDE = "13900000001"
centre = shared_centre(figures=True)


async def test_to_a_group(centre: TestCentre, mode: Mode) -> None:
    async with (
        seat(centre, "1001", mode) as first,
        seat(centre, "1009", mode, tone_hz=COLLEAGUE_TONE) as second,
        centre.customer() as customer,
    ):
        await customer.dial("4000")
        contact_id = await first.next_contact()
        await first.client.set_data(contact_id, card="credit")
        await customer.hears(AGENT_TONE)
        view = await first.client.transfer(contact_id, group="credit_card")
        assert (view["state"], view["allowed_actions"]) == ("wrap_up", ["contact.wrap_up"])
        assert await second.offered() == contact_id
        if mode == "persistent":  # else the second phone answers by itself
            await customer.hears_music()
        await first.phone.stops_hearing(customer.tone_hz)
        taken = await second.accept(contact_id)
        assert (taken["queue"], taken["data"]) == ("credit_card", {"card": "credit"})
        assert await customer.hears(COLLEAGUE_TONE) >= MOSTLY
        assert await second.phone.hears(customer.tone_hz) >= MOSTLY
        await first.phone.does_not_hear(customer.tone_hz, 0.8)
        await first.wrap_up(contact_id)
        await first.in_state("ready")
        await second.client.hang_up(contact_id)
        await second.wrap_up(contact_id)
        row = await centre.logged(contact_id, state="ended")
        assert (row["agent_id"], row["group_id"], row["data"]) == ("1009", "credit_card", {"card": "credit"})
        await _recorded_to_the_end(centre, contact_id)
    await centre.empty()


async def _recorded_to_the_end(centre: TestCentre, contact_id: str) -> None:
    """One file with the first agent at its beginning and the second party at its end."""
    rows = await eventually(
        lambda: centre.rows("recordings", contact_id=contact_id), lambda found: len(found) == 1, "recorded"
    )
    right = read_wav(centre.centre.plan.var / "recordings" / rows[0]["path"], 1)
    start, end = right.samples[right.rate // 20 : right.rate // 4], right.samples[-right.rate // 2 :]
    assert tone_share(start, right.rate, AGENT_TONE) > RECORDED
    assert tone_share(end, right.rate, COLLEAGUE_TONE) > RECORDED


async def test_to_an_agent_from_hold(centre: TestCentre, mode: Mode) -> None:
    async with (
        seat(centre, "1001", mode) as first,
        seat(centre, "1002", mode, tone_hz=COLLEAGUE_TONE, state="not_ready") as second,
        centre.customer() as customer,
    ):
        await customer.dial("4000")
        contact_id = await first.next_contact()
        await first.client.hold(contact_id)
        with pytest.raises(CtiRequestError) as refused:
            await first.client.transfer(contact_id, agent_id="1002")
        assert refused.value.code == "agent_not_available"
        await second.client.ready()
        await first.client.transfer(contact_id, agent_id="1002")
        assert await second.offered() == contact_id
        await second.accept(contact_id)
        assert await customer.hears(COLLEAGUE_TONE) >= MOSTLY
        await customer.hang_up()
        await second.told("contact.ended", contact_id)
        await first.wrap_up(contact_id)
        await second.wrap_up(contact_id)
    await centre.empty()


@pytest.mark.parametrize("ends", ["customer", "outside"])
async def test_to_a_number_outside(centre: TestCentre, mode: Mode, ends: str) -> None:
    async with (
        seat(centre, "1001", mode) as agent,
        centre.outside_phone(OUTSIDE) as outside,
        centre.customer() as customer,
    ):
        await customer.dial("4000")
        contact_id = await agent.next_contact()
        await customer.hears(AGENT_TONE)
        assert (await agent.client.transfer(contact_id, number=OUTSIDE))["state"] == "wrap_up"
        assert "4000@" in (await outside.event("CALL_ESTABLISHED")).peer
        assert await customer.hears(COLLEAGUE_TONE) >= MOSTLY
        assert await outside.hears(customer.tone_hz) >= MOSTLY
        await agent.phone.does_not_hear(customer.tone_hz, 0.8)
        await (customer if ends == "customer" else outside).hang_up()
        await (outside if ends == "customer" else customer).event("CALL_CLOSED")
        await agent.wrap_up(contact_id)
        await centre.logged(contact_id, state="ended", end_reason="transferred_outside")
        await _recorded_to_the_end(centre, contact_id)
        await agent.in_state("ready")
    await centre.empty()


async def test_a_number_that_is_not_reached_gives_the_customer_back(centre: TestCentre, mode: Mode) -> None:
    async with (
        seat(centre, "1001", mode) as agent,
        centre.outside_phone(OUTSIDE, answermode="manual") as outside,
        centre.customer() as customer,
    ):
        for refuses in (True, False):  # busy; not answered for the ring time
            await customer.dial("4000")
            contact_id = await agent.next_contact()
            await agent.client.transfer(contact_id, number=OUTSIDE)
            await outside.event("CALL_INCOMING")
            if refuses:
                await outside.hang_up()
            await agent.wrap_up(contact_id, "ready")
            assert await agent.offered(20) == contact_id
            await agent.accept(contact_id)
            assert await customer.hears(AGENT_TONE) >= MOSTLY
            await customer.hang_up()
            await agent.told("contact.ended", contact_id)
            await agent.wrap_up(contact_id)
    await centre.empty()


async def test_numbers_that_may_not_be_called(centre: TestCentre, mode: Mode) -> None:
    async with seat(centre, "1001", mode) as agent, centre.customer() as customer:
        await customer.dial("4000")
        contact_id = await agent.next_contact()
        for number, code in (("110", "number_not_allowed"), ("1390000000a", "invalid_params")):
            with pytest.raises(CtiRequestError) as refused:
                await agent.client.transfer(contact_id, number=number)
            assert refused.value.code == code
        with pytest.raises(CtiRequestError) as refused:
            await agent.client.request("contact.transfer", contact_id=contact_id, to={})
        assert refused.value.code == "invalid_params"
        await customer.hears(AGENT_TONE)
