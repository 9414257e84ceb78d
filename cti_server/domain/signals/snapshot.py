"""What a PBX node is found to be: all of it at one moment."""

from __future__ import annotations

from dataclasses import dataclass, field

from cti_server.domain.agent import StationMode
from cti_server.domain.signals.facts import PbxFact


@dataclass(frozen=True, slots=True)
class ChannelFact:
    """One channel of a snapshot. `variables` are our own `CTI_*` ones."""

    channel: str
    context: str
    bridge: str
    up: bool
    peer_station: str = ""
    """Address of the station this channel leads to, empty for a customer's."""
    caller_number: str = ""
    language: str = ""
    variables: dict[str, str] = field(default_factory=dict)
    held: bool = False
    """Its phone holds the call by itself."""


@dataclass(frozen=True, slots=True)
class FallbackMember:
    """A station that rings from a group's fallback queue, by what its mode shows to be free."""

    address: str
    group_id: str
    mode: StationMode


@dataclass(frozen=True, slots=True)
class NodeSnapshot(PbxFact):
    """All channels and registrations of a node at one moment, after the AMI connection came (back)."""

    channels: tuple[ChannelFact, ...]
    registered: tuple[str, ...]
    """Addresses of registered stations."""
    taken_at: float | None = None
    """When it was asked for, on the clock of `at`: what began later may be missing in it."""
    members: tuple[FallbackMember, ...] | None = None
    """Of the fallback queues; None: not known."""
