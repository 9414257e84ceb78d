"""Reports are read and counted in a process of their own, for a month of them takes a minute of processor.

In a thread of the server every notification would wait for its turn all that time. On the socket between
them, both ways: eight bytes of length, then a pickle. The server sends tasks; each is answered by whether it
was done, and its result or the error that it raised.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import pickle
import signal
import socket
import sys
from asyncio.subprocess import Process
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

import structlog

from cti_server.background import in_thread
from cti_server.bootstrap.standby import die_with
from cti_server.errors import CtiError
from cti_server.logs import configure_logging
from cti_server.store.errors import StoreUnavailable
from cti_server.store.forked import Forked, fork

Result = TypeVar("Result")
NICE = 10
"""Everything else in the centre goes first."""
_LENGTH = 8
_LOST = "reports.process_lost"

log = structlog.get_logger(__name__)


class ReportProcess:
    """Started when it is first needed, and again after its end. One task at a time."""

    def __init__(self, first: Forked | None = None) -> None:
        """`first`: of `forked_reports`, so that it has nothing to import."""
        self._waiting = first
        self._process: Process | Forked | None = None
        self._link: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def do(self, task: Callable[[], Result], _name: str) -> Result:
        """What the task returns or raises, pickled. Raises StoreUnavailable when the process is lost.

        Cancelled, it is stopped at once.
        """
        try:
            asked = await in_thread(partial(pickle.dumps, task), "report")
            reader, writer = self._link or await self._start()
            writer.write(len(asked).to_bytes(_LENGTH, "big") + asked)
            await writer.drain()
            size = int.from_bytes(await reader.readexactly(_LENGTH), "big")
            done, came = pickle.loads(await reader.readexactly(size))  # noqa: S301  # from our own process
        except BaseException as error:
            await self.close()  # whatever it is at belongs to nobody any more
            if isinstance(error, OSError | EOFError):
                log.warning(_LOST, why=type(error).__name__)
                raise StoreUnavailable("the process that makes reports was lost") from error
            raise
        if not done:
            raise came
        result: Result = came
        return result

    async def close(self) -> None:
        """End the process, whatever it is at. Idempotent."""
        process, self._process = self._process or self._waiting, None
        if self._waiting:
            self._waiting.line.close()
            self._waiting = None
        if self._link:
            self._link[1].close()
            self._link = None
        if process:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    async def _start(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._waiting:
            self._process, self._waiting = self._waiting, None
            line = self._process.line
        else:
            line, theirs = socket.socketpair()
            with theirs:
                self._process = await asyncio.create_subprocess_exec(
                    sys.executable,
                    "-m",
                    "cti_server.bootstrap.report_process",
                    str(theirs.fileno()),
                    str(os.getpid()),
                    stdin=asyncio.subprocess.DEVNULL,
                    pass_fds=(theirs.fileno(),),
                )
        self._link = await asyncio.open_connection(sock=line)
        return self._link


def forked_reports() -> Forked:
    """A process on its way, for a `ReportProcess`. Only before the event loop, threads and connections."""
    return fork(partial(_work, server=os.getpid()), "cti-reports")


def _work(line: socket.socket, server: int) -> None:
    """Until the server closes the socket or dies. A signal to the whole group is the server's matter."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    die_with(server)
    os.nice(NICE)
    with line, line.makefile("rwb") as stream:
        while length := stream.read(_LENGTH):
            answer = pickle.dumps(_answer(stream.read(int.from_bytes(length, "big"))))
            stream.write(len(answer).to_bytes(_LENGTH, "big") + answer)
            stream.flush()


def _answer(asked: bytes) -> tuple[bool, Any]:
    """Whether it was done, and what came of it. No cycles are made, so the collector would look in vain."""
    gc.disable()
    try:
        return True, pickle.loads(asked)()  # noqa: S301  # from our own server
    except CtiError as error:
        return False, error
    except Exception as error:  # noqa: BLE001  # the server tells of it, as of a bug of its own
        return False, RuntimeError(f"{type(error).__name__}: {error}")
    finally:
        gc.enable()
        gc.collect()


def main() -> None:
    """`python -m cti_server.bootstrap.report_process DESCRIPTOR SERVER`."""
    configure_logging()
    _work(socket.socket(fileno=int(sys.argv[1])), int(sys.argv[2]))


if __name__ == "__main__":
    main()
