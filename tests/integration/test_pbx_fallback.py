"""No caller is stranded when the CTI server is away, dies, freezes or talks nonsense."""

import asyncio
import time
from pathlib import Path

import numpy as np
import pytest

from asterisk_config.model import Timings
from tests.support.agi_stub import Mood, agi_stub
from tests.support.audio import RECORDED, tone_share
from tests.support.centre import eventually
from tests.support.pbx import endpoint
from tests.support.places import Centre, centre

pytestmark = [pytest.mark.asterisk, pytest.mark.usefixtures("asterisk")]

PROMISE = 5.0
"""Seconds after a server's last sign of life until a caller is at the fallback."""
_QUICK = Timings(fallback_greeting=4, fallback_ring=3, fallback_turn=4)


async def test_no_server_at_all_the_fallback_queue_rings_a_phone(tmp_path: Path) -> None:
    async with centre(tmp_path, routes=False) as c:
        agent, caller = await c.agent(answermode="manual"), await c.customer()
        await c.add_member("1001", "PJSIP/1001")
        await caller.dial("4000")
        unserved = await c.ami.reaches("unserved")
        assert (unserved["Number"], unserved["Group"]) == ("4000", "general")
        await agent.event("CALL_INCOMING", 20)
        await agent.accept()
        await agent.hears(caller.tone_hz)
        await caller.hears(agent.tone_hz)
        await agent.hang_up()
        await caller.event("CALL_CLOSED", 15)
        assert _said_goodbye(c, unserved["Uniqueid"])
        await c.hung_up(unserved["Uniqueid"])
        assert c.node.problems() == []
        assert "13800138000" not in c.node.log_text()
        sound = np.frombuffer((c.node.recordings / f"{unserved['Uniqueid']}.raw").read_bytes(), dtype="<i2")
        assert tone_share(sound[0::2][2000:], 8000, caller.tone_hz) > RECORDED
        assert tone_share(sound[1::2][2000:], 8000, agent.tone_hz) > RECORDED


async def test_callers_group_decides_which_phone_rings(tmp_path: Path) -> None:
    async with centre(tmp_path, routes=False) as c:
        general, cards = await c.agent("1001", "manual"), await c.agent("1002", "manual")
        await c.add_member("1001", "PJSIP/1001", "general")
        await c.add_member("1002", "PJSIP/1002", "credit_card")
        await (await c.customer()).dial("4001")
        await cards.event("CALL_INCOMING", 20)
        assert general.happened("CALL_INCOMING") == 0


async def test_members_outlive_a_restart_of_the_queue(tmp_path: Path) -> None:
    async with centre(tmp_path, routes=False) as c:
        await c.add_member("1001", "PJSIP/1001")
        members = await c.ami.listing("QueueStatus", Queue="cti-fallback-general")
        assert [event["Location"] for event in members if event["Event"] == "QueueMember"] == [
            "Local/1001@cti-fallback-agent"
        ]


async def test_beat_stops_while_a_caller_waits(tmp_path: Path) -> None:
    async with centre(tmp_path) as c:
        caller = await c.customer()
        async with c.ami.beating():
            customer = await c.waiting(caller)
        last = time.monotonic()
        assert await c.reaches("unserved", customer) - last < PROMISE


@pytest.mark.parametrize("mood", ["freezes", "dies"])
async def test_server_goes_in_the_middle_of_the_question(tmp_path: Path, mood: Mood) -> None:
    async with centre(tmp_path, routes=False) as c, agi_stub(c.node.agi, mood) as server:
        caller = await c.customer()
        async with c.ami.beating():
            await caller.dial("4000")
            await asyncio.wait_for(server.asked.wait(), 5)
        last = time.monotonic()
        await c.ami.reaches("unserved")
        assert time.monotonic() - last < PROMISE


async def test_frozen_server_while_the_leader_beats_the_next_one_is_asked(tmp_path: Path) -> None:
    first, second = endpoint(), endpoint()
    async with (
        centre(tmp_path, routes=False, agi=(first, second)) as c,
        agi_stub(first, "freezes"),
        agi_stub(second) as server,
        c.ami.beating(),
    ):
        await c.waiting(await c.customer())
        assert len(server.sessions) == 1


