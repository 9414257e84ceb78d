"""The link to one node, against a scripted manager: what it says is true once the connection stands."""

import asyncio
import time
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from asterisk_config.surface import CEL_COLUMNS
from cti_server.asterisk import look, node_clock, pbx_link, unseen_calls
from cti_server.asterisk.arrivals import Call
from cti_server.asterisk.pbx_link import PbxAddress, PbxLink
from cti_server.domain import effects as e
from cti_server.domain import signals as s
from cti_server.domain.agent import StationMode
from tests.fakes.ami_server import Answer, FakeAmi, FakeAmiConnection, Received, fake_ami
from tests.unit.asterisk.test_cel import extra, line

DEADLINE = 5.0


async def test_held_customer_who_was_going_back_is_not_told_as_held() -> None:
    """Without a beat it goes back to its agent by itself, perhaps between our first look and the beat."""
    async with fake_ami() as pbx:
        pbx.answers["Status"] = _status(pbx)
        snapshot = await _snapshot(pbx)
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


async def test_a_phones_hold_is_asked_for_without_locking_its_channel() -> None:
    """Asterisk stands still for good when `Status` reads a function that has to wait for SIP."""

    def status(connection: FakeAmiConnection, action: Received) -> None:
        row = {"Event": "Status", "ChannelStateDesc": "Up", "BridgeID": "b"}
        talking = [{"Channel": f"PJSIP/1001-0000000{n}", "Uniqueid": f"s-{n}", **row} for n in (1, 2, 3)]
        idle = {"Channel": "PJSIP/1002-00000004", "Uniqueid": "s-4", "Variable": "CTI_IDLE=1", **row}
        _list(connection, action, *talking, idle, {"Uniqueid": "pbx-a-1.1", **row})

    def held(connection: FakeAmiConnection, action: Received) -> None:
        if action.headers["Channel"] == "s-3":  # gone by now
            connection.answer(action, "Error", Message="No such channel")
        else:
            value = "1" if action.headers["Channel"] == "s-2" else "0"
            connection.answer(action, Variable=action.headers["Variable"], Value=value)

    async with fake_ami() as pbx:
        pbx.answers |= {"Status": status, "Getvar": held}
        snapshot = await _snapshot(pbx)
    asked = [action.headers for action in pbx.received if action.name == "Getvar"]
    assert [(one["Channel"], one["Variable"]) for one in asked] == [
        (f"s-{n}", "CHANNEL(rtp,hold)") for n in (1, 2, 3)
    ]
    assert [fact.channel for fact in snapshot.channels if fact.held] == ["s-2"]
    assert all("(" not in one.headers["Variables"] for one in pbx.received if one.name == "Status")


async def test_hundreds_of_phones_are_asked_a_few_at_a_time() -> None:
    """At once they would keep the loop, and every other action at the node, waiting."""
    waiting: list[Received] = []
    most = 0

    def status(connection: FakeAmiConnection, action: Received) -> None:
        row = {"Event": "Status", "ChannelStateDesc": "Up", "BridgeID": "b"}
        _list(
            connection,
            action,
            *({"Channel": f"PJSIP/1001-{n:08x}", "Uniqueid": f"s-{n}", **row} for n in range(200)),
        )

    def later(connection: FakeAmiConnection, action: Received) -> None:
        nonlocal most
        if not waiting:
            asyncio.get_running_loop().call_later(0.01, answered, connection)
        waiting.append(action)
        most = max(most, len(waiting))

    def answered(connection: FakeAmiConnection) -> None:
        for action in waiting:
            connection.answer(action, Value="1")
        waiting.clear()

    async with fake_ami() as pbx:
        pbx.answers |= {"Status": status, "Getvar": later}
        snapshot = await _snapshot(pbx)
    assert sum(fact.held for fact in snapshot.channels) == 200
    assert most <= look.ASKED_AT_ONCE


@pytest.mark.parametrize("ahead", [-3600, 0, 3600])
async def test_the_beat_is_by_the_clock_of_the_pbx(monkeypatch: pytest.MonkeyPatch, ahead: int) -> None:
    """The dialplan compares it with its own: one that goes before ours would never find it fresh."""
    monkeypatch.setattr(node_clock, "PROMPT", DEADLINE)
    began = int(time.time())

    def clock(connection: FakeAmiConnection, action: Received) -> None:
        connection.answer(action, Timestamp=f"{time.time() + ahead:.6f}")

    async with fake_ami() as pbx:
        pbx.answers |= {"Ping": clock, "Status": _list}
        with capture_logs() as logged:
            await _snapshot(pbx)
        beats = [int(action.headers["Value"]) for action in pbx.received if action.name == "Setvar"]
    assert beats
    assert all(0 <= beat - ahead - began < 60 for beat in beats)
    told = [entry["ahead"] for entry in logged if entry["event"] == "pbx.clock_differs"]
    assert told == ([ahead] if ahead else [])


async def test_a_pbx_that_answers_late_is_beaten_all_the_same() -> None:
    """Found by a storm on a loaded machine: the beat must not wait for what says how late it is."""
    async with fake_ami() as pbx:
        pbx.silent.add("Ping")
        pbx.answers |= {"Status": _list}
        await _snapshot(pbx)
        assert "Setvar" in pbx.names()


