"""Records into the database by a process of our own, so that its work holds up no agent's notification.

200 records take some 10 ms of Python, and reading their lines some 2: in the server (be it in a thread, for
Python's threads take turns) that would be 12 ms in which nobody is told anything. The carrier
does what it is asked, batch after batch, and ends with the server.

On the socket between them, both ways: four bytes of length, then the text. First the database's URL (it may
hold a password, so it is no argument); then batches, each the deadline in seconds, a newline and the outbox's
lines as they stand, answered by the JSON `{"ids": [id …], "refused": [[index, why] …]}` or
`{"fault": code, "text": …}`.
"""

import asyncio
import contextlib
import os
import signal
import socket
import sys
from asyncio.subprocess import Process
from collections.abc import Sequence
from io import BytesIO
from typing import Any

import orjson
import structlog

from cti_server.logs import configure_logging
from cti_server.store.database import Database
from cti_server.store.delivery import DatabaseDelivery, Delivered, Delivery, Refused
from cti_server.store.errors import SchemaOutdated, StoreUnavailable
from cti_server.store.forked import Forked, fork

PATIENCE = 30.0
"""Seconds beyond the deadline of a transaction: a refused batch is tried in halves."""
UNHURRIED = 5.0
"""Seconds that a call of its may take: nobody waits for it, and a disk that stalls is no database gone."""
END_TIME = 2.0
NICE = 5
"""The carrier leaves the processor to the server and to Asterisk when they want it."""
_LENGTH = 4
_LOST = "carrier_lost"

log = structlog.get_logger(__name__)

Link = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Carrier:
    """A `Delivery` in a process of its own, started when it is first needed and again after its end."""

    def __init__(self, database_url: str, first: Forked | None = None) -> None:
        """`first`: of `forked_carrier`, for the first time, so that it has nothing to import."""
        self._url = database_url
        self._waiting = first
        self._process: Process | Forked | None = None
        self._link: Link | None = None

    async def deliver(self, lines: Sequence[bytes], deadline: float) -> Delivered:
        """See `Delivery.deliver`. One call at a time."""
        try:
            async with asyncio.timeout(deadline + PATIENCE):
                reader, writer = self._link or await self._start()
                _say(writer, b"".join((b"%f\n" % deadline, *lines)))
                await writer.drain()
                answer: dict[str, Any] = orjson.loads(await _hear(reader))
        except BaseException as error:
            await self.close()  # whatever it still says belongs to no question any more
            if isinstance(error, OSError | EOFError | TimeoutError):
                log.warning(_LOST, why=type(error).__name__)
                raise StoreUnavailable("the process that writes to the database was lost") from error
            raise
        if "fault" in answer:
            raise _fault(answer["fault"], answer["text"])
        return Delivered(answer["ids"], [Refused(index, why) for index, why in answer["refused"]])

    async def close(self) -> None:
        """End the process, by force if it takes long. Idempotent."""
        process, self._process = self._process, None
        if self._waiting:
            self._waiting.line.close()
            process, self._waiting = self._waiting, None
        if self._link:
            self._link[1].close()
            self._link = None
        if process is None:
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(END_TIME):
                await process.wait()
                return
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()

    async def _start(self) -> Link:
        if self._waiting:
            self._process, self._waiting = self._waiting, None
            return await self._meet(self._process.line)
        ours, theirs = socket.socketpair()
        try:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "cti_server.store.carrier",
                str(theirs.fileno()),
                stdin=asyncio.subprocess.DEVNULL,
                pass_fds=(theirs.fileno(),),
            )
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        return await self._meet(ours)

    async def _meet(self, line: socket.socket) -> Link:
        self._link = await asyncio.open_connection(sock=line)
        _say(self._link[1], self._url.encode())
        return self._link


def _fault(code: str, text: str) -> StoreUnavailable:
    return (SchemaOutdated if code == SchemaOutdated.code else StoreUnavailable)(text)


def _say(writer: asyncio.StreamWriter, text: bytes) -> None:
    writer.write(len(text).to_bytes(_LENGTH, "big") + text)


async def _hear(reader: asyncio.StreamReader) -> bytes:
    size = int.from_bytes(await reader.readexactly(_LENGTH), "big")
    return await reader.readexactly(size)


async def carry(sock: socket.socket) -> None:
    """The carrier's whole life: until the server closes the socket, or dies."""
    reader, writer = await asyncio.open_connection(sock=sock)
    try:
        database = Database((await _hear(reader)).decode(), deadline=UNHURRIED)
        try:
            while True:
                asked = await _hear(reader)
                _say(writer, orjson.dumps(await _answer(DatabaseDelivery(database), asked)))
        finally:
            await database.close()
    except (EOFError, OSError):
        return
    finally:
        writer.close()


async def _answer(delivery: Delivery, asked: bytes) -> dict[str, Any]:
    deadline, *lines = BytesIO(asked).readlines()  # unlike `splitlines`, at newlines alone
    try:
        delivered = await delivery.deliver(lines, float(deadline))
    except StoreUnavailable as fault:
        return {"fault": fault.code, "text": str(fault)}
    return {"ids": delivered.ids, "refused": [[each.index, each.why] for each in delivered.refused]}


def forked_carrier() -> Forked:
    """A carrier on its way, for a `Carrier`. Only before the event loop, threads and connections."""
    return fork(_work, "cti-carrier")


def main() -> None:
    """`python -m cti_server.store.carrier DESCRIPTOR`."""
    configure_logging()
    _work(socket.socket(fileno=int(sys.argv[1])))


def _work(line: socket.socket) -> None:
    """A signal to the whole group is the server's matter."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    os.nice(NICE)
    asyncio.run(carry(line))


if __name__ == "__main__":
    main()
