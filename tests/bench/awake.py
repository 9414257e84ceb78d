"""Keeps the machine's cores from going to sleep while something is measured.

A virtual machine gives a core back whenever nothing runs on it, and waits until it gets it again: here some
milliseconds for one wake-up in a hundred, at every step from one process to the next. Work of the lowest
priority (SCHED_IDLE) takes nothing from anybody and leaves no core without work.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

_WORK = "import os; os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))\nwhile True: pass"


@contextmanager
def awake() -> Iterator[None]:
    """Inside, every core has something to do."""
    command = ["setpriv", "--pdeathsig", "KILL", sys.executable, "-c", _WORK]
    idlers = [subprocess.Popen(command) for _ in os.sched_getaffinity(0)]
    try:
        yield
    finally:
        for idler in idlers:
            idler.kill()
            idler.wait()
