"""Events in order, only wanted ones, whatever a handler does."""

import asyncio

from structlog.testing import capture_logs

from cti_server.asterisk.ami_client import AmiState
from cti_server.asterisk.ami_codec import AmiMessage
from tests.unit.asterisk.ami_watcher import up


async def test_events_come_in_order_and_only_wanted_ones():
    async with up() as (fake, watcher, _):
        for number in range(300):
            fake.last.event("VarSet", Uniqueid="no")
            fake.last.event("Newchannel", Uniqueid=str(number))
        await watcher.heard("Newchannel 299")
        assert watcher.told == ["up", *(f"Newchannel {number}" for number in range(300))]


async def test_all_events_when_none_are_named():
    async with up(wanted=None) as (fake, watcher, _):
        fake.last.event("Whatever", Uniqueid="1")
        await watcher.heard("Whatever 1")


async def test_a_character_cut_in_two_stays_whole():
    async with up() as (fake, watcher, _):
        data = "Event: Newchannel\r\nCallerIDName: 王小明\r\n\r\n".encode()
        middle = data.index("小".encode()) + 1
        fake.last.send(data[:middle])
        await asyncio.sleep(0.02)  # so that the client reads the first half alone
        fake.last.send(data[middle:])
        await watcher.heard("Newchannel")
        assert watcher.events[-1]["CallerIDName"] == "王小明"


async def test_a_handler_that_raises_keeps_the_link_and_says_no_number():
    async with up() as (fake, watcher, client):

        def fails(event: AmiMessage) -> None:
            if event["Uniqueid"] == "1":
                raise ValueError("a customer at 13800138000")

        watcher.on_event = fails
        with capture_logs() as logs:
            fake.last.event("Newchannel", Uniqueid="1")
            fake.last.event("Hangup", Uniqueid="2")
            await watcher.heard("Hangup 2")
        assert client.state is AmiState.UP
        (entry,) = [log for log in logs if log["event"] == "ami_event_failed"]
        assert (entry["error"], entry["ami_event"]) == ("ValueError", "Newchannel")
        assert "13800138000" not in str(logs)


async def test_events_before_the_end_are_told_before_it():
    async with up() as (fake, watcher, _):
        for number in range(50):
            fake.last.event("Hangup", Uniqueid=str(number))
        fake.last._writer.close()
        await watcher.heard("down closed_by_peer")
        assert watcher.told[1:52] == [*(f"Hangup {number}" for number in range(50)), "down closed_by_peer"]
