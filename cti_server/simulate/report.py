"""The closing report: what customers, agents' programs and the centre say, and where they disagree."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from cti_server.simulate.comparison import Comparison
from cti_server.simulate.customers import CustomerCounts
from cti_server.simulate.messages import Heard
from cti_server.simulate.outside import OutsideCounts
from cti_server.simulate.passed_on import PassedOn
from cti_server.simulate.promises import Promises
from cti_server.simulate.tally import Tally
from cti_server.simulate.wants import CALL_BACK, VOICEMAIL
from cti_server.simulate.wished import CallBacks, Messages, call_backs, messages, of_call_backs, of_messages

BY_CUSTOMER: Final = frozenset({"customer_hung_up", "abandoned"})
EITHER_WAY: Final = "transferred_outside"
"""Customer and a number outside talked, and one of them hung up."""
GOODBYE: Final = frozenset({CALL_BACK, VOICEMAIL})
"""The customer is told goodbye; if the run is interrupted just then, it hangs up by itself."""
BY_CENTRE: Final = frozenset({"agent_hung_up", "closed", EITHER_WAY, *GOODBYE})
DIRECTIONS: Final = ("inbound", "outbound", "internal")
NOT_ENDED: Final = "not ended"
IN_TIME: Final = 20.0
_CLOSE: Final = 0.01
"""Seconds by which means of waits may differ: the wire has milliseconds."""


@dataclass(frozen=True, slots=True)
class Direction:
    """Contacts of one direction in the interaction log."""

    contacts: int = 0
    connected: int = 0
    """Of them, those in which somebody talked to an agent."""
    end_reasons: dict[str, int] = field(default_factory=dict)


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
    directions: dict[str, Direction] = field(default_factory=dict)
    outside: OutsideCounts | None = None
    """What SIPp counted of the calls to numbers outside; None: nobody was called there."""
    passed_on: PassedOn = field(default_factory=PassedOn)
    """Customers passed on to numbers outside, as the interaction log tells it."""
    call_backs: CallBacks = field(default_factory=CallBacks)
    messages: Messages = field(default_factory=Messages)
    refused_with: dict[str, int] = field(default_factory=dict)
    """Of the customers' calls that failed: the PBX's answer to how many."""
    left_out: tuple[str, ...] = ()
    """Parts of the pattern that could not be done here: `no_outside_target`, `outside_port_in_use`,
    `no_call_back_offered`, `no_voicemail`."""

    @property
    def disagreements(self) -> list[Comparison]:
        """Where witnesses differ."""
        return [comparison for comparison in self.comparisons if not comparison.agrees]

    @property
    def good(self) -> bool:
        """Nothing lost, nothing failed, nothing left over, and all say the same."""
        failed = self.lost or self.errors or self.customers.failed or (self.outside and self.outside.failed)
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
    outside: OutsideCounts | None = None,
    passed: PassedOn | None = None,
    heard: Heard | None = None,
) -> Report:
    """The report of a run. `setting` has its first fields; `log` the contacts of the interaction log."""
    directions = {
        name: _direction(contact for contact in log if contact["direction"] == name) for name in DIRECTIONS
    }
    reasons = Counter(directions["inbound"].end_reasons)
    waits = sorted(tally.waits.values())
    asked = centre.get("asked") or 0
    either = [EITHER_WAY, *(GOODBYE if setting["interrupted"] else ())]
    crossed = customers.crossed + sum(reasons[reason] for reason in either)
    back, spoken = call_backs(customers, log), messages(customers, log, heard or Heard())
    return Report(
        **setting,
        customers=customers,
        answered=len(waits),
        abandoned=int(centre.get("abandoned") or 0),
        short_abandons=int(centre.get("short_abandons") or 0),
        lost=_lost(customers, directions, outside),
        service_level=sum(wait <= IN_TIME for wait in waits) / asked if asked else None,
        waits={"p50": _at(waits, 0.5), "p95": _at(waits, 0.95), "max": waits[-1] if waits else None},
        commands=tally.commands,
        refusals=dict(tally.refusals),
        errors=dict(tally.errors),
        end_reasons=dict(Counter(contact["end_reason"] or NOT_ENDED for contact in log)),
        centre=centre,
        left_over=left_over,
        comparisons=(
            *_comparisons(customers, tally, inbound(log), centre, crossed),
            *_of_our_calls(tally, directions, centre, outside, passed or PassedOn()),
            *of_call_backs(back, tally, centre, outside),
            *of_messages(spoken),
        ),
        directions=directions,
        outside=outside,
        passed_on=passed or PassedOn(),
        call_backs=back,
        messages=spoken,
    )


def inbound(log: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """The customers' calls among the contacts of the log."""
    return [contact for contact in log if contact["direction"] == "inbound"]


def _direction(contacts: Iterable[dict[str, Any]]) -> Direction:
    there = list(contacts)
    reasons = Counter(contact["end_reason"] or NOT_ENDED for contact in there)
    return Direction(len(there), sum(contact["connected_at"] is not None for contact in there), dict(reasons))


def _lost(customers: CustomerCounts, directions: dict[str, Direction], outside: OutsideCounts | None) -> int:
    """Calls that SIPp had answered and of which the log knows no end that somebody wanted.

    In either direction; of ours also those that ended without anybody's doing.
    """
    wanted = BY_CUSTOMER | BY_CENTRE

    def kept(direction: str) -> int:
        reasons = directions[direction].end_reasons
        return sum(count for reason, count in reasons.items() if reason in wanted)

    lost = max(0, customers.answered - kept("inbound"))
    return lost + (max(0, directions["outbound"].connected - kept("outbound")) if outside else 0)


def _of_our_calls(
    tally: Tally,
    directions: dict[str, Direction],
    centre: dict[str, Any],
    outside: OutsideCounts | None,
    passed: PassedOn,
) -> Iterator[Comparison]:
    programs = Counter(tally.ours.values())
    for name in ("outbound", "internal"):
        if directions[name].contacts:
            what, there = f"{name}, answered", directions[name].connected
            yield Comparison(what, "agents' programs", programs[name], "interaction log", there)
    if outside:
        done = sum(tally.passed_on.values())
        yield Comparison("passed on outside", "agents' programs", done, "interaction log", passed.told)
        reached = programs["outbound"] + tally.consulted_outside + passed.answered
        who = "agents' programs and log"  # no program is told who answered a customer passed on
        yield Comparison("answered outside", "SIPp", outside.answered, who, reached, passed.left)
        connected, told = directions["outbound"].connected, int(centre.get("dialled_answered") or 0)
        yield Comparison("outbound in the figures", "interaction log", connected, "reports API", told)


def _comparisons(
    customers: CustomerCounts,
    tally: Tally,
    log: Sequence[dict[str, Any]],
    centre: dict[str, Any],
    crossed: int,
) -> list[Comparison]:
    sipp, programs, contacts, reports = "SIPp", "agents' programs", "interaction log", "reports API"
    reasons = Counter(contact["end_reason"] for contact in log)
    queued = sum(contact["queued_at"] is not None for contact in log)
    asked = int(centre.get("asked") or 0) + int(centre.get("short_abandons") or 0)
    waits = tally.waits.values()
    by_customer = sum(count for reason, count in reasons.items() if reason in BY_CUSTOMER)
    by_centre = sum(count for reason, count in reasons.items() if reason in BY_CENTRE)
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
