"""Many agents' programs in one process, as lean as can be, so that what is measured is the server.

`python -m tests.bench.sockets_agents HOST PORT KEY_FILE FIRST COUNT` opens a socket for each agent, signs in,
gets ready and says `ready`; serves the calls it is offered until standard input ends; then prints what it saw
as JSON: `{"seen": {event: {contact id: ns}}, "commands": [µs …], "lag": {…}}` (`tests.bench.lag`).
"""

import asyncio
import os
import sys
import time
from collections import defaultdict
from pathlib import Path
from typing import Any, cast

import orjson
import uvloop

from cti_server.api.guards import MemoryOneTimeStore
from cti_server.api.tokens import Tokens, TokenUse
from tests.bench.lag import LoopLag, until_input_ends

TEXT, CLOSE, PING, PONG = 1, 8, 9, 10
SHORT, LONG = 126, 127
HANDSHAKE = (
    "GET /ws HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Protocol: cti.v1\r\n\r\n"
)
RETRY_AFTER = 0.2
AT_ONCE = 20
"""Programs that begin their shift at the same time."""


class Tally:
    """What all programs of the process saw, on the monotonic clock that all processes share."""

    def __init__(self) -> None:
        self.seen: dict[str, dict[str, int]] = defaultdict(dict)
        self.commands: list[int] = []


class AgentProgram(asyncio.Protocol):
    """One agent's socket: RFC 6455 without extensions, then the least an agent does."""

    def __init__(self, agent_id: str, token: str, tally: Tally) -> None:
        self._agent_id, self._token, self._tally = agent_id, token, tally
        self._buffer = bytearray()
        self._upgraded = False
        self._asked: dict[str, int] = {}
        self._count = 0
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport = cast("asyncio.Transport", transport)
        transport.write(HANDSHAKE.format(host="127.0.0.1").encode())

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.ready.done():
            self.ready.set_exception(ConnectionError(f"{self._agent_id} was refused: {exc}"))

    def data_received(self, data: bytes) -> None:
        now = time.monotonic_ns()
        self._buffer += data
        if not self._upgraded:
            head, end, rest = bytes(self._buffer).partition(b"\r\n\r\n")
            if not end:
                return
            assert b" 101 " in head.split(b"\r\n")[0], head
            self._upgraded, self._buffer = True, bytearray(rest)
            self._ask("session.open", {"token": self._token})
        while (frame := self._next_frame()) is not None:
            self._frame(*frame, now)

    def _next_frame(self) -> tuple[int, bytes] | None:
        """Opcode and payload; the server's frames are whole and not masked."""
        buffer = self._buffer
        if len(buffer) < 2:
            return None
        size, begin = buffer[1], 2
        if size == SHORT:
            size, begin = int.from_bytes(buffer[2:4], "big"), 4
        elif size == LONG:
            size, begin = int.from_bytes(buffer[2:10], "big"), 10
        if len(buffer) < begin + size:
            return None
        opcode, payload = buffer[0] & 15, bytes(buffer[begin : begin + size])
        del buffer[: begin + size]
        return opcode, payload

    def _frame(self, opcode: int, payload: bytes, now: int) -> None:
        if opcode == PING:
            self._send(PONG, payload)
        elif opcode == TEXT:
            message = orjson.loads(payload)
            if "id" in message:
                self._answered(message, now)
            else:
                self._told(message["method"], message["params"], now)

    def _send(self, opcode: int, payload: bytes) -> None:
        """A client's frame, masked by zeros."""
        size = len(payload)
        head = bytes((128 | opcode, 128 | size)) if size < SHORT else bytes((128 | opcode, 128 | SHORT))
        head += b"" if size < SHORT else size.to_bytes(2, "big")
        self._transport.write(head + b"\0\0\0\0" + payload)

    def _ask(self, method: str, params: dict[str, Any]) -> None:
        self._count += 1
        request_id = f"{method}-{self._count}"
        self._asked[request_id] = time.monotonic_ns()
        message = {"jsonrpc": "2.0", "id": request_id, "method": method, "params": params}
        self._send(TEXT, orjson.dumps(message))

    def _sign_in(self) -> None:
        self._ask("agent.sign_in", {"station": self._agent_id, "station_mode": "on_demand"})

    def _answered(self, message: dict[str, Any], now: int) -> None:
        asked_at = self._asked.pop(message["id"])
        method = message["id"].rpartition("-")[0]
        if "error" in message:
            if method != "agent.sign_in" or not message["error"]["data"]["retryable"]:
                raise AssertionError(f"{self._agent_id}: {method}: {message['error']}")
            asyncio.get_running_loop().call_later(RETRY_AFTER, self._sign_in)  # the server just started
        elif method == "session.open":
            self._sign_in()
        elif method == "agent.sign_in":
            self._ask("agent.set_state", {"state": "ready"})
        elif method == "agent.set_state":
            self.ready.set_result(None)
        else:
            self._tally.commands.append((now - asked_at) // 1000)

    def _told(self, event: str, params: dict[str, Any], now: int) -> None:
        if not event.startswith("contact."):
            return
        contact_id = params["contact"]["contact_id"]
        self._tally.seen[event].setdefault(contact_id, now)
        if event == "contact.connected":
            self._ask("contact.set_data", {"contact_id": contact_id, "data": {"reason": "card"}})
        elif event == "contact.ended":
            wrap_up = {"contact_id": contact_id, "disposition": "done", "summary": "", "next_state": "ready"}
            self._ask("contact.wrap_up", wrap_up)


async def work(host: str, port: int, key: bytes, ids: list[str]) -> None:
    """Begin the shifts, say `ready`, serve, and print what was seen."""
    tokens = Tokens([key], MemoryOneTimeStore())
    tally, doors = Tally(), asyncio.Semaphore(AT_ONCE)
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(_give_up)

    async def begin(agent_id: str) -> AgentProgram:
        async with doors:
            token = tokens.issue(agent_id, TokenUse.SOCKET).token
            _, program = await loop.create_connection(
                lambda: AgentProgram(agent_id, token, tally), host, port
            )
            await program.ready
            return program

    programs = await asyncio.gather(*map(begin, ids))
    print("ready", flush=True)
    async with LoopLag() as lag:
        await until_input_ends()
    said = {"seen": tally.seen, "commands": tally.commands, "lag": lag.summary(), "programs": len(programs)}
    print(orjson.dumps(said).decode(), flush=True)


def _give_up(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """A program that failed would be missing from the figures: better none at all."""
    loop.default_exception_handler(context)
    os._exit(1)


def main() -> None:
    host, port, key_file, first, count = sys.argv[1:]
    ids = [str(int(first) + number) for number in range(int(count))]
    uvloop.run(work(host, int(port), Path(key_file).read_bytes(), ids))


if __name__ == "__main__":
    main()
