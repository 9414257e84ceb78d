"""What figures are made of: the entries of contacts' stories and of agents' histories, live or stored."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

from cti_server.domain.records import Record


@dataclass(frozen=True, slots=True)
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
    return _fact(record.id, datetime.fromtimestamp(record.at, UTC), record.data) if tells(record) else None


def of_row(row: Mapping[str, Any]) -> Fact:
    """The fact in a row of `contact_events` or `agent_events`."""
    return _fact(row["id"], row["at"], row)


def _fact(record_id: str, at: datetime, row: Mapping[str, Any]) -> Fact:
    data = row.get("data") or {}
    contact_id = row.get("contact_id") or ""
    state = data.get("state", "") if contact_id else row.get("state") or ""
    agent_id, reason = row.get("agent_id") or "", row.get("reason") or ""
    return Fact(record_id, at, row["kind"], state, contact_id, agent_id, data, reason)


def in_order(facts: Iterable[Fact]) -> list[Fact]:
    """Each once, as they happened."""
    found = sorted({fact.id: fact for fact in facts}.values(), key=_when)
    if any(one.at == other.at for one, other in pairwise(found)):
        found.sort(key=_order)  # taking ids apart costs more than all the rest
    return found


def _when(fact: Fact) -> datetime:
    return fact.at


def _order(fact: Fact) -> tuple[datetime, tuple[int, ...], str]:
    return fact.order
