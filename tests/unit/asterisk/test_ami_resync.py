"""Between connecting and events: the resync, what waits for it, what becomes of it."""

import asyncio

import pytest

from cti_server.asterisk.ami_client import AmiState
from cti_server.asterisk.ami_codec import AmiMessage
from tests.fakes.ami_server import fake_ami
from tests.unit.asterisk.ami_watcher import Watcher, running, show_channels


async def test_events_during_the_resync_wait_and_keep_their_order():
    watcher = Watcher()
    resyncing, go_on = asyncio.Event(), asyncio.Event()

    async def resync() -> None:
        resyncing.set()
        await go_on.wait()
        watcher.told.append("resynced")

    watcher.resync = resync
    async with fake_ami() as fake, running(fake, watcher) as client:
        await resyncing.wait()
        assert (client.state, client.connected) == (AmiState.SYNCING, True)
        for number in range(3):
            fake.last.event("Newchannel", Uniqueid=str(number))
        await client.action("Getvar")  # its answer comes after the events
        assert watcher.told == ["up"]
        go_on.set()
        await watcher.heard("Newchannel 2")
        assert watcher.told == ["up", "resynced", "Newchannel 0", "Newchannel 1", "Newchannel 2"]


async def test_the_resync_can_ask_for_lists():
    watcher = Watcher()
    async with fake_ami() as fake:
        fake.answers["CoreShowChannels"] = show_channels
        listed: list[AmiMessage] = []
        async with running(fake, watcher) as client:

            async def resync() -> None:
                listed.extend(await client.list_action("CoreShowChannels"))

            watcher.resync = resync
            await watcher.heard("Newchannel 2")
            assert len(listed) == 2


@pytest.mark.parametrize("how", ["raises", "hangs"])
async def test_a_resync_that_fails_is_tried_on_a_new_connection(how):
    watcher = Watcher()
    tries: list[int] = []

    async def resync() -> None:
        tries.append(1)
        if len(tries) == 1 and how == "raises":
            raise RuntimeError
        if len(tries) == 1:
            await asyncio.Event().wait()

    watcher.resync = resync
    async with fake_ami() as fake, running(fake, watcher, resync_timeout=0.1) as client:
        await watcher.until(lambda: client.state is AmiState.UP)
        assert watcher.told == ["up", "down resync_failed", "up"]
        assert len(fake.connections) == 2


async def test_a_link_lost_during_the_resync_ends_the_resync():
    watcher = Watcher()
    ended: list[str] = []

    async def resync() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            ended.append("cancelled")
            raise

    watcher.resync = resync
    async with fake_ami() as fake, running(fake, watcher) as client:
        await watcher.heard("up")
        watcher.resync = None
        fake.last.cut()
        await watcher.until(lambda: client.state is AmiState.UP)
        assert ended == ["cancelled"]
        assert watcher.told[0::2] == ["up", "up"]


async def test_more_events_than_fit_drop_the_connection_rather_than_an_event():
    watcher = Watcher()
    go_on = asyncio.Event()
    watcher.resync = go_on.wait  # type: ignore[assignment]  # (what it returns is not looked at)
    async with fake_ami() as fake, running(fake, watcher, queue_size=10) as client:
        await watcher.heard("up")
        for number in range(11):
            fake.last.event("Newchannel", Uniqueid=str(number))
        await watcher.heard("down event_queue_overflow")
        go_on.set()
        await watcher.until(lambda: client.state is AmiState.UP)
        assert watcher.told == ["up", "down event_queue_overflow", "up"]
