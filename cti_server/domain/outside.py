"""Numbers outside the centre: which may be called, how often, and whose number is shown."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

ALLOWED = ("1[3-9][0-9]{9}", "0[1-9][0-9]{8,10}", "[48]00[0-9]{7}")
"""Mobile, landline and 400/800 numbers of mainland China; no emergency numbers, no premium rates."""


@dataclass(frozen=True, slots=True)
class OutsideRules:
    """What the centre lets its agents call. `allowed` are regular expressions a whole number must match."""

    allowed: tuple[str, ...] = ALLOWED
    agent_calls_per_hour: int = 60
    calls_per_minute: int = 120
    """Of the whole centre."""
    ring_time: float = 45.0
    """Seconds an outside number is rung."""
    caller_ids: dict[str, str] = field(default_factory=dict)
    """Group id to the number it shows; other groups show `default_caller_id`."""
    default_caller_id: str = ""
    """Empty: the trunk's own."""

    def allows(self, number: str) -> bool:
        """Whether the number is on the allow-list."""
        return any(re.fullmatch(pattern, number) for pattern in self.allowed)

    def caller_id(self, group_id: str) -> str:
        """The number that the called party sees."""
        return self.caller_ids.get(group_id, self.default_caller_id)
