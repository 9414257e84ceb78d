"""Whoever connects to the AGI port, Asterisk or not: what a session does, and that nobody does harm."""

import asyncio
import socket
import struct
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from structlog.testing import capture_logs

from cti_server.asterisk.agi_server import AgiServer
from cti_server.asterisk.agi_session import AgiSession, Digits
from cti_server.errors import AgiCommandFailed, AgiHangup, AgiInvalidArgument

ENVIRONMENT = (
    b"agi_network: yes\nagi_network_script: route\nagi_channel: PJSIP/trunk-1\nagi_language: en\n"
    b"agi_uniqueid: pbx-a-1.7\nagi_callerid: 13800138000\nagi_arg_1: general\n\n"
)

Peer = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@asynccontextmanager
async def serving(
    handler: Callable[[AgiSession], Awaitable[None]] | None = None, **options: Any
) -> AsyncIterator[AgiServer]:
    async def nothing(_: AgiSession) -> None:
        return

    async with AgiServer("127.0.0.1", 0, {"route": handler or nothing}, **options) as server:
        yield server


async def connected(server: AgiServer, beginning: bytes = ENVIRONMENT) -> Peer:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(beginning)
    return reader, writer


async def closed_by_server(peer: Peer) -> bytes:
    """Everything up to the end, which has to come soon."""
    async with asyncio.timeout(3):
        try:
            return await peer[0].read()
        except ConnectionResetError:
            return b""
        finally:
            peer[1].close()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 (the server has no event for its counters)
            await asyncio.sleep(0.005)


async def conversation(
    answers: dict[bytes, bytes], handler: Callable[[AgiSession], Awaitable[None]], **options: Any
) -> tuple[list[bytes], AgiServer]:
    """Run a handler against a peer that answers commands; returns what was asked."""
    asked: list[bytes] = []
    async with serving(handler, **options) as server:
        reader, writer = await connected(server)
        async with asyncio.timeout(5):
            while line := await reader.readline():
                asked.append(line)
                writer.write(answers.get(line, b"200 result=1\n"))
        writer.close()
        await until(lambda: server.sessions == 0)
    return asked, server


async def test_a_session_asks_and_sets():
    seen: dict[str, Any] = {}

    async def handler(agi: AgiSession) -> None:
        seen["who"] = (agi.script, agi.channel, agi.uniqueid, agi.language, agi.arguments)
        seen["network"] = agi.environment["network"]
        seen["number"] = await agi.get_variable("CTI_NUMBER")
        seen["nothing"] = await agi.get_variable("NOTHING")
        seen["empty"] = await agi.get_variable("EMPTY")
        await agi.answer()
        seen["digit"] = await agi.stream_file("cti/welcome", "12")
        seen["data"] = await agi.get_data("cti/pin", seconds=5, max_digits=6)
        seen["cut"] = await agi.get_data("cti/pin", seconds=0.5, max_digits=6)
        seen["exec"] = await agi.exec("Playback", "cti/bye", "noanswer")
        await agi.verbose("done")
        await agi.set_variable("CTI_ROUTED", 1)

    answers = {
        b'GET VARIABLE "CTI_NUMBER"\n': b"200 result=1 (4000)\n",
        b'GET VARIABLE "NOTHING"\n': b"200 result=0\n",
        b'GET VARIABLE "EMPTY"\n': b"200 result=1 ()\n",
        b'STREAM FILE "cti/welcome" "12"\n': b"200 result=50 endpos=800\n",
        b'GET DATA "cti/pin" "5000" "6"\n': b"200 result=123456\n",
        b'GET DATA "cti/pin" "500" "6"\n': b"200 result=12 (timeout)\n",
        b'EXEC "Playback" "cti/bye,noanswer"\n': b"200 result=0\n",
    }
    asked, server = await conversation(answers, handler)
    assert seen == {
        "who": ("route", "PJSIP/trunk-1", "pbx-a-1.7", "en", ["general"]),
        "network": "yes",
        "number": "4000",
        "nothing": None,
        "empty": "",
        "digit": "2",
        "data": Digits("123456", timed_out=False),
        "cut": Digits("12", timed_out=True),
        "exec": "0",
    }
    assert asked[-1] == b'SET VARIABLE "CTI_ROUTED" "1"\n'
    assert server.outcomes == {"done": 1}


@pytest.mark.parametrize(
    ("answer", "raised"),
    [
        (b"510 Invalid or unknown command\n", AgiCommandFailed),
        (b"520-Usage:\nx\n520 End.\n", AgiCommandFailed),
        (b"200 result=-1\n", AgiCommandFailed),
        (b"HANGUP\n200 result=-1\n", AgiHangup),
        (b"511 Command Not Permitted on a dead channel\n", AgiHangup),
    ],
)
async def test_a_command_that_fails(answer, raised):
    errors: list[Exception] = []

    async def handler(agi: AgiSession) -> None:
        try:
            await agi.answer()
        except (AgiCommandFailed, AgiHangup) as error:
            errors.append(error)

    await conversation({b"ANSWER\n": answer}, handler)
    assert [type(error) for error in errors] == [raised]


