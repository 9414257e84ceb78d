"""First-contact resolution (REQUIREMENTS F3): customers who need not call again."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(slots=True)  # not frozen: a month has hundreds of thousands
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


class Resolving:
    """Told the calls in order of arrival, it holds those after which their customers may still come back."""

    def __init__(self, start: datetime, until: datetime, within: timedelta, now: datetime) -> None:
        """Contacts that ended between `start` and `until` count; see `resolution`."""
        self._start, self._until, self._within, self._now = start, until, within, now
        self._open: dict[str, list[tuple[datetime, str]]] = {}
        """Of each customer: when calls ended, and whose they were."""
        self.found: dict[str, Resolution] = {}

    def take(self, calls: Iterable[CustomerCall]) -> None:
        """The next calls; those of before that are settled are forgotten."""
        arrived = self._start
        for call in calls:
            arrived = call.arrived_at
            if call.asked and call.customer in self._open:
                self._come_back(call)
            if call.agent_id and self._counts(call):
                self._open.setdefault(call.customer, []).append((call.ended_at, call.agent_id))
                figures = self.found.setdefault(call.agent_id, Resolution())
                figures.counted += 1
                figures.resolved += 1  # until the customer comes back
        settled = arrived - self._within
        self._open = {who: ended for who, ended in self._open.items() if ended and max(ended)[0] >= settled}

    def _counts(self, call: CustomerCall) -> bool:
        return self._start <= call.ended_at < self._until and call.ended_at + self._within <= self._now

    def _come_back(self, call: CustomerCall) -> None:
        going_on = []
        for ended_at, agent_id in self._open[call.customer]:
            if ended_at >= call.arrived_at:
                going_on.append((ended_at, agent_id))
            elif call.arrived_at <= ended_at + self._within:
                self.found[agent_id].resolved -= 1
        self._open[call.customer] = going_on


def resolution(
    calls: Iterable[CustomerCall], start: datetime, until: datetime, within: timedelta, now: datetime
) -> dict[str, Resolution]:
    """By agent, of contacts that ended between two instants.

    Resolved: the same customer asked for a person in no other contact that arrived within `within` after this
    one's end, whatever it was about. A contact counts once that time is over.
    """
    resolving = Resolving(start, until, within, now)
    resolving.take(sorted(calls, key=_arrival))
    return resolving.found


def _arrival(call: CustomerCall) -> datetime:
    return call.arrived_at
