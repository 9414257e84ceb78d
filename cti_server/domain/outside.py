"""Numbers outside the centre: which may be called, how often, and whose number is shown."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

CN_MOBILE, CN_LANDLINE, CN_SERVICE = r"1[3-9]\d{9}", r"0[1-9]\d{8,10}", r"(400|800)\d{7}"


@dataclass(frozen=True, slots=True)
class OutsideRules:
    """What the centre lets its agents call. `allowed` are regular expressions a whole number must match."""

    allowed: tuple[str, ...] = (CN_MOBILE, CN_LANDLINE, CN_SERVICE)
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
