"""A surroundings that only remembers what it was asked for (`engine.outside.Outside`)."""

from collections.abc import Sequence

from cti_server.domain.effects import Effect
from cti_server.domain.records import Record
from cti_server.engine.port import Dependency, Figure


class FakeOutside:
    """Remembers effects and records; knows whether it was told to lead."""

    def __init__(self) -> None:
        self.effects: list[Effect] = []
        self.records: list[Record] = []
        self.leading = False

    def lead(self, _term: int) -> None:
        self.leading = True

    def follow(self) -> None:
        self.leading = False

    def perform(self, effects: Sequence[Effect]) -> None:
        self.effects.extend(effects)

    def keep(self, records: Sequence[Record]) -> None:
        self.records.extend(records)

    async def kept(self) -> None:
        """Everything is, at once."""

    def dependencies(self) -> tuple[Dependency, ...]:
        return ()

    def figures(self) -> Sequence[Figure]:
        return ()
