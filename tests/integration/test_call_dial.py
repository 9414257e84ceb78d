"""Dialling out on real phones: who hears what, how it ends, and what a killed server costs."""

import pytest

from cti_server.client import CtiRequestError
from tests.support.audio import AGENT_TONE, LEADER_TONE, MOSTLY, RECORDED, read_wav, tone_share
from tests.support.centre import TestCentre, eventually
from tests.support.phones import BaresipPhone
from tests.support.refusing_carrier import refusing_carrier
from tests.support.seats import SHARED_IN_EACH_MODE, Mode, Seat, seat
from tests.support.whole_centre import shared_centre

pytestmark = SHARED_IN_EACH_MODE
NUMBER = "13900000001"
CALL_PROGRESS = 450
"""Hz of ringing, busy and congestion in China."""
REFUSED = {"486": "busy", "603": "rejected", "404": "invalid_number", "503": "not_reached"}
centre = shared_centre()


async def dialled(agent: Seat, number: str = NUMBER, **more: str) -> str:
    """Dial; the contact's id."""
    view = await agent.client.dial(number=number, data={"reason": "loan"}, **more)
    assert (view["state"], view["direction"]) == ("dialling", "outbound")
    contact_id: str = view["contact_id"]
    return contact_id


async def test_dialled_held_passed_on(centre: TestCentre, mode: Mode) -> None:
    async with (
        seat(centre, "1001", mode, state="not_ready") as first,
        seat(centre, "1009", mode, tone_hz=LEADER_TONE) as second,
        centre.outside_phone(NUMBER, answermode="manual") as customer,
    ):
        contact_id = await dialled(first)
        await first.in_state("reserved")
        ringing = await customer.event("CALL_INCOMING", 15)
        assert "4000@" in ringing.peer
        assert await first.phone.hears(CALL_PROGRESS) >= MOSTLY
        await customer.accept()
        view = (await first.told("contact.connected", contact_id)).contact
        assert (view["state"], view["queued_at"], view["data"]) == ("active", None, {"reason": "loan"})
        assert await customer.hears(AGENT_TONE) >= MOSTLY
        assert await first.phone.hears(customer.tone_hz) >= MOSTLY
        await first.client.hold(contact_id)
        await customer.hears_music()
        await first.client.retrieve(contact_id)
        assert await customer.hears(AGENT_TONE) >= MOSTLY
        await first.client.mute(contact_id)
        await customer.stops_hearing(AGENT_TONE)
        await first.client.unmute(contact_id)
        await first.client.send_dtmf(contact_id, "12")
        for event in ("contact.held", "contact.retrieved"):
            await first.told(event, contact_id)
        await first.phone.hold()  # by the phone itself: the same states
        await first.told("contact.held", contact_id)
        await first.phone.resume()
        await first.told("contact.retrieved", contact_id)
        await first.client.transfer(contact_id, group="credit_card")
        assert await second.offered() == contact_id
        taken = await second.accept(contact_id)
        assert (taken["direction"], taken["data"]) == ("outbound", {"reason": "loan"})
        assert await customer.hears(LEADER_TONE) >= MOSTLY
        await first.wrap_up(contact_id)
        await first.in_state("not_ready")
        await customer.hang_up()
        assert (await second.told("contact.ended", contact_id)).contact["end_reason"] == "customer_hung_up"
        await second.wrap_up(contact_id)
        row = await centre.logged(contact_id, state="ended")
        assert (row["direction"], row["agent_id"], row["customer_number"]) == ("outbound", "1009", NUMBER)
        await _recorded_from_the_answer(centre, contact_id)
    await centre.empty()


