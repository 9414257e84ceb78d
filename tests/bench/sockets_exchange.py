"""An Asterisk that is a script: replays calls to a server over its manager interface, at a steady rate.

`python -m tests.bench.sockets_exchange PORT FIRST COUNT RATE SECONDS` listens, says `listening`; when its
input ends it replays RATE calls a second for SECONDS and prints, as JSON, when (monotonic ns) it wrote what
is told: `{"told": {event: {contact id: ns}}, "late": {"p99", "worst"} in ms, "left": calls}`.

Each call is what the product's event filter lets through of a real one: placed in the waiting place, agent's
phone rung by Originate and answering at once, both joined by Redirect, recorded, one second of talk, over.
"""

import asyncio
import json
import sys
import time
from collections import defaultdict

import uvloop

from tests.bench.lag import percentile, until_input_ends
from tests.fakes.ami_server import FakeAmi, FakeAmiConnection, Received

NODE = "pbx-a"
TALK = 1.0
SETTLE = 15.0
"""Seconds that the last calls may take to be over."""


class Exchange:
    """The calls there are, and what the server asks to be done with them."""

    def __init__(self, stations: list[str]) -> None:
        self.ami = FakeAmi()
        self.ami.answers |= {
            "Originate": self._originate,
            "Redirect": self._redirect,
            "Hangup": self._hang_up,
            "Setvar": self._setvar,
            "Status": self._status,
            "DeviceStateList": self._devices,
            "DBGetTree": self._numbers,
        }
        self.told: dict[str, dict[str, int]] = defaultdict(dict)
        self.live: set[str] = set()
        self._stations = stations
        self._noted: dict[str, str] = {}
        self._peers: dict[str, str] = {}
        self._lives: set[asyncio.Task[None]] = set()

    def call(self, number: int) -> None:
        """A caller reaches the waiting place."""
        channel = f"{NODE}-{int(time.time())}.{number}"
        self.live.add(channel)
        self._told("contact.offered", channel)
        self.ami.last.event(
            "UserEvent", UserEvent="CTIPlace", Channel=f"PJSIP/trunk-{number:08x}", Uniqueid=channel,
            Linkedid=channel, Place="wait", Number="4000", Group="general",
            CallerIDNum=f"138{number:08d}", Language="zh",
        )  # fmt: skip

    def _told(self, event: str, channel: str) -> None:
        self.told[event][channel] = time.monotonic_ns()

    # --- what the server asks for ---

    def _setvar(self, to: FakeAmiConnection, action: Received) -> None:
        if action.headers["Variable"] == "CTI_PEER":
            self._peers[action.headers["Channel"]] = action.headers["Value"]
        to.answer(action)

    def _originate(self, to: FakeAmiConnection, action: Received) -> None:
        to.answer(action, Message="Originate successfully queued")
        if "ChannelId" not in action.headers:
            self._note(action.headers["Variable"])
            return
        channel, device = action.headers["ChannelId"], action.headers["Channel"]
        to.event("DeviceStateChange", Device=device, State="RINGING")
        to.event("DeviceStateChange", Device=device, State="INUSE")
        to.event(
            "OriginateResponse", ActionID=action.headers["ActionID"], Response="Success",
            Channel=f"{device}-00000001", Context="cti-station", Exten="s", Reason="4", Uniqueid=channel,
        )  # fmt: skip
        self._idle(to, channel)

    def _note(self, variables: str) -> None:
        """What the dialplan's `cti-note` writes into Asterisk's database."""
        given = {
            name: value.strip('"') for name, _, value in (v.partition("=") for v in variables.split("\n"))
        }
        for note in filter(None, given["CTI_NOTES"].split("&")):
            number, _, plan = note.partition(":")
            self._noted[f"/cti/number/{number}"] = plan
        if given["CTI_NOTES_VERSION"]:
            self._noted["/cti/numbers"] = given["CTI_NOTES_VERSION"]

    def _numbers(self, to: FakeAmiConnection, action: Received) -> None:
        same = {"ActionID": action.headers["ActionID"]}
        to.answer(action, EventList="start")
        for key, value in self._noted.items():
            to.event("DBGetTreeResponse", **same, Key=key, Val=value)
        to.event("DBGetTreeComplete", **same, EventList="Complete")

    def _idle(self, to: FakeAmiConnection, channel: str) -> None:
        to.event("UserEvent", UserEvent="CTIPlace", Uniqueid=channel, Linkedid=channel, Place="station")

    def _redirect(self, to: FakeAmiConnection, action: Received) -> None:
        channel = action.headers["Channel"]
        to.answer(action, Message="Redirect successful")
        if action.headers["Context"] == "cti-connect":
            task = asyncio.create_task(self._conversation(to, channel, self._peers.pop(channel)))
            self._lives.add(task)
            task.add_done_callback(self._lives.discard)

    async def _conversation(self, to: FakeAmiConnection, channel: str, peer: str) -> None:
        bridge = f"bridge-{channel}"
        for leg in (channel, peer):
            if leg is peer:
                self._told("contact.connected", channel)
            to.event(
                "BridgeEnter",
                BridgeUniqueid=bridge,
                BridgeTechnology="simple_bridge",
                Uniqueid=leg,
                Linkedid=channel,
            )
        to.event("MixMonitorStart", Uniqueid=channel, Linkedid=channel)
        await asyncio.sleep(TALK)
        for leg in (peer, channel):
            to.event(
                "BridgeLeave",
                BridgeUniqueid=bridge,
                BridgeTechnology="simple_bridge",
                Uniqueid=leg,
                Linkedid=channel,
            )
        self._idle(to, peer)
        to.event("MixMonitorStop", Uniqueid=channel, Linkedid=channel)
        self._told("contact.ended", channel)
        to.event("Hangup", Uniqueid=channel, Linkedid=channel, Cause="16")
        self.live.discard(channel)

    def _hang_up(self, to: FakeAmiConnection, action: Received) -> None:
        channel = action.headers["Channel"]
        to.answer(action, Message="Channel Hungup")
        to.event("Hangup", Uniqueid=channel, Linkedid=channel, Cause="16")
        to.event("DeviceStateChange", Device=f"PJSIP/{channel.split('-')[1]}", State="NOT_INUSE")

    def _status(self, to: FakeAmiConnection, action: Received) -> None:
        to.answer(action, EventList="start")
        to.event("StatusComplete", ActionID=action.headers["ActionID"], EventList="Complete", Items="0")

    def _devices(self, to: FakeAmiConnection, action: Received) -> None:
        action_id = action.headers["ActionID"]
        to.answer(action, EventList="start")
        for station in self._stations:
            to.event("DeviceStateChange", ActionID=action_id, Device=f"PJSIP/{station}", State="NOT_INUSE")
        to.event("DeviceStateListComplete", ActionID=action_id, EventList="Complete")


