"""One live session holds an agent's seat."""

from __future__ import annotations

import time

from cti_server.api.settings import ApiSettings
from cti_server.domain import signals as s
from tests.fakes.centre import NODE, FakeCentre
from tests.support.edge import Edge, Peer, serving_edge, until


async def ready(peer: Peer) -> None:
    await peer.result("agent.sign_in", station="1001")
    await peer.result("agent.set_state", state="ready")


async def test_a_second_session_watches_and_does_not_act(edge: Edge) -> None:
    async with edge.session() as holder, edge.session() as second:
        await ready(holder)
        for method, params in (
            ("agent.sign_in", {"station": "1001"}),
            ("agent.set_state", {"state": "busy"}),
            ("contact.hang_up", {"contact_id": "c"}),
        ):
            data = await second.refusal(method, **params)
            assert data == {"code": "already_signed_in", "retryable": False}
        assert (await second.event("agent.signed_in"))["agent"]["state"] == "not_ready"
        assert "seq" in await second.result("session.ping")
        await holder.result("agent.set_state", state="not_ready")


async def test_take_over_moves_the_seat_and_nothing_else(edge: Edge) -> None:
    async with edge.session() as first, edge.session() as second:
        await ready(first)
        contact_id = edge.centre.call()
        await first.result("contact.accept", contact_id=contact_id)
        signed = await second.result("agent.sign_in", station="1001", take_over=True)
        assert (signed["agent"]["state"], signed["agent"]["contact_ids"]) == ("talking", [contact_id])
        closed = await first.event("session.closed")
        assert closed == {"reason": "taken_over", "code": 4001}
        assert await first.closed() == 4001
        assert edge.centre.world.state.contacts[contact_id].state == "active"
        assert (await second.result("contact.hold", contact_id=contact_id))["contact"]["state"] == "held"


async def test_take_over_that_is_refused_leaves_the_seat_where_it_is(edge: Edge) -> None:
    async with edge.session() as first, edge.session() as second:
        await ready(first)
        data = await second.refusal("agent.sign_in", station="7777", take_over=True)
        assert data["code"] == "unknown_station"
        assert (await second.refusal("agent.set_state", state="busy"))["code"] == "already_signed_in"
        await first.result("agent.set_state", state="busy")


async def test_take_over_with_nobody_to_take_from(edge: Edge) -> None:
    async with edge.session() as peer:
        await peer.result("agent.sign_in", station="1001", take_over=True)
        await peer.result("agent.set_state", state="ready")


async def test_when_the_holder_leaves_the_next_one_acts(edge: Edge) -> None:
    async with edge.session() as second_to_come:
        async with edge.session("1001") as other:
            assert (await other.refusal("agent.sign_out"))["code"] in ("already_signed_in", "not_signed_in")
        await ready(second_to_come)
    async with edge.session() as next_one:
        await next_one.result("agent.set_state", state="busy")


async def test_signing_out_frees_the_seat(edge: Edge) -> None:
    async with edge.session() as first, edge.session() as second:
        await ready(first)
        await first.result("agent.sign_out")
        await second.result("agent.sign_in", station="1001")
        assert (await first.refusal("agent.set_state", state="ready"))["code"] == "already_signed_in"


async def test_a_holder_that_does_not_answer_loses_the_seat() -> None:
    """Its process is frozen or its network gone: the socket still looks open from here."""
    settings = ApiSettings(probe_deadline=0.3, close_deadline=0.3)
    async with serving_edge(settings=settings) as edge, edge.session() as frozen:
        await ready(frozen)
        frozen.connection.transport.pause_reading()
        async with edge.session() as second:
            began = time.monotonic()
            requests = [await second.send("agent.set_state", state=state) for state in ("busy", "ready")]
            answers = [await second.answer(request) for request in requests]
            assert time.monotonic() - began < 2
            assert [a["result"]["agent"]["state"] for a in answers] == ["busy", "ready"]
            await until(lambda: edge.metric("cti_sockets_open") == 1)
        frozen.connection.transport.resume_reading()
        assert await frozen.closed() in (4001, 1006)


async def test_a_seat_is_not_claimed_for_a_socket_that_is_gone() -> None:
    centre = FakeCentre(answers=False)
    async with serving_edge(centre) as edge:
        async with edge.session() as gone:
            await gone.send("agent.sign_in", station="1001", station_mode="persistent", take_over=True)
            await until(lambda: bool(centre.commands))
        await until(lambda: edge.metric("cti_sockets_open") == 0)
        channel = centre.world.state.stations["1001"].channel
        assert channel is not None
        centre.signal(s.StationPlaced(time.time(), NODE, channel))
        async with edge.session() as here:
            assert edge.hub.seats.holder("1001") is not None
            await here.result("agent.set_state", state="busy")
