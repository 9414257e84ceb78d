"""Free ports on loopback, below the range the kernel hands out for outgoing connections.

A server that is stopped and started again in a test needs its port still free; a port from the
ephemeral range could meanwhile be taken by any client of any other test. Test processes that run side by
side draw from parts of their own, and none draws a port twice.
"""

import os
import random
import re
import socket
from typing import Final

_FIRST, _LAST = 15_000, 22_000  # the blocks of port_block begin there
_PARTS: Final = 14
_picker = random.SystemRandom()
_given: set[int] = set()


def free_port(kind: socket.SocketKind = socket.SOCK_STREAM) -> int:
    """Return a port on 127.0.0.1 nobody listens on at this moment (the caller retries if it loses a race)."""
    part = _part()
    if len(_given) > len(part) // 2:
        _given.clear()
    for _ in range(1000):
        port = _picker.choice(part)
        if port in _given:
            continue
        with socket.socket(socket.AF_INET, kind) as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            _given.add(port)
            return port
    raise RuntimeError("no free port found on 127.0.0.1")


def _part() -> range:
    """This process's share: pytest-xdist numbers its workers."""
    worker = re.search(r"\d+", os.environ.get("PYTEST_XDIST_WORKER", ""))
    size = (_LAST - _FIRST) // _PARTS
    begin = _FIRST + (int(worker[0]) % (_PARTS - 1) if worker else _PARTS - 1) * size
    return range(begin, begin + size)
