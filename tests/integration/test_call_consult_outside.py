"""A number outside as the third party, on real phones: who hears whom is measured."""

from tests.support.audio import AGENT_TONE, MOSTLY
from tests.support.centre import TestCentre
from tests.support.conversing import talk
from tests.support.seats import SHARED_IN_EACH_MODE, Mode, seat
from tests.support.whole_centre import shared_centre

pytestmark = SHARED_IN_EACH_MODE
NUMBER = "13900000009"
CALL_PROGRESS = 450
"""Hz of ringing in China."""
centre = shared_centre()


async def test_asked_alternated_conferred_handed_over(centre: TestCentre, mode: Mode) -> None:
    async with (
        seat(centre, "1001", mode) as agent,
        centre.outside_phone(NUMBER, answermode="manual") as outside,
        centre.customer() as customer,
    ):
        await customer.dial("4000")
        contact_id = await agent.next_contact()
        await customer.hears(AGENT_TONE)
        view = await agent.client.consult(contact_id, number=NUMBER)
        assert (view["state"], view["consult"]["state"]) == ("consulting", "ringing")
        assert view["consult"]["to"] == {"number": "139****0009"}
        assert "4000@" in (await outside.event("CALL_INCOMING", 15)).peer
        await customer.hears_music()
        assert await agent.phone.hears(CALL_PROGRESS) >= MOSTLY
        await outside.accept()
        await agent.told("contact.consult_connected", contact_id)
        await talk(agent.phone, outside)
        await customer.does_not_hear(outside.tone_hz, 0.6)
        await agent.client.alternate(contact_id)
        await talk(agent.phone, customer)
        await outside.hears_music()
        await outside.does_not_hear(customer.tone_hz, 0.6)
        await agent.client.alternate(contact_id)
        await talk(agent.phone, outside)
        await agent.client.conference(contact_id)
        for ear, mouth in ((customer, outside), (outside, customer), (agent.phone, outside)):
            assert await ear.hears(mouth.tone_hz, share=0.2) >= 0.2
        view = await agent.client.complete_transfer(contact_id)
        assert view["state"] == "wrap_up"
        await talk(customer, outside)
        await agent.phone.does_not_hear(customer.tone_hz, 0.6)
        await agent.wrap_up(contact_id)
        await outside.hang_up()
        await customer.event("CALL_CLOSED", 15)
        await centre.logged(contact_id, state="ended", end_reason="transferred_outside")
    await centre.empty(deadline=15)


async def test_handed_over_by_consulting_alone(centre: TestCentre, mode: Mode) -> None:
    """Completed out of the consultation, the customer hangs up; before that, the number did not answer."""
    async with (
        seat(centre, "1001", mode) as agent,
        centre.outside_phone(NUMBER, answermode="manual") as outside,
        centre.customer() as customer,
    ):
        await customer.dial("4000")
        contact_id = await agent.next_contact()
        await customer.hears(AGENT_TONE)
        for refuses in (True, False):
            await agent.client.consult(contact_id, number=NUMBER)
            await outside.event("CALL_INCOMING", 15)
            if refuses:
                await outside.hang_up()
                view = (await agent.told("contact.consult_ended", contact_id)).contact
                assert view["state"] == "held"
                await agent.client.retrieve(contact_id)
            else:
                assert (await agent.client.cancel_consult(contact_id))["state"] == "active"
                await outside.event("CALL_CLOSED", 15)
            await talk(agent.phone, customer)
        await agent.client.consult(contact_id, number=NUMBER)
        await outside.event("CALL_INCOMING", 15)
        await outside.accept()
        await agent.told("contact.consult_connected", contact_id)
        await talk(agent.phone, outside)
        await agent.client.complete_transfer(contact_id)
        await talk(customer, outside)
        await agent.wrap_up(contact_id)
        await customer.hang_up()
        await outside.event("CALL_CLOSED", 15)
    await centre.empty(deadline=15)


async def test_two_outside_are_parted_in_the_end_without_a_server_too(centre: TestCentre, mode: Mode) -> None:
    """Persistent: joined by a blind transfer; on demand: by a consultation. Nobody of the centre is there."""
    await centre.console("dialplan set global CTI_LONGEST_OUTSIDE 3")
    async with (
        seat(centre, "1001", mode) as agent,
        centre.outside_phone(NUMBER) as outside,
        centre.customer() as customer,
    ):
        await customer.dial("4000")
        contact_id = await agent.next_contact()
        await customer.hears(AGENT_TONE)
        if mode == "persistent":
            await agent.client.transfer(contact_id, number=NUMBER)
            await outside.event("CALL_ESTABLISHED", 15)
        else:
            await agent.client.consult(contact_id, number=NUMBER)
            await agent.told("contact.consult_connected", contact_id)
            await agent.client.complete_transfer(contact_id)
        await agent.wrap_up(contact_id)
        with centre.server_frozen():
            await customer.event("CALL_CLOSED", 15)
            await outside.event("CALL_CLOSED", 15)
        await centre.serving()
        await centre.logged(contact_id, state="ended", end_reason="transferred_outside", deadline=20)
    await centre.console("dialplan set global CTI_LONGEST_OUTSIDE 7200")
    await centre.empty(deadline=15)
