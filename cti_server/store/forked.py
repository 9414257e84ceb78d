"""A process forked from this one while that is still safe: before the event loop, threads and connections.

It has everything imported that we have, shares that memory, and begins its work at once.
"""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import socket
import sys
from collections.abc import Callable

from cti_server.process_title import ProcessTitle


class Forked:
    """The process, with the socket to it (as far as asyncio's `Process` is needed)."""

    def __init__(self, pid: int, line: socket.socket) -> None:
        self.pid, self.line = pid, line
        self._ended = os.pidfd_open(pid)  # readable from its end on
        self._code: int | None = None

    async def wait(self) -> int:
        """Return its exit code when it has ended. One at a time."""
        if self._code is None:
            loop, ended = asyncio.get_running_loop(), asyncio.Event()
            loop.add_reader(self._ended, ended.set)
            try:
                await ended.wait()
            finally:
                loop.remove_reader(self._ended)
            status = os.waitpid(self.pid, 0)[1]  # noqa: ASYNC222  # it has ended
            self._code = os.waitstatus_to_exitcode(status)
            os.close(self._ended)
        return self._code

    def kill(self) -> None:
        """SIGKILL. Raises ProcessLookupError when `wait` has told its end."""
        if self._code is not None:
            raise ProcessLookupError(self.pid)
        os.kill(self.pid, signal.SIGKILL)


def fork(work: Callable[[socket.socket], None], title: str) -> Forked:
    """Do `work` in a new process, with its end of a socket; there, SystemExit is raised when it is done.

    `title` is what `ps` shows of it.
    """
    ours, theirs = socket.socketpair()
    sys.stdout.flush()
    pid = os.fork()
    if pid == 0:
        ours.close()
        gc.enable()
        ProcessTitle().show(title)
        work(theirs)
        sys.exit(0)
    theirs.close()
    return Forked(pid, ours)
