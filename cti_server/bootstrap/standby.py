"""The standby: a process that has imported everything and holds nothing, and starts the server by a fork.

Importing is nearly all that starting costs (2 to 3 s of processor), and the dialplan gives a server up after
3 s without a beat. So what was started stays behind the server: a killed one is followed by the next in some
milliseconds. The standby opens no connection, no file and no thread, and never leads; the server is a process
of its own with a life of its own (`engine.lives`), reads its settings anew, and dies with its standby.
"""

from __future__ import annotations

import ctypes
import gc
import os
import signal
import sys
import time
from pathlib import Path

import structlog

from cti_server.process_title import ProcessTitle

TITLE = "cti-standby"
"""What `ps` shows for the standby; the server goes by the command that was given."""
FOLLOWED = "server.followed"
"""Name of the event in the log: a server was killed, and the next is on its way."""
SHORT = 5.0
"""Seconds. A server that ended by itself so soon, with an error, could not start: the caller has to know."""
MOST_SHORT = 5
"""Servers in a row that were killed so soon; then the standby gives up."""
_STOPS = (signal.SIGINT, signal.SIGTERM)
_HEARD = (*_STOPS, signal.SIGCHLD)
_PR_SET_PDEATHSIG = 1

log = structlog.get_logger(__name__)


def stand_by() -> None:
    """Return in a new process, to become the server, and again in each that has to follow it.

    The calling process stays in here and hands SIGINT and SIGTERM on. It ends (SystemExit) when the server
    ended in order, could not start, or was told to stop: with its exit code, or 128 and the signal's number.
    """
    if len(list(Path("/proc/self/task").iterdir())) > 1:
        log.error("standby.impossible", why="there are threads, which a fork does not take along")
        return
    gc.freeze()  # the collector would write to every page that both processes share
    title = ProcessTitle()
    title.show(TITLE)
    # Held back from here on and asked for by `sigwait`: nothing comes between a fork and knowing its process.
    signal.pthread_sigmask(signal.SIG_BLOCK, _HEARD)
    if _in_a_server():
        title.restore()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _HEARD)


def _in_a_server() -> bool:
    """True in each server; the standby does not return."""
    standby, short = os.getpid(), 0
    while True:
        began = time.monotonic()
        sys.stdout.flush()
        server = os.fork()
        if server == 0:
            die_with(standby)
            return True
        code, told = _end_of(server)
        soon = time.monotonic() - began < SHORT
        short = short + 1 if soon else 0
        if told or code == 0 or (code > 0 and soon) or short > MOST_SHORT:
            sys.exit(code if code >= 0 else 128 - code)
        log.warning(FOLLOWED, pid=server, ended_with=code)


def _end_of(server: int) -> tuple[int, bool]:
    """Wait for it: the exit code, or a signal's number below zero; and whether it was told to stop."""
    told = False
    while True:
        number = signal.sigwait(_HEARD)
        if number in _STOPS:
            told = True
            os.kill(server, number)  # not reaped yet, so the id is still its own
            continue
        while ended := _reaped():
            pid, status = ended
            if pid == server:
                return os.waitstatus_to_exitcode(status), told


def _reaped() -> tuple[int, int] | None:
    """One that ended. As a container's first process we get other processes' orphans, too."""
    try:
        pid, status = os.waitpid(-1, os.WNOHANG)
    except ChildProcessError:
        return None
    return (pid, status) if pid else None


def die_with(parent: int) -> None:
    """Have the kernel kill this process, frozen or not, when its parent is dead."""
    if ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL) or os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)
