"""The world under everything at once: the same short walks in every run, as many as wanted by hand.

Where nobody has been: `CTI_DOMAIN_EXAMPLES=5000 pytest tests/unit/domain/test_machine.py --timeout 7200`.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, Phase, settings

from tests.unit.domain.machine import Life

EXAMPLES = os.environ.get("CTI_DOMAIN_EXAMPLES")

TestLife = Life.TestCase
TestLife.settings = settings(
    max_examples=int(EXAMPLES or 150),
    stateful_step_count=60,
    derandomize=EXAMPLES is None,
    database=None,
    phases=(Phase.generate, Phase.shrink) if EXAMPLES else (Phase.generate,),  # shrinking takes minutes
    deadline=None,
    report_multiple_bugs=False,
    suppress_health_check=list(HealthCheck),
)
