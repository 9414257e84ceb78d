"""Every fault of the link to Asterisk, against a scripted server: what becomes of actions, events, time."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from structlog.testing import capture_logs

from cti_server.asterisk.ami_client import AmiClient, AmiState
from cti_server.asterisk.ami_codec import AmiMessage
from cti_server.errors import (
    AmiInvalidField,
    AmiRefused,
    AmiTimeout,
    AmiUnavailable,
    CtiError,
)
from tests.fakes.ami_server import BANNER, BOOTED, FakeAmi, FakeAmiConnection, Received, fake_ami

WANTED = frozenset({"Newchannel", "Hangup", "OriginateResponse", "DeviceStateChange"})


class Watcher:
    """What a client told: events, ups and downs, in order, with a way to wait for them."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.events: list[AmiMessage] = []
        self.resync: Callable[[], Awaitable[None]] | None = None
        self.on_event: Callable[[AmiMessage], None] | None = None
        self._changed = asyncio.Event()

    def event(self, event: AmiMessage) -> None:
        self.events.append(event)
        self._tell(f"{event.name} {event.get('Uniqueid', '')}".strip())
        if self.on_event is not None:
            self.on_event(event)

    async def up(self) -> None:
        self._tell("up")
        if self.resync is not None:
            await self.resync()

    def down(self, reason: str) -> None:
        self._tell(f"down {reason}")

    def _tell(self, what: str) -> None:
        self.told.append(what)
        self._changed.set()

    async def until(self, condition: Callable[[], bool], seconds: float = 5.0) -> None:
        """Wait until it holds; it is looked at again whenever something was told, and now and then."""
        async with asyncio.timeout(seconds):
            while not condition():
                self._changed.clear()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._changed.wait(), 0.01)

    async def heard(self, *what: str) -> None:
        await self.until(lambda: all(one in self.told for one in what))


@asynccontextmanager
async def running(fake: FakeAmi, watcher: Watcher, **options: Any) -> AsyncIterator[AmiClient]:
    """A client that runs until the block ends. Quick pauses unless said otherwise."""
    given: dict[str, Any] = {
        "wanted": WANTED,
        "backoff": (0.01, 0.05),
        "ping_interval": 0.2,
        "action_timeout": 1.0,
    }
    client = AmiClient(
        "127.0.0.1",
        fake.port,
        "cti",
        "a-secret",
        on_event=watcher.event,
        on_up=watcher.up,
        on_down=watcher.down,
        **(given | options),
    )
    task = asyncio.create_task(client.run())
    try:
        yield client
    finally:
        task.cancel()
        await asyncio.wait({task})
        assert task.cancelled() or task.exception() is None


@asynccontextmanager
async def up(**options: Any) -> AsyncIterator[tuple[FakeAmi, Watcher, AmiClient]]:
    """A client that is up."""
    watcher = Watcher()
    async with fake_ami() as fake, running(fake, watcher, **options) as client:
        await watcher.until(lambda: client.state is AmiState.UP)
        yield fake, watcher, client


def nothing_pending(client: AmiClient) -> bool:
    assert client._session is not None
    return not client._session.link._pending


# --- actions ---


async def test_an_action_and_its_answer():
    async with up() as (fake, _, client):
        fake.answers["Getvar"] = lambda to, action: to.answer(action, Value="7")
        answer = await client.action("Getvar", {"Variable": "X"})
        assert answer["Value"] == "7"
        received = await fake.received_action("Getvar")
        assert received.headers["Variable"] == "X"
        assert received.headers["ActionID"] == answer["ActionID"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("QueueAdd", "Added interface to queue"),
        ("Originate", "Originate successfully queued"),
        ("Redirect", "Dual Redirect successful"),
        ("Setvar", "this text says a list will follow"),
    ],
)
async def test_an_action_completes_whatever_its_answer_says(name, message):
    async with up() as (fake, _, client):
        fake.answers[name] = lambda to, action: to.answer(action, Message=message)
        answers = [await client.action(name, {"Async": flag}) for flag in (True, False)]
        assert [answer["Message"] for answer in answers] == [message, message]
        assert await client.action("Ping")


