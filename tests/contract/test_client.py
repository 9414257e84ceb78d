"""The client of `cti_server.client` against the edge: the seat, and lost connections."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from cti_server.client import AgentClient, CtiRequestError, SessionEnded
from cti_server.domain.errors import refusals
from tests.fakes.centre import FakeCentre
from tests.support.edge import PASSWORD, Edge, serving_edge, until
from tests.support.relay import Relay


def client(edge: Edge, agent_id: str = "1001", password: str = PASSWORD, ws: str = "") -> AgentClient:
    return AgentClient(edge.http_url, ws or edge.ws_url, agent_id, password, open_deadline=5)


@pytest.fixture
async def relay(edge: Edge) -> AsyncIterator[Relay]:
    async with Relay(edge.server.port) as relay:
        yield relay


async def test_a_contact_from_offer_to_wrap_up(edge: Edge) -> None:
    async with client(edge) as agent:
        seen: list[str] = []

        async def listen() -> None:
            async for event in agent.events:
                seen.append(event.name)  # noqa: PERF401  # the list is looked at while it grows

        listening = asyncio.create_task(listen())
        await agent.sign_in(station="1001", mode="persistent")
        assert (await agent.ready())["state"] == "ready"
        contact_id = edge.centre.call()
        offered = await agent.wait_for("contact.offered")
        assert offered.contact["contact_id"] == contact_id
        assert agent.contacts[contact_id]["allowed_actions"] == ["contact.accept", "contact.reject"]
        assert (await agent.accept(contact_id))["state"] == "active"
        assert agent.view["state"] == "talking"
        assert (await agent.hold(contact_id))["state"] == "held"
        assert (await agent.retrieve(contact_id))["state"] == "active"
        assert (await agent.set_data(contact_id, card="credit"))["data"] == {"card": "credit"}
        assert (await agent.hang_up(contact_id))["state"] == "wrap_up"
        assert (await agent.wrap_up(contact_id, "resolved", "一切顺利", "not_ready"))["state"] == "ended"
        assert agent.contacts == {}
        assert agent.view["state"] == "not_ready"
        await agent.sign_out("end_of_shift")
        assert agent.ledger.intact
        assert len(agent.ledger.received) == edge.centre.sequence("1001")[1]
    await asyncio.wait_for(listening, 5)
    assert seen[0] == "agent.signed_in"
    assert seen[-1] == "agent.signed_out"


async def test_refusals(edge: Edge) -> None:
    async with client(edge) as agent:
        with pytest.raises(CtiRequestError) as refused:
            await agent.sign_in(station="1003")
        assert (refused.value.code, refused.value.retryable) == ("station_not_registered", True)
        with pytest.raises(CtiRequestError) as refused:
            await agent.request("agent.sign_in", station=5)
        assert refused.value.detail == {"fields": [{"field": "station", "problem": "wrong_type"}]}
        with pytest.raises(TimeoutError):
            await agent.wait_for("contact.offered", deadline=0.05)
    with pytest.raises(SessionEnded):
        await agent.ping()


async def test_wrong_password_and_no_server(edge: Edge) -> None:
    with pytest.raises(CtiRequestError) as refused:
        async with client(edge, password="wrong"):
            pass
    assert refused.value.code == "invalid_credentials"
    nowhere = AgentClient("http://127.0.0.1:9", "ws://127.0.0.1:9/ws", "1001", "x", open_deadline=0.3)
    with pytest.raises(TimeoutError):
        async with nowhere:
            pass


async def test_taken_over(edge: Edge) -> None:
    async with client(edge) as first, client(edge) as second:
        await first.sign_in(station="1001")
        with pytest.raises(CtiRequestError) as refused:
            await second.sign_in(station="1001")
        assert refused.value.code == "already_signed_in"
        await second.sign_in(station="1001", take_over=True)
        with pytest.raises(SessionEnded, match="taken_over"):
            await first.wait_for("contact.offered")
        await second.ready()


async def test_lost_connections_lose_no_event(edge: Edge, relay: Relay) -> None:
    async with client(edge, ws=relay.ws_url) as agent:
        await agent.sign_in(station="1001")
        for _ in range(10):
            edge.centre.chatter("1001", 7)
            relay.cut()
            edge.centre.chatter("1001", 7)
            await agent.ping()
        last = edge.centre.sequence("1001")
        await until(lambda: agent.ledger.last == last)
        assert agent.ledger.intact
        assert len(agent.ledger.received) == last[1]
        assert len(agent.ledger.snapshots) == 1
        assert agent.ledger.resumes == 10


async def test_a_request_whose_answer_was_lost_is_asked_again_and_done_once() -> None:
    centre = FakeCentre()
    async with (
        serving_edge(centre) as edge,
        Relay(edge.server.port) as relay,
        client(edge, ws=relay.ws_url) as agent,
    ):
        relay.hold_answers = True
        asked = asyncio.create_task(agent.sign_in(station="1001"))
        await until(lambda: len(centre.commands) == 1)
        relay.cut()
        relay.hold_answers = False
        assert (await asyncio.wait_for(asked, 5))["state"] == "not_ready"
        assert len(centre.commands) == 1
        assert agent.ledger.intact


async def test_the_server_restarts(edge: Edge) -> None:
    """Another server, same centre and same key: the program notices nothing."""
    async with Relay(edge.server.port) as relay, client(edge, ws=relay.ws_url) as agent:
        await agent.sign_in(station="1001")
        await edge.server.stop(deadline=1)
        edge.centre.chatter("1001", 3)
        async with serving_edge(edge.centre) as next_one:
            relay.port = next_one.server.port
            agent._line._tokens._url = next_one.http_url
            await agent.ping()
            await until(lambda: agent.ledger.last == edge.centre.sequence("1001"))
            assert agent.ledger.intact
            assert len(agent.ledger.snapshots) == 1


async def test_a_new_history_is_a_snapshot(edge: Edge, relay: Relay) -> None:
    async with client(edge, ws=relay.ws_url) as agent:
        await agent.sign_in(station="1001")
        relay.cut()
        edge.centre.new_epoch(2)
        await agent.ping()
        assert agent.ledger.snapshots[-1] == (2, 0)
        edge.centre.chatter("1001", 3)
        await until(lambda: agent.ledger.last == (2, 3))
        assert agent.ledger.intact


async def test_many_clients_at_once(edge: Edge) -> None:
    async with contextlib.AsyncExitStack() as stack:
        agents = [await stack.enter_async_context(client(edge, who)) for who in ("1001", "1002", "2001")]
        await asyncio.gather(*(agent.sign_in(station=agent.agent_id) for agent in agents))
        await asyncio.gather(*(agent.ready() for agent in agents))
        calls = {edge.centre.call() for _ in agents}
        offered = await asyncio.gather(*(agent.wait_for("contact.offered") for agent in agents))
        assert {event.contact["contact_id"] for event in offered} == calls


def test_codes_are_not_renamed_by_the_client() -> None:
    assert CtiRequestError("unknown_contact", "x", retryable=False).code in refusals()
