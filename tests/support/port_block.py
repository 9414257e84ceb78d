"""A run of neighbouring free ports on loopback, kept by one test process against all the others."""

import contextlib
import random
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

SIZE: Final = 20
_FIRST, _LAST = 22_000, 31_000  # below the range the kernel hands out for outgoing connections
_picker = random.SystemRandom()


@contextmanager
def port_block() -> Iterator[range]:
    """Give `SIZE - 1` neighbouring ports, free for UDP and TCP when they are given, the first one even.

    The port below the first is held open as a token while the block is in use: two test processes
    never get the same block. A program that asks nobody may still take a port of it.
    """
    for _ in range(200):
        start = _picker.randrange(_FIRST, _LAST, SIZE) + 1
        with contextlib.ExitStack() as held:
            try:
                held.enter_context(_bound(start, socket.SOCK_STREAM))
            except OSError:
                continue
            if not all(_free(port) for port in range(start + 1, start + SIZE)):
                continue
            yield range(start + 1, start + SIZE)
            return
    raise RuntimeError("no free block of ports found on 127.0.0.1")


def _bound(port: int, kind: socket.SocketKind) -> socket.socket:
    opened = socket.socket(socket.AF_INET, kind)
    try:
        opened.bind(("127.0.0.1", port))
    except OSError:
        opened.close()
        raise
    return opened


def _free(port: int) -> bool:
    try:
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
            _bound(port, kind).close()
    except OSError:
        return False
    return True
