"""The same draws in every run, whatever else is loaded.

Hypothesis, derandomized, still mixes in the constants of all modules that the process has loaded, so that
walks would depend on which tests ran before in the same worker. This provider draws from one random row.
"""

from __future__ import annotations

import random
from typing import NoReturn

from hypothesis.internal.conjecture.data import ConjectureData
from hypothesis.internal.conjecture.providers import AVAILABLE_PROVIDERS, PrimitiveProvider

STEADY = "steady"
"""For `settings(backend=…)`."""
_SEED = 20261122
_SPAN = 2**31


class Steady(PrimitiveProvider):
    """Booleans and integers, evenly."""

    lifetime = "test_function"

    def __init__(self, conjecturedata: ConjectureData | None, /) -> None:
        super().__init__(conjecturedata)
        self._row = random.Random(_SEED)  # it is to be foreseen

    def draw_boolean(self, p: float = 0.5) -> bool:
        """See PrimitiveProvider."""
        return self._row.random() < p

    def draw_integer(
        self,
        min_value: int | None = None,
        max_value: int | None = None,
        *,
        weights: dict[int, float] | None = None,
        shrink_towards: int = 0,  # nothing is shrunk here
    ) -> int:
        """See PrimitiveProvider; `weights` leave a rest for all other values."""
        if weights:
            chosen = self._row.choices(
                [*weights, None], [*weights.values(), max(0.0, 1 - sum(weights.values()))]
            )
            if chosen[0] is not None:
                return chosen[0]
        low = -_SPAN if min_value is None else min_value
        return self._row.randint(low, max(low, _SPAN) if max_value is None else max_value)

    def draw_float(self, **_: object) -> NoReturn:
        """Nobody asks for one."""
        raise NotImplementedError

    def draw_string(self, *_: object, **__: object) -> NoReturn:
        """Nobody asks for one."""
        raise NotImplementedError

    def draw_bytes(self, *_: object, **__: object) -> NoReturn:
        """Nobody asks for any."""
        raise NotImplementedError


AVAILABLE_PROVIDERS[STEADY] = Steady
