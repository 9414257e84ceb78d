"""What the dialler wants."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from cti_server.domain.signals.base import Signal


@dataclass(frozen=True, slots=True)
class CampaignCall(Signal):
    """A campaign's attempt at a number, without an agent yet. The same channel is called once, ever."""

    node: str
    channel: str
    """The id the customer's channel shall have: the attempt's, and the contact's."""
    campaign: str
    group_id: str
    number: str = field(repr=False)
    name: str = field(repr=False)
    shown: str
    """The number that the called party sees; empty: the group's."""
    ring_time: float
    patience: float
    """Seconds after which a person for whom nobody is free is let go."""
    message: str = ""
    """Prompt for an answering machine; empty: it is hung up."""
    data: dict[str, Any] = field(default_factory=dict)
