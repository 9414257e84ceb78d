"""The dialplan while a CTI server lives: entry, waiting, joining, recording, hold, refusals."""

import asyncio
import json
import time
from pathlib import Path

import numpy as np
import pytest

from tests.support.agi_stub import agi_stub
from tests.support.audio import tone_share
from tests.support.centre import eventually
from tests.support.pbx import PASSWORD, console, endpoint
from tests.support.phones import BaresipPhone
from tests.support.places import centre

pytestmark = [pytest.mark.asterisk, pytest.mark.usefixtures("asterisk")]


async def test_unknown_number_is_told_so_and_costs_nothing(tmp_path: Path) -> None:
    async with centre(tmp_path) as c:
        caller = await c.customer()
        await caller.dial("4999")
        closed = await caller.event("CALL_CLOSED", 15)
        assert "404" in closed.detail
        assert {row["eventtype"] for row in c.node.cel_rows()} >= {"CHAN_START", "CHAN_END"}
        assert "ANSWER" not in {row["eventtype"] for row in c.node.cel_rows()}


async def test_an_agents_phone_may_dial_nothing(tmp_path: Path) -> None:
    async with centre(tmp_path) as c, c.ami.beating():
        phone = await c.agent()
        for number in ("4000", "1002", "00441234567890"):
            await phone.dial(number)
            assert "404" in (await phone.event("CALL_CLOSED", 15)).detail


async def test_wrong_password_is_not_registered(tmp_path: Path) -> None:
    async with centre(tmp_path) as c:
        async with BaresipPhone("1001", "not-" + PASSWORD, str(c.node.sip)) as thief:
            assert (await thief.event("REGISTER_FAIL")).kind == "REGISTER_FAIL"
        assert await c.get("DEVICE_STATE(PJSIP/1001)") == "UNAVAILABLE"


async def test_caller_waits_with_music_while_a_server_beats(tmp_path: Path) -> None:
    async with centre(tmp_path) as c, c.ami.beating():
        caller = await c.customer()
        channel = await c.waiting(caller, "4000")
        assert channel.startswith("pbx-a-")
        await caller.hears_music(15)
        entry = next(row for row in c.node.cel_rows() if row["userdeftype"] == "CTI_ENTRY")
        assert entry["uniqueid"] == channel
        assert entry["eventextra"] == '{"extra":"4000:general"}'


async def test_second_server_is_asked_when_the_first_refuses(tmp_path: Path) -> None:
    first, second = endpoint(), endpoint()
    async with (
        centre(tmp_path, routes=False, agi=(first, second)) as c,
        agi_stub(second) as server,
        c.ami.beating(),
    ):
        await c.waiting(await c.customer())
        assert len(server.sessions) == 1
        assert server.sessions[0]["agi_network_script"] == "inbound"


async def test_joined_both_hear_each_other_and_it_is_recorded_in_stereo(tmp_path: Path) -> None:
    async with centre(tmp_path) as c, c.ami.beating():
        agent, caller = await c.agent(), await c.customer()
        station, customer = await c.station(), await c.waiting(caller)
        await c.connect(customer, station, recording=customer)
        await caller.hears(agent.tone_hz)
        await agent.hears(caller.tone_hz)
        await c.ami.action("Hangup", Channel=customer)
        await c.hung_up(customer)
        await c.ami.event(lambda event: event["Event"] == "MixMonitorStop")
        sound = np.frombuffer((c.node.recordings / f"{customer}.raw").read_bytes(), dtype="<i2")[2 * 2000 :]
        left, right = sound[0::2], sound[1::2]
        # What a busy machine played late are gaps in it; the other side's voice never is.
        for heard, own, other in ((left, caller, agent), (right, agent, caller)):
            assert tone_share(heard, 8000, own.tone_hz) > 0.5
            assert tone_share(heard, 8000, other.tone_hz) < 0.1


async def test_recording_cannot_leave_its_folder(tmp_path: Path) -> None:
    async with centre(tmp_path) as c, c.ami.beating():
        await c.agent()
        station, customer = await c.station(), await c.waiting(await c.customer())
        await c.connect(customer, station, recording="../../etc/x y;z")
        await c.ami.event(lambda event: event["Event"] == "MixMonitorStart")

        async def files() -> list[str]:
            return [path.name for path in c.node.recordings.iterdir()]

        assert await eventually(files, bool, "recorded") == ["....etcxyz.raw"]


