"""The link against a real Asterisk: what it does, and what becomes of it when Asterisk dies or hangs."""

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from cti_server.asterisk.ami_client import AmiClient, AmiState
from cti_server.asterisk.ami_codec import AmiMessage, Fields
from cti_server.errors import AmiInvalidField, AmiRefused, AmiTimeout, AmiUnavailable
from tests.support.pbx import RunningNode, running_node
from tests.support.processes import wait_until

pytestmark = [pytest.mark.asterisk, pytest.mark.usefixtures("asterisk")]

WANTED = frozenset({"Newchannel", "Hangup", "UserEvent", "OriginateResponse"})
PLACE: Fields = {
    "Channel": "Local/s@cti-station",
    "Context": "cti-station",
    "Exten": "s",
    "Priority": 1,
    "Async": True,
}
"""A call of Asterisk with itself: both halves idle where stations do."""
NASTY = 'a,b="c"\\d;${EXTEN}|王小明 (x'
"""What would end a value, begin another variable, or be evaluated."""


class Log:
    """What the client told, with a way to wait."""

    def __init__(self) -> None:
        self.events: list[AmiMessage] = []
        self.downs: list[tuple[float, str]] = []
        self.ups: list[float] = []

    async def up(self) -> None:
        self.ups.append(time.monotonic())

    def down(self, reason: str) -> None:
        self.downs.append((time.monotonic(), reason))

    async def until(self, condition: Callable[[], bool], seconds: float = 10.0) -> None:
        async with asyncio.timeout(seconds):
            while not condition():  # noqa: ASYNC110 (several sources, one way to wait)
                await asyncio.sleep(0.005)

    async def event(self, name: str, uniqueid: str) -> AmiMessage:
        def found() -> list[AmiMessage]:
            return [one for one in self.events if (one.name, one.get("Uniqueid")) == (name, uniqueid)]

        await self.until(lambda: bool(found()))
        return found()[0]


@asynccontextmanager
async def linked(node: RunningNode, **options: Any) -> AsyncIterator[tuple[AmiClient, Log]]:
    """A client that is up on the node."""
    log, ami = Log(), node.ami
    given: dict[str, Any] = {"wanted": WANTED, "secret": ami.secret, "backoff": (0.1, 1.0)} | options
    client = AmiClient(
        ami.host,
        ami.port,
        ami.user,
        on_event=log.events.append,
        on_up=log.up,
        on_down=log.down,
        **given,
    )
    running = asyncio.create_task(client.run())
    try:
        await log.until(lambda: client.state is AmiState.UP or client.last_failure == "login_refused")
        if client.connected:
            await client.action("Setvar", {"Variable": "GLOBAL(CTI_BEAT)", "Value": int(time.time()) + 3600})
        yield client, log
    finally:
        running.cancel()
        await asyncio.wait({running})


@contextlib.contextmanager
def frozen(node: RunningNode) -> Iterator[float]:
    """Asterisk stands still in the block, every thread of it."""
    threads = Path(f"/proc/{node.process.pid}/task")
    os.kill(node.process.pid, signal.SIGSTOP)
    try:
        wait_until(lambda: all(stands_still(one) for one in threads.iterdir()), 5, "Asterisk standing still")
        yield time.monotonic()
    finally:
        os.kill(node.process.pid, signal.SIGCONT)


def stands_still(thread: Path) -> bool:
    try:
        return (thread / "stat").read_text().rpartition(") ")[2].startswith("T")
    except OSError:  # it has ended meanwhile
        return True


async def test_what_a_server_needs(tmp_path: Path) -> None:
    async with running_node(tmp_path) as node, linked(node) as (client, log):
        answer = await client.action("Originate", {**PLACE, "ChannelId": "one", "Variable": {"CTI_X": NASTY}})
        assert (await log.event("OriginateResponse", "one"))["ActionID"] == answer["ActionID"]
        assert (await client.action("Getvar", {"Channel": "one", "Variable": "CTI_X"}))["Value"] == NASTY

        statuses = await client.list_action("Status", {"AllVariables": "false", "Variables": "CTI_X"})
        (status,) = [one for one in statuses if one["Uniqueid"] == "one"]
        assert status.variables() == {"CTI_X": NASTY}
        assert {one["Uniqueid"] for one in await client.list_action("CoreShowChannels")} == {"one", "one;2"}
        assert await client.list_action("DeviceStateList")

        member = {"Queue": "cti-fallback-general", "Interface": "PJSIP/1001"}
        assert (await client.action("QueueAdd", member))["Message"] == "Added interface to queue"
        with pytest.raises(AmiRefused, match="Already there"):
            await client.action("QueueAdd", member)
        assert (await client.action("QueueRemove", member)).success

        await client.action("Hangup", {"Channel": "one"})
        await log.event("Hangup", "one")
        with pytest.raises(AmiRefused, match="No such channel"):
            await client.action("Hangup", {"Channel": "one"})
        with pytest.raises(AmiInvalidField):
            await client.action("Setvar", {"Variable": "X", "Value": "1\r\n\r\nAction: Ping"})
        assert client.state is AmiState.UP
        assert log.downs == []


