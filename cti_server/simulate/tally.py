"""What the agents' programs saw and got: the second witness beside SIPp."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from cti_server.client import Event

OVERTAKEN = frozenset(
    {
        "action_not_allowed",
        "agent_not_available",
        "already_consulting",
        "consult_ended",
        "consult_not_connected",
        "contact_ended",
        "contact_in_progress",
        "held_at_phone",
        "leg_not_droppable",
        "not_your_contact",
        "operation_pending",
        "station_no_answer",
        "unknown_contact",
        "unknown_leg",
    }
)
"""Refusals because somebody else was quicker: a person would look again, and so does the program."""


CAPS = frozenset({"agent_cap_reached", "centre_cap_reached"})
"""Enough calls outside for now: the centre's settings `outside_…`."""


@dataclass(slots=True)
class Tally:
    """Shared by all agents' programs of a run."""

    commands: int = 0
    refusals: Counter[str] = field(default_factory=Counter)
    """Refused in the ordinary course of things, by code."""
    errors: Counter[str] = field(default_factory=Counter)
    """What should not have been: unexpected refusals, unknown outcomes, ended sessions, gaps."""
    waits: dict[str, float] = field(default_factory=dict)
    """Seconds from the queue to the first conversation, by contact."""
    outcomes: Counter[str] = field(default_factory=Counter)
    """Commands done, by method."""
    ours: dict[str, str] = field(default_factory=dict)
    """Calls of our own in which somebody answered: contact to direction."""
    called_back: set[str] = field(default_factory=set)
    """Of these: calls to customers who had wanted to be called back."""
    consulted_outside: int = 0
    """Numbers outside that answered to a consultation."""
    passed_on: Counter[str] = field(default_factory=Counter)
    """Blind transfers to numbers outside that were done, by contact."""
    talking: set[str] = field(default_factory=set)
    """Contacts in conversation right now."""

    def refused(self, code: str) -> None:
        """A command was refused."""
        (self.refusals if code in OVERTAKEN | CAPS else self.errors)[code] += 1

    def told(self, event: Event) -> None:
        """A program was told something."""
        contact = event.contact
        if not contact:
            return
        name = contact["contact_id"]
        if event.name == "contact.connected":
            if contact["direction"] != "inbound":
                self.ours[name] = contact["direction"]
                self.called_back.update([name] if contact.get("callback") else [])
            elif name not in self.waits:
                self.waits[name] = wait_of(contact) or 0.0
        elif (
            event.name == "contact.consult_connected" and "number" in (contact["consult"] or {"to": ()})["to"]
        ):
            self.consulted_outside += 1
        if contact["state"] in ("active", "held", "consulting", "conference"):
            self.talking.add(name)
        else:
            self.talking.discard(name)


def wait_of(contact: dict[str, Any]) -> float | None:
    """Seconds from the queue to the first conversation, of a contact's view; None without either."""
    if not contact["queued_at"] or not contact["connected_at"]:
        return None
    queued, connected = (datetime.fromisoformat(contact[name]) for name in ("queued_at", "connected_at"))
    return (connected - queued).total_seconds()
