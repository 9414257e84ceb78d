"""What legs rung ahead do before their call is known; results of Originates before their answers."""

from __future__ import annotations

import asyncio

import pytest

from cti_server.asterisk import early
from cti_server.asterisk.early import EarlyLegs, Originates
from cti_server.asterisk.pbx_link import PbxAddress, PbxLink
from cti_server.domain import effects as e
from cti_server.domain import signals as s
from tests.fakes.ami_server import FakeAmiConnection, Received, fake_ami

DEADLINE = 10
PLACED, GONE = s.StationPlaced(0.0, "pbx-a", "leg-1"), s.ChannelGone(0.0, "pbx-a", "leg-1")


def test_a_leg_s_facts_are_kept_in_order_until_its_call_is_decided() -> None:
    legs = EarlyLegs()
    assert not legs.keep(PLACED)
    legs.rings("leg-1")
    assert legs.keep(PLACED)
    assert legs.keep(GONE)
    assert not legs.keep(s.ChannelGone(0.0, "pbx-a", "leg-2"))
    assert not legs.keep(s.StationChanged(0.0, "pbx-a", "1001", registered=True))
    assert legs.decided("leg-1") == [PLACED, GONE]
    assert legs.decided("leg-1") == []
    assert not legs.keep(PLACED)


def test_what_a_look_shows_is_not_told_after_it() -> None:
    legs = EarlyLegs()
    legs.rings("leg-1")
    legs.keep(PLACED)
    legs.forget()
    assert legs.decided("leg-1") == []


def test_results_of_originates_come_before_the_answer_or_after_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(early, "RESULTS_KEPT", 2)
    ring, calls = e.HangUpChannel("pbx-a", "c-1"), Originates()
    assert calls.taken("1", ring) is None
    assert calls.result("1", rang=False) is ring
    assert calls.taken("2", ring) is None
    assert calls.result("2", rang=True) is None
    for action_id, rang in (("3", False), ("4", True), ("5", False)):
        assert calls.result(action_id, rang=rang) is None
    assert not calls
    assert calls.taken("4", ring) is None
    assert calls.taken("5", ring) is ring
    assert not calls
    calls.taken("3", ring)  # its result was too long ago
    assert len(calls) == 1
    calls.forget()
    assert not calls


async def test_a_call_decided_while_the_node_is_looked_at_is_told_after_that() -> None:
    """What its leg did may be newer than the look."""
    told: asyncio.Queue[s.Signal] = asyncio.Queue()
    met: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    asked: list[tuple[FakeAmiConnection, Received]] = []
    looks = asyncio.Event()

    def listed(connection: FakeAmiConnection, action: Received) -> None:
        connection.answer(action, EventList="start")
        connection.event(f"{action.name}Complete", ActionID=action.headers["ActionID"], EventList="Complete")

    def held_up(connection: FakeAmiConnection, action: Received) -> None:
        asked.append((connection, action))
        looks.set()

    async with fake_ami() as pbx:
        pbx.answers |= {"Status": listed, "DeviceStateList": listed}
        address = PbxAddress("pbx-a", "127.0.0.1", pbx.port, "cti", "secret")
        link = PbxLink(address, told.put_nowait, lambda: None, lambda: 0.0, called=lambda _call: met)
        running = asyncio.create_task(link.run())
        async with asyncio.timeout(DEADLINE):
            while not isinstance(await told.get(), s.NodeSnapshot):
                pass
            for event in (
                "UserEvent|UserEvent: CTIAhead|Uniqueid: leg-1",
                "UserEvent|UserEvent: CTICall|Uniqueid: c-1|Number: 4000|Ahead: leg-1|Station: 1001",
                "UserEvent|UserEvent: CTIPlace|Uniqueid: leg-1|Place: station",
                "Hangup|Uniqueid: other",
            ):
                pbx.last.send(f"Event: {event}||".replace("|", "\r\n").encode())
            assert isinstance(await told.get(), s.ChannelGone)
            pbx.answers["DeviceStateList"] = held_up
            link.perform(e.Resync("pbx-a"))
            await looks.wait()
            met.set_result(None)
            await asyncio.sleep(0)  # whoever waits for it goes on
            assert told.empty()
            listed(*asked[0])
            assert isinstance(await told.get(), s.NodeSnapshot)
            assert await told.get() == PLACED
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
