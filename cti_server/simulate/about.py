"""Where the running centre is and who works there: `centre.json` (PROTOCOL, Finding a running centre)."""

from __future__ import annotations

import json
import socket
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cti_server.simulate.errors import NoCentre, NotEnoughAgents
from cti_server.up.plan import LOOPBACK, can_bind

SHARE = 0.25
"""A group is called when at least so much of the agents chosen serve it."""


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody of the directory, with the phone's password."""

    agent_id: str
    password: str
    roles: tuple[str, ...]
    groups: tuple[str, ...]
    sip_user: str
    sip_password: str


@dataclass(frozen=True, slots=True)
class About:
    """A running centre."""

    file: Path
    http: str
    ws: str
    sip: str
    """`host:port` of the first PBX node."""
    numbers: dict[str, str]
    """Group id to service number."""
    people: tuple[Person, ...]
    outside: str = ""
    """`host:port` where the node's calls to numbers outside go; empty: nowhere."""

    @classmethod
    def read(cls, file: Path) -> About:
        """Raises NoCentre."""
        try:
            told = json.loads(file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise NoCentre(
                f"no centre runs here ({file} is missing); start one by `make up`, or name its folder: --var"
            ) from None
        except (OSError, ValueError) as error:
            raise NoCentre(f"{file} cannot be read: {error}") from None
        people = tuple(_person(entry) for entry in told["people"])
        node = told["nodes"][0]
        numbers, outside = told["numbers"], node.get("outside", "")
        return cls(file, told["http"], told["ws"], node["sip"], numbers, people, outside)

    @property
    def outside_port(self) -> int:
        """The port of loopback at which a simulation may be everybody outside; 0 if there is none.

        A carrier's address is never it, nor a port that somebody has: no real person is ever called.
        """
        host, _, port = self.outside.rpartition(":")
        return int(port) if host == LOOPBACK and can_bind(int(port), socket.SOCK_DGRAM) else 0

    @property
    def why_nobody_outside(self) -> str:
        """A stable code; empty when a simulation may be everybody outside."""
        if self.outside_port:
            return ""
        on_loopback = self.outside.rpartition(":")[0] == LOOPBACK
        return "outside_port_in_use" if on_loopback else "no_outside_target"

    def agents(self, count: int) -> tuple[Person, ...]:
        """The first agents with a phone. Raises NotEnoughAgents."""
        there = [person for person in self.people if "agent" in person.roles and person.sip_password]
        if len(there) < count:
            raise NotEnoughAgents(f"{count} agents asked for; the centre has {len(there)} with a phone")
        return tuple(sorted(there, key=lambda person: person.agent_id)[:count])

    def having(self, role: str) -> Person | None:
        """Somebody with that role."""
        return next((person for person in self.people if role in person.roles), None)

    def called(self, agents: tuple[Person, ...]) -> dict[str, int]:
        """Service numbers that these agents can serve, each with its weight."""
        serving = Counter(group for agent in agents for group in agent.groups if group in self.numbers)
        most = max(serving.values(), default=0)
        enough = min(most, SHARE * len(agents))
        return {self.numbers[group]: count for group, count in serving.items() if count >= enough}


def _person(entry: dict[str, Any]) -> Person:
    station = entry.get("station") or {"sip_user": "", "sip_password": ""}
    return Person(
        entry["agent_id"],
        entry["password"],
        tuple(entry["roles"]),
        tuple(entry["groups"]),
        station["sip_user"],
        station["sip_password"],
    )
