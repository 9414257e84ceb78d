"""What somebody did, one work state after the other, with reasons and contacts (REQUIREMENTS A7)."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from operator import itemgetter

from cti_server.reports.facts import Fact, in_order
from cti_server.reports.report import MARGIN
from cti_server.reports.stories import HOLD, SIGNED_OUT, TALK, ContactStory, stories

WITH_CONTACTS = frozenset({"reserved", "talking", "wrap_up"})
"""Work states that are spent on a contact."""
_OWN = TALK | HOLD | {"offered", "wrap_up"}


@dataclass(frozen=True, slots=True)
class Stretch:
    """Time in one work state for one reason. `end` is None while it lasts."""

    state: str
    reason: str
    begin: datetime
    end: datetime | None
    seconds: float
    """Of it within the time asked about."""
    contact_ids: tuple[str, ...] = ()


@dataclass(slots=True)
class Activity:
    """The stretches of a time, and their sums in seconds."""

    stretches: list[Stretch] = field(default_factory=list)
    by_state: dict[str, float] = field(default_factory=dict)
    by_reason: dict[str, float] = field(default_factory=dict)
    """Of `not_ready` and `busy`, by reason code."""


class Deeds:
    """An agent's activity between two instants, in the making: a `Work`."""

    of_agents = True

    def __init__(self, agent_id: str, start: datetime, until: datetime, now: datetime) -> None:
        self.who, self._start, self._until, self._now = agent_id, start, until, now
        self.since, self.until = start - MARGIN, until + MARGIN
        self._facts: list[Fact] = []

    def take(self, facts: Sequence[Fact], _until: datetime) -> None:
        """See `Work`."""
        self._facts += facts

    def again(self) -> bool:
        """See `Work`."""
        return False

    def made(self) -> Activity:
        """See `Work`."""
        return activity(self._facts, self.who, self._start, self._until, self._now)


def as_it_is(found: Activity) -> Activity:
    """What is shown of `Deeds`."""
    return found


def activity(
    facts: Iterable[Fact], agent_id: str, start: datetime, until: datetime, now: datetime
) -> Activity:
    """Of one agent between two instants; `facts` reach back before `start` to the last sign-in."""
    known = list(facts)
    own = in_order(fact for fact in known if not fact.contact_id and fact.agent_id == agent_id)
    parts, found = _Parts(stories(known), agent_id), Activity()
    for state, reason, begin, end in _stretches(own):
        seconds = (min(end or now, until, now) - max(begin, start)).total_seconds()
        if seconds <= 0 or state == SIGNED_OUT:
            continue
        ids = parts.during(begin, end or now) if state in WITH_CONTACTS else ()
        found.stretches.append(Stretch(state, reason, begin, end, seconds, ids))
        found.by_state[state] = found.by_state.get(state, 0.0) + seconds
        if state in ("not_ready", "busy"):
            found.by_reason[reason] = found.by_reason.get(reason, 0.0) + seconds
    return found


def _stretches(facts: list[Fact]) -> Iterator[tuple[str, str, datetime, datetime | None]]:
    """Neighbours in the same state for the same reason are one."""
    begun: Fact | None = None
    for fact in facts:
        if begun and (fact.state, fact.reason) != (begun.state, begun.reason):
            yield begun.state, begun.reason, begun.at, fact.at
            begun = fact
        begun = begun or fact
    if begun:
        yield begun.state, begun.reason, begun.at, None


class _Parts:
    """An agent's parts in contacts."""

    def __init__(self, contacts: Iterable[ContactStory], agent_id: str) -> None:
        spans = (
            (span.begin, span.end, story.contact_id)
            for story in contacts
            for span in (*story.spans, *story.after_call)
            if span.agent_id == agent_id and span.state in _OWN
        )
        self._to_come = deque(sorted(spans, key=itemgetter(0)))
        self._begun: list[tuple[datetime, datetime | None, str]] = []

    def during(self, begin: datetime, end: datetime) -> tuple[str, ...]:
        """The contacts of that time, by their ids. Asked for one time after the other."""
        self._begun = [part for part in self._begun if part[1] is None or part[1] > begin]
        while self._to_come and self._to_come[0][0] < end:
            self._begun.append(self._to_come.popleft())
        there = {name for since, until, name in self._begun if max(since, begin) < min(until or end, end)}
        return tuple(sorted(there))