async def test_hold_is_music_and_connect_takes_it_back(tmp_path: Path) -> None:
    async with centre(tmp_path) as c, c.ami.beating():
        agent, caller = await c.agent(), await c.customer()
        station, customer = await c.station(), await c.waiting(caller)
        await c.connect(customer, station, recording=customer)
        await caller.hears(agent.tone_hz)
        await c.hold(customer, station)
        await caller.hears_music()
        await agent.stops_hearing(caller.tone_hz)
        await c.connect(customer, station, recording=customer)
        await caller.hears(agent.tone_hz)
        assert len([e for _, e in c.ami.events if e["Event"] == "MixMonitorStart"]) == 1
        assert c.node.problems() == []


async def test_joining_a_channel_that_is_gone_says_so(tmp_path: Path) -> None:
    async with centre(tmp_path) as c, c.ami.beating():
        customer = await c.waiting(await c.customer())
        await c.set(customer, CTI_PEER="st-1001-gone")
        await c.send_to("cti-connect", customer)
        event = await c.ami.reaches("unjoined", customer)
        assert event["Result"] == "NONEXISTENT"


async def test_agents_phone_hangs_up_and_the_caller_stays_for_the_server(tmp_path: Path) -> None:
    async with centre(tmp_path) as c, c.ami.beating():
        agent = await c.agent()
        station, customer = await c.station(), await c.waiting(await c.customer())
        await c.connect(customer, station)
        since = time.monotonic()
        await agent.hang_up()
        await c.hung_up(station)
        await c.ami.event(lambda e: e["Event"] == "BridgeLeave" and e["Uniqueid"] == customer, 5, since)
        both = (station, customer)
        told = [
            (e["Event"], e["Uniqueid"]) for at, e in c.ami.events if at >= since and e.get("Uniqueid") in both
        ]
        assert told[0] == ("BridgeLeave", station)
        assert set(told[1:]) == {("BridgeLeave", customer), ("Hangup", station)}
        assert [e["Uniqueid"] for e in await c.ami.listing("CoreShowChannels")] == [customer]


async def test_commands_that_follow_each_other_at_once_find_the_station(tmp_path: Path) -> None:
    async with centre(tmp_path) as c, c.ami.beating():
        await c.agent()
        station = await c.station()
        first, second = await c.waiting(await c.customer()), await c.waiting(await c.customer())
        for one, other in ((first, second), (second, first), (first, second), (second, first)):
            await c.connect(one, station)
            since = time.monotonic()
            async with asyncio.TaskGroup() as group:
                group.create_task(c.hold(one, station))
                group.create_task(c.set(other, CTI_PEER=station))
                group.create_task(c.send_to("cti-connect", other))
            await c.joined(other, since)
            since = time.monotonic()
            await c.send_to("cti-wait", other)
            await c.reaches("wait", other, since)  # Asterisk refuses to redirect a channel that is on its way
        assert station in {event["Uniqueid"] for event in await c.ami.listing("CoreShowChannels")}


async def test_a_station_on_its_way_to_rest_is_waited_for(tmp_path: Path) -> None:
    """Taken before it is in its holding bridge it would leave a dead channel now and then (adr/0006)."""
    async with centre(tmp_path) as c, c.ami.beating():
        dialplan = c.node.rendered.home / "etc/extensions.conf"
        step = " same => n,BridgeWait("
        slow = dialplan.read_text().replace(step, f" same => n,Wait(0.3)\n{step}")
        dialplan.write_text(slow)
        await asyncio.to_thread(console, c.node, "dialplan reload")
        agent, caller = await c.agent(), await c.customer()
        customer = await c.waiting(caller)
        station = await c.station()
        await c.connect(customer, station)
        await c.hold(customer, station)
        await c.connect(customer, station)
        await caller.hears(agent.tone_hz)
        rows = [row for row in c.node.cel_rows() if row["uniqueid"] == station]
        entered = [json.loads(row["eventextra"]) for row in rows if row["eventtype"] == "BRIDGE_ENTER"]
        kinds = [extra["bridge_technology"] for extra in entered]
        assert kinds == ["holding_bridge", "simple_bridge"] * 2


async def test_a_station_that_talks_is_not_taken_away(tmp_path: Path) -> None:
    async with centre(tmp_path) as c, c.ami.beating():
        agent = await c.agent()
        station = await c.station()
        talking, other = await c.waiting(await c.customer()), await c.waiting(await c.customer())
        await c.connect(talking, station)
        await c.set(other, CTI_PEER=station)
        await c.send_to("cti-connect", other)
        assert (await c.ami.reaches("unjoined", other))["Result"] == "BUSY"
        assert len(agent.calls) == 1
