"""Logs that a program keeps open for appending: put aside when large or of another day, removed when old."""

from __future__ import annotations

import os
import re
import shutil
import time
from datetime import date
from pathlib import Path

import structlog

log = structlog.get_logger(__name__)

_DAY = re.compile(rb"\d{4}-\d\d-\d\d")
_MARK = "%Y%m%dT%H%M%S"
_HEAD = 200
"""Bytes of a log's first line in which its time stands."""
A_DAY = 86_400.0


def is_due(path: Path, most: int, now: float) -> bool:
    """Whether it has `most` bytes, or begins with a line that names a day before yesterday. Raises OSError.

    A program may name its days by another time zone than ours.
    """
    if not path.exists() or not (size := path.stat().st_size):
        return False
    with path.open("rb") as file:
        first = _DAY.search(file.readline(_HEAD))
    yesterday = date.fromtimestamp(now - A_DAY).isoformat()  # noqa: DTZ012 (see above)
    return size >= most or (first is not None and first[0].decode() < yesterday)


def copy_and_empty(path: Path) -> Path:
    """Put aside a log whose program has it open in append mode; returns the copy's path. Raises OSError.

    What is written between the last look and the cut would be lost: some microseconds.
    """
    aside = path.with_name(f"{path.name}.{time.strftime(_MARK)}")
    with path.open("r+b") as source, aside.open("ab") as target:
        os.fchmod(target.fileno(), os.fstat(source.fileno()).st_mode & 0o777)
        while True:
            shutil.copyfileobj(source, target)
            if source.tell() >= os.fstat(source.fileno()).st_size:
                source.truncate(0)
                return aside


def remove_old(path: Path, days: int, now: float) -> list[Path]:
    """Remove what was put aside of a log (`NAME.…`) so many days ago; 0: nothing. Raises OSError."""
    if not days:
        return []
    before = now - days * A_DAY
    old = [aside for aside in path.parent.glob(f"{path.name}.*") if aside.stat().st_mtime < before]
    for aside in old:
        aside.unlink(missing_ok=True)
    return old


def tend(path: Path, most: int, days: int, now: float) -> None:
    """Whatever of the above is due for one log; what fails is said and tried at the next turn."""
    try:
        if is_due(path, most, now):
            copy_and_empty(path)
        remove_old(path, days, now)
    except OSError as error:
        log.warning("log.not_rotated", file=path.name, why=error.strerror)
