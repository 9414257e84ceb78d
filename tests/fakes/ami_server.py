"""Asterisk's side of the manager interface, scripted, for faults that a real one cannot be made to show."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

BANNER = b"Asterisk Call Manager/11.0.0\r\n"
BOOTED = b"Event: FullyBooted\r\nPrivilege: system,all\r\nStatus: Fully Booted\r\n\r\n"


@dataclass(frozen=True)
class Received:
    """An action that came: on which connection (1 is the first), which, its headers (repeated: by line)."""

    connection: int
    name: str
    headers: dict[str, str]


Answer = Callable[["FakeAmiConnection", Received], None]


class FakeAmiConnection:
    """One client. `send` writes at once; `cut` resets the connection."""

    def __init__(self, number: int, writer: asyncio.StreamWriter) -> None:
        self.number = number
        self._writer = writer

    def send(self, data: bytes) -> None:
        self._writer.write(data)

    def event(self, name: str, **headers: str) -> None:
        lines = [f"Event: {name}", *(f"{key}: {value}" for key, value in headers.items())]
        self.send(("\r\n".join(lines) + "\r\n\r\n").encode())

    def answer(self, action: Received, response: str = "Success", **headers: str) -> None:
        given = {"ActionID": action.headers["ActionID"], **headers}
        lines = [f"Response: {response}", *(f"{key}: {value}" for key, value in given.items())]
        self.send(("\r\n".join(lines) + "\r\n\r\n").encode())

    def cut(self) -> None:
        self._writer.transport.abort()


class FakeAmi:
    """The server. Change its attributes before or while clients come."""

    def __init__(self) -> None:
        self.banner = BANNER
        self.boots = True
        self.login_response = "Success"
        self.silent: set[str] = set()
        """Actions that get no answer."""
        self.answers: dict[str, Answer] = {}
        """Own answers by action; others get a plain `Success`."""
        self.received: list[Received] = []
        self.connections: list[FakeAmiConnection] = []
        self.reading = asyncio.Event()
        """Cleared, nothing more is read: a peer that hangs."""
        self.reading.set()
        self.port = 0
        self._changed = asyncio.Condition()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def last(self) -> FakeAmiConnection:
        return self.connections[-1]

    def names(self, connection: int | None = None) -> list[str]:
        """Actions received, without logins and pings."""
        return [
            action.name
            for action in self.received
            if action.name not in {"Login", "Ping"} and connection in {None, action.connection}
        ]

    async def until(self, condition: Callable[[], bool], seconds: float = 5.0) -> None:
        """Wait until the condition holds; it is looked at again whenever something came."""
        async with asyncio.timeout(seconds), self._changed:
            await self._changed.wait_for(condition)

    async def received_action(self, name: str) -> Received:
        await self.until(lambda: name in self.names())
        return next(action for action in reversed(self.received) if action.name == name)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        connection = FakeAmiConnection(len(self.connections) + 1, writer)
        self.connections.append(connection)
        connection.send(self.banner)
        try:
            await self._noticed()
            while True:
                action = await _read(connection.number, reader)
                await self.reading.wait()
                self.received.append(action)
                self._respond(connection, action)
                await self._noticed()
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.close()
            self._tasks.discard(task)

    async def close(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _noticed(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    def _respond(self, connection: FakeAmiConnection, action: Received) -> None:
        if action.name in self.silent:
            return
        if action.name in self.answers:
            self.answers[action.name](connection, action)
        elif action.name == "Login":
            connection.answer(action, self.login_response)
            if self.login_response == "Success" and self.boots:
                connection.send(BOOTED)
            elif self.login_response != "Success":
                connection._writer.close()
        else:
            connection.answer(action)


async def _read(number: int, reader: asyncio.StreamReader) -> Received:
    lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    headers: dict[str, str] = {}
    for line in filter(None, lines):
        key, _, value = line.partition(": ")
        headers[key] = f"{headers[key]}\n{value}" if key in headers else value
    return Received(number, headers["Action"], headers)


@asynccontextmanager
async def fake_ami() -> AsyncIterator[FakeAmi]:
    """A server on a free port until the block ends."""
    fake = FakeAmi()
    server = await asyncio.start_server(fake.serve, "127.0.0.1", 0)
    fake.port = server.sockets[0].getsockname()[1]
    try:
        yield fake
    finally:
        server.close()
        await fake.close()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(server.wait_closed(), 1)
