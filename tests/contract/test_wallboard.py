"""The wallboard over HTTP and on the socket: by role, only what is new, never to a client that lags."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from cti_server.api.models.wallboard import WALLBOARD_CHANGED, WallboardNotice, WallboardView
from cti_server.bootstrap import wallboard as module
from cti_server.domain.records import Record
from tests.support.edge import Edge, Peer


def call(edge: Edge) -> str:
    """A call that waits, told to the wallboard too."""
    world = edge.centre.world
    records: list[Record] = []
    apply = world.apply

    def noting(signal: Any) -> Any:
        outcome = apply(signal)
        records.extend(outcome.records)
        return outcome

    world.apply = noting  # type: ignore[method-assign]
    contact_id = edge.centre.call()
    world.apply = apply  # type: ignore[method-assign]
    edge.wallboard.kept(records)
    return contact_id


@pytest.fixture
async def running(edge: Edge, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(module, "EVERY", 0.05)
    task = asyncio.create_task(edge.wallboard.run())
    yield task
    task.cancel()


async def board(peer: Peer) -> WallboardNotice:
    return WallboardNotice.model_validate(await peer.event(WALLBOARD_CHANGED))


async def test_over_http_by_role(edge: Edge) -> None:
    call(edge)
    for person in ("2001", "4001"):
        async with edge.http(person) as http:
            found = WallboardView.model_validate((await http.get("/api/v1/wallboard")).json())
        assert [(queue.queue, queue.waiting) for queue in found.queues] == [("general", 1)]
        assert found.queues[0].today["asked"] == found.centre.today["asked"] == 1
        assert sum(found.centre.agents.values()) == len(edge.centre.world.state.agents)
    async with edge.http("1001") as http:
        answer = await http.get("/api/v1/wallboard")
    assert (answer.status_code, answer.json()["code"]) == (403, "wrong_role")


@pytest.mark.usefixtures("running")
async def test_told_when_it_changed_and_only_then(edge: Edge) -> None:
    async with edge.session("4001") as peer, edge.session("1001") as agent:
        assert (await agent.refusal("subscribe", topics=["wallboard"]))["code"] == "wrong_role"
        told = await peer.result("subscribe", topics=["wallboard"])
        assert told == {"topics": ["wallboard"]}
        assert (await board(peer)).wallboard.centre.waiting == 0
        with pytest.raises(TimeoutError):
            await peer.event(WALLBOARD_CHANGED, 0.5)
        contact_id = call(edge)
        assert (await board(peer)).wallboard.centre.waiting == 1
        edge.centre.customer_hangs_up(contact_id)
        while (await board(peer)).wallboard.centre.waiting:
            pass
        await peer.result("unsubscribe", topics=["wallboard"])
        peer.notifications.clear()
        call(edge)
        with pytest.raises(TimeoutError):
            await peer.event(WALLBOARD_CHANGED, 0.5)
