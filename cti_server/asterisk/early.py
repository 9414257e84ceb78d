"""What the PBX tells earlier than it can be understood: kept until it can be."""

from __future__ import annotations

from cti_server.domain import effects as e
from cti_server.domain import signals as s

RESULTS_KEPT = 1000
"""Results of Originates kept until the answer to the action is looked at."""


class EarlyLegs:
    """What legs do that are rung ahead for calls which the world does not have yet."""

    def __init__(self) -> None:
        self._facts: dict[str, list[s.PbxFact]] = {}

    def rings(self, leg: str) -> None:
        """From now on nothing is told of the leg."""
        self._facts[leg] = []

    def keep(self, fact: s.PbxFact) -> bool:
        """Keep a fact of such a leg; False when it is of any other channel."""
        facts = self._facts.get(getattr(fact, "channel", ""))
        if facts is None:
            return False
        facts.append(fact)
        return True

    def decided(self, leg: str) -> list[s.PbxFact]:
        """The world has the leg's call, or never will: what the leg has done, in order."""
        return self._facts.pop(leg, [])

    def forget(self) -> None:
        """The node is looked at anew: what was kept is in that, or is over."""
        self._facts.clear()


class Originates:
    """Calls of ours that were taken, and whether they rang: the result may come before the answer."""

    def __init__(self) -> None:
        self._taken: dict[str, e.Effect] = {}
        self._results: dict[str, bool] = {}
        """Action id → whether it rang."""

    def __len__(self) -> int:
        """How many have no result yet."""
        return len(self._taken)

    def taken(self, action_id: str, effect: e.Effect) -> e.Effect | None:
        """The PBX took the action. The effect if it has failed already."""
        rang = self._results.pop(action_id, None)
        if rang is None:
            self._taken[action_id] = effect
        return effect if rang is False else None

    def result(self, action_id: str, *, rang: bool) -> e.Effect | None:
        """The result came. The effect if it failed, and was known to be taken."""
        effect = self._taken.pop(action_id, None)
        if effect is None:
            self._results[action_id] = rang
            if len(self._results) > RESULTS_KEPT:  # of Originates that are no effect nobody asks
                del self._results[next(iter(self._results))]
        return None if rang else effect

    def forget(self) -> None:
        """Nothing of before is answered any more."""
        self._taken.clear()
        self._results.clear()
