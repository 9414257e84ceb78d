"""A consultation: a third party in a contact, and who shall talk to whom."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from cti_server.domain.operation import Operation


class Talk(StrEnum):
    """Who of a consultation's parties talk to each other; the others hear music."""

    NOBODY = "nobody"
    """The third party is being rung."""
    CONSULTED = "consulted"
    CUSTOMER = "customer"
    ALL = "all"
    HANDED = "handed"
    """Customer and third party: the agent is about to leave."""


@dataclass(slots=True)
class Consult:
    """A third party in the contact, from its first ring until it leaves or takes over."""

    leg_id: str
    to: dict[str, str]
    """`to` of the command, as asked."""
    started_at: float
    goal: Talk = Talk.NOBODY
    """Who shall talk."""
    talk: Talk = Talk.NOBODY
    """Who talked when all was last as it should be."""
    connected: bool = False
    """The third party has been talked to."""
    settled: bool = False
    """The PBX shows what `goal` says."""
    moving: list[str] = field(default_factory=list)
    """Channels on their way to their own places, out of any bridge."""
    joining: bool = False
    acceptance: Operation | None = None
    """The consulted agent's command, answered when it talks."""
