#!/usr/bin/python3
"""Greets a caller whom no CTI server serves and picks the fallback queue; started by Asterisk itself.

Runs beside Asterisk with that system's Python, with pyst2's AGI in the folder ``lib`` beside it. Sets
CTI_FALLBACK_QUEUE to ``cti-fallback-<CTI_GROUP>``; the dialplan has set a default before, so that whatever
happens here the caller goes on to a queue.
"""

import os
import re
import sys
from pathlib import Path
from typing import Protocol

GREETING = "cti/sorry_technical"
GROUP = re.compile(r"[a-z][a-z0-9_]{0,31}")


class Session(Protocol):
    """The part of pyst2's AGI that is used."""

    def get_variable(self, name: str) -> str:
        """Value of a channel variable, empty when unset."""

    def set_variable(self, name: str, value: str) -> None:
        """Set a channel variable."""

    def stream_file(self, filename: str) -> str:
        """Play a prompt in the channel's language."""


def serve(session: Session) -> None:
    """Pick the queue first, then greet: a caller who gets impatient loses nothing."""
    group = session.get_variable("CTI_GROUP")
    if GROUP.fullmatch(group):
        session.set_variable("CTI_FALLBACK_QUEUE", f"cti-fallback-{group}")
    session.stream_file(GREETING)


def main() -> None:
    """Run one session; a caller who hangs up meanwhile is no error."""
    here = Path(__file__).resolve().parent
    sys.path.insert(0, str(here / "lib"))
    log = os.open(here.parent / "log/cti-fallback.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o640)
    os.dup2(log, 2)  # for tracebacks; Asterisk would show them to nobody
    from asterisk.agi import AGI, AGIAppError  # noqa: PLC0415  (found only after the path is set)

    with Path(os.devnull).open("w", encoding="utf-8") as unheard:  # pyst2 would log the caller's number
        try:
            serve(AGI(stderr=unheard))
        except AGIAppError:  # the caller hung up
            return


if __name__ == "__main__":
    main()
