"""The figures once more, from Asterisk's own channel event log (CEL), which no figure is made of.

Asterisk knows who shared a bridge with whom, and nothing of queues and agents' states. So what can be
compared, contact by contact: that it is there, that it was answered, when it ended, how long its customer
talked to an agent. A customer talks while its channel shares a bridge with another one that is a station's.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from itertools import pairwise

from cti_server.reports.facts import Fact
from cti_server.reports.figures import ContactFigures, Rules
from cti_server.reports.stories import AT_PHONE, TALK, WAITING, ContactStory, stories

CelRow = Mapping[str, str]
BRIDGED = TALK | {AT_PHONE}
"""Contact states in which customer and agent share a bridge: hold at the phone is not seen by CEL."""
TOLERANCE = 1.0
"""Seconds."""
EVERYBODY = Rules(short_abandon=0.0)
"""CEL does not know who gave up soon."""


@dataclass(slots=True)
class Call:
    """A channel as CEL tells of it; epoch seconds. `entered`: a customer came in by a service number."""

    channel: str
    arrived_at: float
    entered: bool = False
    joined: list[tuple[float, float]] = field(default_factory=list)
    """From when to when it talked to an agent, each time; the last one may go on (`since`)."""
    ended_at: float | None = None
    let_go_at: float | None = None
    """Nobody was free for whom a campaign called: from here on it heard so, and nobody waited any more."""
    since: float | None = None
    """Talking right now, since then."""

    @property
    def talk(self) -> float:
        """Seconds of talk that are over."""
        return sum(end - begin for begin, end in self.joined)

    def talks(self, at: float, *, now: bool) -> None:
        """From here on the channel does or does not talk to an agent."""
        if now and self.since is None:
            self.since = at
        elif not now and self.since is not None:
            self.joined.append((self.since, at))
            self.since = None


def calls(rows: Iterable[CelRow], station_of: Callable[[str], str]) -> dict[str, Call]:
    """Every channel by its Uniqueid. `rows` are CEL's, `station_of` gives a channel name's station or ''."""
    found: dict[str, Call] = {}
    bridges: dict[str, dict[str, bool]] = {}
    for row in sorted(rows, key=lambda one: float(one["eventtime"])):
        channel, at, event = row["uniqueid"], float(row["eventtime"]), row["eventtype"]
        call = found.setdefault(channel, Call(channel, at))
        if row["userdeftype"] == "CTI_ENTRY":
            call.entered = True
        elif row["userdeftype"] == "CTI_LET_GO":
            call.let_go_at = at
        elif event == "BRIDGE_ENTER":
            bridges.setdefault(_bridge(row), {})[channel] = bool(station_of(row["channame"]))
            _look(bridges[_bridge(row)], found, at)
        elif event == "BRIDGE_EXIT":
            bridges.get(_bridge(row), {}).pop(channel, None)
            call.talks(at, now=False)
            _look(bridges.get(_bridge(row), {}), found, at)
        elif event == "CHAN_END":
            call.ended_at = at
            call.talks(at, now=False)
    return found


def _look(bridge: Mapping[str, bool], found: Mapping[str, Call], at: float) -> None:
    """Who of those in the bridge talks to a station other than itself."""
    there = sum(bridge.values())
    for channel, is_station in bridge.items():
        found[channel].talks(at, now=there > is_station)


def _bridge(row: CelRow) -> str:
    try:
        extra = json.loads(row["eventextra"] or "{}")
    except ValueError:
        return ""
    return str(extra.get("bridge_id", "")) if isinstance(extra, dict) else ""


class What(StrEnum):
    """How the two tell of a contact differently."""

    MISSING = "missing"
    """CEL has the call, the interaction log does not."""
    UNKNOWN = "unknown"
    """The interaction log has the contact, CEL has no such channel."""
    ANSWERED = "answered"
    ENDED = "ended"
    TALK = "talk"


@dataclass(frozen=True, slots=True)
class Deviation:
    """Of one contact: epoch seconds, of `talk` seconds; None where one of them knows nothing of it."""

    contact_id: str
    what: What
    reported: float | None = None
    in_cel: float | None = None


@dataclass(frozen=True, slots=True)
class Totals:
    """All contacts together; `talk` in seconds."""

    contacts: int = 0
    answered: int = 0
    talk: float = 0.0


@dataclass(slots=True)
class Check:
    """The result. Totals may differ by as much as the tolerance allows per contact."""

    reported: Totals
    in_cel: Totals
    deviations: list[Deviation] = field(default_factory=list)

    @property
    def agrees(self) -> bool:
        """Whether nothing differs beyond the tolerance, and the counts not at all."""
        same = (self.reported.contacts, self.reported.answered) == (
            self.in_cel.contacts,
            self.in_cel.answered,
        )
        return same and not self.deviations


def check(
    rows: Iterable[CelRow],
    facts: Iterable[Fact],
    station_of: Callable[[str], str],
    since: datetime,
    until: datetime,
    *,
    tolerance: float = TOLERANCE,
) -> Check:
    """Compare customers' calls that arrived within the time and are over.

    `facts` as for `report`, best with a margin. Instants and talk times may differ by `tolerance` seconds for
    each time that a customer was joined: the server notes when it learns, Asterisk when it does.
    """
    known = {story.contact_id: story for story in stories(facts)}
    there = calls(rows, station_of)
    deviations: list[Deviation] = []
    within = [
        call
        for call in there.values()
        if call.entered and since.timestamp() <= call.arrived_at < until.timestamp()
    ]
    for call in within:
        story = known.get(call.channel)
        if story is None:
            deviations.append(Deviation(call.channel, What.MISSING, None, call.arrived_at))
        else:
            deviations += _compare(story, call, until, tolerance)
    for story in known.values():
        arrived = story.arrived_at
        if story.contact_id not in there and arrived and since <= arrived < until and story.queued_at:
            deviations.append(Deviation(story.contact_id, What.UNKNOWN, arrived.timestamp(), None))
    answered = {call.channel: _answered_at(call, known.get(call.channel), tolerance) for call in within}
    return Check(_reported(known, within, until), _totals(within, answered, until), deviations)


def _compare(story: ContactStory, call: Call, until: datetime, tolerance: float) -> Iterable[Deviation]:
    answered = None if story.answered_at is None else story.answered_at.timestamp()
    in_cel = _answered_at(call, story, tolerance)
    if not _same(answered, in_cel, tolerance):
        yield Deviation(call.channel, What.ANSWERED, answered, in_cel)
    ended = None if story.ended_at is None else story.ended_at.timestamp()
    lasts = story.left_for == "callback"  # the call goes on for the words that agree to it
    lasts = lasts or (call.let_go_at is not None and _same(ended, call.let_go_at, tolerance))
    if call.ended_at is not None and not lasts and not _same(ended, call.ended_at, tolerance):
        yield Deviation(call.channel, What.ENDED, ended, call.ended_at)
    if call.ended_at is None and ended is not None:
        yield Deviation(call.channel, What.ENDED, ended, None)
    talk, joins = (
        story.time_in(BRIDGED, until).total_seconds(),
        sum(span.state in BRIDGED for span in story.spans),
    )
    if abs(talk - _talk(call, until)) > tolerance * max(joins, 1):
        yield Deviation(call.channel, What.TALK, talk, _talk(call, until))


def _answered_at(call: Call, story: ContactStory | None, tolerance: float) -> float | None:
    """When an agent first took it, as told from Asterisk.

    A phone that picked up in the moment its offer was taken back need not have answered: the two were joined
    for less than `tolerance`, and the contact went on to wait for somebody else.
    """
    joined = call.joined if call.since is None else [*call.joined, (call.since, float("inf"))]
    reported = story.answered_at.timestamp() if story and story.answered_at else None
    withdrawn = [] if story is None else list(_withdrawn(story))
    for begin, end in joined:
        crossed = end - begin < tolerance and any(
            begin - tolerance <= at <= end + tolerance for at in withdrawn
        )
        if not crossed or _same(reported, begin, tolerance):
            return begin
    return joined[0][0] if joined and reported else None


def _withdrawn(story: ContactStory) -> Iterable[float]:
    """When offers came to nothing, those of the fallback queue too."""
    for at in story.fetched:
        yield at.timestamp()
    for offer, after in pairwise(story.spans):
        if offer.state == "offered" and after.state in WAITING and offer.end:
            yield offer.end.timestamp()


def _same(one: float | None, other: float | None, tolerance: float) -> bool:
    if one is None or other is None:
        return one is other
    return abs(one - other) <= tolerance


def _talk(call: Call, until: datetime) -> float:
    going_on = 0.0 if call.since is None else max(until.timestamp() - call.since, 0.0)
    return call.talk + going_on


def _totals(within: list[Call], answered: Mapping[str, float | None], until: datetime) -> Totals:
    took = sum(answered[call.channel] is not None for call in within)
    return Totals(len(within), took, sum(_talk(call, until) for call in within))


def _reported(known: Mapping[str, ContactStory], within: list[Call], until: datetime) -> Totals:
    """By the definitions of the reports; who never waited for a person is in none of them."""
    figures, others, answered, talk = ContactFigures(), 0, 0, 0.0
    for call in within:
        story = known.get(call.channel)
        if story is None:
            continue
        figures.add(story, EVERYBODY, until)
        talk += story.time_in(frozenset({AT_PHONE}), until).total_seconds()
        if story.queued_at is None:  # one that we called is in other figures
            others += 1
            answered += story.answered_at is not None
            talk += story.time_in(TALK, until).total_seconds()
    contacts = figures.asked + figures.short_abandons + others
    return Totals(contacts, figures.answered + answered, figures.talk.total_seconds() + talk)
