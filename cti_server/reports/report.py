"""A report: periods of a time range, and in each one row per queue, number or agent."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from enum import StrEnum

from cti_server.reports.facts import Fact
from cti_server.reports.figures import AgentFigures, ContactFigures, Rules
from cti_server.reports.stories import HOLD, AgentStory, ContactStory, stories

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
    contacts, agents = stories(facts)
    cut = list(periods(question))
    if question.by is By.AGENT:
        return list(_agents(contacts, agents, question, cut, now))
    return list(_contacts(contacts, question, cut, now))


Cut = list[tuple[datetime, datetime]]
"""The periods, one after the other without a gap."""


def _contacts(contacts: list[ContactStory], question: Question, cut: Cut, now: datetime) -> Iterator[Row]:
    """Each contact is looked at once, whatever the number of periods."""
    key: Callable[[ContactStory], str] = _queue if question.by is By.QUEUE else _number
    figures: list[dict[str, ContactFigures]] = [{} for _ in cut]
    for story in contacts:
        since = story.queued_at or story.dialled_at
        if since is None or not question.start <= since < question.until or not question.asks_for(key(story)):
            continue
        for name in (key(story), ALL):
            figures[_place(cut, since)].setdefault(name, ContactFigures()).add(story, question.rules, now)
    for (begin, end), found in zip(cut, figures, strict=True):
        for name in sorted(found):
            yield Row(begin, end, name, found[name].values())


def _queue(story: ContactStory) -> str:
    return story.group_id


def _number(story: ContactStory) -> str:
    return story.number


def _place(cut: Cut, at: datetime) -> int:
    """Which period an instant lies in; the first or the last one for what lies outside."""
    return max(bisect_right(cut, at, key=_begin) - 1, 0)


def _begin(period: tuple[datetime, datetime]) -> datetime:
    return period[0]


def _agents(
    contacts: list[ContactStory], agents: list[AgentStory], question: Question, cut: Cut, now: datetime
) -> Iterator[Row]:
    """An agent's row is made of its own work states and of the contacts it had to do with in the period."""
    asked = [agent for agent in agents if question.asks_for(agent.agent_id)]
    concerning = _concerning(contacts, {agent.agent_id for agent in asked}, cut, now)
    for number, period in enumerate(cut):
        begin, end = period[0], min(period[1], now)
        for agent in asked:
            figures = AgentFigures()
            figures.add_day(agent, begin, end)
            figures.days = _days(agent, begin, end, question.utc_offset)
            for story in concerning.get((agent.agent_id, number), ()):
                figures.add_contact(agent.agent_id, story, begin, end)
            if figures.signed_in or figures.contacts:
                yield Row(*period, agent.agent_id, figures.values())


def _concerning(
    contacts: list[ContactStory], agents: set[str], cut: Cut, now: datetime
) -> dict[tuple[str, int], list[ContactStory]]:
    """By agent and number of the period: contacts that may count there, in their order."""
    found: dict[tuple[str, int], list[ContactStory]] = {}
    if not cut:
        return found
    for story in contacts:
        first = {who: at for who, at in story.agents.items() if who in agents}
        last = dict(first)
        for who, at in story.transferred_by:
            if who in agents:
                first[who], last[who] = min(first.get(who, at), at), max(last.get(who, at), at)
        for span in story.spans:
            if span.agent_id in agents and span.state in HOLD:
                who, end = span.agent_id, max(span.end or now, span.begin)
                first[who] = min(first.get(who, span.begin), span.begin)
                last[who] = max(last.get(who, end), end)
        for who, since in first.items():
            for number in range(_place(cut, since), _place(cut, last[who]) + 1):
                found.setdefault((who, number), []).append(story)
    return found


def _days(agent: AgentStory, begin: datetime, end: datetime, utc_offset: int) -> int:
    local = timezone(timedelta(minutes=utc_offset))
    days = set()
    for span in agent.spans:
        first, last = max(span.begin, begin), min(span.end or end, end)
        if span.state != "signed_out" and first < last:
            count = (last.astimezone(local).date() - first.astimezone(local).date()).days
            days |= {first.astimezone(local).date() + timedelta(days=day) for day in range(count + 1)}
    return len(days)
