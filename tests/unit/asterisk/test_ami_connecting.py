"""Greeting, login, booting, pauses between attempts, closing."""

import asyncio
import time

import pytest
from structlog.testing import capture_logs

from cti_server.asterisk.ami_client import AmiClient, AmiState
from cti_server.errors import AmiUnavailable
from tests.fakes.ami_server import BANNER, BOOTED, FakeAmi, fake_ami
from tests.unit.asterisk.ami_watcher import Watcher, running, up


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


async def test_the_banner_and_the_first_answer_in_one_read():
    watcher = Watcher()
    async with fake_ami() as fake:
        fake.banner = b""

        async with running(fake, watcher) as client:
            await fake.until(lambda: bool(fake.connections))
            fake.last.send(BANNER + b"Event: Newchannel\r\nUniqueid: 0\r\n\r\n")
            await watcher.until(lambda: client.state is AmiState.UP)
            await watcher.heard("Newchannel 0")