@pytest.mark.parametrize("ahead", [0, 0.4, -60, 60])
async def test_a_call_that_ends_between_the_looks_is_not_lost(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, ahead: float
) -> None:
    """Neither in the log when it is read, nor among the channels that are listed after that.

    The log has the times of the node's clock, which may go before ours or after it.
    """
    monkeypatch.setattr(unseen_calls, "CEL_WRITTEN", 0.01)
    monkeypatch.setattr(node_clock, "PROMPT", DEADLINE)
    path, began = tmp_path / "cel.csv", time.time()

    def clock(connection: FakeAmiConnection, action: Received) -> None:
        connection.answer(action, Timestamp=f"{time.time() + ahead:.6f}")

    def ends(connection: FakeAmiConnection, action: Received) -> None:
        trunk, call = "PJSIP/trunk-00000001", "pbx-a-1.1"
        entry = {"userdeftype": "CTI_ENTRY", "eventextra": extra(extra="4000:general")}
        rows = [
            line("CHAN_START", began + ahead, trunk, call),
            line("CTI_ENTRY", began + ahead, trunk, call, **entry),
            line("CHAN_END", time.time() + ahead, trunk, call),
        ]
        path.write_text("\n".join(rows))
        _list(connection, action)

    told: asyncio.Queue[s.Signal] = asyncio.Queue()
    async with fake_ami() as pbx:
        pbx.answers |= {"Ping": clock, "Status": ends, "DeviceStateList": _list}
        address = PbxAddress("pbx-a", "127.0.0.1", pbx.port, "cti", "secret", path, CEL_COLUMNS)
        link = PbxLink(address, told.put_nowait, lambda: None, lambda: began, called=lambda _call: None)
        running = asyncio.create_task(link.run())
        kinds = []
        async with asyncio.timeout(DEADLINE):
            while not isinstance(signal := await told.get(), s.ContactRecovered):
                kinds.append(type(signal))
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    assert kinds == [s.NodeUp, s.NodeSnapshot]
    assert (signal.channel, signal.group_id, signal.connected_at) == ("pbx-a-1.1", "general", None)


async def test_of_a_leg_rung_ahead_nothing_is_told_before_its_call() -> None:
    told: asyncio.Queue[s.Signal] = asyncio.Queue()
    met: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    calls = []

    def called(call: Call) -> asyncio.Future[None]:
        calls.append((call.channel, call.ahead, call.ahead_at))
        return met

    async with fake_ami() as pbx:
        pbx.answers |= {"Status": _list, "DeviceStateList": _list}
        address = PbxAddress("pbx-a", "127.0.0.1", pbx.port, "cti", "secret")
        link = PbxLink(address, told.put_nowait, lambda: None, lambda: 0.0, called=called)
        running = asyncio.create_task(link.run())
        async with asyncio.timeout(DEADLINE):
            while not isinstance(await told.get(), s.NodeSnapshot):
                pass
            for event in (
                "UserEvent|UserEvent: CTIAhead|Uniqueid: leg-1",
                "UserEvent|UserEvent: CTICall|Uniqueid: c-1|Number: 4000|Ahead: leg-1|Station: 1001",
                "UserEvent|UserEvent: CTIPlace|Uniqueid: leg-1|Place: station",
                "Hangup|Uniqueid: leg-2",
            ):
                pbx.last.send(f"Event: {event}||".replace("|", "\r\n").encode())
            assert isinstance(gone := await told.get(), s.ChannelGone)
            assert told.empty()
            met.set_result(None)
            placed = await told.get()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    assert (gone.channel, calls) == ("leg-2", [("c-1", "leg-1", "1001")])
    assert placed == s.StationPlaced(0.0, "pbx-a", "leg-1")


