"""The world under everything at once: the same short walks in every run, as many as wanted by hand.

Where nobody has been: `CTI_DOMAIN_EXAMPLES=5000 pytest tests/unit/domain/test_machine.py --timeout 7200`.
"""

from __future__ import annotations

import os
from typing import ClassVar

from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import invariant

from tests.unit.domain.machine import Life
from tests.unit.domain.steady import STEADY

EXAMPLES = os.environ.get("CTI_DOMAIN_EXAMPLES")


class Counted(Life):
    """Says how many steps it has gone, so that "nothing was found" has a number."""

    walks: ClassVar[int] = 0
    steps: ClassVar[int] = 0

    def __init__(self) -> None:
        super().__init__()
        Counted.walks += 1

    @invariant()
    def counted(self) -> None:
        Counted.steps += 1


TestLife = Counted.TestCase
TestLife.settings = settings(
    max_examples=int(EXAMPLES or 150),
    stateful_step_count=60,
    derandomize=EXAMPLES is None,
    backend="hypothesis" if EXAMPLES else STEADY,
    database=None,
    phases=(Phase.generate, Phase.shrink)
    if EXAMPLES and not os.environ.get("CTI_NOSHRINK")
    else (Phase.generate,),  # shrinking takes minutes
    deadline=None,
    report_multiple_bugs=False,
    suppress_health_check=list(HealthCheck),
)


def test_it_went_far_enough() -> None:
    steps = Counted.steps - Counted.walks  # the invariants hold once before the first step
    print(f"{Counted.walks:,} walks, {steps:,} steps")
    assert steps >= 30 * Counted.walks
