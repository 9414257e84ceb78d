"""What phones do by themselves, and customers who give up: each has a defined end, and nothing hangs."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from cti_server.client import CtiRequestError
from tests.support.audio import COLLEAGUE_TONE
from tests.support.centre import TestCentre
from tests.support.phones import AnswerMode, BaresipPhone
from tests.support.seats import MODES, Mode, Seat, seat
from tests.support.whole_centre import SHARED, shared_centre

pytestmark = SHARED
both_modes = pytest.mark.parametrize("mode", MODES)
HAND: dict[Mode, AnswerMode] = {"persistent": "auto", "on_demand": "manual"}
"""Nobody answers by mistake: a persistent phone answers its one call, one on demand waits for a hand."""
RING = 2.0
"""Seconds an agent is rung in this centre."""
centre = shared_centre(ring_timeout=RING)


@pytest_asyncio.fixture(loop_scope="module")
async def customer(centre: TestCentre) -> AsyncIterator[BaresipPhone]:
    async with centre.customer() as phone:
        yield phone


@contextlib.contextmanager
def refused(code: str) -> Iterator[None]:
    with pytest.raises(CtiRequestError) as refusal:
        yield
    assert refusal.value.code == code


async def hear_each_other(customer: BaresipPhone, agent: Seat) -> None:
    await customer.hears(agent.phone.tone_hz)
    await agent.phone.hears(customer.tone_hz)


# --- answering ------------------------------------------------------------------------------------------


async def test_phone_that_answers_by_itself_needs_no_command(
    centre: TestCentre, customer: BaresipPhone
) -> None:
    async with seat(centre, "1001") as agent:
        await customer.dial("4000")
        contact = (await agent.told("contact.connected")).contact
        assert [leg["state"] for leg in contact["legs"]] == ["talking", "talking"]
        await hear_each_other(customer, agent)


async def test_phone_picked_up_by_hand(centre: TestCentre, customer: BaresipPhone) -> None:
    async with seat(centre, "1001", answermode="manual") as agent:
        await customer.dial("4000")
        contact_id = await agent.offered()
        accepting = asyncio.create_task(agent.client.accept(contact_id))
        await agent.phone.event("CALL_INCOMING")
        await agent.phone.accept()
        assert (await accepting)["state"] == "active"
        await hear_each_other(customer, agent)


async def test_phone_picked_up_without_a_command(centre: TestCentre, customer: BaresipPhone) -> None:
    async with seat(centre, "1001", answermode="manual") as agent:
        await customer.dial("4000")
        await agent.phone.event("CALL_INCOMING")
        await agent.phone.accept()
        await agent.told("contact.connected")
        await hear_each_other(customer, agent)


async def test_phone_that_is_busy_passes_the_contact_on(centre: TestCentre, customer: BaresipPhone) -> None:
    async with (
        seat(centre, "1001", answermode="manual") as first,
        seat(centre, "1002", tone_hz=COLLEAGUE_TONE) as second,
    ):
        await customer.dial("4000")
        contact_id = await first.offered()
        await first.phone.event("CALL_INCOMING")
        await first.phone.hang_up()
        await first.told("contact.offer_withdrawn", contact_id)
        await first.in_state("not_ready", "station_no_answer")
        assert await second.next_contact() == contact_id
        await customer.hears(COLLEAGUE_TONE)


@both_modes
async def test_nobody_answers(centre: TestCentre, customer: BaresipPhone, mode: Mode) -> None:
    async with (
        seat(centre, "1001", mode, answermode=HAND[mode]) as first,
        seat(centre, "1002", mode, answermode=HAND[mode]) as second,
    ):
        await customer.dial("4000")
        contact_id = await first.offered()
        await first.in_state("not_ready", "no_answer", RING + 5)
        assert await second.offered() == contact_id
        await second.in_state("not_ready", "no_answer", RING + 5)
        await customer.hears_music()
        await first.client.ready()
        assert await first.offered() == contact_id
        if mode == "on_demand":
            await first.phone.event("CALL_CLOSED")  # the first time's: it stopped ringing


@both_modes
async def test_rejected_contact_goes_to_the_next(
    centre: TestCentre, customer: BaresipPhone, mode: Mode
) -> None:
    async with (
        seat(centre, "1001", mode, answermode=HAND[mode]) as first,
        seat(centre, "1002", mode, tone_hz=COLLEAGUE_TONE) as second,
    ):
        await customer.dial("4000")
        contact_id = await first.offered()
        assert (await first.client.reject(contact_id))["state"] == "queued"
        await first.in_state("not_ready", "rejected")
        assert await second.next_contact() == contact_id
        await customer.hears(COLLEAGUE_TONE)
        with refused("not_your_contact"):
            await first.client.accept(contact_id)


# --- holding --------------------------------------------------------------------------------------------


@both_modes
async def test_phone_holds_by_itself(centre: TestCentre, customer: BaresipPhone, mode: Mode) -> None:
    async with seat(centre, "1001", mode) as agent:
        await customer.dial("4000")
        contact_id = await agent.next_contact()
        await hear_each_other(customer, agent)
        await agent.phone.hold()
        held = (await agent.told("contact.held", contact_id)).contact
        assert (held["state"], "contact.retrieve" in held["allowed_actions"]) == ("held", False)
        await customer.hears_music()
        await customer.does_not_hear(agent.phone.tone_hz, 0.6)
        with refused("held_at_phone"):
            await agent.client.retrieve(contact_id)
        await agent.phone.resume()
        assert (await agent.told("contact.retrieved", contact_id)).contact["state"] == "active"
        await hear_each_other(customer, agent)
        await agent.client.hold(contact_id)  # and the seat's own hold works afterwards
        await customer.hears_music()
        await agent.client.retrieve(contact_id)
        await hear_each_other(customer, agent)


@both_modes
async def test_customer_leaves_while_the_phone_holds(
    centre: TestCentre, customer: BaresipPhone, mode: Mode
) -> None:
    async with seat(centre, "1001", mode) as agent:
        await customer.dial("4000")
        contact_id = await agent.next_contact()
        await agent.phone.hold()
        await agent.told("contact.held", contact_id)
        await customer.hang_up()
        await agent.told("contact.ended", contact_id)
        if mode == "persistent":
            await agent.phone.resume()
        await agent.wrap_up(contact_id)
        await agent.in_state("ready")
        await customer.dial("4000")
        await agent.next_contact()
        await hear_each_other(customer, agent)


# --- going away -----------------------------------------------------------------------------------------


@both_modes
async def test_phone_without_power_in_a_call(centre: TestCentre, customer: BaresipPhone, mode: Mode) -> None:
    """No BYE comes: silence is noticed, and the customer goes on to another agent, first in the queue."""
    await _silence_is_noticed_after(centre, 2)
    async with (
        seat(centre, "1001", mode) as first,
        seat(centre, "1002", mode, tone_hz=COLLEAGUE_TONE, state="not_ready") as second,
    ):
        await customer.dial("4000")
        contact_id = await first.next_contact()
        await hear_each_other(customer, first)
        await first.phone.kill()
        await first.in_state("not_ready", "station_lost")
        await customer.hears_music()
        await second.client.ready()
        assert await second.next_contact() == contact_id
        await customer.hears(COLLEAGUE_TONE)
        assert second.client.contacts[contact_id]["priority"] == 1


async def _silence_is_noticed_after(centre: TestCentre, seconds: int) -> None:
    path = centre.centre.rendered.home / "etc/pjsip.conf"
    path.write_text(path.read_text().replace("rtp_timeout = 60", f"rtp_timeout = {seconds}"))
    await centre.console("module reload res_pjsip.so")


@both_modes
async def test_seat_ends_the_call_of_a_phone_without_power(
    centre: TestCentre, customer: BaresipPhone, mode: Mode
) -> None:
    async with seat(centre, "1001", mode) as agent:
        await customer.dial("4000")
        contact_id = await agent.next_contact()
        await agent.phone.kill()
        await agent.client.hang_up(contact_id)
        await customer.event("CALL_CLOSED")
        await agent.wrap_up(contact_id, "not_ready")
        await agent.in_state("not_ready")


async def test_persistent_phone_hangs_up_while_idle(centre: TestCentre, customer: BaresipPhone) -> None:
    async with seat(centre, "1001", "persistent") as agent:
        await agent.phone.hang_up()
        await agent.in_state("not_ready", "station_lost")
        await agent.client.ready()
        assert agent.view["station"] == {"address": "1001", "mode": "persistent", "state": "connected"}
        await customer.dial("4000")
        await agent.next_contact()
        await hear_each_other(customer, agent)


async def test_persistent_phone_hangs_up_while_offered(centre: TestCentre, customer: BaresipPhone) -> None:
    async with seat(centre, "1001", "persistent") as agent:
        await customer.dial("4000")
        contact_id = await agent.offered()
        await agent.phone.hang_up()
        await agent.told("contact.offer_withdrawn", contact_id)
        await agent.in_state("not_ready", "station_no_answer")
        await agent.client.ready()
        assert await agent.next_contact() == contact_id
        await hear_each_other(customer, agent)


async def test_phone_unregisters_while_idle(centre: TestCentre, customer: BaresipPhone) -> None:
    async with seat(centre, "1001") as agent:
        await agent.phone.unregister()
        await agent.in_state("not_ready", "station_unregistered")
        assert agent.view["station"]["state"] == "unregistered"
        with refused("station_not_registered"):
            await agent.client.ready()
        await agent.phone.register()
        await agent.until(lambda: agent.view["station"]["state"] == "registered", "registered")
        await agent.client.ready()
        await customer.dial("4000")
        await agent.next_contact()


async def _forgotten(centre: TestCentre, address: str) -> None:
    """Another phone takes the registration over, and ends it: calls that are there know nothing of it."""
    async with centre.phone(address) as other:
        await other.registered()
        await other.unregister()


@both_modes
async def test_registration_lost_in_a_conversation(
    centre: TestCentre, customer: BaresipPhone, mode: Mode
) -> None:
    """Everything goes on with the call that is there; only the next one does not come on demand."""
    async with (
        seat(centre, "1001", mode) as agent,
        seat(centre, "1002", mode, tone_hz=COLLEAGUE_TONE) as colleague,
    ):
        await colleague.client.not_ready()
        await customer.dial("4000")
        contact_id = await agent.next_contact()
        await hear_each_other(customer, agent)
        await colleague.client.ready()
        await _forgotten(centre, "1001")
        await agent.client.hold(contact_id)
        await customer.hears_music()
        await agent.client.consult(contact_id, agent_id="1002")
        assert await colleague.offered() == contact_id
        await colleague.accept(contact_id)
        await agent.told("contact.consult_connected", contact_id)
        await agent.phone.hears(COLLEAGUE_TONE)
        await agent.client.cancel_consult(contact_id)
        await hear_each_other(customer, agent)
        await agent.client.hang_up(contact_id)
        await agent.in_state("wrap_up")
        if mode == "on_demand":
            await agent.until(lambda: agent.view["station"]["state"] == "unregistered", "unregistered")
        await agent.wrap_up(contact_id)
        if mode == "on_demand":
            await agent.in_state("not_ready", "station_lost")
            with refused("station_not_registered"):
                await agent.client.ready()
        else:
            await agent.in_state("ready")


# --- signing in -----------------------------------------------------------------------------------------


async def test_sign_in_where_no_phone_is(centre: TestCentre) -> None:
    async with seat(centre, "1001", state="signed_out") as agent:
        for mode in MODES:
            with refused("station_not_registered"):
                await agent.client.sign_in("1013", mode)
        with refused("unknown_station"):
            await agent.client.sign_in("7777")
        assert (await agent.client.ping())["seq"] >= 0
        assert agent.view["state"] == "signed_out"


async def test_sign_in_at_a_persistent_station_that_refuses(centre: TestCentre) -> None:
    async with seat(centre, "1001", "persistent", answermode="manual", state="signed_out") as agent:
        signing_in = asyncio.create_task(agent.sign_in())
        await agent.phone.event("CALL_INCOMING", 20)
        await agent.phone.hang_up()
        with refused("station_no_answer"):
            await signing_in
        assert agent.view["state"] == "signed_out"
        again = asyncio.create_task(agent.sign_in())
        await agent.phone.event("CALL_INCOMING")
        await agent.phone.accept()
        await again
        await agent.in_state("not_ready")
        await agent.client.sign_out()
        await agent.phone.event("CALL_CLOSED")
    await centre.empty()


async def test_sign_in_given_up_stops_the_ringing(centre: TestCentre) -> None:
    async with seat(centre, "1001", "persistent", answermode="manual", state="signed_out") as agent:
        signing_in = asyncio.create_task(agent.sign_in())
        await agent.phone.event("CALL_INCOMING", 20)
        await agent.client.sign_out()
        with refused("sign_in_withdrawn"):
            await signing_in
        await agent.phone.event("CALL_CLOSED")
    await centre.empty()


# --- states asked for during a contact ------------------------------------------------------------------


@both_modes
async def test_pending_state_is_applied_at_the_end(
    centre: TestCentre, customer: BaresipPhone, mode: Mode
) -> None:
    async with seat(centre, "1001", mode) as agent:
        await customer.dial("4000")
        contact_id = await agent.next_contact()
        view = await agent.client.not_ready("lunch")
        assert (view["state"], view["pending_state"]) == ("talking", "not_ready")
        with refused("contact_in_progress"):
            await agent.client.sign_out()
        await agent.client.hang_up(contact_id)
        await agent.wrap_up(contact_id)
        view = await agent.in_state("not_ready", "lunch")
        assert view["pending_state"] is None


# --- customers who give up ------------------------------------------------------------------------------


async def test_abandoned_in_the_greeting(centre: TestCentre, customer: BaresipPhone) -> None:
    known = await centre.contacts()
    await customer.dial("4001")
    await customer.event("CALL_ESTABLISHED")
    await customer.hang_up()
    contact_id = await centre.contact_after(known)
    await centre.logged(contact_id, state="ended", end_reason="abandoned", agent_id=None)
    await centre.empty()


async def test_abandoned_while_waiting(centre: TestCentre, customer: BaresipPhone) -> None:
    async with seat(centre, "1001", state="not_ready") as agent:
        known = await centre.contacts()
        await customer.dial("4000")
        await customer.hears_music()
        await customer.hang_up()
        contact_id = await centre.contact_after(known)
        await centre.empty()
        await centre.logged(contact_id, state="ended", end_reason="abandoned", offered_at=None)
        await agent.client.ready()
        assert "contact.offered" not in agent.names()


@both_modes
async def test_abandoned_while_offered(centre: TestCentre, customer: BaresipPhone, mode: Mode) -> None:
    async with seat(centre, "1001", mode, answermode=HAND[mode]) as agent:
        await customer.dial("4000")
        contact_id = await agent.offered()
        if mode == "on_demand":
            await agent.phone.event("CALL_INCOMING")
        await customer.hang_up()
        await agent.told("contact.offer_withdrawn", contact_id)
        await agent.in_state("ready")
        if mode == "on_demand":
            await agent.phone.event("CALL_CLOSED")
        with refused("unknown_contact"):
            await agent.client.accept(contact_id)
        await centre.logged(contact_id, state="ended", end_reason="abandoned", connected_at=None)
        await centre.empty(stations=1 if mode == "persistent" else 0)