async def test_a_refusal_carries_asterisks_words():
    async with up() as (fake, _, client):
        fake.answers["Hangup"] = lambda to, action: to.answer(action, "Error", Message="No such channel")
        with pytest.raises(AmiRefused, match="No such channel") as refused:
            await client.action("Hangup", {"Channel": "x"})
        assert (refused.value.code, refused.value.retryable) == ("pbx_refused", False)


async def test_an_injection_is_refused_and_nothing_is_written():
    async with up() as (fake, _, client):
        for fields in ({"Reason": "x\r\n\r\nAction: Command"}, {"Action": "Command"}, {"ActionID": "1"}):
            with pytest.raises(AmiInvalidField):
                await client.action("QueuePause", fields)
        await client.action("Getvar")
        assert fake.names() == ["Getvar"]


async def test_without_a_link_nothing_is_written():
    async with fake_ami() as fake:
        fake.boots = False
        async with running(fake, Watcher()) as client:
            await fake.until(lambda: bool(fake.received))
            with pytest.raises(AmiUnavailable) as refused:
                await client.action("Hangup")
            assert refused.value.retryable
            assert fake.names() == []


async def test_a_deadline_leaves_the_outcome_unknown_and_the_link_up():
    async with up() as (fake, watcher, client):
        late: list[Received] = []
        fake.answers["Originate"] = lambda _, action: late.append(action)
        with pytest.raises(AmiTimeout) as overdue:
            await client.action("Originate", timeout=0.05)
        assert (overdue.value.code, overdue.value.detail["cause"]) == ("outcome_unknown", "deadline")
        assert not overdue.value.retryable
        fake.last.answer(late[0])
        await client.action("Hangup")
        assert client.state is AmiState.UP
        assert watcher.told == ["up"]


async def test_a_lost_link_leaves_the_outcome_unknown_and_nothing_is_sent_again():
    async with up() as (fake, watcher, client):
        fake.answers["Originate"] = lambda to, _: to.cut()
        with pytest.raises(AmiTimeout) as lost:
            await client.action("Originate", {"Channel": "PJSIP/1001"})
        assert lost.value.detail["cause"] == "link_lost"
        await watcher.until(lambda: watcher.told.count("up") == 2 and client.state is AmiState.UP)
        await client.action("Getvar")
        assert fake.names() == ["Originate", "Getvar"]
        assert fake.names(2) == ["Getvar"]


async def test_a_caller_who_gives_up_leaves_nothing_behind():
    async with up() as (fake, _, client):
        fake.silent.add("Originate")
        caller = asyncio.create_task(client.action("Originate"))
        await fake.received_action("Originate")
        caller.cancel()
        await asyncio.wait({caller})
        assert caller.cancelled()
        await client.action("Hangup")
        assert nothing_pending(client)


async def test_action_ids_differ_between_clients():
    async with up() as (fake, _, client), running(fake, Watcher()) as other:
        await fake.until(lambda: len(fake.connections) == 2)
        await Watcher().until(lambda: other.connected)
        ids = [(await one.action("Ping"))["ActionID"] for one in (client, other, client)]
        assert len({one.partition("-")[0] for one in ids}) == 2


# --- lists ---


def show_channels(to: FakeAmiConnection, action: Received) -> None:
    action_id = action.headers["ActionID"]
    to.answer(action, EventList="start", Message="Channels will follow")
    to.event("CoreShowChannel", ActionID=action_id, Uniqueid="1")
    to.event("CoreShowChannel", ActionID="another", Uniqueid="9")
    to.event("Newchannel", Uniqueid="2")
    to.event("CoreShowChannel", ActionID=action_id, Uniqueid="3")
    to.event("CoreShowChannelsComplete", ActionID=action_id, EventList="Complete", ListItems="2")


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


# --- the gate ---


class NotLeaderError(CtiError):
    pass


