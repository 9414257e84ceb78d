"""Consult, alternate, complete, cancel and conference on real phones: who hears whom is measured."""

from collections.abc import AsyncIterator

import pytest_asyncio

from tests.support.audio import COLLEAGUE_TONE
from tests.support.centre import TestCentre, eventually
from tests.support.conversing import all_hear_all, apart, talk
from tests.support.phones import BaresipPhone
from tests.support.seats import SHARED_IN_EACH_MODE, Mode, Seat, seat
from tests.support.whole_centre import shared_centre

pytestmark = SHARED_IN_EACH_MODE
centre = shared_centre(figures=True)


There = tuple[Seat, Seat, BaresipPhone]


@pytest_asyncio.fixture(loop_scope="module")
async def there(centre: TestCentre, mode: Mode) -> AsyncIterator[There]:
    """The agent, the colleague and the customer."""
    async with (
        seat(centre, "1001", mode) as first,
        seat(centre, "1002", mode, tone_hz=COLLEAGUE_TONE, state="not_ready") as second,
        centre.customer() as customer,
    ):
        yield first, second, customer


async def consulting(first: Seat, second: Seat, customer: BaresipPhone, **to: str) -> str:
    """The customer is on hold and the two agents talk."""
    await customer.dial("4000")
    contact_id = await first.next_contact()
    await first.client.not_ready("busy")
    await talk(customer, first.phone)
    await second.client.ready()
    view = await first.client.consult(contact_id, **(to or {"agent_id": second.agent_id}))
    assert (view["state"], view["consult"]["state"]) == ("consulting", "ringing")
    offered = (await second.told("contact.offered", contact_id)).contact
    assert offered["consult"]["leg_id"] == view["consult"]["leg_id"]
    await second.accept(contact_id)
    await first.told("contact.consult_connected", contact_id)
    return contact_id


async def test_consult_alternate_complete(centre: TestCentre, there: There) -> None:
    first, second, customer = there
    contact_id = await consulting(first, second, customer)
    await talk(first.phone, second.phone)
    await customer.hears_music()
    await apart(customer, second.phone)
    await apart(customer, first.phone)
    await first.client.set_data(contact_id, reason="loan")
    await first.client.alternate(contact_id)
    await talk(first.phone, customer)
    await second.phone.hears_music()
    await apart(customer, second.phone)
    await first.client.alternate(contact_id)
    await talk(first.phone, second.phone)
    view = await first.client.complete_transfer(contact_id)
    assert (view["state"], view["allowed_actions"]) == ("wrap_up", ["contact.wrap_up"])
    await talk(customer, second.phone)
    await apart(customer, first.phone)
    theirs = (await second.told("contact.transferred", contact_id)).contact
    assert (theirs["state"], theirs["data"]) == ("active", {"reason": "loan"})
    await first.wrap_up(contact_id)
    await first.in_state("not_ready")
    await second.client.hang_up(contact_id)
    await customer.event("CALL_CLOSED")
    await second.wrap_up(contact_id)
    row = await centre.logged(contact_id, state="ended")
    assert (row["agent_id"], row["data"]) == ("1002", {"reason": "loan"})
    found = await eventually(
        lambda: centre.rows("recordings", contact_id=contact_id), lambda rows: len(rows) == 1, "recorded"
    )
    lasted = (row["ended_at"] - row["connected_at"]).total_seconds()
    assert abs(found[0]["duration_s"] - lasted) < 1.5, "the recording went on across all of it"


async def test_conference_and_drop(centre: TestCentre, there: There) -> None:
    first, second, customer = there
    contact_id = await consulting(first, second, customer)
    view = await first.client.conference(contact_id)
    assert view["state"] == "conference"
    await all_hear_all(customer, first.phone, second.phone)
    view = await first.client.drop_leg(contact_id, view["consult"]["leg_id"])
    assert (view["state"], view["consult"]) == ("active", None)
    await talk(first.phone, customer)
    await apart(customer, second.phone)
    await second.in_state("ready")
    await first.client.hold(contact_id)
    await customer.hears_music()
    await first.client.retrieve(contact_id)
    await talk(first.phone, customer)
    await customer.hang_up()
    await first.told("contact.ended", contact_id)
    await first.phone.stops_hearing(customer.tone_hz)


async def test_cancel_brings_the_customer_back(centre: TestCentre, there: There) -> None:
    first, second, customer = there
    contact_id = await consulting(first, second, customer, group="general")
    await talk(first.phone, second.phone)
    view = await first.client.cancel_consult(contact_id)
    assert view["state"] == "active"
    await talk(first.phone, customer)
    await apart(first.phone, second.phone)
    await second.told("contact.consult_ended", contact_id)
    await second.in_state("ready")
    assert contact_id not in second.client.contacts


async def test_the_agents_phone_leaves_a_conference(centre: TestCentre, there: There) -> None:
    first, second, customer = there
    contact_id = await consulting(first, second, customer)
    await first.client.conference(contact_id)
    await all_hear_all(customer, first.phone, second.phone)
    await first.phone.hang_up()
    await second.told("contact.transferred", contact_id)
    await talk(customer, second.phone)
    await first.wrap_up(contact_id)
    await customer.hang_up()
    await second.told("contact.ended", contact_id)
    await eventually(centre.conversations, lambda bridges: not bridges, "no conversation is left")


async def test_the_agents_phone_leaves_a_consultation(centre: TestCentre, there: There) -> None:
    first, second, customer = there
    contact_id = await consulting(first, second, customer)
    await talk(first.phone, second.phone)
    await first.phone.hang_up()
    await second.told("contact.transferred", contact_id)
    await talk(customer, second.phone)


async def test_the_third_party_hangs_up(centre: TestCentre, there: There) -> None:
    first, second, customer = there
    contact_id = await consulting(first, second, customer)
    await talk(first.phone, second.phone)
    await second.phone.hang_up()
    ended = (await first.told("contact.consult_ended", contact_id)).contact
    assert (ended["state"], ended["consult"]) == ("held", None)
    await customer.hears_music()
    await first.client.retrieve(contact_id)
    await talk(first.phone, customer)


async def test_the_customer_hangs_up_on_hold(centre: TestCentre, there: There) -> None:
    first, second, customer = there
    contact_id = await consulting(first, second, customer)
    await talk(first.phone, second.phone)
    await customer.hang_up()
    await first.told("contact.ended", contact_id)
    await second.in_state("ready")
    await apart(first.phone, second.phone)


async def test_it_goes_on_after_kill_9(centre: TestCentre, there: There) -> None:
    first, second, customer = there
    contact_id = await consulting(first, second, customer)
    await talk(first.phone, second.phone)
    centre.kill_server()
    await first.client.ping()
    await centre.serving()
    await talk(first.phone, second.phone)
    await customer.hears_music()
    view = await first.client.complete_transfer(contact_id)
    assert view["state"] == "wrap_up"
    await talk(customer, second.phone)
