"""Logging: one JSON object a line on standard output, event names constant, no customer's name or number.

A log that cannot be written (its disk is full, its reader gone) is no reason to stop serving: lines are lost
and counted, and the log says so once it takes lines again.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import threading
from datetime import UTC, datetime

import structlog

PERSONAL = frozenset({"number", "customer_number", "caller", "caller_number", "customer_name", "password"})
"""Keys that may hold personal data or secrets: redacted wherever they turn up."""


_LOST = "log.lines_lost"


class LogFile:
    """Takes lines for a descriptor, each written at once; one that is refused is counted, never an error.

    Not by way of a buffered file: what that could not write it keeps, and fails again with every line after.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._turn = threading.Lock()
        self._missing = 0
        self._torn = False
        self.lost = 0
        """Lines that were refused so far."""

    def write(self, text: str) -> int:
        """Write whole lines, with their newline; the length of the text, whatever became of it."""
        with self._turn:
            if self._missing and self._put(_of_the_lost(self._missing)):
                self._missing = 0
            if self._missing or not self._put(text):
                self._missing += 1
                self.lost += 1
        return len(text)

    def flush(self) -> None:
        """Nothing waits."""

    def _put(self, text: str) -> bool:
        """Whether all of it was written."""
        left = memoryview(("\n" * self._torn + text).encode(errors="backslashreplace"))
        try:
            while left:
                left = left[os.write(self._descriptor, left) :]
                self._torn = bool(left)
        except OSError:
            return False
        return True


def _of_the_lost(count: int) -> str:
    told = {"event": _LOST, "count": count, "level": "error", "timestamp": datetime.now(UTC).isoformat()}
    return json.dumps(told) + "\n"


class _Logger:
    """What structlog hands the rendered line to."""

    def __init__(self, file: LogFile) -> None:
        self._file = file

    def msg(self, line: str) -> None:
        """Write one line."""
        self._file.write(line + "\n")

    debug = info = warning = error = critical = exception = msg


def configure_logging(*, pretty: bool = False) -> LogFile:
    """Set up structlog and the standard library's logging alike; where they write to."""
    file = LogFile(sys.stdout.fileno())
    renderer = (
        structlog.dev.ConsoleRenderer() if pretty else structlog.processors.JSONRenderer(ensure_ascii=False)
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            redact,
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=lambda *_: _Logger(file),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(stream=file, level=logging.WARNING, format="%(levelname)s %(name)s %(message)s")
    return file


def redact(_logger: object, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """Replace values under personal keys."""
    for key in PERSONAL & event.keys():
        event[key] = "[redacted]"
    return event
