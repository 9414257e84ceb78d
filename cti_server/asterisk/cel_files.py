"""The files of a node's channel event log: the one being written, and those put aside, by age.

Asterisk opens the file anew for each row. So putting it aside is a rename: no row is lost or torn by it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

_TIME = "%Y%m%dT%H%M%S.%fZ"


def put_aside(path: Path, now: float) -> Path | None:
    """Have Asterisk begin a new file; returns the old one's new path, None without one. Raises OSError."""
    aside = path.with_name(f"{path.stem}-{datetime.fromtimestamp(now, UTC).strftime(_TIME)}{path.suffix}")
    try:
        path.rename(aside)
    except FileNotFoundError:
        return None
    return aside


def set_aside(path: Path) -> list[Path]:
    """What was put aside of this log, oldest first."""
    return sorted(path.parent.glob(f"{path.stem}-[0-9]*Z{path.suffix}"))


@contextmanager
def whole_log(path: Path, since: float = 0.0) -> Iterator[list[BinaryIO]]:
    """All files of the log, oldest first, open for reading; without those last written to before `since`.

    The one being written is opened first: put aside meanwhile, it is the same file by another name.
    """
    with ExitStack() as stack:
        current = _opened(stack, path)
        known = {_identity(current)} if current else set()
        files = [_opened(stack, aside) for aside in set_aside(path)]
        kept = [file for file in files if file and _identity(file) not in known and _written(file) >= since]
        yield [*kept, current] if current else kept


def _opened(stack: ExitStack, path: Path) -> BinaryIO | None:
    """None when it is gone: put aside or removed a moment ago."""
    with suppress(FileNotFoundError):
        return stack.enter_context(path.open("rb"))
    return None


def _identity(file: BinaryIO) -> tuple[int, int]:
    stat = os.fstat(file.fileno())
    return stat.st_dev, stat.st_ino


def _written(file: BinaryIO) -> float:
    return os.fstat(file.fileno()).st_mtime
