"""Today's figures as they happen: the reports' own definitions, on facts that are kept until a story is over.

What a contact's story adds no more to is counted once and forgotten, so that looking costs as much as there
is going on, not as much as the day has had.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta, timezone

from cti_server.reports.facts import Fact
from cti_server.reports.figures import ContactFigures, Rules
from cti_server.reports.report import ALL
from cti_server.reports.stories import ContactStory, story_of

SETTLED = timedelta(seconds=10)
"""How long after its last fact a story that is over may still be told of."""
PORTION = 10
"""Stories looked at in one go: below a millisecond, so that nothing else waits for long."""
_BEFORE = timedelta(hours=1)


class LiveFigures:
    """By group, of the local day. `add` facts in any order, `work` through them, read `figures`."""

    figures: dict[str, ContactFigures]
    """Of each group that had a contact today, as of the last `work` that was gone through."""

    def __init__(self, rules: Rules, utc_offset: int) -> None:
        self._rules, self._local = rules, timezone(timedelta(minutes=utc_offset))
        self.figures = {}
        self._facts: dict[str, dict[str, Fact]] = {}
        self._last: dict[str, datetime] = {}
        self._changed: set[str] = set()
        self._stories: dict[str, ContactStory] = {}
        self._over: dict[str, None] = {}
        self._totals: dict[str, ContactFigures] = {}
        self._day: datetime | None = None

    def add(self, facts: Iterable[Fact]) -> None:
        """These happened; the same fact may come again."""
        for fact in facts:
            if fact.contact_id and fact.contact_id not in self._over:
                self._facts.setdefault(fact.contact_id, {})[fact.id] = fact
                self._last[fact.contact_id] = max(fact.at, self._last.get(fact.contact_id, fact.at))
                self._changed.add(fact.contact_id)

    def work(self, now: datetime) -> Iterator[None]:
        """Take in what was added, portion by portion; what still lasts counts up to now."""
        self._begin_day(now)
        for count, contact_id in enumerate(tuple(self._changed), start=1):
            self._changed.discard(contact_id)
            self._stories[contact_id] = story_of(contact_id, self._facts[contact_id].values())
            if count % PORTION == 0:
                yield
        going_on: dict[str, ContactFigures] = {}
        for count, (contact_id, story) in enumerate(tuple(self._stories.items()), start=1):
            if self._settled(contact_id, story, now):
                self._count(self._totals, story, now)
                self._over[contact_id] = None
                del self._facts[contact_id], self._stories[contact_id], self._last[contact_id]
            else:
                self._count(going_on, story, now)
            if count % PORTION == 0:
                yield
        none = ContactFigures()
        names = sorted({*self._totals, *going_on})
        self.figures = {n: self._totals.get(n, none).plus(going_on.get(n, none)) for n in names}

    def _settled(self, contact_id: str, story: ContactStory, now: datetime) -> bool:
        known = contact_id not in self._changed
        return known and self._last[contact_id] + SETTLED <= now and _complete(story)

    def since(self, now: datetime) -> datetime:
        """When the local day began."""
        return now.astimezone(self._local).replace(hour=0, minute=0, second=0, microsecond=0)

    def _begin_day(self, now: datetime) -> None:
        day = self.since(now).astimezone(UTC)  # as facts have it
        if self._day != day:
            self._day, self._totals, self._over = day, {}, {}
            self.figures = {}

    def _count(self, among: dict[str, ContactFigures], story: ContactStory, now: datetime) -> None:
        counts_at = story.queued_at or story.dialled_at
        if counts_at is not None and self._day is not None and counts_at >= self._day:
            among.setdefault(story.group_id, ContactFigures()).add(story, self._rules, now)


class DaySoFar:
    """The figures of a day that has begun, in the making: a `Work`."""

    of_agents, who = False, ""

    def __init__(self, rules: Rules, utc_offset: int, now: datetime) -> None:
        """From an hour before midnight, for who waits over it."""
        self._live, self._now = LiveFigures(rules, utc_offset), now
        self.since, self.until = self._live.since(now) - _BEFORE, now + _BEFORE

    def take(self, facts: Sequence[Fact], until: datetime) -> None:
        """See `Work`."""
        self._live.add(facts)
        for _ in self._live.work(min(until, self._now)):
            pass

    def again(self) -> bool:
        """See `Work`."""
        return False

    def made(self) -> LiveFigures:
        """See `Work`."""
        return self._live


def as_it_is(day: LiveFigures) -> LiveFigures:
    """What is shown of `DaySoFar`."""
    return day


def together(figures: dict[str, ContactFigures], groups: frozenset[str] | None) -> dict[str, ContactFigures]:
    """Those of the groups (None: of all), and under `*` their sum."""
    seen = {name: one for name, one in figures.items() if groups is None or name in groups}
    total = ContactFigures()
    for one in seen.values():
        total = total.plus(one)
    return {**seen, ALL: total}


def _complete(story: ContactStory) -> bool:
    """Nothing of it lasts any more, nor does the after-call work of whoever handed it on."""
    done = {span.agent_id for span in story.after_call if span.end is not None}
    going_on = any(span.end is None for span in (*story.spans, *story.after_call))
    return story.ended_at is not None and not going_on and all(who in done for who, _ in story.transferred_by)