async def test_a_command_that_the_hangup_cut_short_is_told_before_the_notice():
    errors: list[Exception] = []

    async def handler(agi: AgiSession) -> None:
        try:
            await agi.exec("Wait", "1")
        except (AgiCommandFailed, AgiHangup) as error:
            errors.append(error)

    answers = {b'EXEC "Wait" "1"\n': b"200 result=-1\n", b"NOOP\n": b"HANGUP\n200 result=0\n"}
    await conversation(answers, handler)
    assert [type(error) for error in errors] == [AgiHangup]


async def test_after_a_hangup_nothing_more_is_asked():
    async def handler(agi: AgiSession) -> None:
        await agi.answer()
        await agi.set_variable("X", 1)

    asked, server = await conversation({b"ANSWER\n": b"HANGUP\n200 result=0\n"}, handler)
    assert asked == [b"ANSWER\n"]
    assert server.outcomes == {"hangup": 1}


async def test_an_unknown_application_fails():
    errors: list[AgiCommandFailed] = []

    async def handler(agi: AgiSession) -> None:
        try:
            await agi.exec("Nope")
        except AgiCommandFailed as error:
            errors.append(error)

    await conversation({b'EXEC "Nope" ""\n': b"200 result=-2\n"}, handler)
    assert len(errors) == 1


async def test_arguments_that_would_break_the_framing_are_refused():
    refused: list[str] = []

    async def handler(agi: AgiSession) -> None:
        for attempt in (
            agi.set_variable("X", "a\nEXEC System x"),
            agi.set_variable("X\n", "a"),
            agi.set_variable("A B", "a"),
            agi.get_variable("X) Y"),
            agi.exec("Play back"),
            agi.stream_file("x", "abc"),
            agi.verbose("x" * 3000),
        ):
            try:
                await attempt
            except AgiInvalidArgument as error:
                refused.append(str(error.detail["argument"]))

    asked, _ = await conversation({}, handler)
    assert len(refused) == 7
    assert asked == []


async def test_a_peer_that_closes_in_the_middle_is_a_hangup():
    async def handler(agi: AgiSession) -> None:
        await agi.answer()

    async with serving(handler) as server:
        reader, writer = await connected(server)
        assert await reader.readline() == b"ANSWER\n"
        writer.close()
        await until(lambda: server.outcomes["hangup"] == 1)


async def test_a_peer_that_resets_in_the_middle_is_a_hangup():
    async def handler(agi: AgiSession) -> None:
        await agi.answer()

    async with serving(handler) as server:
        reader, writer = await connected(server)
        assert await reader.readline() == b"ANSWER\n"
        reset(writer.get_extra_info("socket"))
        writer.transport.abort()
        await until(lambda: server.outcomes["hangup"] == 1)