async def _recorded_from_the_answer(centre: TestCentre, contact_id: str) -> None:
    rows = await eventually(
        lambda: centre.rows("recordings", contact_id=contact_id), lambda found: len(found) == 1, "recorded"
    )
    right = read_wav(centre.centre.plan.var / "recordings" / rows[0]["path"], 1)
    pieces = [right.samples[at : at + right.rate // 4] for at in range(0, right.rate, right.rate // 4)]
    heard = [tone_share(piece, right.rate, AGENT_TONE) for piece in pieces]
    assert max(heard) > RECORDED, f"the first second, by quarters: {heard}"
    assert tone_share(right.samples[-right.rate // 2 :], right.rate, LEADER_TONE) > RECORDED


async def test_called_in_vain(centre: TestCentre, mode: Mode) -> None:
    port = centre.centre.rendered.config.outside.port  # type: ignore[union-attr]  # always set here
    async with seat(centre, "1001", mode) as agent:
        async with refusing_carrier(port):
            for status, reason in REFUSED.items():
                contact_id = await dialled(agent, f"13900000{status}")
                ended = (await agent.told("contact.ended", contact_id)).contact
                assert (ended["state"], ended["end_reason"]) == ("wrap_up", reason)
                if reason == "busy":
                    assert await agent.phone.hears(CALL_PROGRESS) >= MOSTLY
                await agent.wrap_up(contact_id)
                await agent.in_state("ready")
        async with centre.outside_phone(NUMBER, answermode="manual") as customer:
            contact_id = await dialled(agent)
            await customer.event("CALL_INCOMING", 15)
            ended = (await agent.told("contact.ended", contact_id, 20)).contact
            assert (ended["state"], ended["end_reason"]) == ("wrap_up", "no_answer")
            await customer.event("CALL_CLOSED", 15)
            await agent.wrap_up(contact_id)
            await centre.logged(contact_id, state="ended", end_reason="no_answer", connected_at=None)
    await centre.empty()


async def test_given_up(centre: TestCentre, mode: Mode) -> None:
    async with (
        seat(centre, "1001", mode) as agent,
        centre.outside_phone(NUMBER, answermode="manual") as customer,
    ):
        for by_phone in (False, True):
            contact_id = await dialled(agent)
            await customer.event("CALL_INCOMING", 15)
            if by_phone:
                await agent.phone.hears(CALL_PROGRESS)
                await agent.phone.hang_up()
            else:
                await agent.client.hang_up(contact_id)
            ended = (await agent.told("contact.ended", contact_id)).contact
            assert (ended["state"], ended["end_reason"]) == ("wrap_up", "cancelled")
            await customer.event("CALL_CLOSED", 15)
            await agent.wrap_up(contact_id)
        with pytest.raises(CtiRequestError) as refused:
            await agent.client.dial(number="110")
        # a persistent station's phone hung up the one call that it is there by
        gone = "station_not_registered" if mode == "persistent" else "number_not_allowed"
        assert refused.value.code == gone
        await agent.client.ready()
        contact_id = await dialled(agent)
        await customer.event("CALL_INCOMING", 15)
        await agent.phone.unregister()  # the phone leaves altogether
        ended = (await agent.told("contact.ended", contact_id)).contact
        assert ended["end_reason"] in ("cancelled", "station_lost")
        await customer.event("CALL_CLOSED", 15)
        await agent.wrap_up(contact_id)
        await agent.in_state("not_ready", "station_lost")
        with pytest.raises(CtiRequestError) as refused:
            await agent.client.dial(number=NUMBER)
        assert refused.value.code == "station_not_registered"
    await centre.empty()


async def test_a_killed_server_costs_no_dialled_call(centre: TestCentre, mode: Mode) -> None:
    async with (
        seat(centre, "1001", mode) as agent,
        seat(centre, "1002", mode, tone_hz=LEADER_TONE) as colleague,
        centre.outside_phone(NUMBER, answermode="manual") as customer,
    ):
        contact_id = await dialled(agent)
        await customer.event("CALL_INCOMING", 15)
        with centre.server_restart:
            centre.kill_server()
            await customer.accept()
            assert await customer.hears(AGENT_TONE) >= MOSTLY
            assert await agent.phone.hears(customer.tone_hz) >= MOSTLY
        assert (await agent.told("contact.connected", contact_id, 30)).contact["state"] == "active"
        await agent.told("recording.started", contact_id)
        await agent.client.hold(contact_id)
        await customer.hears_music()
        await agent.client.retrieve(contact_id)
        assert await customer.hears(AGENT_TONE) >= MOSTLY
        await _consulted_and_handed_over(agent, colleague, customer, contact_id)
    await centre.empty()


async def _consulted_and_handed_over(
    agent: Seat, colleague: Seat, customer: BaresipPhone, contact_id: str
) -> None:
    """With a contact that was dialled as with any other."""
    await agent.client.consult(contact_id, agent_id=colleague.agent_id)
    assert await colleague.offered() == contact_id
    await colleague.accept(contact_id)
    await agent.told("contact.consult_connected", contact_id)
    assert await agent.phone.hears(LEADER_TONE) >= MOSTLY
    await customer.hears_music()
    await agent.client.conference(contact_id)
    for ear, hz in ((customer, AGENT_TONE), (customer, LEADER_TONE), (colleague.phone, customer.tone_hz)):
        assert await ear.hears(hz, share=0.2) >= 0.2
    await agent.client.complete_transfer(contact_id)
    assert await customer.hears(LEADER_TONE) >= MOSTLY
    theirs = (await colleague.told("contact.transferred", contact_id)).contact
    assert (theirs["direction"], theirs["data"]) == ("outbound", {"reason": "loan"})
    await agent.wrap_up(contact_id)
    await colleague.client.hang_up(contact_id)
    await customer.event("CALL_CLOSED", 15)
    await colleague.wrap_up(contact_id)
