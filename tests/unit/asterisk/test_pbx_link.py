"""The link to one node, against a scripted manager: what it says is true once the connection stands."""

import asyncio

import pytest

from cti_server.asterisk import pbx_link
from cti_server.asterisk.pbx_link import PbxAddress, PbxLink
from cti_server.domain import signals as s
from tests.fakes.ami_server import Answer, FakeAmi, FakeAmiConnection, Received, fake_ami

DEADLINE = 5.0


async def test_held_customer_who_was_going_back_is_not_told_as_held() -> None:
    """Without a beat it goes back to its agent by itself, perhaps between our first look and the beat."""
    told: asyncio.Queue[s.Signal] = asyncio.Queue()
    async with fake_ami() as pbx:
        pbx.answers["Status"] = _status(pbx)
        pbx.answers["DeviceStateList"] = _list
        address = PbxAddress("pbx-a", "127.0.0.1", pbx.port, "cti", "secret")
        link = PbxLink(address, told.put_nowait, lambda: None, lambda: 0.0, called=lambda _call: None)
        running = asyncio.create_task(link.run())
        snapshot = await asyncio.wait_for(_snapshot(told), DEADLINE)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    assert [(fact.channel, fact.bridge) for fact in snapshot.channels] == [("pbx-a-1.1", "bridge-1")]
    assert pbx.names()[:4] == ["Status", "Setvar", "Status", "DeviceStateList"]


async def test_a_node_that_is_not_there_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that begins while the PBX is gone: no connection ends that would tell it."""
    monkeypatch.setattr(pbx_link, "UNREACHED", 0.01)
    told: asyncio.Queue[s.Signal] = asyncio.Queue()
    async with fake_ami() as pbx:
        port = pbx.port
    address = PbxAddress("pbx-a", "127.0.0.1", port, "cti", "secret")
    link = PbxLink(address, told.put_nowait, lambda: None, lambda: 0.0, called=lambda _call: None)
    running = asyncio.create_task(link.run())
    signal = await asyncio.wait_for(told.get(), DEADLINE)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert signal == s.NodeDown(0.0, "pbx-a", "not_reached")


async def _snapshot(told: "asyncio.Queue[s.Signal]") -> s.NodeSnapshot:
    while not isinstance(signal := await told.get(), s.NodeSnapshot):
        pass
    return signal


def _status(pbx: FakeAmi) -> Answer:
    def answer(connection: FakeAmiConnection, action: Received) -> None:
        beaten = "Setvar" in pbx.names()
        _list(
            connection,
            action,
            Event="Status",
            Uniqueid="pbx-a-1.1",
            Context="cti-hold",
            BridgeID="bridge-1" if beaten else "",
        )

    return answer


def _list(connection: FakeAmiConnection, action: Received, **row: str) -> None:
    same = {"ActionID": action.headers["ActionID"]}
    connection.answer(action, EventList="start")
    if row:
        connection.event(row.pop("Event"), **same, **row)
    connection.event(f"{action.name}Complete", **same, EventList="Complete", ListItems="1")
