"""Child processes of tests: started so that they never outlive the test run, ended by their own id."""

import contextlib
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path


def wait_until(condition: Callable[[], bool], timeout: float, what: str) -> None:
    """Return once `condition()` holds; raise TimeoutError naming `what` after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {timeout} s")
        time.sleep(0.01)


def spawn(command: Sequence[str], log: Path, *, user: str | None = None) -> subprocess.Popen[bytes]:
    """Start `command` in its own process group; the kernel kills it when this process dies.

    `user` drops root's rights first (PostgreSQL insists on that). Output is appended to `log`.
    """
    guard = ["setpriv", "--pdeathsig", "KILL"]
    if user is not None:
        guard += ["--reuid", user, "--regid", user, "--clear-groups"]
    with log.open("ab") as output:
        return subprocess.Popen(
            [*guard, *command], stdin=subprocess.DEVNULL, stdout=output, stderr=output, process_group=0
        )


def end(process: subprocess.Popen[bytes], how: signal.Signals, timeout: float = 10.0) -> None:
    """Send `how` and reap the process; one that does not go in time is killed."""
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(how)
    try:
        process.wait(timeout)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(timeout)


_GONE = (FileNotFoundError, ProcessLookupError)
"""What `/proc` says of a process that ends at the moment it is looked at."""


def children(pid: int) -> list[int]:
    """Ids of a process's own children, dead ones that nobody asked for among them."""
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except _GONE:
        return []


def descendants(pid: int) -> set[int]:
    """Process ids below a process."""
    found: set[int] = set()
    for task in Path(f"/proc/{pid}/task").glob("*"):
        with contextlib.suppress(*_GONE):
            for child in map(int, (task / "children").read_text().split()):
                found |= {child} | descendants(child)
    return found


def alive(pid: int) -> bool:
    """Whether the process is there and runs, or could (a frozen one)."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except _GONE:
        return False
    return state != "Z"


def command(pid: int) -> str:
    """Its arguments as `ps` shows them; empty when it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
    except _GONE:
        return ""
