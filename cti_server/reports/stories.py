"""Facts put together: the course of each contact, the day of each agent."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

from cti_server.reports.facts import Fact, in_order

TALK = frozenset({"active", "conference"})
"""Contact states in which the customer talks to somebody."""
HOLD = frozenset({"held", "consulting"})
"""Contact states in which the customer waits for its agent."""
WAITING = frozenset({"queued", "offered"})


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
    transfers: int = 0
    transferred_by: list[tuple[str, datetime]] = field(default_factory=list)
    agents: dict[str, datetime] = field(default_factory=dict)
    """Who had it, since when."""
    spans: list[Span] = field(default_factory=list)
    """Of contact states."""
    after_call: list[Span] = field(default_factory=list)
    """After-call work, of each agent who had it."""

    def time_in(self, states: frozenset[str], now: datetime) -> float:
        """Seconds in those states."""
        return sum(span.seconds(span.begin, now) for span in self.spans if span.state in states)


@dataclass(slots=True)
class AgentStory:
    """An agent's work states one after the other, from the first sign-in known of."""

    agent_id: str
    spans: list[Span] = field(default_factory=list)


def stories(facts: Iterable[Fact]) -> tuple[list[ContactStory], list[AgentStory]]:
    """All contacts and agents that the facts tell of, by their ids."""
    of_contacts: dict[str, list[Fact]] = {}
    of_agents: dict[str, list[Fact]] = {}
    for fact in in_order(facts):
        if fact.contact_id:
            of_contacts.setdefault(fact.contact_id, []).append(fact)
        else:
            of_agents.setdefault(fact.agent_id, []).append(fact)
    contacts = [_contact(contact_id, of_contacts[contact_id]) for contact_id in sorted(of_contacts)]
    agents = [AgentStory(agent_id, list(_spans(of_agents[agent_id]))) for agent_id in sorted(of_agents)]
    return contacts, agents


def _spans(facts: list[Fact]) -> Iterator[Span]:
    """Neighbours with the same state and agent are one span."""
    begun: Fact | None = None
    for fact in facts:
        if begun is None:
            begun = fact
        elif (fact.state, fact.agent_id) != (begun.state, begun.agent_id):
            yield Span(begun.state, begun.agent_id, begun.at, fact.at)
            begun = fact
    if begun is not None and begun.state not in ("ended", "signed_out"):
        yield Span(begun.state, begun.agent_id, begun.at, None)


def _contact(contact_id: str, facts: list[Fact]) -> ContactStory:
    story = ContactStory(contact_id)
    story.spans = list(_spans(facts))
    story.after_call = [span for span in story.spans if span.state == "wrap_up"]
    agent_id = ""
    for fact in facts:
        story.number = story.number or fact.data.get("number", "")
        story.medium = fact.data.get("medium", story.medium)
        direction = fact.data.get("direction", "inbound")
        if direction == "outbound" and story.dialled_at is None:
            story.dialled_at, story.group_id = fact.at, fact.data.get("group", "")
        if fact.state in WAITING and direction == "inbound" and story.queued_at is None:
            story.queued_at, story.group_id = fact.at, fact.data.get("group", "")
        if fact.state in TALK and fact.agent_id and direction != "internal":
            story.answered_at = story.answered_at or fact.at
            story.agents.setdefault(fact.agent_id, fact.at)
        if fact.state in ("wrap_up", "ended") and story.ended_at is None:
            story.ended_at = fact.at
        if fact.kind == "contact.transferred":
            story.transfers += 1
            story.transferred_by.append((agent_id, fact.at))
        agent_id = fact.agent_id or agent_id
        _unseen(story, fact)
        _own_part(story, fact)
    return story


def _unseen(story: ContactStory, fact: Fact) -> None:
    """Calls that the PBX served alone: answered, but nobody saw how long they waited."""
    if fact.kind == "contact.answered_unserved":
        story.answered_at = story.answered_at or fact.at
    if fact.kind == "contact.recovered" and "arrived_at" in fact.data:
        story.group_id = fact.data.get("group", "")
        story.queued_at = _instant(fact.data["arrived_at"])
        story.answered_at = _instant(fact.data.get("connected_at"))
        story.ended_at = _instant(fact.data.get("ended_at"))
        if story.answered_at:
            story.spans = [Span("active", fact.agent_id, story.answered_at, story.ended_at)]


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
