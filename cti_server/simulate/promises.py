"""What waiting customers were told of their wait, against what came of it: the error of the estimator."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from statistics import fmean, median
from typing import Any


@dataclass(frozen=True, slots=True)
class Promises:
    """Expected waits that were told to customers who were served in the end. Seconds; None without any."""

    told: int = 0
    expected: float | None = None
    """Mean of what was told."""
    came: float | None = None
    """Mean of what the wait was from then on."""
    off_by: float | None = None
    """Median of how far the two were apart."""
    too_short: float | None = None
    """Share of those who waited longer than they were told."""


def promises(stories: Iterable[Iterable[dict[str, Any]]]) -> Promises:
    """Out of contacts' stories, as `GET /api/v1/contacts/{contact_id}` has them."""
    pairs = [pair for story in stories for pair in _pairs(story)]
    if not pairs:
        return Promises()
    return Promises(
        told=len(pairs),
        expected=fmean(expected for expected, _ in pairs),
        came=fmean(came for _, came in pairs),
        off_by=median(abs(expected - came) for expected, came in pairs),
        too_short=sum(came > expected for expected, came in pairs) / len(pairs),
    )


def _pairs(story: Iterable[dict[str, Any]]) -> list[tuple[float, float]]:
    """Seconds told, seconds waited from then on, of each announcement before the first conversation."""
    told: list[tuple[float, datetime]] = []
    for entry in story:
        at = datetime.fromisoformat(entry["at"])
        if entry["kind"] == "contact.announced" and entry["data"]["expected_wait"] is not None:
            told.append((float(entry["data"]["expected_wait"]), at))
        elif entry["kind"] == "contact.connected":
            return [(expected, (at - when).total_seconds()) for expected, when in told]
    return []  # nobody knows how long who gave up would have waited
