"""One agent calls another, on real phones: who hears what, hold, how it ends, and a killed server."""

import pytest

from cti_server.client import CtiRequestError
from tests.support.audio import COLLEAGUE_TONE
from tests.support.centre import TestCentre
from tests.support.conversing import talk
from tests.support.seats import SHARED_IN_EACH_MODE, Mode, Seat, seat
from tests.support.whole_centre import shared_centre

pytestmark = SHARED_IN_EACH_MODE
centre = shared_centre()


async def called(first: Seat, second: Seat) -> str:
    """The colleague takes the call, and both talk."""
    view = await first.client.dial(agent_id=second.agent_id, data={"about": "a case"})
    assert (view["direction"], view["state"]) == ("internal", "dialling")
    contact_id: str = view["contact_id"]
    assert await second.offered() == contact_id
    await second.accept(contact_id)
    await first.told("contact.connected", contact_id)
    await talk(first.phone, second.phone)
    return contact_id


async def test_called_held_and_ended(centre: TestCentre, mode: Mode) -> None:
    async with (
        seat(centre, "1001", mode, state="not_ready") as first,
        seat(centre, "1002", mode, tone_hz=COLLEAGUE_TONE) as second,
    ):
        contact_id = await called(first, second)
        theirs = second.client.contacts[contact_id]
        assert (theirs["data"], theirs["allowed_actions"]) == ({"about": "a case"}, ["contact.hang_up"])
        await first.client.hold(contact_id)
        await second.phone.hears_music()
        await first.phone.stops_hearing(COLLEAGUE_TONE)
        await first.client.retrieve(contact_id)
        await talk(first.phone, second.phone)
        with pytest.raises(CtiRequestError) as refused:
            await first.client.transfer(contact_id, group="general")
        assert refused.value.code == "action_not_allowed"
        await second.client.hang_up(contact_id)
        await first.told("contact.ended", contact_id)
        await first.in_state("not_ready")
        await second.in_state("ready")
        row = await centre.logged(contact_id, state="ended")
        assert (row["direction"], row["agent_id"]) == ("internal", "1001")
        await called(first, second)
        await second.phone.hang_up()
        await first.told("contact.ended")
        await first.in_state("not_ready")
    await centre.empty(deadline=15)


async def test_a_killed_server_costs_no_internal_call(centre: TestCentre, mode: Mode) -> None:
    async with (
        seat(centre, "1001", mode, state="not_ready") as first,
        seat(centre, "1002", mode, tone_hz=COLLEAGUE_TONE) as second,
    ):
        contact_id = await called(first, second)
        with centre.server_restart:
            centre.kill_server()
            await talk(first.phone, second.phone)
        await centre.serving()
        await first.client.hold(contact_id)
        await second.phone.hears_music()
        await first.client.retrieve(contact_id)
        await talk(first.phone, second.phone)
        assert (await first.client.hang_up(contact_id))["end_reason"] == "agent_hung_up"
        await second.told("contact.ended", contact_id)
    await centre.empty(deadline=15)
