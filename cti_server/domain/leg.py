"""A leg: one party's channel in a contact."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class LegRole(StrEnum):
    """What a party is in the contact."""

    CUSTOMER = "customer"
    AGENT = "agent"
    CONSULTED = "consulted"
    COLLEAGUE = "colleague"
    """The agent who is called in an internal call."""
    SUPERVISOR = "supervisor"


class LegState(StrEnum):
    """Where a party's channel is."""

    IVR = "ivr"
    WAITING = "waiting"
    RINGING = "ringing"
    UP = "up"
    """Answered, in its own place, not yet talking."""
    TALKING = "talking"
    HELD = "held"
    GONE = "gone"


@dataclass(slots=True)
class Leg:
    """One party's channel in the contact. `channel` is the channel's Uniqueid."""

    leg_id: str
    role: LegRole
    party: str
    """Agent id for an agent's leg; empty for the customer's (its number is in `Customer`)."""
    channel: str
    state: LegState
    bridge: str = ""
    held: bool = False
    """Its phone holds the call by itself (noted for the parties of a consultation)."""
    muted: bool = False