async def test_refused_question_goes_to_the_fallback_at_once(tmp_path: Path) -> None:
    async with centre(tmp_path, routes=False) as c, c.ami.beating():
        since = time.monotonic()
        await (await c.customer()).dial("4000")
        await c.ami.reaches("unserved")
        assert time.monotonic() - since < 2


async def test_caller_goes_back_to_a_server_that_lives_again(tmp_path: Path) -> None:
    async with centre(tmp_path, timings=_QUICK) as c:
        caller = await c.customer()
        async with c.ami.beating():
            customer = await c.waiting(caller)
        await c.reaches("unserved", customer)
        since = time.monotonic()
        async with c.ami.beating():
            await c.reaches("wait", customer, since, 30)


async def test_caller_no_server_knew_is_asked_about_once_one_lives(tmp_path: Path) -> None:
    async with centre(tmp_path, timings=_QUICK) as c:
        await (await c.customer()).dial("4000")
        customer = (await c.ami.reaches("unserved"))["Uniqueid"]
        async with c.ami.beating():
            await c.reaches("wait", customer, 0, 30)
        assert (await c.ami.action("Getvar", Channel=customer, Variable="CTI_ROUTED"))["Value"] == "1"


async def test_broken_fallback_script_strands_nobody(tmp_path: Path) -> None:
    async with centre(tmp_path, routes=False) as c:
        (c.node.rendered.home / "agi-bin/cti-fallback").write_text(
            "#!/usr/bin/python3\nraise SystemExit(3)\n"
        )
        agent = await c.agent(answermode="manual")
        await c.add_member("1001", "PJSIP/1001")
        await (await c.customer()).dial("4000")
        await agent.event("CALL_INCOMING", 10)


async def test_hanging_fallback_script_strands_nobody(tmp_path: Path) -> None:
    async with centre(tmp_path, routes=False, timings=_QUICK) as c:
        (c.node.rendered.home / "agi-bin/cti-fallback").write_text("#!/bin/sh\nsleep 60\n")
        agent = await c.agent(answermode="manual")
        await c.add_member("1001", "PJSIP/1001")
        await (await c.customer()).dial("4000")
        await agent.event("CALL_INCOMING", 15)


async def test_held_customer_comes_back_to_the_agent(tmp_path: Path) -> None:
    async with centre(tmp_path) as c:
        agent, caller = await c.agent(), await c.customer()
        async with c.ami.beating():
            station, customer = await c.station(mode="persistent"), await c.waiting(caller)
            await c.connect(customer, station)
            await c.hold(customer, station)
        last = time.monotonic()
        assert await c.joined(customer, last) - last < PROMISE
        await caller.hears(agent.tone_hz)
        assert await c.get("DEVICE_STATE(Custom:cti-1001)") == "INUSE"


async def test_held_customer_whose_agent_is_gone_goes_to_the_fallback(tmp_path: Path) -> None:
    async with centre(tmp_path) as c:
        agent = await c.agent()
        async with c.ami.beating():
            station, customer = await c.station(mode="persistent"), await c.waiting(await c.customer())
            await c.connect(customer, station)
            await c.hold(customer, station)
        await agent.hang_up()
        await c.hung_up(station)
        await c.reaches("unserved", customer)


async def test_held_customer_does_not_cut_into_the_agents_other_call(tmp_path: Path) -> None:
    async with centre(tmp_path) as c:
        await c.agent()
        async with c.ami.beating():
            station = await c.station(mode="persistent")
            held, other = await c.waiting(await c.customer()), await c.waiting(await c.customer())
            await c.connect(held, station)
            await c.hold(held, station)
            await c.connect(other, station)
        since = time.monotonic()
        async with asyncio.TaskGroup() as group:
            back = group.create_task(c.joined(held, since, 20))
            group.create_task(_ends_later(c, other, 6))
        assert back.result() - since > 6


async def test_conversation_outlives_the_server_and_ends_with_a_farewell(tmp_path: Path) -> None:
    async with centre(tmp_path) as c:
        agent, caller = await c.agent(), await c.customer()
        async with c.ami.beating():
            station, customer = await c.station(), await c.waiting(caller)
            await c.connect(customer, station)
        await asyncio.sleep(PROMISE)  # the time itself is what is tested: nothing may happen in it
        assert caller.calls
        await caller.hears(agent.tone_hz)
        await agent.hang_up()
        await c.hung_up(customer)
        assert _said_goodbye(c, customer)


