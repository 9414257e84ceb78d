"""The world under everything at once, in a short form for every run; `long_run` is for a night."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, Phase, settings

from tests.unit.domain.machine import Life

EXAMPLES = int(os.environ.get("CTI_DOMAIN_EXAMPLES", "60"))
"""Raise it for a long run: `CTI_DOMAIN_EXAMPLES=2000 pytest tests/unit/domain/test_machine.py`."""

TestLife = Life.TestCase
TestLife.settings = settings(
    max_examples=EXAMPLES,
    stateful_step_count=60,
    deadline=None,
    report_multiple_bugs=False,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink),
)