async def test_the_gate_stands_before_every_write_and_not_before_reading():
    passed: list[str] = []

    def gate() -> None:
        passed.append("asked")
        raise NotLeaderError

    async with up(gate=gate) as (fake, _, client):
        for name in ("Originate", "Hangup", "Setvar", "Bridge", "Redirect", "UserEvent", "Unheard"):
            with pytest.raises(NotLeaderError):
                await client.action(name)
        with pytest.raises(NotLeaderError):
            await client.list_action("Originate")
        assert len(passed) == 8
        await client.action("Getvar")
        await client.action("Ping")
        await client.list_action("Status")
        assert len(passed) == 8
        assert fake.names() == ["Getvar", "Status"]


# --- events ---


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


async def test_events_during_the_resync_wait_and_keep_their_order():
    watcher = Watcher()
    resyncing, go_on = asyncio.Event(), asyncio.Event()

    async def resync() -> None:
        resyncing.set()
        await go_on.wait()
        watcher.told.append("resynced")

    watcher.resync = resync
    async with fake_ami() as fake, running(fake, watcher) as client:
        await resyncing.wait()
        assert (client.state, client.connected) == (AmiState.SYNCING, True)
        for number in range(3):
            fake.last.event("Newchannel", Uniqueid=str(number))
        await client.action("Getvar")  # its answer comes after the events
        assert watcher.told == ["up"]
        go_on.set()
        await watcher.heard("Newchannel 2")
        assert watcher.told == ["up", "resynced", "Newchannel 0", "Newchannel 1", "Newchannel 2"]


async def test_the_resync_can_ask_for_lists():
    watcher = Watcher()
    async with fake_ami() as fake:
        fake.answers["CoreShowChannels"] = show_channels
        listed: list[AmiMessage] = []
        async with running(fake, watcher) as client:

            async def resync() -> None:
                listed.extend(await client.list_action("CoreShowChannels"))

            watcher.resync = resync
            await watcher.heard("Newchannel 2")
            assert len(listed) == 2


@pytest.mark.parametrize("how", ["raises", "hangs"])
async def test_a_resync_that_fails_is_tried_on_a_new_connection(how):
    watcher = Watcher()
    tries: list[int] = []

    async def resync() -> None:
        tries.append(1)
        if len(tries) == 1 and how == "raises":
            raise RuntimeError
        if len(tries) == 1:
            await asyncio.Event().wait()

    watcher.resync = resync
    async with fake_ami() as fake, running(fake, watcher, resync_timeout=0.1) as client:
        await watcher.until(lambda: client.state is AmiState.UP)
        assert watcher.told == ["up", "down resync_failed", "up"]
        assert len(fake.connections) == 2


async def test_a_link_lost_during_the_resync_ends_the_resync():
    watcher = Watcher()
    ended: list[str] = []

    async def resync() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            ended.append("cancelled")
            raise

    watcher.resync = resync
    async with fake_ami() as fake, running(fake, watcher) as client:
        await watcher.heard("up")
        watcher.resync = None
        fake.last.cut()
        await watcher.until(lambda: client.state is AmiState.UP)
        assert ended == ["cancelled"]
        assert watcher.told[0::2] == ["up", "up"]


async def test_more_events_than_fit_drop_the_connection_rather_than_an_event():
    watcher = Watcher()
    go_on = asyncio.Event()
    watcher.resync = go_on.wait  # type: ignore[assignment]  # (what it returns is not looked at)
    async with fake_ami() as fake, running(fake, watcher, queue_size=10) as client:
        await watcher.heard("up")
        for number in range(11):
            fake.last.event("Newchannel", Uniqueid=str(number))
        await watcher.heard("down event_queue_overflow")
        go_on.set()
        await watcher.until(lambda: client.state is AmiState.UP)
        assert watcher.told == ["up", "down event_queue_overflow", "up"]


async def test_events_before_the_end_are_told_before_it():
    async with up() as (fake, watcher, _):
        for number in range(50):
            fake.last.event("Hangup", Uniqueid=str(number))
        fake.last._writer.close()
        await watcher.heard("down closed_by_peer")
        assert watcher.told[1:52] == [*(f"Hangup {number}" for number in range(50)), "down closed_by_peer"]


# --- connecting ---


