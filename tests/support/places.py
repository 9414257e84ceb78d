"""Where calls are in a node's dialplan, and what a CTI server would tell the node to do, for tests."""

import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.agi_stub import agi_stub
from tests.support.pbx import PASSWORD, RunningNode, running_node
from tests.support.phones import AnswerMode, BaresipPhone
from tests.support.raw_ami import RawAmi, raw_ami


@dataclass(frozen=True, slots=True)
class Centre:
    """A node, a manager connection, and an FastAGI server that routes every call."""

    node: RunningNode
    ami: RawAmi
    _open: AsyncExitStack

    async def agent(self, address: str = "1001", answermode: AnswerMode = "auto") -> BaresipPhone:
        """Return an agent's phone that is registered."""
        phone = await self._open.enter_async_context(
            BaresipPhone(address, PASSWORD, str(self.node.sip), answermode=answermode)
        )
        await phone.registered()
        return phone

    async def customer(self) -> BaresipPhone:
        """Return a customer's phone that has not dialled yet."""
        return await self._open.enter_async_context(BaresipPhone.customer("13800138000", str(self.node.sip)))

    async def station(self, address: str = "1001", mode: str = "on_demand") -> str:
        """Call the agent's phone into its place; return the channel's Uniqueid."""
        channel = f"st-{address}-{time.monotonic_ns()}"
        await self.ami.action(
            "Originate",
            Channel=f"PJSIP/{address}",
            ChannelId=channel,
            Context="cti-station",
            Exten="s",
            Priority="1",
            Async="true",
            Timeout="10000",
            Variable=[f"CTI_STATION={address}", f"CTI_STATION_MODE={mode}"],
        )
        await self.ami.reaches("station", channel)
        return channel

    async def waiting(self, phone: BaresipPhone, number: str = "4008") -> str:
        """Have a customer call; return its Uniqueid once it waits for an agent."""
        since = time.monotonic()
        await phone.dial(number)
        return (await self.ami.reaches("wait", since=since))["Uniqueid"]

    async def connect(self, customer: str, station: str, recording: str = "") -> None:
        """Join a customer with a station as the server does."""
        await self.set(customer, CTI_PEER=station, CTI_RECORDING=recording)
        since = time.monotonic()
        await self.send_to("cti-connect", customer)
        await self.joined(customer, since)

    async def hold(self, customer: str, station: str) -> None:
        """Put the customer on hold; the station idles."""
        since = time.monotonic()
        answer = await self.ami.action(
            "Redirect",
            Channel=customer,
            Context="cti-hold",
            Exten="s",
            Priority="1",
            ExtraChannel=station,
            ExtraContext="cti-station",
            ExtraExten="s",
            ExtraPriority="place",
        )
        assert answer["Response"] == "Success", answer
        await self.ami.reaches("hold", customer, since=since)
        await self.ami.reaches("station", station, since=since)

    async def send_to(self, place: str, channel: str) -> None:
        """Redirect one channel to the start of a context."""
        answer = await self.ami.action("Redirect", Channel=channel, Context=place, Exten="s", Priority="1")
        assert answer["Response"] == "Success", answer

    async def set(self, channel: str, **variables: str) -> None:
        """Set channel variables."""
        for variable, value in variables.items():
            answer = await self.ami.action("Setvar", Channel=channel, Variable=variable, Value=value)
            assert answer["Response"] == "Success", answer

    async def get(self, variable: str) -> str:
        """Return a global variable or function."""
        return (await self.ami.action("Getvar", Variable=variable))["Value"]

    async def add_member(self, address: str, state: str, group: str = "general") -> None:
        """Have the fallback queue ring a phone."""
        answer = await self.ami.action(
            "QueueAdd",
            Queue=f"cti-fallback-{group}",
            Interface=f"Local/{address}@cti-fallback-agent",
            StateInterface=state,
        )
        assert answer["Response"] == "Success", answer

    async def joined(self, channel: str, since: float, deadline: float = 10) -> float:
        """Wait until a channel enters a bridge; return when it did."""
        at, _ = await self.ami.timed_event(
            lambda event: event["Event"] == "BridgeEnter" and event["Uniqueid"] == channel, deadline, since
        )
        return at

    async def hung_up(self, channel: str, deadline: float = 10) -> None:
        """Wait until a channel is gone."""
        await self.ami.event(
            lambda event: event["Event"] == "Hangup" and event["Uniqueid"] == channel, deadline
        )

    async def reaches(self, place: str, channel: str, since: float = 0, deadline: float = 10) -> float:
        """Wait until a channel is at a place; return when it got there."""
        at, _ = await self.ami.timed_event(
            lambda event: event.get("Place") == place and event["Uniqueid"] == channel, deadline, since
        )
        return at


@asynccontextmanager
async def centre(tmp_path: Path, *, routes: bool = True, **overrides: Any) -> AsyncIterator[Centre]:
    """Run a node with everything a caller may meet, but no beat: `ami.beating()` says that a server lives."""
    async with AsyncExitStack() as stack:
        node = await stack.enter_async_context(running_node(tmp_path, **overrides))
        ami = await stack.enter_async_context(raw_ami(node.ami))
        if routes:
            await stack.enter_async_context(agi_stub(node.agi))
        yield Centre(node, ami, stack)
