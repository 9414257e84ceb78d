"""The definitions (REQUIREMENTS F1-F3); docs/figures.md has the same in words, with a worked example.

A contact counts in the period in which it first waited for a person, with all its times. An agent's times
count in the period in which they were spent. Sums are kept as `timedelta`, which adds up exactly: in whatever
order things are counted, the figures are the same.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta, tzinfo

from cti_server.reports.stories import HOLD, NO_TIME, SIGNED_OUT, TALK, ContactStory, Span


@dataclass(frozen=True, slots=True)
class Rules:
    """What is configurable about the definitions; seconds."""

    answer_within: float = 20.0
    """Service level: answered within so much."""
    short_abandon: float = 5.0
    """Who gives up sooner did not really ask for a person: counted apart, in no rate."""


def ratio(part: float, whole: float) -> float | None:
    """None when there is nothing to divide by: no contacts, no figure."""
    return part / whole if whole else None


def mean(whole: timedelta, count: int) -> float | None:
    """Seconds; None for none."""
    return ratio(whole.total_seconds(), count)


@dataclass(slots=True)
class ContactFigures:
    """Of a queue or a service number."""

    asked: int = 0
    """Contacts that waited for a person, without the short abandons."""
    answered: int = 0
    """Of them, those that talked to an agent."""
    answered_in_time: int = 0
    """Of them, those whose wait was at most `Rules.answer_within`."""
    abandoned: int = 0
    """Of those asked, those that ended without an agent, and left the queue for nothing else."""
    short_abandons: int = 0
    """Ended without an agent within less than `Rules.short_abandon`."""
    wait_answered: timedelta = NO_TIME
    """Waits of the answered, together."""
    wait_abandoned: timedelta = NO_TIME
    longest_wait: timedelta = NO_TIME
    """Of anybody who asked, answered or not, still waiting included."""
    talk: timedelta = NO_TIME
    """Time the customers talked to somebody."""
    hold: timedelta = NO_TIME
    """Time the customers were on hold, consultations included."""
    after_call: timedelta = NO_TIME
    """After-call work of all agents who had the contacts."""
    transfers: int = 0
    callbacks: int = 0
    """Of those asked, those that left the queue for a call-back; the call itself is a contact dialled."""
    voicemails: int = 0
    """Of those asked, those that left a message in the end."""
    dialled: int = 0
    """Contacts that we called; in no other figure but the next."""
    dialled_answered: int = 0
    """Of them, those that talked to an agent."""

    def add(self, story: ContactStory, rules: Rules, now: datetime) -> None:
        """Count a contact that waited for a person, or that we called; `now` ends what still lasts."""
        if story.dialled_at is not None:
            self.dialled += 1
            self.dialled_answered += story.answered_at is not None
        if story.queued_at is None:
            return
        gone = story.answered_at is None and story.ended_at is not None
        if gone and not story.left_for and _stayed(story) < rules.short_abandon:
            self.short_abandons += 1
            return
        wait = story.waited(now)
        self.asked += 1
        self.longest_wait = max(self.longest_wait, wait)
        self.transfers += story.transfers
        if gone and story.left_for:
            self.callbacks += story.left_for == "callback"
            self.voicemails += story.left_for == "voicemail"
        elif gone:
            self.abandoned += 1
            self.wait_abandoned += wait
        if story.answered_at is not None:
            self.answered += 1
            self.answered_in_time += wait.total_seconds() <= rules.answer_within
            self.wait_answered += wait
            self.talk += story.time_in(TALK, now)
            self.hold += story.time_in(HOLD, now)
            self.after_call += sum([span.until(now) for span in story.after_call], NO_TIME)

    def plus(self, other: ContactFigures) -> ContactFigures:
        """Of both together."""
        both = {f.name: getattr(self, f.name) + getattr(other, f.name) for f in fields(self)}
        return ContactFigures(**{**both, "longest_wait": max(self.longest_wait, other.longest_wait)})

    def values(self) -> dict[str, float | int | None]:
        """Every figure by its name on the wire; averages in seconds per answered contact, rates 0 to 1."""
        handle = self.talk + self.hold + self.after_call
        return {
            "asked": self.asked,
            "answered": self.answered,
            "answered_in_time": self.answered_in_time,
            "abandoned": self.abandoned,
            "short_abandons": self.short_abandons,
            "connect_rate": ratio(self.answered, self.asked),
            "service_level": ratio(self.answered_in_time, self.asked),
            "abandon_rate": ratio(self.abandoned, self.asked),
            "speed_of_answer": mean(self.wait_answered, self.answered),
            "time_to_abandon": mean(self.wait_abandoned, self.abandoned),
            "longest_wait": self.longest_wait.total_seconds(),
            "talk_time": mean(self.talk, self.answered),
            "hold_time": mean(self.hold, self.answered),
            "after_call_time": mean(self.after_call, self.answered),
            "handle_time": mean(handle, self.answered),
            "transfers": self.transfers,
            "callbacks": self.callbacks,
            "voicemails": self.voicemails,
            "dialled": self.dialled,
            "dialled_answered": self.dialled_answered,
        }


def _stayed(story: ContactStory) -> float:
    """Seconds from the queue to the end of one that is over, the prompt of a message included."""
    assert story.ended_at is not None  # noqa: S101  # it is over,
    assert story.queued_at is not None  # noqa: S101  # and it waited
    return (story.ended_at - story.queued_at).total_seconds()


@dataclass(slots=True)
class AgentFigures:
    """Of one agent within a period."""

    contacts: int = 0
    """Contacts it had: talked to their customer as the one responsible."""
    transfers: int = 0
    """Contacts it handed on."""
    talking: timedelta = NO_TIME
    hold: timedelta = NO_TIME
    after_call: timedelta = NO_TIME
    ready: timedelta = NO_TIME
    """Free or being offered a contact."""
    signed_in: timedelta = NO_TIME
    presence: list[tuple[datetime, datetime]] = field(default_factory=list)
    """When it was signed in, from when to when each time."""

    def add_time(self, span: Span, start: datetime, until: datetime) -> None:
        """Count time in a work state between two instants, as far as it lies there."""
        begin = max(start, span.begin)
        end = span.end if span.end is not None and span.end < until else until
        if span.state == SIGNED_OUT or begin >= end:
            return
        spent = end - begin
        self.signed_in += spent
        if span.state == "talking":
            self.talking += spent
        elif span.state == "wrap_up":
            self.after_call += spent
        elif span.state in ("ready", "reserved"):
            self.ready += spent
        if self.presence and self.presence[-1][1] == begin:
            self.presence[-1] = self.presence[-1][0], end
        else:
            self.presence.append((begin, end))

    def days(self, local: tzinfo) -> int:
        """Local days on which it was signed in."""
        found = set()
        for begin, end in self.presence:
            first, last = begin.astimezone(local).date(), end.astimezone(local).date()
            found |= {first + timedelta(days=day) for day in range((last - first).days + 1)}
        return len(found)

    def add_contact(self, agent_id: str, story: ContactStory, start: datetime, until: datetime) -> None:
        """Count what the agent did with a contact between two instants."""
        had = story.agents.get(agent_id)
        self.contacts += had is not None and start <= had < until
        self.transfers += sum(who == agent_id and start <= at < until for who, at in story.transferred_by)
        own = (span for span in story.spans if span.agent_id == agent_id and span.state in HOLD)
        self.hold += sum((span.within(start, until) for span in own), NO_TIME)

    def values(self, local: tzinfo) -> dict[str, float | int | None]:
        """Every figure by its name on the wire; averages in seconds per contact, rates 0 to 1."""
        busy, days = self.talking + self.after_call, self.days(local)
        return {
            "contacts": self.contacts,
            "transfers": self.transfers,
            "talk_time": mean(self.talking - self.hold, self.contacts),
            "hold_time": mean(self.hold, self.contacts),
            "after_call_time": mean(self.after_call, self.contacts),
            "handle_time": mean(busy, self.contacts),
            "signed_in_time": self.signed_in.total_seconds(),
            "ready_time": self.ready.total_seconds(),
            "occupancy": ratio(busy.total_seconds(), (busy + self.ready).total_seconds()),
            "agent_days": days,
            "contacts_per_agent_day": ratio(self.contacts, days),
        }
