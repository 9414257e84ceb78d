"""Lists that Asterisk sends are told apart from news."""

import asyncio

import pytest

from cti_server.errors import AmiRefused, AmiUnavailable
from tests.fakes.ami_server import FakeAmiConnection, Received
from tests.unit.asterisk.ami_watcher import nothing_pending, show_channels, up


async def test_a_list_is_told_apart_from_news():
    async with up() as (fake, watcher, client):
        fake.answers["CoreShowChannels"] = show_channels
        listed = await client.list_action("CoreShowChannels")
        assert [event["Uniqueid"] for event in listed] == ["1", "3"]
        await watcher.heard("Newchannel 2")
        assert watcher.told == ["up", "Newchannel 2"]


async def test_an_empty_list_a_refused_list_and_a_list_that_is_none():
    async with up() as (fake, _, client):

        def empty(to: FakeAmiConnection, action: Received) -> None:
            to.answer(action, EventList="start")
            to.event("BridgeListComplete", ActionID=action.headers["ActionID"], EventList="Complete")

        fake.answers["BridgeList"] = empty
        assert await client.list_action("BridgeList") == []
        fake.answers["QueueStatus"] = lambda to, action: to.answer(action, "Error", Message="No such queue")
        with pytest.raises(AmiRefused):
            await client.list_action("QueueStatus")
        assert await client.list_action("CoreStatus") == []


async def test_a_list_cut_by_a_disconnect_fails():
    async with up() as (fake, _, client):

        def cut_short(to: FakeAmiConnection, action: Received) -> None:
            to.answer(action, EventList="start")
            to.event("CoreShowChannel", ActionID=action.headers["ActionID"], Uniqueid="1")
            asyncio.get_running_loop().call_later(0.05, to.cut)

        fake.answers["CoreShowChannels"] = cut_short
        with pytest.raises(AmiUnavailable) as cut:
            await client.list_action("CoreShowChannels")
        assert cut.value.retryable


async def test_entries_of_a_list_given_up_do_not_pass_for_news():
    async with up() as (fake, watcher, client):
        asked: list[Received] = []
        fake.answers["DeviceStateList"] = lambda _, action: asked.append(action)
        with pytest.raises(AmiUnavailable):
            await client.list_action("DeviceStateList", timeout=0.05)
        action_id = asked[0].headers["ActionID"]
        fake.last.answer(asked[0], EventList="start")
        fake.last.event("DeviceStateChange", ActionID=action_id, Uniqueid="stale")
        fake.last.event("DeviceStateListComplete", ActionID=action_id, EventList="Complete")
        fake.last.event("DeviceStateChange", Uniqueid="news")
        await watcher.heard("DeviceStateChange news")
        assert watcher.told == ["up", "DeviceStateChange news"]
        assert nothing_pending(client)


async def test_an_originate_response_is_news_although_it_carries_our_id():
    async with up() as (fake, watcher, client):
        answer = await client.action("Originate", {"Async": True})
        fake.last.event("OriginateResponse", ActionID=answer["ActionID"], Uniqueid="1")
        await watcher.heard("OriginateResponse 1")
        assert watcher.events[0]["ActionID"] == answer["ActionID"]
