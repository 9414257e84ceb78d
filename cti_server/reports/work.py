"""What is made of all that happened in a time, which is too much to be in memory at once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol, TypeVar

from cti_server.reports.facts import Fact

Made_co = TypeVar("Made_co", covariant=True)


class Work(Protocol[Made_co]):
    """It is told the facts of its time, portion by portion, and makes something of them.

    Pickled before it begins, for it may be done in another process.
    """

    since: datetime
    until: datetime
    of_agents: bool
    """Whether agents' own facts matter."""
    who: str
    """The only agent whose own facts and whose contacts matter; empty: everybody's do."""

    def take(self, facts: Sequence[Fact], until: datetime) -> None:
        """All that happened since the last portion and before `until`, in any order; some may come twice."""

    def again(self) -> bool:
        """Asked when everything was told: whether it has to be told once more, from the beginning."""

    def made(self) -> Made_co:
        """What came of it, when everything was told."""
