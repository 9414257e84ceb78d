"""Customers whom agents passed on to a number outside, as the interaction log tells it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class PassedOn:
    """Blind transfers to numbers outside."""

    told: int = 0
    answered: int = 0
    """Of them, those that somebody outside answered."""
    returned: int = 0
    """Not answered: the customer was back in the queue."""

    @property
    def left(self) -> int:
        """The customer hung up while it rang."""
        return self.told - self.answered - self.returned


def passed_on(stories: Iterable[Iterable[dict[str, Any]]]) -> PassedOn:
    """Out of contacts' stories, as `GET /api/v1/contacts/{contact_id}` has them."""
    told = answered = returned = 0
    for story in stories:
        ringing = False
        for entry in story:
            if entry["kind"] == "contact.transferred":
                ringing = "number" in entry["data"].get("to", ())
                told += ringing
            elif entry["kind"] in {"contact.outside_connected", "contact.outside_failed"}:
                answered += ringing and entry["kind"] == "contact.outside_connected"
                returned += ringing and entry["kind"] == "contact.outside_failed"
                ringing = False
    return PassedOn(told, answered, returned)
