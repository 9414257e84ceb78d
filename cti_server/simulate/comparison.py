"""Two witnesses of one thing."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Comparison:
    """What two witnesses say. They agree when they differ by at most `within`."""

    what: str
    one: str
    one_says: float
    other: str
    other_says: float
    within: float = 0.0

    @property
    def agrees(self) -> bool:
        """Whether they do."""
        return abs(self.one_says - self.other_says) <= self.within
