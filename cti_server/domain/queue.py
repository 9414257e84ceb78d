"""The group and its queue: who waits, in which order, under which conditions."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from cti_server.domain.contact import Contact

AGEING = 300.0
"""Seconds of waiting that count as much as one step of priority."""

Turn = tuple[float, str]
"""Place in the order of waiting, the lowest first; see `turn`."""


class Strategy(StrEnum):
    """Which of several free agents that fit is taken first."""

    LONGEST_IDLE = "longest_idle"
    MOST_SKILLED = "most_skilled"
    """The highest level in the group first, the longest idle among equals."""


@dataclass(slots=True)
class Group:
    """A group of agents and the queue in front of it; times in seconds."""

    group_id: str
    name_zh: str
    name_en: str
    ring_timeout: float
    wrap_up_time: float
    strategy: Strategy = Strategy.LONGEST_IDLE
    requires: dict[str, int] = field(default_factory=dict)
    """Skill (or group) to the lowest level an agent needs for this queue's contacts."""
    preference_time: float = 0.0
    """How long a contact waits for its dedicated or last agent alone; 0: no agent is preferred."""
    last_agent_within: float = 0.0
    """How long the agent who had a customer last stays that customer's; 0: not at all."""
    waiting: list[str] = field(default_factory=list)
    """Contact ids by `turn`; contacts being offered are not among them."""


def turn(contact: Contact) -> Turn:
    """Place in the order: `queued_at - AGEING * priority`, the lowest first.

    A step of priority is worth as much as having come AGEING seconds earlier. So priority ages by itself, and
    nobody starves: of contacts p steps higher, only those that came within AGEING * p seconds after a contact
    may overtake it. The order of two contacts never changes while they wait.
    """
    return (contact.queued_at or 0.0) - AGEING * contact.priority, contact.contact_id
