"""Free ports on loopback, below the range the kernel hands out for outgoing connections.

A server that is stopped and started again in a test needs its port still free; a port from the
ephemeral range could meanwhile be taken by any client of any other test.
"""

import random
import socket

_FIRST, _LAST = 15_000, 31_000
_picker = random.SystemRandom()


def free_port(kind: socket.SocketKind = socket.SOCK_STREAM) -> int:
    """Return a port on 127.0.0.1 nobody listens on at this moment (the caller retries if it loses a race)."""
    for _ in range(200):
        port = _picker.randint(_FIRST, _LAST)
        with socket.socket(socket.AF_INET, kind) as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise RuntimeError("no free port found on 127.0.0.1")
