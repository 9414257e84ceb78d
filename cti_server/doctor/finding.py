"""What a check is and what it finds."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

from rich.markup import escape

DEADLINE = 5.0
"""Seconds a check may take."""


class Text(NamedTuple):
    """The same words for people in both languages."""

    zh: str
    en: str

    def __str__(self) -> str:
        return f"{self.zh} {self.en}"


class State(StrEnum):
    """How a check ended; `skipped`: what it looks at is not there yet, which is no fault."""

    OK = "ok"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Finding:
    """The outcome of one check.

    `code` is stable; `subject` (a node, a folder) tells several of one code apart. `detail` is facts, no
    secret and nothing personal; a failed one has a `remedy`.
    """

    code: str
    state: State
    title: Text
    subject: str = ""
    detail: str = ""
    remedy: Text | None = None

    @property
    def ok(self) -> bool:
        """False for a failure; what was skipped does not count."""
        return self.state is not State.FAILED

    def line(self) -> str:
        """For a terminal, in rich's markup; a failure's second line is the remedy."""
        mark = {State.OK: "[green]✓[/green]", State.FAILED: "[red]✗[/red]", State.SKIPPED: "[dim]–[/dim]"}
        subject = f" \\[{escape(self.subject)}]" if self.subject else ""
        line = f"{mark[self.state]} {self.title}{subject}: {escape(self.detail)}"
        if self.state is not State.FAILED:
            return line
        return f"{line} [dim]({self.code})[/dim]\n  [yellow]→[/yellow] {escape(str(self.remedy or ''))}"

    def as_dict(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "code": self.code,
            "state": self.state.value,
            "ok": self.ok,
            "subject": self.subject,
            "title": self.title._asdict(),
            "detail": self.detail,
            "remedy": self.remedy._asdict() if self.remedy else None,
        }


class Wrong(Exception):  # noqa: N818  # a finding, not a fault of the doctor
    """Raised by a check: this is not as it should be, and so it is mended."""

    def __init__(self, detail: str, remedy: Text) -> None:
        super().__init__(detail)
        self.remedy = remedy


class NotThere(Exception):  # noqa: N818  # likewise
    """Raised by a check: what it looks at is not there (yet)."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing to look at. `look` returns the detail of a good finding, or raises Wrong or NotThere."""

    code: str
    title: Text
    look: Callable[[], Awaitable[str]]
    subject: str = ""
    deadline: float = DEADLINE
