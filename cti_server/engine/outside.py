"""What the loop drives: PBX, records; given by the composition root."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from cti_server.domain.effects import Effect
from cti_server.domain.records import Record
from cti_server.engine.port import (
    Dependency,
    Figure,
)


class Outside(Protocol):
    """What the site drives; given by the composition root."""

    def lead(self, term: int) -> None:
        """We lead from now on: connect to the PBX nodes, beat."""

    def follow(self) -> None:
        """We do not lead any more: command nothing."""

    def perform(self, effects: Sequence[Effect]) -> None:
        """Carry out effects, in order per node; failures come back by `Site.post`."""

    def keep(self, records: Sequence[Record]) -> None:
        """Hand records over to the outbox."""

    async def kept(self) -> None:
        """Return when everything handed to `keep` is on disk."""

    def dependencies(self) -> tuple[Dependency, ...]:
        """Health of what the outside depends on."""

    def figures(self) -> Sequence[Figure]:
        """Figures of the outside."""
