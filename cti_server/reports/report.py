"""A report: periods of a time range, and in each one row per queue, number or agent."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from enum import StrEnum
from functools import reduce

from cti_server.reports.courses import AgentTimes, ContactCourses
from cti_server.reports.facts import Fact
from cti_server.reports.figures import AgentFigures, ContactFigures, Rules
from cti_server.reports.stories import HOLD, ContactStory, Span

ALL = "*"
"""Key of the row that takes all queues or numbers together."""
MARGIN = timedelta(days=1)
"""How far around its range a report needs facts: sign-ins before it, ends of contacts after it."""
_QUARTER = timedelta(minutes=15)


class By(StrEnum):
    """What a row stands for."""

    QUEUE = "queue"
    NUMBER = "number"
    AGENT = "agent"


class Each(StrEnum):
    """How long a period is; `range` is the whole range."""

    RANGE = "range"
    INTERVAL = "interval"
    """A quarter of an hour."""
    DAY = "day"
    MONTH = "month"


@dataclass(frozen=True, slots=True)
class Row:
    """Figures of one key in one period."""

    begin: datetime
    end: datetime
    key: str
    values: dict[str, float | int | None]


@dataclass(frozen=True, slots=True)
class Question:
    """Which report. `until` is not in it; local days and months are `utc_offset` minutes ahead of UTC."""

    by: By
    start: datetime
    until: datetime
    each: Each = Each.RANGE
    rules: Rules = field(default_factory=Rules)
    utc_offset: int = 480
    only: frozenset[str] | None = None
    """Keys that whoever asks may see; None for all."""

    def asks_for(self, key: str) -> bool:
        """Whether the key belongs into the report."""
        return self.only is None or key in self.only


def periods(question: Question) -> Iterator[tuple[datetime, datetime]]:
    """The range cut at the ends of local quarters, days or months."""
    begin = question.start
    while begin < question.until:
        end = min(_next(begin, question), question.until)
        yield begin, end
        begin = end


def _next(begin: datetime, question: Question) -> datetime:
    local = begin.astimezone(timezone(timedelta(minutes=question.utc_offset)))
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
    if question.each is Each.INTERVAL:
        return midnight + _QUARTER * ((local - midnight) // _QUARTER + 1)
    if question.each is Each.DAY:
        return midnight + timedelta(days=1)
    if question.each is Each.MONTH:
        return (midnight.replace(day=1) + timedelta(days=32)).replace(day=1)
    return question.until


def report(facts: Iterable[Fact], question: Question, now: datetime) -> list[Row]:
    """Rows by period and key. `facts` reach MARGIN beyond the range; `now` ends what still lasts."""
    work = Report(question, now)
    work.take(list(facts), question.until + MARGIN)
    return work.made()


class Report:
    """A report in the making: a `Work`."""

    def __init__(self, question: Question, now: datetime) -> None:
        self._question, self._now = question, now.astimezone(UTC)
        self._cut = list(periods(question))
        # In UTC, as facts are: instants of two time zones are compared ten times as slowly.
        self._periods = [(begin.astimezone(UTC), min(end, now).astimezone(UTC)) for begin, end in self._cut]
        self._begins = [begin for begin, _ in self._periods]
        self._start, self._until = question.start.astimezone(UTC), question.until.astimezone(UTC)
        self.since, self.until = question.start - MARGIN, question.until + MARGIN
        self.of_agents = question.by is By.AGENT
        alone = self.of_agents and question.only is not None and len(question.only) == 1
        self.who = next(iter(question.only or ())) if alone else ""
        self._begin(frozenset())

    def _begin(self, kept: frozenset[str]) -> None:
        self._contacts = ContactCourses(self._agents_part if self.of_agents else self._count, kept)
        self._times = AgentTimes(self._spent)
        self._figures: list[dict[str, ContactFigures]] = [{} for _ in self._cut]
        self._agents: list[dict[str, AgentFigures]] = [{} for _ in self._cut]

    def take(self, facts: Sequence[Fact], until: datetime) -> None:
        """See `Work`."""
        self._contacts.take(facts, until)
        if self.of_agents:
            self._times.take(facts)

    def again(self) -> bool:
        """See `Work`: contacts that went on after they seemed over are counted at the very end then."""
        if self._contacts.late:
            self._begin(self._contacts.kept | self._contacts.late)
            return True
        return False

    def made(self) -> list[Row]:
        """See `Work`."""
        self._contacts.finish()
        self._times.finish()
        return list(self._agent_rows() if self.of_agents else self._contact_rows())

    def _count(self, story: ContactStory) -> None:
        question = self._question
        since, key = story.queued_at or story.dialled_at, self._key(story)
        if since is None or not self._start <= since < self._until or not question.asks_for(key):
            return
        figures = self._figures[self._place(since)]
        figures.setdefault(key, ContactFigures()).add(story, question.rules, self._now)

    def _key(self, story: ContactStory) -> str:
        return story.group_id if self._question.by is By.QUEUE else story.number

    def _contact_rows(self) -> Iterator[Row]:
        for (begin, end), found in zip(self._cut, self._figures, strict=True):
            if found:
                found[ALL] = reduce(ContactFigures.plus, found.values())
            for name in sorted(found):
                yield Row(begin, end, name, found[name].values())

    def _spent(self, span: Span) -> None:
        if not self._question.asks_for(span.agent_id):
            return
        for number in self._places(span.begin, span.end or self._now):
            self._of(span.agent_id, number).add_time(span, *self._periods[number])

    def _agents_part(self, story: ContactStory) -> None:
        """A contact counts for whoever had it, handed it on or let its customer wait."""
        for who, (first, last) in _parts(story, self._now).items():
            if self._question.asks_for(who):
                for number in self._places(first, last):
                    self._of(who, number).add_contact(who, story, *self._periods[number])

    def _of(self, agent_id: str, number: int) -> AgentFigures:
        return self._agents[number].setdefault(agent_id, AgentFigures())

    def _place(self, at: datetime) -> int:
        """Which period an instant lies in; the first or the last one for what lies outside."""
        return max(bisect_right(self._begins, at) - 1, 0)

    def _places(self, first: datetime, last: datetime) -> range:
        """The periods that a time may lie in."""
        return range(self._place(first), self._place(last) + 1) if self._cut else range(0)

    def _agent_rows(self) -> Iterator[Row]:
        """Of agents who worked or had a contact in the period, and of whom anything was told."""
        local = timezone(timedelta(minutes=self._question.utc_offset))
        for (begin, end), found in zip(self._cut, self._agents, strict=True):
            for agent_id in sorted(found.keys() & self._times.agents):
                figures = found[agent_id]
                if figures.signed_in or figures.contacts:
                    yield Row(begin, end, agent_id, figures.values(local))


def _parts(story: ContactStory, now: datetime) -> dict[str, tuple[datetime, datetime]]:
    """By agent: from when to when something of the contact may count for it."""
    parts = {who: (at, at) for who, at in story.agents.items()}
    more = [(who, at, at) for who, at in story.transferred_by]
    held = (span for span in story.spans if span.state in HOLD)
    more += [(span.agent_id, span.begin, max(span.end or now, span.begin)) for span in held]
    for who, begin, end in more:
        first, last = parts.get(who, (begin, end))
        parts[who] = min(first, begin), max(last, end)
    return parts
