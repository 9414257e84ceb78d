"""Facts put together: the course of each contact."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from cti_server.reports.facts import Fact, in_order

NO_TIME = timedelta()
TALK = frozenset({"active", "conference"})
"""Contact states in which the customer talks to somebody."""
AT_PHONE = "held_at_phone"
"""Held by the agent's phone itself: customer and agent still share a bridge."""
SIGNED_OUT = "signed_out"
HOLD = frozenset({"held", "consulting", AT_PHONE})
"""Contact states in which the customer waits for its agent."""
WAITING = frozenset({"queued", "offered"})
MESSAGE = "voicemail"
"""Contact state of who is led to a message, and leaves it: nobody is waited for."""
NOT_CALLED = WAITING | {"ended"}
"""States of a call-back before anybody is called."""
LEFT_FOR = {"contact.callback_agreed": "callback", "contact.message_left": "voicemail"}
"""What customers leave the queue for, by the entry that tells of it."""
UNSEEN = frozenset({"contact.recovered", "contact.answered_unserved", "contact.ended_unseen"})
"""Entries that the PBX's own log told of."""
_TELLING = (
    UNSEEN
    | LEFT_FOR.keys()
    | {"contact.unserved", "contact.transferred", "contact.wrapped_up", "contact.waits_again"}
)
"""Entries that tell more than the state: those that `_told` looks at."""
_TWOFOLD = frozenset({"held", "consulting"})
_NONE = Fact("", datetime.min.replace(tzinfo=UTC), "", "")


@dataclass(slots=True)  # not frozen, as facts are not
class Span:
    """Time in one state. `end` is None while it lasts. `agent_id`: whose contact it was then."""

    state: str
    agent_id: str
    begin: datetime
    end: datetime | None

    def until(self, instant: datetime) -> timedelta:
        """How much of it lies before the instant."""
        end = self.end if self.end is not None and self.end < instant else instant
        return end - self.begin if end > self.begin else NO_TIME

    def within(self, start: datetime, until: datetime) -> timedelta:
        """How much of it lies between the two instants."""
        end = until if self.end is None else min(self.end, until)
        return max(end - max(self.begin, start), NO_TIME)


@dataclass(slots=True)
class ContactStory:
    """A contact's course. Instants are None for what did not happen (yet)."""

    contact_id: str
    arrived_at: datetime | None = None
    group_id: str = ""
    """The queue it waited in first."""
    number: str = ""
    queued_at: datetime | None = None
    """When it first waited for a person; None for one that we called, wherever it went then."""
    dialled_at: datetime | None = None
    """When we began to call it."""
    answered_at: datetime | None = None
    """When it first talked to an agent."""
    ended_at: datetime | None = None
    left_for: str = ""
    """What it left the queue for: `callback`, `voicemail`."""
    unserved_at: datetime | None = None
    """When it was answered without a server (fallback queue)."""
    waits_again_at: datetime | None = None
    """When that was over and it waited on."""
    fetched: list[datetime] = field(default_factory=list)
    """When it was fetched back from the fallback queue."""
    unseen_end: datetime | None = None
    """When it ended, by the PBX's own log, while no server looked."""
    transfers: int = 0
    transferred_by: list[tuple[str, datetime]] = field(default_factory=list)
    agents: dict[str, datetime] = field(default_factory=dict)
    """Who had it, since when."""
    spans: list[Span] = field(default_factory=list)
    """Of contact states."""
    after_call: list[Span] = field(default_factory=list)
    """After-call work, of each agent who had it."""

    def waited(self, now: datetime) -> timedelta:
        """For a person, first of all: until it was answered, over, or led to a message. It did wait."""
        assert self.queued_at is not None  # noqa: S101  # who asks knows that it waited
        until = self.answered_at or self.ended_at or now
        messages = (span for span in self.spans if span.state == MESSAGE)
        return until - self.queued_at - sum((m.within(self.queued_at, until) for m in messages), NO_TIME)

    def time_in(self, states: frozenset[str], now: datetime) -> timedelta:
        """How long it was in those states, at most until it ended (which may be seen late)."""
        until = now if self.ended_at is None else min(now, self.ended_at)
        return sum([span.until(until) for span in self.spans if span.state in states], NO_TIME)


def stories(facts: Iterable[Fact]) -> list[ContactStory]:
    """All contacts that the facts tell of, by their ids."""
    of_contacts: dict[str, list[Fact]] = {}
    for fact in facts:
        if fact.contact_id:
            of_contacts.setdefault(fact.contact_id, []).append(fact)
    return [story_of(contact_id, of_contacts[contact_id]) for contact_id in sorted(of_contacts)]