async def replay(exchange: Exchange, rate: int, seconds: float) -> list[float]:
    """Each call at its moment, however late the one before was; returns how late each was, in ms."""
    late = []
    began = time.monotonic()
    for number in range(int(rate * seconds)):
        due = began + number / rate
        await asyncio.sleep(max(due - time.monotonic(), 0))
        late.append((time.monotonic() - due) * 1000)
        exchange.call(number)
    return late


async def main(port: int, first: int, count: int, rate: int, seconds: float) -> None:
    exchange = Exchange([str(first + number) for number in range(count)])
    server = await asyncio.start_server(exchange.ami.serve, "127.0.0.1", port)
    print("listening", flush=True)
    await until_input_ends()
    late = await replay(exchange, rate, seconds)
    ends = time.monotonic() + SETTLE
    while exchange.live and time.monotonic() < ends:  # noqa: ASYNC110  # a benchmark polls
        await asyncio.sleep(0.05)
    said = {
        "told": exchange.told,
        "late": {"p99": percentile(late, 0.99), "worst": max(late)},
        "left": len(exchange.live),
    }
    print(json.dumps(said), flush=True)
    server.close()
    await exchange.ami.close()


if __name__ == "__main__":
    port, first, count, rate = map(int, sys.argv[1:5])
    uvloop.run(main(port, first, count, rate, float(sys.argv[5])))
