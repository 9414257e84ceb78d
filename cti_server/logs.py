"""Logging: one JSON object a line on standard output, event names constant, no customer's name or number."""

from __future__ import annotations

import logging
import sys

import structlog

PERSONAL = frozenset({"number", "customer_number", "caller", "caller_number", "customer_name", "password"})
"""Keys that may hold personal data or secrets: redacted wherever they turn up."""


def configure_logging(*, pretty: bool = False) -> None:
    """Set up structlog and the standard library's logging alike."""
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
        logger_factory=structlog.PrintLoggerFactory(sys.stdout),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(stream=sys.stdout, level=logging.WARNING, format="%(levelname)s %(name)s %(message)s")


def redact(_logger: object, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """Replace values under personal keys."""
    for key in PERSONAL & event.keys():
        event[key] = "[redacted]"
    return event