def _said_goodbye(c: Centre, channel: str) -> bool:
    return any(
        row["uniqueid"] == channel and row["userdeftype"] == "CTI_FAREWELL" for row in c.node.cel_rows()
    )


async def test_a_surge_of_callers_without_a_server(tmp_path: Path) -> None:
    async with centre(tmp_path, routes=False) as c:
        await c.add_member("1001", "PJSIP/1001")
        calls = ["-sn", "uac", "-s", "4001", "-i", "127.0.0.1", "-m", "30", "-r", "30", "-d", "3000"]
        sipp = await asyncio.create_subprocess_exec(
            "sipp", *calls, "-nostdin", str(c.node.sip), stdout=asyncio.subprocess.DEVNULL, cwd=tmp_path
        )
        assert await asyncio.wait_for(sipp.wait(), 30) == 0
        placed = [event for _, event in c.ami.events if event.get("Place") == "unserved"]
        assert len(placed) == 30
        for event in placed:
            await c.hung_up(event["Uniqueid"])
        assert await c.ami.listing("CoreShowChannels") == []
        assert list(c.node.recordings.iterdir()) == []
        assert c.node.problems() == []


async def _ends_later(c: Centre, channel: str, seconds: float) -> None:
    await asyncio.sleep(seconds)
    await c.ami.action("Hangup", Channel=channel)


@pytest.mark.parametrize("mode", ["persistent", "on_demand"])
async def test_idle_station_while_no_server_lives(tmp_path: Path, mode: str) -> None:
    async with centre(tmp_path, routes=False) as c:
        agent = await c.agent()
        async with c.ami.beating():
            station = await c.station(mode=mode)
        if mode == "on_demand":
            await c.hung_up(station)
            return
        await c.add_member("1001", "Custom:cti-1001")
        await (await c.customer()).dial("4000")
        await agent.event("CALL_ESTABLISHED")  # the station's own
        await agent.event("CALL_ESTABLISHED", 20)
        assert await c.get("DEVICE_STATE(Custom:cti-1001)") == "INUSE"
        before = await _rests(c, station)
        await eventually(lambda: _rests(c, station), lambda times: times > before, "a look around")
        # the idle channel has looked around, and rests again: its phone is in a call all the same
        assert await c.get("DEVICE_STATE(Custom:cti-1001)") == "INUSE"


async def _rests(c: Centre, station: str) -> int:
    rows = [row for row in c.node.cel_rows() if row["uniqueid"] == station]
    return sum(row["eventtype"] == "BRIDGE_ENTER" for row in rows)


async def test_persistent_station_is_free_again_after_a_fallback_call(tmp_path: Path) -> None:
    async with centre(tmp_path, routes=False) as c:
        agent, caller = await c.agent(), await c.customer()
        async with c.ami.beating():
            station = await c.station(mode="persistent")
        await c.add_member("1001", "Custom:cti-1001")
        await caller.dial("4000")
        await agent.event("CALL_ESTABLISHED")
        await agent.event("CALL_ESTABLISHED", 20)
        since = time.monotonic()
        await caller.hang_up()
        await _state(c, "NOT_INUSE", since)
        since = time.monotonic()
        await c.ami.action("Hangup", Channel=station)
        await _state(c, "UNAVAILABLE", since)


async def test_persistent_station_frees_itself_when_its_talk_ends_without_a_server(tmp_path: Path) -> None:
    async with centre(tmp_path) as c:
        await c.agent()
        async with c.ami.beating():
            station, customer = await c.station(mode="persistent"), await c.waiting(await c.customer())
            await c.connect(customer, station)
            await c.ami.action("Setvar", Variable="DEVICE_STATE(Custom:cti-1001)", Value="INUSE")
        since = time.monotonic()
        await c.ami.action("Hangup", Channel=customer)
        await _state(c, "NOT_INUSE", since)


async def _state(c: Centre, state: str, since: float) -> None:
    await c.ami.event(
        lambda event: (
            event["Event"] == "DeviceStateChange"
            and event["Device"] == "Custom:cti-1001"
            and event["State"] == state
        ),
        10,
        since,
    )
