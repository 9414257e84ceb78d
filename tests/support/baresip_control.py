"""baresip's control socket (module ctrl_tcp): JSON in netstrings, commands one way, events the other."""

import asyncio
import contextlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

_LONGEST: Final = 1 << 20


class BaresipError(Exception):
    """The phone refused a command, or it is gone."""


@dataclass(frozen=True, slots=True)
class PhoneEvent:
    """Something that happened at the phone.

    `kind` is baresip's type (CALL_INCOMING, CALL_ESTABLISHED, CALL_CLOSED, CALL_DTMF_START, REGISTER_OK…),
    `call_id` the SIP Call-ID, `peer` the other side's URI, `detail` what comes with it (the reason a call
    was closed, the digit), `at` the loop's time in seconds.
    """

    kind: str
    at: float
    call_id: str = ""
    peer: str = ""
    detail: str = ""
    outgoing: bool = False


class NetstringReader:
    """Cuts a stream of bytes into netstrings, whatever the pieces it comes in."""

    def __init__(self) -> None:
        self._buffer = b""

    def feed(self, data: bytes) -> list[bytes]:
        """Take in bytes; return the netstrings that are complete now. ValueError if it is no netstring."""
        self._buffer += data
        complete = []
        while (colon := self._buffer.find(b":")) >= 0:
            length = int(self._buffer[:colon])
            if not 0 <= length <= _LONGEST:
                raise ValueError(f"a netstring of {length} bytes")
            end = colon + 1 + length
            if len(self._buffer) <= end:
                break
            if self._buffer[end : end + 1] != b",":
                raise ValueError("a netstring does not end in a comma")
            complete.append(self._buffer[colon + 1 : end])
            self._buffer = self._buffer[end + 1 :]
        return complete


def netstring(data: bytes) -> bytes:
    """Return `data` framed as a netstring."""
    return b"%d:%b," % (len(data), data)


@dataclass(slots=True)
class EventHistory:
    """All events in order of arrival; every waiter gets each event of a kind once."""

    events: list[PhoneEvent] = field(default_factory=list)
    _taken: set[int] = field(default_factory=set)
    _changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def add(self, event: PhoneEvent) -> None:
        async with self._changed:
            self.events.append(event)
            self._changed.notify_all()

    async def take(self, matches: Callable[[PhoneEvent], bool], what: str, deadline: float) -> PhoneEvent:
        """Return the oldest matching event nobody took yet, waiting `deadline` s for one; AssertionError."""
        try:
            async with asyncio.timeout(deadline), self._changed:
                while True:
                    for place, event in enumerate(self.events):
                        if place not in self._taken and matches(event):
                            self._taken.add(place)
                            return event
                    await self._changed.wait()
        except TimeoutError:
            pass
        raise AssertionError(
            f"{what}: not within {deadline} s; seen: {[event.kind for event in self.events]}"
        )


class BaresipControl:
    """One connection to a running baresip."""

    def __init__(self, history: EventHistory) -> None:
        self._history = history
        self._answers: dict[str, asyncio.Future[dict[str, Any]]] = {}
        self._count = 0
        self._writer: asyncio.StreamWriter | None = None
        self._reading: asyncio.Task[None] | None = None

    async def connect(self, port: int) -> None:
        """Connect; OSError if nobody listens yet."""
        reader, self._writer = await asyncio.open_connection("127.0.0.1", port)
        self._reading = asyncio.create_task(self._read(reader))

    async def close(self) -> None:
        """Close the connection; commands under way fail with BaresipError."""
        if self._writer is not None and self._reading is not None:
            self._writer.close()
            self._reading.cancel()
            with contextlib.suppress(asyncio.CancelledError, OSError):
                await self._reading

    async def command(self, name: str, params: str = "", deadline: float = 10) -> str:
        """Have baresip do something; return what it prints. BaresipError if it refuses or does not answer."""
        if self._writer is None or self._reading is None or self._reading.done():
            raise BaresipError(f"{name}: the phone is not running")
        self._count += 1
        token = str(self._count)
        answer = self._answers[token] = asyncio.get_running_loop().create_future()
        message = {"command": name, "params": params, "token": token}
        self._writer.write(netstring(json.dumps(message).encode()))
        try:
            async with asyncio.timeout(deadline):  # unlike `wait_for` of 3.11 it loses no cancellation
                reply = await answer
        except TimeoutError:
            raise BaresipError(f"{name}: no answer from the phone within {deadline} s") from None
        finally:
            del self._answers[token]
        if not reply.get("ok"):
            raise BaresipError(f"{name} {params}: {str(reply.get('data')).strip()}")
        return str(reply.get("data", ""))

    async def _read(self, reader: asyncio.StreamReader) -> None:
        netstrings = NetstringReader()
        try:
            while data := await reader.read(65536):
                for raw in netstrings.feed(data):
                    await self._handle(json.loads(raw))
        except ConnectionError:
            pass  # the phone was killed; told below
        finally:
            for answer in self._answers.values():
                if not answer.done():
                    answer.set_exception(BaresipError("the phone is gone"))

    async def _handle(self, message: dict[str, Any]) -> None:
        if message.get("event"):
            await self._history.add(_event(message))
        elif (answer := self._answers.get(str(message.get("token")))) and not answer.done():
            answer.set_result(message)


def _event(message: dict[str, Any]) -> PhoneEvent:
    return PhoneEvent(
        kind=str(message["type"]),
        at=asyncio.get_running_loop().time(),
        call_id=str(message.get("id", "")),
        peer=str(message.get("peeruri", "")),
        detail=str(message.get("param", "")),
        outgoing=message.get("direction") == "outgoing",
    )