def _state(fact: Fact) -> str:
    """The state, and beyond it what decides between talk and hold."""
    if fact.state == "held" and fact.data.get("at_phone"):
        return AT_PHONE
    if fact.state == "consulting" and fact.data.get("talking_to") == "customer":
        return "active"  # the agent went back to the customer for a while
    return fact.state


def story_of(contact_id: str, told: Iterable[Fact]) -> ContactStory:
    """One contact's course; its facts in any order, some may come twice."""
    facts = in_order(told)
    story = ContactStory(contact_id, facts[0].at)
    story.spans = _spans(facts)
    story.after_call = [span for span in story.spans if span.state == "wrap_up"]
    agent_id, before = "", _NONE
    for fact in facts:
        if not story.number:
            story.number = fact.data.get("number", "")
        if fact.state != before.state or fact.agent_id != before.agent_id:
            _come_to(story, fact)
        if fact.kind in _TELLING:
            _told(story, fact, agent_id)
        agent_id, before = fact.agent_id or agent_id, fact
    story.ended_at = story.unseen_end or story.ended_at
    _unserved_talk(story)
    return story


def _spans(facts: list[Fact]) -> list[Span]:
    """Neighbours with the same state and agent are one span."""
    found: list[Span] = []
    begun, state = facts[0], _state(facts[0])
    for fact in facts:
        now = fact.state if fact.state not in _TWOFOLD else _state(fact)
        if now != state or fact.agent_id != begun.agent_id:
            found.append(Span(state, begun.agent_id, begun.at, fact.at))
            begun, state = fact, now
    if begun.state != "ended":
        found.append(Span(state, begun.agent_id, begun.at, None))
    return found


def _come_to(story: ContactStory, fact: Fact) -> None:
    """Another state, or another agent's."""
    direction = fact.data.get("direction", "inbound")
    if direction == "outbound" and story.dialled_at is None and fact.state not in NOT_CALLED:
        story.dialled_at, story.group_id = fact.at, fact.data.get("group", "")
    if fact.state in WAITING and direction == "inbound" and story.queued_at is None:
        story.queued_at, story.group_id = fact.at, fact.data.get("group", "")
    if fact.state in TALK and fact.agent_id and direction != "internal":
        story.answered_at = story.answered_at or fact.at
        story.agents.setdefault(fact.agent_id, fact.at)
    if fact.state in ("wrap_up", "ended") and story.ended_at is None:
        story.ended_at = fact.at


def _told(story: ContactStory, fact: Fact, agent_id: str) -> None:
    """What an entry's kind tells; the contact was that agent's."""
    if fact.kind == "contact.unserved":
        story.fetched.append(fact.at)
    story.left_for = LEFT_FOR.get(fact.kind, story.left_for)
    if fact.kind == "contact.transferred":
        story.transfers += 1
        story.transferred_by.append((agent_id, fact.at))
    _unseen(story, fact)
    _own_part(story, fact)


def _unseen(story: ContactStory, fact: Fact) -> None:
    """What the PBX did alone, as its own log told later."""
    if fact.kind == "contact.answered_unserved":
        story.unserved_at = _instant(fact.data.get("connected_at")) or fact.at
        story.answered_at = story.answered_at or story.unserved_at
        story.queued_at = story.queued_at or story.arrived_at
        story.group_id = story.group_id or fact.data.get("group", "")
    if fact.kind == "contact.waits_again":
        story.waits_again_at = story.waits_again_at or fact.at
    if fact.kind == "contact.recovered" and "arrived_at" in fact.data:
        story.group_id = fact.data.get("group", "")
        story.arrived_at = story.queued_at = _instant(fact.data["arrived_at"])
        story.answered_at = story.unserved_at = _instant(fact.data.get("connected_at"))
        story.spans = []
    if fact.kind in UNSEEN and story.unseen_end is None:
        story.unseen_end = _instant(fact.data.get("ended_at"))


def _unserved_talk(story: ContactStory) -> None:
    """From the answer without a server until the end, or until it waited on, or a seat took it over."""
    if story.unserved_at is None:
        return
    taken = [span.begin for span in story.spans if span.state in TALK and span.begin >= story.unserved_at]
    over = [at for at in (story.waits_again_at, *taken) if at]
    story.spans.append(Span("active", "", story.unserved_at, min(over, default=None)))


def _own_part(story: ContactStory, fact: Fact) -> None:
    """After-call work of an agent who handed the contact on, which others went on with."""
    of_agent = fact.data.get("agent_id")
    if fact.kind != "contact.wrapped_up" or not of_agent:
        return
    begun = [at for agent_id, at in story.transferred_by if agent_id == of_agent]
    if begun:
        story.after_call.append(Span("wrap_up", of_agent, begun[-1], fact.at))


def _instant(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
