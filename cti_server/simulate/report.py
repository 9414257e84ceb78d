"""The closing report: what customers, agents' programs and the centre say, and where they disagree."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from cti_server.simulate.customers import CustomerCounts
from cti_server.simulate.promises import Promises
from cti_server.simulate.tally import Tally

BY_CUSTOMER: Final = frozenset({"customer_hung_up", "abandoned"})
BY_CENTRE: Final = frozenset({"agent_hung_up", "closed", "transferred_outside"})
IN_TIME: Final = 20.0
SHORT_ABANDON: Final = 5.0
_CLOSE: Final = 0.01
"""Seconds by which means of waits may differ: the wire has milliseconds."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two witnesses of one thing. They agree when they differ by at most `within`."""

    what: str
    one: str
    one_says: float
    other: str
    other_says: float
    within: float = 0.0

    @property
    def agrees(self) -> bool:
        """Whether they do."""
        return abs(self.one_says - self.other_says) <= self.within


@dataclass(frozen=True, slots=True)
class LeftOver:
    """What is still there after everybody has left; None where we may not look."""

    contacts: int = 0
    stuck_agents: tuple[str, ...] = ()
    channels: tuple[str, ...] | None = ()
    bridges: tuple[str, ...] | None = ()
    calls: int = 0
    """Customers' calls that SIPp still had."""

    @property
    def nothing(self) -> bool:
        """As it should be."""
        return not (self.contacts or self.stuck_agents or self.channels or self.bridges or self.calls)


@dataclass(frozen=True, slots=True)
class Report:
    """How it went. Times in seconds, rates from 0 to 1."""

    pattern: str
    seed: int
    agents: int
    station_mode: str
    seconds: float
    interrupted: bool
    customers: CustomerCounts
    answered: int
    abandoned: int
    short_abandons: int
    lost: int
    service_level: float | None
    waits: dict[str, float | None]
    commands: int
    refusals: dict[str, int]
    errors: dict[str, int]
    end_reasons: dict[str, int]
    centre: dict[str, Any]
    """The figures of the reports API for the run."""
    left_over: LeftOver
    comparisons: tuple[Comparison, ...] = field(default=())
    promises: Promises = field(default_factory=Promises)

    @property
    def disagreements(self) -> list[Comparison]:
        """Where witnesses differ."""
        return [comparison for comparison in self.comparisons if not comparison.agrees]

    @property
    def good(self) -> bool:
        """Nothing lost, nothing failed, nothing left over, and all say the same."""
        failed = self.lost or self.errors or self.customers.failed
        return not failed and self.left_over.nothing and not self.disagreements

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        told = asdict(self)
        for entry, comparison in zip(told["comparisons"], self.comparisons, strict=True):
            entry["agrees"] = comparison.agrees
        return {**told, "good": self.good}


def made(
    setting: dict[str, Any],
    *,
    customers: CustomerCounts,
    tally: Tally,
    log: Sequence[dict[str, Any]],
    centre: dict[str, Any],
    left_over: LeftOver,
) -> Report:
    """The report of a run. `setting` has its first fields; `log` the contacts of the interaction log."""
    reasons = Counter(contact["end_reason"] or "not ended" for contact in log)
    waits = sorted(tally.waits.values())
    kept = sum(count for reason, count in reasons.items() if reason in BY_CUSTOMER | BY_CENTRE)
    asked = centre.get("asked") or 0
    return Report(
        **setting,
        customers=customers,
        answered=len(waits),
        abandoned=int(centre.get("abandoned") or 0),
        short_abandons=int(centre.get("short_abandons") or 0),
        lost=max(0, customers.answered - kept),
        service_level=sum(wait <= IN_TIME for wait in waits) / asked if asked else None,
        waits={"p50": _at(waits, 0.5), "p95": _at(waits, 0.95), "max": waits[-1] if waits else None},
        commands=tally.commands,
        refusals=dict(tally.refusals),
        errors=dict(tally.errors),
        end_reasons=dict(reasons),
        centre=centre,
        left_over=left_over,
        comparisons=tuple(_comparisons(customers, tally, log, centre, reasons)),
    )


def _comparisons(
    customers: CustomerCounts,
    tally: Tally,
    log: Sequence[dict[str, Any]],
    centre: dict[str, Any],
    reasons: Counter[str],
) -> list[Comparison]:
    sipp, programs, contacts, reports = "SIPp", "agents' programs", "interaction log", "reports API"
    queued = sum(contact["queued_at"] is not None for contact in log)
    asked = int(centre.get("asked") or 0) + int(centre.get("short_abandons") or 0)
    waits = tally.waits.values()
    by_customer = sum(count for reason, count in reasons.items() if reason in BY_CUSTOMER)
    by_centre = sum(count for reason, count in reasons.items() if reason in BY_CENTRE)
    crossed = customers.crossed
    found = [
        Comparison("calls taken", sipp, customers.answered, contacts, len(log)),
        Comparison(
            "ended by the customer", sipp, customers.ended_by_customer, contacts, by_customer, crossed
        ),
        Comparison("ended by the centre", sipp, customers.ended_by_centre, contacts, by_centre, crossed),
        Comparison("waited for a person", contacts, queued, reports, asked),
        Comparison("answered", programs, len(waits), reports, int(centre.get("answered") or 0)),
        Comparison(
            "answered in time",
            programs,
            sum(wait <= IN_TIME for wait in waits),
            reports,
            int(centre.get("answered_in_time") or 0),
        ),
    ]
    if waits and centre.get("speed_of_answer") is not None:
        mean = sum(waits) / len(waits)
        found.append(
            Comparison(
                "mean wait", programs, round(mean, 3), reports, round(centre["speed_of_answer"], 3), _CLOSE
            )
        )
    return found


def _at(values: Sequence[float], share: float) -> float | None:
    """The value below which that share lies; of sorted values."""
    return values[min(len(values) - 1, int(share * len(values)))] if values else None
