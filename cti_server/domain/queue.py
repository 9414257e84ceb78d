"""The group and its queue: who waits, in which order."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class Group:
    """A group of agents and the queue in front of it; times in seconds."""

    group_id: str
    name_zh: str
    name_en: str
    ring_timeout: float
    wrap_up_time: float
    waiting: list[str] = field(default_factory=list)
    """Contact ids in order of arrival in the queue; contacts being offered are not among them."""