async def test_who_hears_goodbye_when_a_server_is_back_is_not_lost_to_the_log(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Found by a storm: its talk was over before the look, its call after it."""
    monkeypatch.setattr(unseen_calls, "CEL_WRITTEN", 0.01)
    path, began = tmp_path / "cel.csv", time.time() - 100
    trunk, station, call = "PJSIP/trunk-00000001", "PJSIP/1006-00000002", "pbx-a-1.1"
    entry = {"userdeftype": "CTI_ENTRY", "eventextra": extra(extra="4000:general")}
    rows = [
        line("CHAN_START", began, trunk, call),
        line("CTI_ENTRY", began, trunk, call, **entry),
        line("BRIDGE_ENTER", began + 5, station, "x-2", eventextra=extra(bridge_id="b")),
        line("BRIDGE_ENTER", began + 5, trunk, call, eventextra=extra(bridge_id="b")),
        line("CHAN_END", began + 10, trunk, call),
    ]

    def ends(connection: FakeAmiConnection, action: Received) -> None:
        _list(connection, action)
        path.write_text("\n".join(rows))
        connection.event("Hangup", Uniqueid=call, Context="cti-farewell", Cause="16")

    told: asyncio.Queue[s.Signal] = asyncio.Queue()
    async with fake_ami() as pbx:
        pbx.answers |= {"QueueStatus": ends, "Status": _list, "DeviceStateList": _list}
        address = PbxAddress("pbx-a", "127.0.0.1", pbx.port, "cti", "secret", path, CEL_COLUMNS)
        link = PbxLink(address, told.put_nowait, lambda: None, time.time, called=lambda _call: None)
        running = asyncio.create_task(link.run())
        signals: list[s.Signal] = []
        async with asyncio.timeout(DEADLINE):
            while not isinstance(signals[-1] if signals else None, s.ChannelGone):
                signals.append(await told.get())
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    assert [type(signal) for signal in signals] == [
        s.NodeUp,
        s.NodeSnapshot,
        s.ContactRecovered,
        s.ChannelGone,
    ]
    recovered = next(signal for signal in signals if isinstance(signal, s.ContactRecovered))
    assert (recovered.channel, recovered.station) == (call, "1006")


async def test_to_hang_up_who_is_gone_is_no_warning() -> None:
    def refused(connection: FakeAmiConnection, action: Received) -> None:
        connection.answer(action, "Error", Message="No such channel")

    told: asyncio.Queue[s.Signal] = asyncio.Queue()
    async with fake_ami() as pbx:
        pbx.answers |= {"Hangup": refused, "Redirect": refused, "DeviceStateList": _list, "Status": _list}
        address = PbxAddress("pbx-a", "127.0.0.1", pbx.port, "cti", "secret")
        link = PbxLink(address, told.put_nowait, lambda: None, lambda: 0.0, called=lambda _call: None)
        running = asyncio.create_task(link.run())
        with capture_logs() as logged:
            async with asyncio.timeout(DEADLINE):
                while not isinstance(await told.get(), s.NodeSnapshot):
                    pass
                link.perform(e.HangUpChannel("pbx-a", "gone"))
                link.perform(e.ReturnToQueue("pbx-a", "gone"))
                for _ in range(2):
                    while not isinstance(await told.get(), s.EffectFailed):
                        pass
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    failed = [entry for entry in logged if entry["event"] == "pbx.action_failed"]
    assert [(entry["action"], entry["log_level"]) for entry in failed] == [
        ("Hangup", "info"),
        ("Redirect", "warning"),
    ]


async def test_the_result_of_an_originate_may_be_there_before_its_answer_is_looked_at() -> None:
    """Both come in one reading: a phone that is busy at once, or picks up at once."""

    def at_once(connection: FakeAmiConnection, action: Received) -> None:
        connection.answer(action)
        busy = "1002" in action.headers["Channel"]
        ends = {"ActionID": action.headers["ActionID"], "Response": "Failure" if busy else "Success"}
        connection.event("OriginateResponse", **ends)

    told: asyncio.Queue[s.Signal] = asyncio.Queue()
    async with fake_ami() as pbx:
        pbx.answers |= {"Originate": at_once, "DeviceStateList": _list, "Status": _list}
        address = PbxAddress("pbx-a", "127.0.0.1", pbx.port, "cti", "secret")
        link = PbxLink(address, told.put_nowait, lambda: None, lambda: 0.0, called=lambda _call: None)
        running = asyncio.create_task(link.run())
        async with asyncio.timeout(DEADLINE):
            while not isinstance(await told.get(), s.NodeSnapshot):
                pass
            for number in ("1001", "1002"):
                ring = e.RingStation("pbx-a", f"s-{number}", number, StationMode.ON_DEMAND, 20.0)
                link.perform(ring)
            while not isinstance(signal := await told.get(), s.EffectFailed):
                pass
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    assert (signal.channel, signal.code) == ("s-1002", "pbx_refused")
    assert not link._originates


async def _snapshot(pbx: FakeAmi) -> s.NodeSnapshot:
    """The first one that a link takes of it."""
    told: asyncio.Queue[s.Signal] = asyncio.Queue()
    pbx.answers["DeviceStateList"] = _list
    address = PbxAddress("pbx-a", "127.0.0.1", pbx.port, "cti", "secret")
    link = PbxLink(address, told.put_nowait, lambda: None, lambda: 0.0, called=lambda _call: None)
    running = asyncio.create_task(link.run())
    async with asyncio.timeout(DEADLINE):
        while not isinstance(signal := await told.get(), s.NodeSnapshot):
            pass
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    return signal


def _status(pbx: FakeAmi) -> Answer:
    def answer(connection: FakeAmiConnection, action: Received) -> None:
        beaten = "Setvar" in pbx.names()
        bridge = "bridge-1" if beaten else ""
        row = {"Event": "Status", "Uniqueid": "pbx-a-1.1", "Context": "cti-hold", "BridgeID": bridge}
        _list(connection, action, row)

    return answer


def _list(connection: FakeAmiConnection, action: Received, *rows: dict[str, str]) -> None:
    same = {"ActionID": action.headers["ActionID"]}
    connection.answer(action, EventList="start")
    for row in rows:
        connection.event(row.pop("Event"), **same, **row)
    connection.event(f"{action.name}Complete", **same, EventList="Complete", ListItems="1")
