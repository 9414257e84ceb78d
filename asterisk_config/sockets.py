"""Which process listens on a port (Linux, proc(5)).

Two nodes that were given the same port must not pass for each other.
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Literal


def listens(pid: int, port: int, kind: Literal["tcp", "udp"], proc: Path = Path("/proc")) -> bool:
    """Whether process ``pid`` itself holds the local ``port`` (a listening one for tcp), of IPv4."""
    return not _inodes_of_port(proc / str(pid) / "net" / kind, port).isdisjoint(
        _inodes_of_process(proc / str(pid))
    )


def _inodes_of_port(table: Path, port: int) -> set[str]:
    """Rows are ``sl local remote state … inode``, addresses in hexadecimal; 0A is LISTEN, 07 UDP's state."""
    found = set()
    with contextlib.suppress(OSError):
        for row in table.read_text().splitlines()[1:]:
            fields = row.split()
            if int(fields[1].rpartition(":")[2], 16) == port and fields[3] in {"0A", "07"}:
                found.add(fields[9])
    return found


def _inodes_of_process(process: Path) -> set[str]:
    found = set()
    with contextlib.suppress(OSError):
        for descriptor in (process / "fd").iterdir():
            with contextlib.suppress(OSError):
                target = str(descriptor.readlink())
                if target.startswith("socket:["):
                    found.add(target[len("socket:[") : -1])
    return found
