"""A phone passes its customer on by itself (REFER): followed as `contact.transfer` is, or refused."""

from tests.support.audio import AGENT_TONE, COLLEAGUE_TONE, LEADER_TONE, MOSTLY
from tests.support.centre import TestCentre
from tests.support.seats import SHARED_IN_EACH_MODE, Mode, seat
from tests.support.whole_centre import shared_centre

pytestmark = SHARED_IN_EACH_MODE
OUTSIDE = "13900000001"
centre = shared_centre(figures=True)


async def test_to_a_group_by_its_number(centre: TestCentre, mode: Mode) -> None:
    async with (
        seat(centre, "1001", mode) as first,
        seat(centre, "1009", mode, tone_hz=COLLEAGUE_TONE) as second,
        centre.customer() as customer,
    ):
        await customer.dial("4000")
        contact_id = await first.next_contact()
        await first.client.set_data(contact_id, card="credit")
        await customer.hears(AGENT_TONE)
        await first.phone.transfer("4001")
        view = (await first.told("contact.transferred", contact_id)).contact
        assert (view["state"], view["allowed_actions"]) == ("wrap_up", ["contact.wrap_up"])
        assert await second.offered() == contact_id
        await first.phone.event("CALL_CLOSED")
        taken = await second.accept(contact_id)
        assert (taken["queue"], taken["data"]) == ("credit_card", {"card": "credit"})
        assert await customer.hears(COLLEAGUE_TONE) >= MOSTLY
        assert await second.phone.hears(customer.tone_hz) >= MOSTLY
        await first.wrap_up(contact_id)
        await second.client.hang_up(contact_id)
        await second.wrap_up(contact_id)
        row = await centre.logged(contact_id, state="ended")
        assert (row["agent_id"], row["group_id"], row["data"]) == ("1009", "credit_card", {"card": "credit"})
        story = await centre.story(contact_id, "contact.transferred")
        assert [(entry["data"]["agent_id"], entry["data"]["to"]) for entry in story] == [
            ("1001", {"group": "credit_card"})
        ]
    await centre.empty()


async def test_held_to_a_colleague_then_outside(centre: TestCentre, mode: Mode) -> None:
    async with (
        seat(centre, "1001", mode) as first,
        seat(centre, "1002", mode, tone_hz=LEADER_TONE) as second,
        centre.outside_phone(OUTSIDE) as outside,
        centre.customer() as customer,
    ):
        await customer.dial("4000")
        contact_id = await first.next_contact()
        await customer.hears(AGENT_TONE)
        await first.phone.hold()
        await first.told("contact.held", contact_id)
        await customer.hears_music()
        await first.phone.transfer("1002")
        await first.told("contact.transferred", contact_id)
        assert await second.offered() == contact_id
        await second.accept(contact_id)
        assert await customer.hears(LEADER_TONE) >= MOSTLY
        await second.phone.transfer(OUTSIDE)
        await second.told("contact.transferred", contact_id)
        assert "4000@" in (await outside.event("CALL_ESTABLISHED")).peer
        assert await customer.hears(COLLEAGUE_TONE) >= MOSTLY
        assert await outside.hears(customer.tone_hz) >= MOSTLY
        await outside.hang_up()
        await customer.event("CALL_CLOSED")
        await first.wrap_up(contact_id)
        await second.wrap_up(contact_id)
        await centre.logged(contact_id, state="ended", end_reason="transferred_outside")
    await centre.empty()


async def test_refused_by_a_phone_that_hangs_up_for_it(centre: TestCentre, mode: Mode) -> None:
    """As baresip does. The customer is not cut off, but first in the queue."""
    async with (
        seat(centre, "1001", mode) as first,
        seat(centre, "1002", mode, tone_hz=LEADER_TONE, state="not_ready") as second,
        centre.customer() as customer,
    ):
        await customer.dial("4000")
        contact_id = await first.next_contact()
        await customer.hears(AGENT_TONE)
        await first.phone.transfer("110")
        await customer.hears_music()
        await second.client.ready()
        assert await second.next_contact() == contact_id
        assert await customer.hears(LEADER_TONE) >= MOSTLY
        await second.client.hang_up(contact_id)
        await second.wrap_up(contact_id)
        story = await centre.story(contact_id, "contact.transfer_refused")
        assert [entry["data"]["code"] for entry in story] == ["number_not_allowed"]
    await centre.empty()
