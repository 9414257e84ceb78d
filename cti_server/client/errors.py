"""What can go wrong for an agent program."""

# ruff: noqa: N818 (the names say what happened)

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class CtiClientError(Exception):
    """Base of the client's errors."""


class CtiRequestError(CtiClientError):
    """The server refused a request; `code` is stable, `retryable` says whether trying again may help."""

    def __init__(
        self, code: str, message: str, *, retryable: bool, detail: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(f"{code}: {message}")
        self.code, self.message, self.retryable = code, message, retryable
        self.detail = dict(detail or {})


class SessionEnded(CtiClientError):
    """The session is over and is not opened again: taken over, revoked, or closed by this program."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
