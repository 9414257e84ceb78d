"""Listen, whisper, barge, intercept on real phones: who hears whom is measured."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from cti_server.client import AgentClient, CtiRequestError
from tests.support.audio import COLLEAGUE_TONE, MOSTLY
from tests.support.centre import TestCentre
from tests.support.conversing import SHARE, unheard
from tests.support.phones import BaresipPhone
from tests.support.seats import SHARED_IN_EACH_MODE, Mode, Seat, seat
from tests.support.whole_centre import shared_centre

pytestmark = SHARED_IN_EACH_MODE
centre = shared_centre()


@asynccontextmanager
async def supervised(
    centre: TestCentre, mode: Mode, supervisor: str
) -> AsyncIterator[tuple[Seat, Seat, BaresipPhone]]:
    """The agent with a customer, and who may listen to them."""
    async with (
        seat(centre, "1001", mode) as agent,
        seat(centre, supervisor, mode, tone_hz=COLLEAGUE_TONE, state="not_ready") as leader,
        centre.customer() as customer,
    ):
        await customer.dial("4000")
        await agent.next_contact()
        yield agent, leader, customer


async def hears_both(supervisor: Seat, agent: Seat, customer: BaresipPhone) -> None:
    assert await supervisor.phone.hears(agent.phone.tone_hz, share=SHARE) >= SHARE
    assert await supervisor.phone.hears(customer.tone_hz, share=SHARE) >= SHARE


async def test_listen_whisper_barge_intercept(centre: TestCentre, mode: Mode) -> None:
    async with supervised(centre, mode, "2001") as (agent, leader, customer):
        (contact_id,) = agent.client.contacts
        assert await customer.hears(agent.phone.tone_hz) >= MOSTLY
        view = await leader.client.supervise("listen", agent_id="1001")
        assert view["supervising"] == {"contact_id": contact_id, "agent_id": "1001", "mode": "listen"}
        await hears_both(leader, agent, customer)
        await unheard(leader.phone, customer, agent.phone)
        assert {leg["role"] for leg in agent.client.contacts[contact_id]["legs"]} == {"customer", "agent"}
        await leader.client.supervise("whisper", agent_id="1001")
        assert await agent.phone.hears(leader.phone.tone_hz, share=SHARE) >= SHARE
        await unheard(leader.phone, customer)
        await leader.client.supervise("barge", contact_id=contact_id)
        assert await agent.phone.hears(leader.phone.tone_hz, share=SHARE) >= SHARE
        assert await customer.hears(leader.phone.tone_hz, share=SHARE) >= SHARE
        await hears_both(leader, agent, customer)
        joined = (await agent.told("contact.leg_joined", contact_id)).contact
        assert "supervisor" in {leg["role"] for leg in joined["legs"]}
        await leader.client.supervise("listen", contact_id=contact_id)
        await unheard(leader.phone, customer, agent.phone)
        taken = await leader.client.intercept(agent_id="1001")
        assert (taken["contact_id"], taken["state"]) == (contact_id, "active")
        await leader.told("contact.transferred", contact_id)
        assert await customer.hears(leader.phone.tone_hz) >= MOSTLY
        assert await leader.phone.hears(customer.tone_hz) >= MOSTLY
        await agent.phone.stops_hearing(customer.tone_hz)
        await agent.in_state("wrap_up")
        await agent.wrap_up(contact_id)
        await leader.client.hang_up(contact_id)
        await leader.wrap_up(contact_id, "not_ready")


async def test_stop_and_the_end_of_the_conversation(centre: TestCentre, mode: Mode) -> None:
    async with supervised(centre, mode, "2001") as (agent, leader, customer):
        (contact_id,) = agent.client.contacts
        await leader.client.supervise("listen", agent_id="1001")
        await hears_both(leader, agent, customer)
        view = await leader.client.stop_supervising()
        assert (view["state"], view["supervising"]) == ("not_ready", None)
        await leader.phone.stops_hearing(customer.tone_hz)
        assert await customer.hears(agent.phone.tone_hz) >= MOSTLY
        await leader.client.supervise("barge", agent_id="1001")
        assert await customer.hears(leader.phone.tone_hz, share=SHARE) >= SHARE
        await customer.hang_up()
        await agent.told("contact.ended", contact_id)
        await leader.in_state("not_ready")
        await leader.phone.stops_hearing(agent.phone.tone_hz)


async def test_an_inspector_only_listens(centre: TestCentre, mode: Mode) -> None:
    async with supervised(centre, mode, "3001") as (agent, inspector, customer):
        for how in ("whisper", "barge", "intercept"):
            with pytest.raises(CtiRequestError) as refused:
                await inspector.client.supervise(how, agent_id="1001")
            assert refused.value.code == "wrong_role"
        await inspector.client.supervise("listen", agent_id="1001")
        await hears_both(inspector, agent, customer)
        await unheard(inspector.phone, customer, agent.phone)
        await inspector.client.stop_supervising()


async def test_it_goes_on_after_kill_9(centre: TestCentre, mode: Mode) -> None:
    async with supervised(centre, mode, "2001") as (agent, leader, customer):
        await leader.client.supervise("listen", agent_id="1001")
        centre.kill_server()
        await leader.client.ping()
        await centre.serving()
        await hears_both(leader, agent, customer)
        await leader.client.supervise("whisper", agent_id="1001")
        assert await agent.phone.hears(leader.phone.tone_hz, share=SHARE) >= SHARE
        await leader.client.stop_supervising()


async def test_a_leader_without_a_seat_sets_states_and_signs_out(centre: TestCentre, mode: Mode) -> None:
    password = centre.person("2001")["password"]
    async with (
        seat(centre, "1001", mode) as agent,
        AgentClient(centre.http, centre.ws, "2001", password) as leader,
    ):
        asked = {"agent_id": "1001", "state": "not_ready", "reason": "training"}
        await leader.request("supervisor.set_agent_state", **asked)
        await agent.in_state("not_ready", "training")
        await leader.request("supervisor.sign_out_agent", agent_id="1001", reason="left")
        await agent.in_state("signed_out", "left")
