"""A connected customer proves who it is to the machine, and comes back to its agent (REQUIREMENTS A8)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class IdentificationState(StrEnum):
    """How far it is, or how it ended."""

    RUNNING = "running"
    VERIFIED = "verified"
    NOT_VERIFIED = "not_verified"
    """Wrong card or PIN, or nothing typed, as often as may be."""
    LOCKED = "locked"
    """Too many wrong PINs for that customer, in this call or others."""
    DECLINED = "declined"
    """The customer pressed the star key: back to the agent."""
    NOT_CHECKED = "not_checked"
    """The customer directory did not answer, or no server lived."""
    CANCELLED = "cancelled"
    """The agent took the customer back, or one of the two was lost."""


@dataclass(slots=True)
class Identification:
    """The contact's last one; nothing typed is in it."""

    started_at: float
    state: IdentificationState = IdentificationState.RUNNING
    ended_at: float | None = None
    sent: bool = False
    """The customer is on its way to the machine: the recording is silent."""
    paused: bool = False
    """The recording was paused for it."""
    back: bool = False
    """The customer is with its agent again, or will not come back to it."""

    @property
    def running(self) -> bool:
        """Whether the machine has the customer, or is about to."""
        return self.state is IdentificationState.RUNNING
