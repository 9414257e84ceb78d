"""A peer that is silent, late, congested or sends garbage."""

import asyncio
import time

import pytest

from cti_server.asterisk.ami_client import AmiState
from cti_server.errors import AmiTimeout, AmiUnavailable
from tests.fakes.ami_server import FakeAmiConnection, Received
from tests.unit.asterisk.ami_watcher import up


async def test_a_silent_peer_is_found_in_time():
    async with up(ping_interval=0.4) as (fake, watcher, client):
        began = time.monotonic()
        fake.silent.add("Ping")
        await watcher.heard("down silent")
        assert time.monotonic() - began < 0.4 * 4  # 2.5 intervals, and a busy machine
        fake.silent.clear()
        await watcher.until(lambda: client.state is AmiState.UP)


async def test_a_peer_that_hangs_is_found_and_its_actions_have_an_unknown_outcome():
    async with up(ping_interval=0.4) as (fake, watcher, client):
        fake.reading.clear()
        with pytest.raises(AmiTimeout):
            await client.action("Originate", timeout=5)
        await watcher.heard("down silent")


async def test_congestion_refuses_instead_of_piling_up():
    async with up() as (fake, _, client):
        fake.reading.clear()
        refused: list[AmiUnavailable] = []

        async def one() -> None:
            try:
                await client.action("UserEvent", {"Header": ["x" * 900] * 100}, timeout=0.2)
            except AmiUnavailable as error:
                refused.append(error)
            except AmiTimeout:
                pass

        await asyncio.gather(*(one() for _ in range(200)))
        assert refused


async def test_an_answer_that_is_late_while_events_flow_is_borne():
    async with up(ping_interval=0.1, ping_misses=8) as (fake, watcher, client):
        held: list[tuple[FakeAmiConnection, Received]] = []
        fake.answers["Ping"] = lambda to, action: held.append((to, action))
        for number in range(25):
            fake.last.event("Newchannel", Uniqueid=str(number))
            await asyncio.sleep(0.02)  # events keep flowing for 0.5 s, five intervals
        assert client.state is AmiState.UP
        del fake.answers["Ping"]
        for to, action in held:
            to.answer(action)
        await client.action("Getvar")
        assert watcher.told[0] == "up"
        assert not any(one.startswith("down") for one in watcher.told)


async def test_a_peer_that_talks_but_never_answers_is_given_up():
    async with up(ping_interval=0.04) as (fake, watcher, _):
        fake.silent.add("Ping")
        talking = True

        async def talk() -> None:
            while talking:
                fake.last.event("Newchannel", Uniqueid="x")
                await asyncio.sleep(0.01)

        talker = asyncio.create_task(talk())
        await watcher.heard("down late")
        talking = False
        await talker


async def test_garbage_in_the_middle_drops_the_link():
    async with up() as (fake, watcher, client):
        fake.last.send(b"x" * 300_000)
        await watcher.heard("down protocol_error")
        await watcher.until(lambda: client.state is AmiState.UP)


async def test_round_trips_and_metrics():
    seen: list[str] = []
    async with up(metrics=lambda name, _: seen.append(name), ping_interval=0.02) as (_, watcher, client):
        await watcher.until(lambda: client.round_trips.count >= 5)
        assert 0 < client.round_trips.p50 <= client.round_trips.p99 < 1
        await client.action("Hangup")
    assert {"ami_up", "ami_ping_seconds", "ami_action_seconds"} <= set(seen)
