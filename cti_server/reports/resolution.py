"""First-contact resolution (REQUIREMENTS F3): customers who need not call again."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class CustomerCall:
    """An inbound contact of a customer known by its number. `agent_id`: who had it last, if anybody had."""

    contact_id: str
    customer: str
    arrived_at: datetime
    ended_at: datetime
    asked: bool
    """It waited for a person."""
    agent_id: str = ""


@dataclass(slots=True)
class Resolution:
    """Contacts of an agent that count, and those of them after which the customer did not come back."""

    counted: int = 0
    resolved: int = 0


def resolution(
    calls: Iterable[CustomerCall], start: datetime, until: datetime, within: timedelta, now: datetime
) -> dict[str, Resolution]:
    """By agent, of contacts that ended between two instants.

    Resolved: the same customer asked for a person in no other contact that arrived within `within` after this
    one's end, whatever it was about. A contact counts once that time is over.
    """
    of_customer: dict[str, list[CustomerCall]] = {}
    for call in calls:
        of_customer.setdefault(call.customer, []).append(call)
    found: dict[str, Resolution] = {}
    for own in of_customer.values():
        for call in own:
            if not call.agent_id or not start <= call.ended_at < until or call.ended_at + within > now:
                continue
            again = any(
                other.asked
                and other.contact_id != call.contact_id
                and call.ended_at < other.arrived_at <= call.ended_at + within
                for other in own
            )
            figures = found.setdefault(call.agent_id, Resolution())
            figures.counted += 1
            figures.resolved += not again
    return found
