"""Facts as they are read, one span of time after the other: what is over is handed on and forgotten.

So a report holds what goes on at a time, not all that its range has had.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterable
from datetime import datetime, timedelta
from operator import attrgetter

from cti_server.reports.facts import Fact, in_order
from cti_server.reports.stories import SIGNED_OUT, ContactStory, Span, story_of

QUIET = timedelta(hours=1)
"""A contact that has ended and of which nothing more is told for so long is over."""


class ContactCourses:
    """Hands each contact's story to `tell`, once. The facts come in time's order, portion by portion."""

    def __init__(self, tell: Callable[[ContactStory], None], kept: frozenset[str] = frozenset()) -> None:
        """`kept`: contacts that are told at the very end alone."""
        self._tell, self.kept = tell, kept
        self.late: set[str] = set()
        """Contacts of which more was told after they were over: their stories were told too soon."""
        self._facts: dict[str, list[Fact]] = {}
        self._ended: deque[tuple[datetime, str]] = deque()
        self._told: set[str] = set()

    def take(self, facts: Iterable[Fact], until: datetime) -> None:
        """All that happened since the last portion and before `until`; some may come twice."""
        for fact in facts:
            contact_id = fact.contact_id
            known = self._facts.get(contact_id)
            if known is None:
                if not contact_id:
                    continue
                if contact_id in self._told:
                    self.late.add(contact_id)
                    continue
                known = self._facts[contact_id] = []
            known.append(fact)
            if fact.state == "ended":
                self._ended.append((until, contact_id))
        self._tell_ended(until - QUIET)

    def finish(self) -> None:
        """That was all."""
        for contact_id, facts in self._facts.items():
            self._tell(story_of(contact_id, facts))
        self._facts.clear()

    def _tell_ended(self, before: datetime) -> None:
        while self._ended and self._ended[0][0] <= before:
            contact_id = self._ended.popleft()[1]
            facts = self._facts.get(contact_id)
            if facts is None or contact_id in self.kept:
                continue
            last = max(facts, key=attrgetter("at"))
            if last.state == "ended" and last.at < before:
                self._tell(story_of(contact_id, facts))
                self._told.add(contact_id)
                del self._facts[contact_id]


class AgentTimes:
    """Hands each stretch of an agent's work states to `tell`. The facts come as to `ContactCourses`."""

    def __init__(self, tell: Callable[[Span], None]) -> None:
        self._tell = tell
        self._begun: dict[str, Fact] = {}

    def take(self, facts: Iterable[Fact]) -> None:
        """All that happened since the last portion; some may come twice."""
        for fact in in_order(fact for fact in facts if not fact.contact_id):
            begun = self._begun.get(fact.agent_id)
            if begun and begun.state != fact.state:
                self._tell(Span(begun.state, fact.agent_id, begun.at, fact.at))
            if begun is None or begun.state != fact.state:
                self._begun[fact.agent_id] = fact

    def finish(self) -> None:
        """That was all: what an agent does now lasts."""
        for agent_id, begun in self._begun.items():
            if begun.state != SIGNED_OUT:
                self._tell(Span(begun.state, agent_id, begun.at, None))

    @property
    def agents(self) -> Collection[str]:
        """Of whom anything was told."""
        return self._begun.keys()
