"""Stands in for the CTI server's FastAGI in tests of the node itself."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Literal

from asterisk_config.model import Endpoint

Mood = Literal["routes", "freezes", "dies"]


@dataclass(frozen=True, slots=True)
class AgiStub:
    """What was asked: the environment of each session, and that there was one."""

    sessions: list[dict[str, str]] = field(default_factory=list)
    asked: asyncio.Event = field(default_factory=asyncio.Event)


@asynccontextmanager
async def agi_stub(address: Endpoint, mood: Mood = "routes") -> AsyncIterator[AgiStub]:
    """Answer on `address` until the block ends.

    ``routes``: marks the call as routed. ``freezes``: says one thing and then nothing for ever, as a server
    under SIGSTOP. ``dies``: closes the connection in the middle.
    """
    stub = AgiStub()
    over = asyncio.Event()

    async def session(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        environment: dict[str, str] = {}
        while line := (await reader.readline()).decode().strip():
            name, _, value = line.partition(": ")
            environment[name] = value
        stub.sessions.append(environment)
        stub.asked.set()
        variable = "CTI_ROUTED 1" if mood == "routes" else "CTI_HALF 1"
        writer.write(f"SET VARIABLE {variable}\n".encode())
        await reader.readline()
        if mood == "freezes":
            await over.wait()
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()

    server = await asyncio.start_server(session, address.host, address.port)
    try:
        yield stub
    finally:
        over.set()
        server.close()