async def test_nothing_listens_then_somebody_does():
    watcher = Watcher()
    async with fake_ami() as gone:
        port = gone.port
    unreachable = FakeAmi()
    unreachable.port = port
    async with running(unreachable, watcher) as client:
        await watcher.until(lambda: client.last_failure == "connect_failed")
        assert watcher.told == []


@pytest.mark.parametrize(
    ("banner", "reason"),
    [
        (b"", "no_greeting"),
        (b"Asterisk Call", "no_greeting"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "protocol_error"),
    ],
)
async def test_a_peer_that_does_not_greet(banner, reason):
    async with fake_ami() as fake:
        fake.banner = banner
        async with running(fake, Watcher(), action_timeout=0.1) as client:
            await Watcher().until(lambda: client.last_failure == reason)
            assert not fake.received  # the secret is not told to just anybody


async def test_a_login_that_is_never_answered():
    async with fake_ami() as fake:
        fake.silent.add("Login")
        async with running(fake, Watcher(), action_timeout=0.1) as client:
            await Watcher().until(lambda: client.last_failure == "login_timeout")


async def test_a_login_cut_off_halfway():
    async with fake_ami() as fake:
        fake.answers["Login"] = lambda to, _: to.cut()
        async with running(fake, Watcher()) as client:
            await fake.until(lambda: len(fake.connections) == 3)
            assert client.last_failure in {"connection_broken", "closed_by_peer"}


async def test_a_refused_login_is_said_so_and_tried_slowly():
    watcher = Watcher()
    with capture_logs() as logs:
        async with fake_ami() as fake:
            fake.login_response = "Error"
            async with running(fake, watcher, backoff=(0.01, 0.3), jitter=lambda: 1.0) as client:
                await watcher.until(lambda: client.last_failure == "login_refused")
                first = time.monotonic()
                fake.login_response = "Success"
                await watcher.heard("up")
                assert time.monotonic() - first > 0.25
    assert [log["log_level"] for log in logs if log["event"] == "ami_login_refused"] == ["error"]
    assert "a-secret" not in str(logs)


async def test_not_booted_yet_is_waited_for():
    watcher = Watcher()
    async with fake_ami() as fake:
        fake.boots = False
        async with running(fake, watcher) as client:
            await watcher.until(lambda: client.state is AmiState.BOOTING)
            fake.last.event("Newchannel", Uniqueid="early")
            fake.last.send(BOOTED)
            await watcher.heard("Newchannel early")
            assert watcher.told == ["up", "Newchannel early"]


async def test_never_booted_is_given_up():
    async with fake_ami() as fake:
        fake.boots = False
        watcher = Watcher()
        async with running(fake, watcher, boot_timeout=0.1) as client:
            await watcher.until(lambda: client.last_failure == "not_booted")
            assert watcher.told == []


async def test_pauses_grow_and_are_bounded_and_jittered():
    client = AmiClient(
        "127.0.0.1",
        1,
        "u",
        "s",
        wanted=None,
        on_event=lambda _: None,
        on_up=Watcher().up,
        on_down=lambda _: None,
        jitter=lambda: 1.0,
    )
    pauses = [client._pause("connect_failed", failures) for failures in range(1, 10)]
    assert pauses == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0, 5.0]
    client._jitter = lambda: 0.0
    assert client._pause("connect_failed", 100) == 2.5


async def test_closing_while_waiting_to_reconnect_makes_no_new_connection():
    watcher = Watcher()
    async with fake_ami() as fake:
        async with running(fake, watcher, backoff=(0.2, 0.2)) as client:
            await watcher.until(lambda: client.state is AmiState.UP)
            fake.last.cut()
            await watcher.until(lambda: client.state is AmiState.DISCONNECTED)
        await asyncio.sleep(0.3)  # longer than the pause that was cut short
        assert len(fake.connections) == 1
        assert client.state is AmiState.DISCONNECTED


async def test_cancelling_leaves_no_task_and_tells_no_down():
    before = asyncio.all_tasks()
    async with fake_ami() as fake:
        watcher = Watcher()
        async with running(fake, watcher) as client:
            await watcher.until(lambda: client.state is AmiState.UP)
        assert watcher.told == ["up"]
        with pytest.raises(AmiUnavailable):
            await client.action("Ping")
    assert asyncio.all_tasks() == before


