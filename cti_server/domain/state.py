"""The world's whole state: plain data, so that a snapshot of it is all a successor needs."""

from __future__ import annotations

from dataclasses import dataclass, field

from cti_server.domain.agent import Agent
from cti_server.domain.callback import Callback
from cti_server.domain.contact import Contact
from cti_server.domain.ivr import Ivr
from cti_server.domain.outside import OutsideRules
from cti_server.domain.policy import Greeting, Priorities
from cti_server.domain.queue import Group
from cti_server.domain.station import Station


@dataclass(slots=True)
class Node:
    """A PBX node as far as the world cares."""

    name: str
    up: bool = False
    """In reach, and our state is in step with it: its snapshot was applied."""
    seen_until: float = 0.0
    """Until when we saw everything that happened there, in epoch seconds; 0 when we never looked yet."""
    lost: bool = False
    """Out of reach, and those at work know it; a new server that takes up the link changes nothing here."""


@dataclass(frozen=True, slots=True)
class LastAgent:
    """Who had a customer's last conversation, and when it ended."""

    agent_id: str
    at: float


@dataclass(slots=True)
class WorldState:
    """Everything live. `signals` counts applied signals and, with the epoch, names records and channels."""

    epoch: int = 0
    term: int = 0
    signals: int = 0
    counter: int = 0
    last_at: float = 0.0
    """Time of the last signal applied."""
    agents: dict[str, Agent] = field(default_factory=dict)
    stations: dict[str, Station] = field(default_factory=dict)
    groups: dict[str, Group] = field(default_factory=dict)
    service_numbers: dict[str, str] = field(default_factory=dict)
    greetings: dict[str, Greeting] = field(default_factory=dict)
    """By service number."""
    ivrs: dict[str, Ivr] = field(default_factory=dict)
    """Service number to its menu; numbers without one are not in it."""
    holidays: tuple[str, ...] = ()
    priorities: Priorities = field(default_factory=Priorities)
    routing_version: int = 0
    """Of the routing settings in force; 0 before they were first changed at run time."""
    contacts: dict[str, Contact] = field(default_factory=dict)
    callbacks: dict[str, Callback] = field(default_factory=dict)
    """By wish: customers called in vain, to be called again later. Whose turn is to come is in `contacts`."""
    nodes: dict[str, Node] = field(default_factory=dict)
    ended: dict[str, float] = field(default_factory=dict)
    """Contacts that ended lately, with the time: the PBX's own log must not count them again."""
    outside: OutsideRules = field(default_factory=OutsideRules)
    outside_calls: list[float] = field(default_factory=list)
    """When the centre began calls to outside numbers, within the last minute."""
    last_agents: dict[str, LastAgent] = field(default_factory=dict)
    """By the customer's number; the oldest first."""
    ahead: dict[str, dict[str, str]] = field(default_factory=dict)
    """By node and service number: whose phone the node rings for its next call (`rules/ahead.py`)."""
    timers: dict[str, float] = field(default_factory=dict)
    """Timer key to the epoch second it is due. The engine fires them as `TimerFired`."""
    channels: dict[str, str] = field(default_factory=dict)
    """Uniqueid of each channel of a live contact to the contact's id."""
    subscribers: dict[str, list[str]] = field(default_factory=dict)
    """Topic to the ids of those who are told of it."""
    supervisors: list[str] = field(default_factory=list)
    """Agents who take part in somebody else's conversation (`Agent.supervision`)."""
    station_channels: dict[str, str] = field(default_factory=dict)
    """Uniqueid of each channel to a station to the station's address."""
