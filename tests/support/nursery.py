"""Servers for many centres without importing everything for each: one process per worker of a run forks them.

Importing costs 2 to 3 s of processor, which a whole run would pay some hundred times over. What is born here
is a standby with its server, just as `cti serve` makes them after its imports: processes with an interpreter,
settings, log and process group of their own, to be killed and frozen. `tests/integration/test_up.py` and
`test_standby.py` start the plain command.
"""

import asyncio
import atexit
import ctypes
import gc
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping
from functools import cache
from typing import IO, Any, cast

from cti_server.up.child import Child, Running

_PR_SET_PDEATHSIG = 1
_SIZE = 1 << 20


class Nursery:
    """The process's other end, in the test run's worker."""

    def __init__(self) -> None:
        self._line, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._turn = threading.Lock()
        argv = ["setpriv", "--pdeathsig", "KILL", sys.executable, "-m", "tests.support.nursery"]
        with theirs:
            self._process = subprocess.Popen(
                [*argv, str(theirs.fileno())], pass_fds=(theirs.fileno(),), process_group=0
            )
        atexit.register(self.close)

    def born(self, env: Mapping[str, str], log: IO[bytes]) -> "Born":
        """A server with this environment, on its way."""
        answer = self._ask({"env": dict(env)}, log.fileno())
        return Born(answer["pid"], self)

    def code(self, pid: int) -> int:
        """The exit code of one that has ended."""
        return cast("int", self._ask({"reap": pid})["code"])

    def close(self) -> None:
        """End it, and with it whatever was born there."""
        self._line.close()
        self._process.wait()

    def _ask(self, question: dict[str, Any], *descriptors: int) -> dict[str, Any]:
        with self._turn:
            socket.send_fds(self._line, [json.dumps(question).encode()], descriptors)
            answer: dict[str, Any] = json.loads(self._line.recv(_SIZE))
            return answer


class Born:
    """One server's first process (a `Running`)."""

    def __init__(self, pid: int, nursery: Nursery) -> None:
        self.pid = pid
        self._nursery = nursery
        self._code: int | None = None
        self._descriptor = os.pidfd_open(pid)  # readable once it has ended

    @property
    def returncode(self) -> int | None:
        """See `Running`."""
        if self._code is None and select.select([self._descriptor], [], [], 0)[0]:
            self._code = self._nursery.code(self.pid)
            os.close(self._descriptor)
        return self._code

    async def wait(self) -> int:
        """See `Running`."""
        if (code := self.returncode) is not None:
            return code
        loop, ended = asyncio.get_running_loop(), asyncio.Event()
        descriptor = os.dup(self._descriptor)  # several may wait, and a loop knows a descriptor once
        loop.add_reader(descriptor, ended.set)
        try:
            await ended.wait()
        finally:
            loop.remove_reader(descriptor)
            os.close(descriptor)
        return cast("int", self.returncode)


class BornServer(Child):
    """A server of the nursery of this process."""

    async def _begin(self, log: IO[bytes]) -> Running:
        where = nursery()  # here: the kernel would kill it with the thread that started it
        return await asyncio.to_thread(where.born, self._env, log)


@cache
def nursery() -> Nursery:
    """The one of this process."""
    return Nursery()


def main() -> None:
    """`python -m tests.support.nursery DESCRIPTOR`: fork and reap as asked, until the other end is closed."""
    gc.disable()
    from cti_server.bootstrap.server import prepare, serve_until_told

    prepare()
    gc.freeze()
    line = socket.socket(fileno=int(sys.argv[1]))
    while True:
        text, descriptors, _, _ = socket.recv_fds(line, _SIZE, 1)
        if not text:
            return
        question = json.loads(text)
        if "reap" in question:
            answer = {"code": os.waitstatus_to_exitcode(os.waitpid(question["reap"], 0)[1])}
        else:
            answer = {"pid": os.fork()}
            if answer["pid"] == 0:
                line.close()
                _settle(question["env"], descriptors[0])
                serve_until_told()
                return
            os.setpgid(answer["pid"], answer["pid"])
            os.close(descriptors[0])
        line.send(json.dumps(answer).encode())


def _settle(env: dict[str, str], log: int) -> None:
    """What `Child` and `cti` do for a server that is started by a command."""
    if ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL):
        raise OSError("no death with the parent")
    os.environ.clear()
    os.environ.update(env)
    for descriptor in (1, 2):
        os.dup2(log, descriptor)
    os.close(log)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))


if __name__ == "__main__":
    main()
