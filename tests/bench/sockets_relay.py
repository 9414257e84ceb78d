"""The least that a server could do, as a measure of the machine: bytes in, one entry into Redis, bytes out.

`python -m tests.bench.sockets_relay relay PORT REDIS_PORT` connects what listens;
`... listener PORT COUNT` holds connections and prints, when its input ends, how late (ms) each line came;
`... load PORT RATE SECONDS` writes lines. Each says `ready` when it is. Three of ten lines go on to a
listener, as with the events of a call.
"""

import asyncio
import json
import sys
import time
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any, cast

import hiredis
import uvloop

from tests.bench.lag import until_input_ends

_COMMAND: tuple[Any, ...] = ("XADD", "bench", "*", "entry", b"x" * 300)
ADD = hiredis.pack_command(_COMMAND)
LINES_A_CALL, TOLD = 10, 3


class Lines(asyncio.Protocol):
    """Hands over each line that comes."""

    def __init__(self, take: Callable[[bytes], None]) -> None:
        self._take, self._rest = take, b""

    def data_received(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._take(line)


class Relay(asyncio.Protocol):
    """The connection to Redis; a line goes on when its entry is in the stream."""

    def __init__(self) -> None:
        self.listeners: list[asyncio.Transport] = []
        self._waiting: deque[bytes] = deque()
        self._reader = hiredis.Reader()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._reader.feed(data)
        while self._reader.gets() is not False:
            line = self._waiting.popleft()
            number = int(line.split()[0])
            if number % LINES_A_CALL < TOLD:
                self.listeners[number % len(self.listeners)].write(line + b"\n")

    def line(self, line: bytes) -> None:
        self._waiting.append(line)
        self._transport.write(ADD)


class Listener(asyncio.Protocol):
    """A connection that a relay writes to."""

    def __init__(self, relay: Relay) -> None:
        self._relay = relay

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._relay.listeners.append(cast("asyncio.Transport", transport))


async def relay(port: int, redis_port: int) -> None:
    """Lines come on the port, listeners on the one after it."""
    loop = asyncio.get_running_loop()
    _, between = await loop.create_connection(Relay, "127.0.0.1", redis_port)
    await loop.create_server(lambda: Lines(between.line), "127.0.0.1", port)
    await loop.create_server(lambda: Listener(between), "127.0.0.1", port + 1)
    print("ready", flush=True)
    await until_input_ends()


async def listener(port: int, count: int) -> None:
    late: list[float] = []

    def came(line: bytes) -> None:
        late.append((time.monotonic_ns() - int(line.split()[1])) / 1e6)

    for _ in range(count):
        await asyncio.get_running_loop().create_connection(lambda: Lines(came), "127.0.0.1", port + 1)
    print("ready", flush=True)
    await until_input_ends()
    print(json.dumps(late), flush=True)


async def load(port: int, rate: int, seconds: int) -> None:
    transport, _ = await asyncio.get_running_loop().create_connection(asyncio.Protocol, "127.0.0.1", port)
    print("ready", flush=True)
    began = time.monotonic()
    for number in range(rate * LINES_A_CALL * seconds):
        await asyncio.sleep(max(began + number / (rate * LINES_A_CALL) - time.monotonic(), 0))
        transport.write(b"%d %d\n" % (number, time.monotonic_ns()))
    await asyncio.sleep(1)


if __name__ == "__main__":
    what, *numbers = sys.argv[1:]
    parts: dict[str, Callable[..., Coroutine[None, None, None]]]
    parts = {"relay": relay, "listener": listener, "load": load}
    uvloop.run(parts[what](*map(int, numbers)))