async def test_an_originate_that_waits_for_its_end_completes_too(tmp_path: Path) -> None:
    async with running_node(tmp_path) as node, linked(node) as (client, log):
        answer = await client.action("Originate", {**PLACE, "Async": False, "ChannelId": "two"})
        assert answer["Message"] == "Originate successfully queued"
        await log.event("Newchannel", "two")


async def test_the_longest_line_we_send_is_taken_as_it_is(tmp_path: Path) -> None:
    async with running_node(tmp_path) as node, linked(node) as (client, _):
        value = "v" * (1000 - len("Value: "))
        await client.action("Setvar", {"Variable": "GLOBAL(CTI_X)", "Value": value})
        assert (await client.action("Getvar", {"Variable": "GLOBAL(CTI_X)"}))["Value"] == value


async def test_a_wrong_secret_is_said_so(tmp_path: Path) -> None:
    async with running_node(tmp_path) as node, linked(node, secret="wrong") as (client, log):
        assert client.last_failure == "login_refused"
        assert log.ups == []


async def test_a_killed_asterisk_is_seen_at_once(tmp_path: Path) -> None:
    async with running_node(tmp_path) as node, linked(node) as (client, log):
        killed = time.monotonic()
        os.kill(node.process.pid, signal.SIGKILL)
        await log.until(lambda: bool(log.downs))
        assert log.downs[0][0] - killed < 0.5
        with pytest.raises(AmiUnavailable):
            await client.action("Hangup", {"Channel": "x"})


async def test_a_frozen_asterisk_is_found_in_three_seconds_and_taken_back(tmp_path: Path) -> None:
    async with running_node(tmp_path) as node, linked(node) as (client, log):
        with frozen(node) as since:
            with pytest.raises(AmiTimeout) as cut:
                await client.action("Setvar", {"Variable": "GLOBAL(CTI_X)", "Value": "1"}, timeout=10)
            assert cut.value.detail["cause"] == "link_lost"
            await log.until(lambda: bool(log.downs))
            assert log.downs[0][1] == "silent"
            assert log.downs[0][0] - since < 3.0
        thawed = time.monotonic()
        await log.until(lambda: len(log.ups) == 2)
        assert log.ups[1] - thawed < 2.0
        # What was written before the freeze was noticed is done after it: Asterisk reads what its socket
        # holds, reset or not. That is why such an action counts as unknown and not as failed.
        await wait_for_global(client, "CTI_X", "1")


async def wait_for_global(client: AmiClient, name: str, value: str) -> None:
    async with asyncio.timeout(5):
        while (await client.action("Getvar", {"Variable": f"GLOBAL({name})"}))["Value"] != value:  # noqa: ASYNC110 (no event)
            await asyncio.sleep(0.01)


async def test_a_channel_id_must_not_be_the_beginning_of_another(tmp_path: Path) -> None:
    """A trap of Asterisk 22.10: ids in use are compared by their beginning when a channel is made.

    Afterwards they are compared as a whole. So ids that we give to channels all have the same length.
    """
    async with running_node(tmp_path) as node, linked(node) as (client, log):
        for channel_id, outcome in (("id-25", "Success"), ("id-2", "Failure"), ("id-26", "Success")):
            await client.action("Originate", {**PLACE, "ChannelId": channel_id})
            assert (await log.event("OriginateResponse", channel_id))["Response"] == outcome
        with pytest.raises(AmiRefused, match="No such channel"):
            await client.action("Hangup", {"Channel": "id-2"})


async def test_many_calls_in_order(tmp_path: Path) -> None:
    calls = 50
    async with running_node(tmp_path) as node, linked(node) as (client, log):
        ids = [f"many-{number:02}" for number in range(calls)]
        await asyncio.gather(*(client.action("Originate", {**PLACE, "ChannelId": one}) for one in ids))
        await asyncio.gather(*(log.event("OriginateResponse", one) for one in ids))
        await asyncio.gather(*(client.action("Hangup", {"Channel": one}) for one in ids))
        await asyncio.gather(*(log.event("Hangup", one) for one in ids))
        for one in ids:
            names = [event.name for event in log.events if event.get("Uniqueid") == one]
            # Asterisk itself may tell OriginateResponse before Newchannel: they come from different threads.
            own = [name for name in names if name != "OriginateResponse"]
            assert (own[0], names[-1]) == ("Newchannel", "Hangup")
        assert client.round_trips.p99 < 1.0
        assert log.downs == []
