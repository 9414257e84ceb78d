"""How a group's queue is served: who is taken, when it is open, where it overflows, what callers are told."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum

VOICEMAIL = "voicemail"
"""As `overflow_to`: who would overflow leaves a message instead. No group has that id."""


class Strategy(StrEnum):
    """Which of several free agents that fit is taken first."""

    LONGEST_IDLE = "longest_idle"
    MOST_SKILLED = "most_skilled"
    """The highest level in the group first, the longest idle among equals."""


@dataclass(frozen=True, slots=True)
class Priorities:
    """Steps of priority by what is known of a customer, and what a step is worth."""

    elder: int = 2
    """An elderly customer's turn comes before a VIP's."""
    vip: int = 1
    ageing: float = 300.0
    """Seconds of waiting that count as much as one step."""


@dataclass(frozen=True, slots=True)
class Greeting:
    """What callers of a service number hear first: a prompt's name (empty: none) in a language."""

    prompt: str
    language: str


@dataclass(frozen=True, slots=True)
class Opening:
    """Open on a weekday (1 Monday to 7 Sunday) from `opens` until before `closes`, in minutes of the day."""

    weekday: int
    opens: int
    closes: int


@dataclass(frozen=True, slots=True)
class Policy:
    """Of one group; times in seconds, 0 or empty means: not at all."""

    strategy: Strategy = Strategy.LONGEST_IDLE
    requires: dict[str, int] = field(default_factory=dict)
    """Skill (or group) to the lowest level an agent needs for this queue's contacts."""
    preference_time: float = 0.0
    """How long a contact waits for its dedicated or last agent alone."""
    last_agent_within: float = 0.0
    """How long the agent who had a customer last stays that customer's."""
    ring_ahead: bool = False
    """An on-demand phone is rung by the PBX itself, on our guess of who is next (`rules/ahead.py`)."""
    overflow_to: str = ""
    """The group that takes what overflows, and what comes while this one is closed; or `VOICEMAIL`."""
    overflow_after: float = 0.0
    overflow_length: int = 0
    """As many wait already: the next one goes on."""
    announce_every: float = 0.0
    """How often who waits is told its position and expected wait."""
    callback: bool = False
    """Who waits is offered a call-back with each announcement."""
    callback_tries: int = 3
    """Calls until a customer who cannot be reached is given up."""
    callback_retry: float = 300.0
    """Between two of them."""
    callback_expires: float = 14_400.0
    """After which nobody wants to be called back any more."""
    hours: tuple[Opening, ...] = ()
    """Empty: always open, on holidays too."""
    caller_id: str = ""
    """Number that parties outside are shown; empty: the server's settings say."""
    utc_offset: int = 480
    """Minutes that the local time of `hours` and holidays is ahead of UTC."""

    def is_open(self, at: float, holidays: frozenset[str]) -> bool:
        """Whether the group is served at an epoch second; holidays are local days like `2026-10-01`."""
        if not self.hours:
            return True
        local = datetime.fromtimestamp(at, UTC) + timedelta(minutes=self.utc_offset)
        minute = local.hour * 60 + local.minute
        return local.date().isoformat() not in holidays and any(
            one.weekday == local.isoweekday() and one.opens <= minute < one.closes for one in self.hours
        )
