"""A channel of the fake PBX."""

from __future__ import annotations

from dataclasses import dataclass, field

NORMAL, BUSY, NO_ANSWER, OUT_OF_ORDER = 16, 17, 19, 27
"""Q.850 causes."""
CEL_SLACK = 5.0
"""Seconds of calls that are read again, for clocks differ."""
CONFERENCE = "conference-"
"""How bridges that do not dissolve when one of several leaves are named."""
EFFECTS = "effects"
"""The source of the effects' answers."""


@dataclass(slots=True)
class Channel:
    """A channel of the node; `address` is the station's it leads to, empty for a customer's."""

    channel: str
    context: str
    address: str = ""
    up: bool = True
    bridge: str = ""
    number: str = ""
    held: bool = False
    """Its phone holds the call."""
    taken_by: str = ""
    """The station that took a customer from the fallback queue."""
    dialled: bool = False
    """Rung by the fallback queue: it has no place of its own and ends with the conversation."""
    third: bool = False
    """A number outside whom an agent consults."""
    stranger: bool = False
    """Came by an INVITE with Replaces."""
    detect: bool = False
    """A campaign's call: who answers is listened to first."""
    variables: dict[str, str] = field(default_factory=dict)

    @property
    def customer(self) -> bool:
        return not (self.address or self.third or self.stranger)
