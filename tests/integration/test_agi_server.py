"""FastAGI as a real Asterisk speaks it: values arrive as they are, failures and hangups are told apart."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from cti_server.asterisk.agi_server import AgiServer
from cti_server.asterisk.agi_session import AgiSession, Digits
from cti_server.errors import AgiCommandFailed, AgiHangup
from tests.support.pbx import RunningNode, running_node
from tests.support.raw_ami import RawAmi, raw_ami

pytestmark = [pytest.mark.asterisk, pytest.mark.usefixtures("asterisk")]

NASTY = 'a "b" \\ c, d;${EXTEN} 王小明 (x)'


async def call(ami: RawAmi) -> None:
    """Let Asterisk call its own service number, which asks the server what to do."""
    await ami.action("Setvar", Variable="GLOBAL(CTI_BEAT)", Value=str(int(time.time()) + 3600))
    await ami.action(
        "Originate",
        Channel="Local/4000@cti-inbound",
        Context="cti-hold",
        Exten="s",
        Priority="1",
        Async="true",
    )


async def test_what_a_handler_does(tmp_path: Path) -> None:
    seen: dict[str, object] = {}
    done = asyncio.Event()

    async def handler(agi: AgiSession) -> None:
        seen["number"] = await agi.get_variable("CTI_NUMBER")
        seen["script"] = agi.script
        await agi.set_variable("CTI_TEST", NASTY)
        seen["nasty"] = await agi.get_variable("CTI_TEST")
        seen["unset"] = await agi.get_variable("CTI_NOTHING")
        await agi.set_variable("CHANNEL(language)", "en")
        seen["language"] = await agi.get_variable("CHANNEL(language)")
        await agi.answer()
        await agi.verbose("a test")
        seen["exec"] = await agi.exec("Set", "CTI_Y=1")
        seen["digits"] = await agi.get_data("silence/1", seconds=0.1, max_digits=1)
        seen["unknown application"] = await failure(agi.exec("Nope"))
        seen["unknown prompt"] = await failure(agi.stream_file("no-such-prompt"))
        await agi.set_variable("CTI_ROUTED", 1)
        done.set()

    async with node_and_server(tmp_path, handler) as (_, ami, server):
        await call(ami)
        await asyncio.wait_for(done.wait(), 10)
        await ami.event(lambda event: event.get("Place") == "wait")
    assert seen == {
        "number": "4000",
        "script": "inbound",
        "nasty": NASTY,
        "unset": None,
        "language": "en",
        "exec": "0",
        "digits": Digits("", timed_out=True),
        "unknown application": "AgiCommandFailed",
        "unknown prompt": "AgiCommandFailed",
    }
    assert server.outcomes == {"done": 1}


async def test_a_caller_who_hangs_up(tmp_path: Path) -> None:
    asked, done = asyncio.Event(), asyncio.Event()
    channels: list[str] = []
    errors: list[type[Exception]] = []

    async def handler(agi: AgiSession) -> None:
        channels.append(agi.channel)
        asked.set()
        try:
            while True:
                await agi.exec("Wait", "0.1")
                await agi.set_variable("X", 1)
        except (AgiHangup, AgiCommandFailed) as error:
            errors.append(type(error))
            raise
        finally:
            done.set()

    async with node_and_server(tmp_path, handler) as (_, ami, _):
        await call(ami)
        await asyncio.wait_for(asked.wait(), 10)
        await ami.action("Hangup", Channel=channels[0])
        await asyncio.wait_for(done.wait(), 5)
    assert errors == [AgiHangup]


async def failure(attempt: Awaitable[object]) -> str:
    """The name of the error it ends with."""
    with pytest.raises(AgiCommandFailed) as error:
        await attempt
    return error.typename


@asynccontextmanager
async def node_and_server(
    tmp_path: Path, handler: Callable[[AgiSession], Awaitable[None]]
) -> AsyncIterator[tuple[RunningNode, RawAmi, AgiServer]]:
    """A node, a manager connection and our server where the node looks for it."""
    async with running_node(tmp_path) as node:
        server = AgiServer(node.agi.host, node.agi.port, {"inbound": handler})
        async with server, raw_ami(node.ami) as ami:
            yield node, ami, server