async def test_on_down_that_raises_does_not_stop_the_link():
    async with up() as (fake, watcher, client):

        def down(reason: str) -> None:
            watcher.told.append(f"down {reason}")
            raise RuntimeError

        client._on_down = down
        fake.last.cut()
        await watcher.until(lambda: watcher.told.count("up") == 2)


# --- a peer that hangs ---


async def test_a_silent_peer_is_found_in_time():
    async with up(ping_interval=0.4) as (fake, watcher, client):
        began = time.monotonic()
        fake.silent.add("Ping")
        await watcher.heard("down silent")
        assert time.monotonic() - began < 0.4 * 4  # 2.5 intervals, and a busy machine
        fake.silent.clear()
        await watcher.until(lambda: client.state is AmiState.UP)


async def test_a_peer_that_hangs_is_found_and_its_actions_have_an_unknown_outcome():
    async with up(ping_interval=0.4) as (fake, watcher, client):
        fake.reading.clear()
        with pytest.raises(AmiTimeout):
            await client.action("Originate", timeout=5)
        await watcher.heard("down silent")


async def test_congestion_refuses_instead_of_piling_up():
    async with up() as (fake, _, client):
        fake.reading.clear()
        refused: list[AmiUnavailable] = []

        async def one() -> None:
            try:
                await client.action("UserEvent", {"Header": ["x" * 900] * 100}, timeout=0.2)
            except AmiUnavailable as error:
                refused.append(error)
            except AmiTimeout:
                pass

        await asyncio.gather(*(one() for _ in range(200)))
        assert refused


async def test_an_answer_that_is_late_while_events_flow_is_borne():
    async with up(ping_interval=0.1, ping_misses=8) as (fake, watcher, client):
        held: list[tuple[FakeAmiConnection, Received]] = []
        fake.answers["Ping"] = lambda to, action: held.append((to, action))
        for number in range(25):
            fake.last.event("Newchannel", Uniqueid=str(number))
            await asyncio.sleep(0.02)  # events keep flowing for 0.5 s, five intervals
        assert client.state is AmiState.UP
        del fake.answers["Ping"]
        for to, action in held:
            to.answer(action)
        await client.action("Getvar")
        assert watcher.told[0] == "up"
        assert not any(one.startswith("down") for one in watcher.told)


async def test_a_peer_that_talks_but_never_answers_is_given_up():
    async with up(ping_interval=0.04) as (fake, watcher, _):
        fake.silent.add("Ping")
        talking = True

        async def talk() -> None:
            while talking:
                fake.last.event("Newchannel", Uniqueid="x")
                await asyncio.sleep(0.01)

        talker = asyncio.create_task(talk())
        await watcher.heard("down late")
        talking = False
        await talker


async def test_garbage_in_the_middle_drops_the_link():
    async with up() as (fake, watcher, client):
        fake.last.send(b"x" * 300_000)
        await watcher.heard("down protocol_error")
        await watcher.until(lambda: client.state is AmiState.UP)


async def test_round_trips_and_metrics():
    seen: list[str] = []
    async with up(metrics=lambda name, _: seen.append(name), ping_interval=0.02) as (_, watcher, client):
        await watcher.until(lambda: client.round_trips.count >= 5)
        assert 0 < client.round_trips.p50 <= client.round_trips.p99 < 1
        await client.action("Hangup")
    assert {"ami_up", "ami_ping_seconds", "ami_action_seconds"} <= set(seen)


async def test_the_banner_and_the_first_answer_in_one_read():
    watcher = Watcher()
    async with fake_ami() as fake:
        fake.banner = b""

        async with running(fake, watcher) as client:
            await fake.until(lambda: bool(fake.connections))
            fake.last.send(BANNER + b"Event: Newchannel\r\nUniqueid: 0\r\n\r\n")
            await watcher.until(lambda: client.state is AmiState.UP)
            await watcher.heard("Newchannel 0")
