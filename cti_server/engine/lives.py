"""Proof that a former process of this server is dead, so that its lease need not run out (ADR 9).

Each process is a *life* with an id of its own. Lives of one server write their ids into one file, each while
it holds the file's lock (`flock`), which the kernel lets go when the process is dead and not before: a frozen
one keeps it. So whoever holds the lock knows that every other life in the file is over.
"""

from __future__ import annotations

import fcntl
import os
import secrets
from pathlib import Path
from typing import Protocol

import structlog

log = structlog.get_logger(__name__)

REMEMBERED = 8
"""Lives kept in the file: a server may die more than once before it gets to lead."""
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class Lives(Protocol):
    """What the lease asks about this process and those before it."""

    @property
    def own(self) -> str:
        """Id of this process."""

    def over(self) -> tuple[str, ...]:
        """Ids of processes that are dead for certain. Never raises; empty when there is no proof."""


class OneLife:
    """A life that knows of no other: every lease has to run out."""

    def __init__(self) -> None:
        self.own = secrets.token_hex(8)

    def over(self) -> tuple[str, ...]:
        """None is known."""
        return ()


class LifeFile:
    """The lives of one server, in a file on its own machine. `close` lets go of the lock."""

    def __init__(self, path: Path, boot_id: Path = BOOT_ID) -> None:
        self.own = secrets.token_hex(8)
        self._path, self._boot_id = path, boot_id
        self._file: int | None = None
        self._over: tuple[str, ...] = ()

    def over(self) -> tuple[str, ...]:
        """See `Lives.over`: tried again until the lock is ours."""
        if self._file is None:
            try:
                self._over = self._begin()
            except OSError as error:
                log.warning("lives.unreadable", why=error.strerror)
        return self._over

    def close(self) -> None:
        """Let go of the lock: this life is over."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _begin(self) -> tuple[str, ...]:
        """Lock the file, read who was there before and write ourselves down; nobody while another lives."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            where = self._where(file)
            found = [
                line.split(" ", 1) for line in os.pread(file, 4096, 0).decode("ascii", "replace").split("\n")
            ]
            before = tuple(life for life, *rest in found if rest == [where])[-REMEMBERED:]
            text = "".join(f"{life} {where}\n" for life in (*before, self.own)).encode()
            os.pwrite(file, text, 0)
            os.ftruncate(file, len(text))
        except BlockingIOError:
            os.close(file)
            return ()
        except BaseException:
            os.close(file)
            raise
        self._file = file
        return before

    def _where(self, file: int) -> str:
        """This very file under this very kernel: a copy of it, or another machine's, proves nothing."""
        found = os.fstat(file)
        return f"{self._boot_id.read_text().strip()} {found.st_dev}:{found.st_ino}"
