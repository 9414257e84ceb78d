"""Opening, resuming, order, and the end of a session."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from cti_server.api.settings import ApiSettings
from cti_server.api.tokens import TokenUse
from cti_server.domain import signals as s
from cti_server.engine.port import Joined, Listener, NotLeader, Resume
from tests.fakes.centre import NODE, FakeCentre
from tests.support.edge import Edge, Peer, serving_edge, until


async def ready(peer: Peer) -> None:
    await peer.result("agent.sign_in", station="1001")
    await peer.result("agent.set_state", state="ready")


def numbers(peer: Peer) -> list[tuple[int, int]]:
    params = [m["params"] for m in peer.received if "method" in m]
    return [(p["epoch"], p["seq"]) for p in params]


async def test_who_comes_while_the_pbx_is_gone_knows(edge: Edge) -> None:
    async with edge.session("1002") as peer:
        assert peer.opened["system"] == {"nodes": [{"name": NODE, "in_reach": True}]}
        edge.centre.node_down()
        told = await peer.event("system.status")
        assert told["system"] == {"nodes": [{"name": NODE, "in_reach": False}]}
        async with edge.session() as late:
            assert late.opened["system"] == told["system"]
        async with edge.session("1002", resume={"epoch": told["epoch"], "seq": told["seq"] - 1}) as back:
            assert (back.opened["resumed"], back.opened["system"]) == (True, told["system"])


# --- tokens ------------------------------------------------------------------------------------------------


async def test_a_token_opens_one_socket(edge: Edge) -> None:
    token = edge.token()
    async with edge.socket() as first, edge.socket() as second:
        await first.result("session.open", token=token)
        data = await second.refusal("session.open", token=token)
        assert data == {"code": "invalid_token", "retryable": False, "detail": {"reason": "used"}}
        assert (await second.result("session.open", token=edge.token()))["resumed"] is False


async def test_tokens_that_open_nothing(edge: Edge) -> None:
    clock = time.time() - 61
    edge.tokens._clock = lambda: clock
    old = [edge.token(use=use) for use in TokenUse]
    edge.tokens._clock = time.time
    async with edge.socket() as peer:
        for token in old:
            data = await peer.refusal("session.open", token=token)
            assert (data["code"], data["detail"]["reason"]) == ("invalid_token", "expired")
        for token in ("x", "a.b.c", edge.token()[:-4]):
            data = await peer.refusal("session.open", token=token)
            assert (data["code"], data["detail"]["reason"]) == ("invalid_token", "malformed")
        assert edge.centre.listeners("1001") == 0


async def test_somebody_the_directory_does_not_have(edge: Edge) -> None:
    async with edge.socket() as peer:
        assert (await peer.refusal("session.open", token=edge.token("9999")))["code"] == "unknown_agent"
        await peer.result("session.open", token=edge.token("1001"))


async def test_open_when_the_server_does_not_lead(edge: Edge) -> None:
    edge.centre.away = NotLeader()
    async with edge.socket() as peer:
        data = await peer.refusal("session.open", token=edge.token())
        assert data == {"code": "not_leader", "retryable": True}
        edge.centre.away = None
        await peer.result("session.open", token=edge.token())


async def test_open_that_gets_no_answer() -> None:
    class Stuck(FakeCentre):
        async def join(self, agent_id: str, listener: Listener, resume: Resume | None) -> Joined:
            await asyncio.Event().wait()
            raise AssertionError

    async with serving_edge(Stuck(), ApiSettings(open_timeout=0.2)) as edge, edge.socket() as peer:
        await peer.send("session.open", token=edge.token())
        assert await peer.closed() == 4408


# --- resume ------------------------------------------------------------------------------------------------


async def test_resume_sends_what_was_missed_in_order(edge: Edge) -> None:
    async with edge.session() as peer:
        await ready(peer)
        epoch, seq = numbers(peer)[-1]
    edge.centre.chatter("1001", 20)
    async with edge.session(resume={"epoch": epoch, "seq": seq}) as peer:
        assert peer.opened["resumed"] is True
        assert peer.opened["seq"] == seq + 20
        edge.centre.chatter("1001", 5)
        for _ in range(25):
            await peer.receive()
        assert numbers(peer) == [(epoch, seq + n) for n in range(1, 26)]


async def test_resume_with_nothing_missed(edge: Edge) -> None:
    async with edge.session() as peer:
        point = {"epoch": peer.opened["epoch"], "seq": peer.opened["seq"]}
    async with edge.session(resume=point) as peer:
        assert (peer.opened["resumed"], peer.opened["seq"]) == (True, point["seq"])


@pytest.mark.parametrize("resume", [{"epoch": 7, "seq": 0}, {"epoch": 1, "seq": 10**9}])
async def test_a_point_that_is_not_known_gets_a_snapshot(edge: Edge, resume: dict[str, int]) -> None:
    async with edge.session(resume=resume) as peer:
        assert (peer.opened["resumed"], peer.opened["epoch"]) == (False, 1)
        assert peer.opened["agent"]["agent_id"] == "1001"


async def test_more_missed_than_the_history_has(edge: Edge) -> None:
    async with edge.session() as peer:
        point = {"epoch": peer.opened["epoch"], "seq": peer.opened["seq"]}
        await ready(peer)
    edge.centre.chatter("1001", 1100)
    async with edge.session(resume=point) as peer:
        assert peer.opened["resumed"] is False


async def test_missed_may_exceed_the_backlog(edge: Edge) -> None:
    async with serving_edge(settings=ApiSettings(max_backlog_messages=10)) as tight:
        async with tight.session() as peer:
            await ready(peer)
            epoch, seq = numbers(peer)[-1]
        tight.centre.chatter("1001", 900)
        async with tight.session(resume={"epoch": epoch, "seq": seq}) as peer:
            for _ in range(900):
                await peer.receive()
            assert [n for _, n in numbers(peer)] == list(range(seq + 1, seq + 901))


class Busy(FakeCentre):
    """Tells things between attaching a client and its answer, as a busy engine may."""

    async def join(self, agent_id: str, listener: Listener, resume: Resume | None) -> Joined:
        self.chatter(agent_id, 3)
        attached: list[Any] = []

        def early(notification: Any) -> None:
            attached.append(notification)
            listener(notification)

        self._listeners[agent_id].append(early)
        self.chatter(agent_id, 3)
        self._listeners[agent_id].remove(early)
        joined = await super().join(agent_id, listener, resume)
        self.chatter(agent_id, 3)
        await asyncio.sleep(0)
        return joined


async def test_no_gap_and_no_double_around_the_answer() -> None:
    async with serving_edge(Busy()) as edge:
        async with edge.session() as peer:
            await peer.result("agent.sign_in", station="1001")
            await peer.result("session.ping")
            first = numbers(peer)
            assert first[0] == (1, peer.opened["seq"] + 1)
            assert [n for _, n in first] == list(range(first[0][1], first[0][1] + len(first)))
            epoch, seq = first[-1]
        async with edge.session(resume={"epoch": epoch, "seq": seq}) as peer:
            await peer.result("session.ping")
            assert [n for _, n in numbers(peer)] == list(range(seq + 1, seq + 1 + len(numbers(peer))))
            assert len(numbers(peer)) == 9


async def test_a_new_epoch_while_connected(edge: Edge) -> None:
    async with edge.session() as peer:
        await ready(peer)
        edge.centre.new_epoch(2)
        await peer.result("agent.set_state", state="busy")
        assert numbers(peer)[-1] == (2, 1)


# --- order -------------------------------------------------------------------------------------------------


async def test_the_answer_comes_after_what_the_command_caused(edge: Edge) -> None:
    async with edge.session() as peer:
        await ready(peer)
        contact_id = edge.centre.call()
        await peer.event("contact.offered")
        for method in ("contact.accept", "contact.hold", "contact.retrieve", "contact.hang_up"):
            peer.received.clear()
            request_id = await peer.send(method, contact_id=contact_id)
            await peer.answer(request_id)
            caused = [m for m in peer.received if m.get("params", {}).get("request_id") == request_id]
            assert caused
            assert "result" in peer.received[-1]


async def test_a_command_that_waits_holds_up_nobody() -> None:
    centre = FakeCentre(answers=False)
    async with serving_edge(centre) as edge, edge.session() as peer:
        await ready(peer)
        contact_id = centre.call()
        await peer.send("contact.accept", "accept", contact_id=contact_id)
        await peer.result("session.ping")
        await peer.result("agent.set_state", state="busy")
        assert not any(m.get("id") == "accept" for m in peer.received)
        leg = centre.world.state.contacts[contact_id].agent_leg
        assert leg is not None
        centre.signal(s.StationPlaced(time.time(), NODE, leg.channel))
        for channel in (contact_id, leg.channel):
            centre.signal(s.ChannelEnteredBridge(time.time(), NODE, channel, "b"))
        assert (await peer.answer("accept"))["result"]["contact"]["state"] == "active"


async def test_requests_are_started_in_the_order_they_came(edge: Edge) -> None:
    async with edge.socket() as peer:
        await peer.send("session.open", "0", token=edge.token())
        await peer.send("agent.sign_in", "1", station="1001")
        for number, state in enumerate(["ready", "busy", "not_ready", "ready", "busy"], 2):
            await peer.send("agent.set_state", str(number), state=state)
        await peer.answer("6")
        answers = [m for m in peer.received if "id" in m]
        assert [m["id"] for m in answers] == ["0", "1", "2", "3", "4", "5", "6"]
        assert answers[-1]["result"]["agent"]["state"] == "busy"
        assert [c.request_id for c in edge.centre.commands] == ["1", "2", "3", "4", "5", "6"]


async def test_both_sessions_of_an_agent_hear_everything(edge: Edge) -> None:
    async with edge.session() as holder, edge.session() as watcher:
        await ready(holder)
        await watcher.result("session.ping")
        assert numbers(watcher) == numbers(holder)


# --- the end -----------------------------------------------------------------------------------------------


async def test_the_centre_is_told_when_the_client_goes(edge: Edge) -> None:
    async with edge.session():
        assert edge.centre.world.state.agents["1001"].connected
        assert edge.metric("cti_sockets_open") == 1
    await until(lambda: not edge.centre.world.state.agents["1001"].connected)
    await until(lambda: edge.metric("cti_sockets_open") == 0)


async def test_a_command_goes_on_when_its_socket_is_lost() -> None:
    centre = FakeCentre(answers=False)
    async with serving_edge(centre) as edge:
        async with edge.session() as peer:
            await peer.send("agent.sign_in", "lost", station="1001", station_mode="persistent")
            await until(lambda: bool(centre.commands))
        await until(lambda: centre.listeners("1001") == 0)
        channel = centre.world.state.stations["1001"].channel
        assert channel is not None
        centre.signal(s.StationPlaced(time.time(), NODE, channel))
        async with edge.session() as peer:
            assert peer.opened["agent"]["state"] == "not_ready"
            await peer.send("agent.sign_in", "lost", station="1001", station_mode="persistent")
            assert (await peer.answer("lost"))["result"]["agent"]["state"] == "not_ready"
        assert len(centre.commands) == 1


async def test_the_centre_that_never_answers() -> None:
    settings = ApiSettings(command_deadline=0.1)
    async with serving_edge(FakeCentre(answers=False), settings) as edge, edge.session() as peer:
        data = await peer.refusal("agent.sign_in", station="1001", station_mode="persistent")
        assert data == {"code": "outcome_unknown", "retryable": False}


async def test_revoked(edge: Edge) -> None:
    async with edge.session() as one, edge.session() as two, edge.session("1002") as other:
        assert edge.hub.revoke("1001") == 2
        for peer in (one, two):
            message = await peer.receive()
            assert (message["method"], message["params"]) == (
                "session.closed",
                {"reason": "revoked", "code": 4001},
            )
            assert await peer.closed(deadline=2) == 4001
        await other.result("session.ping")


async def test_the_server_stops(edge: Edge) -> None:
    async with edge.session() as peer:
        stopping = asyncio.create_task(edge.server.stop(deadline=3))
        message = await peer.receive()
        assert message["params"] == {"reason": "server_stopping", "code": 1012}
        assert await peer.closed() == 1012
        await asyncio.wait_for(stopping, 3)
    with pytest.raises(OSError, match="onnect"):
        async with edge.socket():
            pass


async def test_metrics(edge: Edge) -> None:
    async with edge.session() as peer:
        await ready(peer)
        await peer.request("agent.fly")
        await peer.refusal("contact.hold", contact_id="x")
    assert edge.metric("cti_requests_total", method="agent.sign_in", code="ok") == 1
    assert edge.metric("cti_requests_total", method="unknown", code="unknown_method") == 1
    assert edge.metric("cti_requests_total", method="contact.hold", code="unknown_contact") == 1
    assert edge.metric("cti_notifications_sent_total") == len(numbers(peer))
    assert edge.metric("cti_request_seconds_count", method="session.open") == 1


async def test_a_leader_needs_no_seat_to_force_a_state(edge: Edge) -> None:
    """Neither one of its own, nor the session that holds it."""
    async with edge.session() as agent, edge.session("2001") as seated, edge.session("2001") as beside:
        await ready(agent)
        await seated.result("agent.sign_in", station="2001")
        assert (await beside.refusal("agent.set_state", state="ready"))["code"] == "already_signed_in"
        forced = await beside.result("supervisor.set_agent_state", agent_id="1001", state="not_ready")
        assert forced["agent"]["state"] == "not_ready"
        await beside.result("supervisor.sign_out_agent", agent_id="1001")
        await agent.event("agent.signed_out")
