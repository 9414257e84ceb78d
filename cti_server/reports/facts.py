"""What figures are made of: the entries of contacts' stories and of agents' histories, live or stored."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from operator import attrgetter
from typing import Any

from cti_server.domain.records import Record

_NOTHING: Mapping[str, Any] = {}
_AT, _ORDER = attrgetter("at"), attrgetter("order")


@dataclass(slots=True)  # not frozen: millions are made for a report, and each would take thrice the time
class Fact:
    """One entry. Of a contact's story when `contact_id` is set, else of the agent's history."""

    id: str
    at: datetime
    kind: str
    state: str
    """Of the contact or the agent, from here on."""
    contact_id: str = ""
    agent_id: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)
    reason: str = ""
    """Why the agent is in the state."""

    @property
    def order(self) -> tuple[datetime, tuple[int, ...], str]:
        """In which things happened: at one instant, as the ids count (`epoch.signal.record`)."""
        counted = tuple(int(part) for part in self.id.split(".") if part.isdecimal())
        return self.at, counted, self.id


def tells(record: Record) -> bool:
    """Whether a record of the world tells something for figures."""
    return record.kind in ("contact_event", "agent_event")


def of_record(record: Record) -> Fact | None:
    """The fact in a record of the world; None for records that tell nothing for figures."""
    if not tells(record):
        return None
    at, told = datetime.fromtimestamp(record.at, UTC), record.data
    contact_id, agent_id = told.get("contact_id") or "", told.get("agent_id") or ""
    if contact_id:
        return of_contact(record.id, at, told["kind"], contact_id, agent_id, told.get("data") or {})
    return of_agent(record.id, at, told["kind"], agent_id, told.get("state"), told.get("reason"))


def of_contact(  # noqa: PLR0917  # the columns, as they come, of millions of rows
    fact_id: str, at: datetime, kind: str, contact_id: str, agent_id: str | None, data: Mapping[str, Any]
) -> Fact:
    """An entry of a contact's story, as a row of `contact_events` has it."""
    return Fact(fact_id, at, kind, data.get("state", ""), contact_id, agent_id or "", data)


def of_agent(  # noqa: PLR0917  # the same
    fact_id: str, at: datetime, kind: str, agent_id: str, state: str | None, reason: str | None
) -> Fact:
    """An entry of an agent's history, as a row of `agent_events` has it."""
    return Fact(fact_id, at, kind, state or "", "", agent_id, _NOTHING, reason or "")


def in_order(facts: Iterable[Fact]) -> list[Fact]:
    """Each once, as they happened."""
    found = sorted({fact.id: fact for fact in facts}.values(), key=_AT)
    first = 0
    for place, fact in enumerate(found):
        if fact.at != found[first].at:
            _untie(found, first, place)
            first = place
    _untie(found, first, len(found))
    return found


def _untie(found: list[Fact], first: int, end: int) -> None:
    """Those of one instant; taking ids apart costs more than all the rest."""
    if end - first > 1:
        found[first:end] = sorted(found[first:end], key=_ORDER)