def reset(sock: socket.socket) -> None:
    """Let the end be a reset instead of a proper close."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


async def test_an_unknown_script_is_closed_properly():
    async with serving() as server:
        peer = await connected(server, ENVIRONMENT.replace(b"script: route", b"script: elsewhere"))
        assert await closed_by_server(peer) == b""
        await until(lambda: server.outcomes["unknown_script"] == 1)


async def test_a_handler_that_fails_ends_its_own_session_only_and_says_no_number():
    async def handler(agi: AgiSession) -> None:
        raise ValueError(agi.environment["callerid"])

    with capture_logs() as logs:
        async with serving(handler) as server:
            for _ in range(2):
                assert await closed_by_server(await connected(server)) == b""
            await until(lambda: server.outcomes["handler_failed"] == 2)
    assert "13800138000" not in str(logs)
    assert {log["error"] for log in logs if log["event"] == "agi_handler_failed"} == {"ValueError"}


async def test_a_handler_that_takes_too_long_is_ended():
    async def handler(_: AgiSession) -> None:
        await asyncio.Event().wait()

    async with serving(handler, session_timeout=0.1) as server:
        assert await closed_by_server(await connected(server)) == b""
        await until(lambda: server.outcomes["timed_out"] == 1)


async def test_an_asterisk_that_never_answers_a_command_is_given_up():
    async def handler(agi: AgiSession) -> None:
        await agi.answer()

    async with serving(handler, session_timeout=0.1) as server:
        assert await closed_by_server(await connected(server)) == b"ANSWER\n"
        await until(lambda: server.outcomes["timed_out"] == 1)


@pytest.mark.parametrize(
    ("beginning", "outcome"),
    [
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "not_agi"),
        (bytes(range(256)) * 64, "not_agi"),
        (b"\n\n\n", "not_agi"),
        (b"agi_" + b"x" * 1_000_000, "not_agi"),
        (b"agi_x: 1\n" * 100_000, "no_environment"),
        (b"agi_network: yes\nagi_network_scr", "no_environment"),
        (b"", "no_environment"),
    ],
)
async def test_what_is_not_asterisk_is_closed_and_counted(beginning, outcome):
    with capture_logs() as logs:
        async with serving(environment_timeout=0.2) as server:
            assert await closed_by_server(await connected(server, beginning)) == b""
            await until(lambda: server.outcomes[outcome] == 1)
            assert await closed_by_server(await connected(server)) == b""
            await until(lambda: server.outcomes["done"] == 1)
    (entry,) = [log for log in logs if log["event"] == "agi_peers_refused"]
    assert entry == {"event": "agi_peers_refused", "log_level": "warning", "outcomes": {outcome: 1}}


@pytest.mark.parametrize("how", ["close", "reset"])
async def test_a_port_scan_does_no_harm_and_fills_no_log(how):
    with capture_logs() as logs:
        async with serving() as server:
            for _ in range(50):
                sock = socket.create_connection(("127.0.0.1", server.port))
                if how == "reset":
                    reset(sock)
                sock.close()
            assert await closed_by_server(await connected(server)) == b""
            await until(lambda: server.outcomes["done"] == 1 and server.sessions == 0)
    assert len([log for log in logs if log["event"] == "agi_peers_refused"]) <= 3


async def test_a_close_before_the_empty_line_does_not_stop_the_loop():
    async with serving() as server:
        _, writer = await connected(server, b"agi_network: yes\n")
        writer.write_eof()
        await until(lambda: server.outcomes["no_environment"] == 1)
        assert await closed_by_server(await connected(server)) == b""


async def test_a_slow_loris_has_no_more_time_than_others():
    async with serving(environment_timeout=0.3) as server:
        reader, writer = await connected(server, b"")
        began = time.monotonic()

        async def drip() -> None:
            for byte in ENVIRONMENT:
                writer.write(bytes([byte]))
                await asyncio.sleep(0.02)

        dripping = asyncio.create_task(drip())
        assert await closed_by_server((reader, writer)) == b""
        assert time.monotonic() - began < 2
        dripping.cancel()
        assert server.outcomes == {"no_environment": 1}


async def test_a_flood_of_answers_is_not_kept():
    async def handler(agi: AgiSession) -> None:
        await agi.answer()
        await asyncio.Event().wait()

    async with serving(handler, session_timeout=0.5) as server:
        reader, writer = await connected(server)
        await reader.readline()
        accepted = 0
        flood = b"200 result=1\n" * 1000
        try:
            async with asyncio.timeout(0.4):
                while True:
                    writer.write(flood)
                    await writer.drain()
                    accepted += len(flood)
        except TimeoutError:
            pass
        assert accepted < 20_000_000  # what kernel and transport hold, not what the handler's session keeps
        writer.transport.abort()
        await until(lambda: server.sessions == 0)


async def test_more_sessions_than_allowed_are_closed_at_once():
    async def handler(_: AgiSession) -> None:
        await asyncio.Event().wait()

    async with serving(handler, max_sessions=3) as server:
        peers = [await connected(server) for _ in range(3)]
        await until(lambda: server.sessions == 3)
        assert await closed_by_server(await connected(server)) == b""
        assert server.outcomes == {"too_many": 1}
        for _, writer in peers:
            writer.close()
    assert server.sessions == 0


async def test_closing_the_server_ends_the_sessions():
    async def handler(_: AgiSession) -> None:
        await asyncio.Event().wait()

    async with serving(handler) as server:
        peer = await connected(server)
        await until(lambda: server.sessions == 1)
    assert await closed_by_server(peer) == b""
    assert server.outcomes == {"cancelled": 1}
    with pytest.raises(OSError, match="Connect call failed"):
        await asyncio.open_connection("127.0.0.1", server.port)


async def test_many_at_once():
    async def handler(agi: AgiSession) -> None:
        await agi.set_variable("CTI_ROUTED", 1)

    async with serving(handler) as server:

        async def one() -> bytes:
            reader, writer = await connected(server)
            asked = await reader.readline()
            writer.write(b"200 result=1\n")
            await reader.read()
            writer.close()
            return asked

        async with asyncio.timeout(20):
            asked = await asyncio.gather(*(one() for _ in range(200)))
        assert set(asked) == {b'SET VARIABLE "CTI_ROUTED" "1"\n'}
        await until(lambda: server.outcomes["done"] == 200)
