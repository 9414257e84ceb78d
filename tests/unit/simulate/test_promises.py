"""The error of the expected wait: told against come, out of contacts' stories."""

from typing import Any

import pytest

from cti_server.simulate.promises import Promises, promises


def entry(second: int, kind: str, expected: float | None = None) -> dict[str, Any]:
    data = {"expected_wait": expected} if kind == "contact.announced" else {}
    return {"at": f"2026-11-21T08:00:{second:02}.000Z", "kind": kind, "data": data}


def test_told_and_come() -> None:
    served = [
        entry(0, "contact.queued"),
        entry(10, "contact.announced", 30.0),
        entry(20, "contact.announced", 10.0),
        entry(25, "contact.connected"),
        entry(40, "contact.announced", 99.0),  # after a transfer: no wait for the first person any more
        entry(50, "contact.connected"),
    ]
    gave_up = [entry(10, "contact.announced", 60.0), entry(30, "contact.ended")]
    nobody_at_work = [entry(10, "contact.announced"), entry(30, "contact.connected")]
    found = promises([served, gave_up, nobody_at_work])
    assert (found.told, found.expected, found.came, found.off_by) == (2, 20.0, 10.0, 10.0)
    assert found.too_short == pytest.approx(0.0)


def test_nobody_was_told() -> None:
    assert promises([]) == promises([[entry(0, "contact.connected")]]) == Promises()
