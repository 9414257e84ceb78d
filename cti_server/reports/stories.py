"""Facts put together: the course of each contact, the day of each agent."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

from cti_server.reports.facts import Fact, in_order

TALK = frozenset({"active", "conference"})
"""Contact states in which the customer talks to somebody."""
AT_PHONE = "held_at_phone"
"""Held by the agent's phone itself: customer and agent still share a bridge."""
HOLD = frozenset({"held", "consulting", AT_PHONE})
"""Contact states in which the customer waits for its agent."""
WAITING = frozenset({"queued", "offered"})
NOT_CALLED = WAITING | {"ended"}
"""States of a call-back before anybody is called."""
LEFT_FOR = {"contact.callback_agreed": "callback", "contact.message_left": "voicemail"}
"""What customers leave the queue for, by the entry that tells of it."""
UNSEEN = frozenset({"contact.recovered", "contact.answered_unserved", "contact.ended_unseen"})
"""Entries that the PBX's own log told of."""


@dataclass(frozen=True, slots=True)
class Span:
    """Time in one state. `end` is None while it lasts. `agent_id`: whose contact it was then."""

    state: str
    agent_id: str
    begin: datetime
    end: datetime | None

    def seconds(self, start: datetime, until: datetime) -> float:
        """How much of it lies between the two instants."""
        end = until if self.end is None else min(self.end, until)
        return max((end - max(self.begin, start)).total_seconds(), 0.0)


@dataclass(slots=True)
class ContactStory:
    """A contact's course. Instants are None for what did not happen (yet)."""

    contact_id: str
    arrived_at: datetime | None = None
    group_id: str = ""
    """The queue it waited in first."""
    number: str = ""
    medium: str = "voice"
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

    def time_in(self, states: frozenset[str], now: datetime) -> float:
        """Seconds in those states, at most until it ended (which may be seen late)."""
        until = now if self.ended_at is None else min(now, self.ended_at)
        return sum(span.seconds(span.begin, until) for span in self.spans if span.state in states)


@dataclass(slots=True)
class AgentStory:
    """An agent's work states one after the other, from the first sign-in known of."""

    agent_id: str
    spans: list[Span] = field(default_factory=list)


def stories(facts: Iterable[Fact]) -> tuple[list[ContactStory], list[AgentStory]]:
    """All contacts and agents that the facts tell of, by their ids."""
    of_contacts: dict[str, list[Fact]] = {}
    of_agents: dict[str, list[Fact]] = {}
    for fact in facts:
        if fact.contact_id:
            of_contacts.setdefault(fact.contact_id, []).append(fact)
        else:
            of_agents.setdefault(fact.agent_id, []).append(fact)
    contacts = [
        _contact(contact_id, in_order(of_contacts.pop(contact_id))) for contact_id in sorted(of_contacts)
    ]
    agents = [AgentStory(one, list(_spans(in_order(of_agents.pop(one))))) for one in sorted(of_agents)]
    return contacts, agents


def _spans(facts: list[Fact]) -> Iterator[Span]:
    """Neighbours with the same state and agent are one span."""
    begun: Fact | None = None
    for fact in facts:
        if begun is None:
            begun = fact
        elif (_state(fact), fact.agent_id) != (_state(begun), begun.agent_id):
            yield Span(_state(begun), begun.agent_id, begun.at, fact.at)
            begun = fact
    if begun is not None and begun.state not in ("ended", "signed_out"):
        yield Span(_state(begun), begun.agent_id, begun.at, None)


def _state(fact: Fact) -> str:
    """The state, and beyond it what decides between talk and hold."""
    if fact.state == "held" and fact.data.get("at_phone"):
        return AT_PHONE
    if fact.state == "consulting" and fact.data.get("talking_to") == "customer":
        return "active"  # the agent went back to the customer for a while
    return fact.state


def _contact(contact_id: str, facts: list[Fact]) -> ContactStory:
    story = ContactStory(contact_id, facts[0].at)
    story.spans = list(_spans(facts))
    story.after_call = [span for span in story.spans if span.state == "wrap_up"]
    agent_id = ""
    for fact in facts:
        story.number = story.number or fact.data.get("number", "")
        story.medium = fact.data.get("medium", story.medium)
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
        if fact.kind == "contact.unserved":
            story.fetched.append(fact.at)
        story.left_for = LEFT_FOR.get(fact.kind, story.left_for)
        if fact.kind == "contact.transferred":
            story.transfers += 1
            story.transferred_by.append((agent_id, fact.at))
        agent_id = fact.agent_id or agent_id
        _unseen(story, fact)
        _own_part(story, fact)
    story.ended_at = story.unseen_end or story.ended_at
    _unserved_talk(story)
    return story


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
