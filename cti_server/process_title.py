"""What `ps` and `pgrep -f` show of a process: its arguments, which the kernel reads from its own memory."""

from __future__ import annotations

import ctypes
from pathlib import Path

_STATE, _ARG_START, _ARG_END = 3, 48, 49
"""Fields of `/proc/PID/stat` as proc(5) counts them; those after the program's name begin with `_STATE`."""


class ProcessTitle:
    """Writes another text over the arguments of this process, and restores them."""

    def __init__(self) -> None:
        fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
        self._at, end = (int(fields[number - _STATE]) for number in (_ARG_START, _ARG_END))
        self._arguments = Path("/proc/self/cmdline").read_bytes()
        if self._at and end - self._at != len(self._arguments):
            self._at = 0  # not where the kernel reads: better no title than another's memory

    def show(self, text: str) -> None:
        """Show `text`, cut to the room there is."""
        room = len(self._arguments) - 1
        self._write(text.encode()[: max(room, 0)].ljust(len(self._arguments), b"\0"))

    def restore(self) -> None:
        """Show the arguments as they were given."""
        self._write(self._arguments)

    def _write(self, data: bytes) -> None:
        if self._at:
            ctypes.memmove(self._at, data, len(data))
