"""One application of one signal: the state it works on and the outcome it gathers."""

from __future__ import annotations

from bisect import insort
from collections.abc import Container
from dataclasses import dataclass, field
from typing import Any

from cti_server.domain.agent import Agent, AgentEvent
from cti_server.domain.audience import Topic, watchers
from cti_server.domain.contact import Contact
from cti_server.domain.effects import Effect
from cti_server.domain.errors import Refusal
from cti_server.domain.events import Event, Notification, Outcome, Reply
from cti_server.domain.operation import Operation
from cti_server.domain.queue import in_charge, turn
from cti_server.domain.records import Record, RecordKind
from cti_server.domain.signals.facts import ContactArrived
from cti_server.domain.state import WorldState
from cti_server.domain.views import agent_view, contact_view, timestamp

ENDED_KEPT = 900.0
"""Seconds an ended contact's id is remembered."""


@dataclass(slots=True)
class Step:
    """Handlers read and change `state` through it, and say through it what follows."""

    state: WorldState
    at: float
    outcome: Outcome = field(default_factory=Outcome)
    agents: set[str] = field(default_factory=set)
    """Agents that may have become free or not, for routing."""
    waiting: set[str] = field(default_factory=set)
    """Contacts that may have come to wait, to wait elsewhere or not to wait any more, for routing."""
    queues: set[str] = field(default_factory=set)
    """Groups whose queue or agents changed, for subscribers."""
    arrived: ContactArrived | None = None
    """A call that came with a leg that rings already, until somebody is offered it."""
    rang: str = ""
    """The number of such a call."""
    request_id: str = ""
    """Of the command that caused what is being told now, if one did."""

    # --- what follows -----------------------------------------------------------------------------

    def do(self, effect: Effect) -> None:
        """Ask for an effect."""
        self.outcome.effects.append(effect)

    def reply(self, operation: Operation, result: dict[str, Any]) -> None:
        """Answer a command that waited for the PBX."""
        self.outcome.replies.append(Reply(operation.agent_id, operation.request_id, result=result))

    def refuse(self, agent_id: str, request_id: str, refusal: type[Refusal], message: str = "") -> None:
        """Answer a command that waited for the PBX: it was not done."""
        text = message or (refusal.__doc__ or "").splitlines()[0]
        self.outcome.replies.append(Reply(agent_id, request_id, error_code=refusal.code, error_message=text))

    def anomaly(self, what: str) -> None:
        """Note a fact that contradicts the state (ids only, no personal data)."""
        self.outcome.anomalies.append(what)

    # --- telling ----------------------------------------------------------------------------------

    def _notify(self, agent: Agent, event: Event, body: dict[str, Any]) -> None:
        agent.seq += 1
        params: dict[str, Any] = {"epoch": self.state.epoch, "seq": agent.seq, "ts": timestamp(self.at)}
        if self.request_id:
            params["request_id"] = self.request_id
        params.update(body)
        self.outcome.notifications.append(Notification(agent.agent_id, agent.seq, event, params))

    def tell_agent(self, agent: Agent, event: Event) -> None:
        """Notify the agent of itself and keep it in the agent's history."""
        self.agents.add(agent.agent_id)
        body = {"agent": agent_view(self.state, agent)}
        self._notify(agent, event, body)
        watching = watchers(self.state, Topic.AGENTS, agent.groups)
        self.tell_watchers([w for w in watching if w is not agent], event, body)
        self.queues.update(agent.groups)
        data = {
            "agent_id": agent.agent_id,
            "kind": event.value,
            "state": agent.state.value,
            "reason": agent.reason,
            "data": {"station": agent.station, "mode": agent.station_mode},
        }
        self._record("agent_event", data)

    def tell_contact(self, contact: Contact, event: Event, also: tuple[Agent, ...] = ()) -> None:
        """Notify those who talk in the contact, and `also` others; keep it in the contact's story."""
        concerned = {agent.agent_id: agent for agent in (*self._parties(contact), *also)}
        for agent in concerned.values():
            self._notify(agent, event, {"contact": contact_view(contact, agent)})
        self._show_contact(contact, event, concerned)
        self.note_contact(contact, event.value)

    def _show_contact(self, contact: Contact, event: Event, told: Container[str]) -> None:
        """To subscribers who do not know of it already."""
        for watcher in watchers(self.state, Topic.CONTACTS, (contact.group_id,)):
            if watcher.agent_id not in told:
                self._notify(watcher, event, {"contact": contact_view(contact, watcher)})

    def tell_watchers(self, there: list[Agent], event: Event, body: dict[str, Any]) -> None:
        """Notify subscribers, each with its own sequence number."""
        for watcher in there:
            self._notify(watcher, event, body)

    def _parties(self, contact: Contact) -> list[Agent]:
        """The contact's agent and the agent who is consulted."""
        leg = contact.consulted_leg
        own = self.state.agents.get(contact.agent_id or "")
        third = self.state.agents.get(leg.party) if leg else None
        there = third if third and contact.contact_id in third.contact_ids else None
        called = self.state.agents.get(contact.colleague)
        colleague = called if called and contact.contact_id in called.contact_ids else None
        return [agent for agent in (own, there, colleague) if agent]

    def tell_part(
        self, contact: Contact, agent: Agent, event: Event, data: dict[str, Any] | None = None
    ) -> None:
        """Notify one agent whose own contact it is not (any more), and keep it in the contact's story."""
        self._notify(agent, event, {"contact": contact_view(contact, agent)})
        self._show_contact(contact, event, (agent.agent_id,))
        self.note_contact(contact, event.value, {"agent_id": agent.agent_id, **(data or {})})

    def note_contact(self, contact: Contact, kind: str, data: dict[str, Any] | None = None) -> None:
        """Keep an entry of the contact's story, and the contact's row as it stands now."""
        contact.version += 1
        entry = {
            "contact_id": contact.contact_id,
            "kind": kind,
            "agent_id": contact.agent_id,
            "leg_id": None,
            "data": {
                "state": contact.state.value,
                "group": contact.group_id,
                "number": contact.service_number,
                "medium": contact.medium,
                "direction": contact.direction,
                **_between(contact),
                **(data or {}),
            },
        }
        self._record("contact_event", entry)
        self._record("contact", contact_row(contact))

    def keep_message(self, contact: Contact) -> None:
        """The contact left a message: kept once, under the contact's id, for its group to work off."""
        message = {
            "contact_id": contact.contact_id,
            "group_id": contact.group_id,
            "service_number": contact.service_number,
            "customer_number": contact.customer.number,
            "language": contact.language,
            "left_at": self.at,
            "state": "new",
        }
        self._record("voicemail", message)

    def _record(self, kind: RecordKind, data: dict[str, Any]) -> None:
        record_id = f"{self.state.epoch}.{self.state.signals}.{len(self.outcome.records)}"
        self.outcome.records.append(Record(record_id, kind, self.at, data))

    # --- state shared by several rules ------------------------------------------------------------

    def move_agent(self, agent: Agent, event: AgentEvent, reason: str = "") -> None:
        """Change the agent's work state and tell."""
        agent.apply(event, self.at, reason)
        self.tell_agent(agent, Event.AGENT_STATE_CHANGED)

    def set_timer(self, key: str, delay: float) -> None:
        """(Re)start a timer, `delay` seconds from now."""
        self.state.timers[key] = self.at + delay

    def clear_timer(self, key: str) -> None:
        """Stop a timer if it runs."""
        self.state.timers.pop(key, None)

    def remember_end(self, contact: Contact) -> None:
        """The contact is over: drop it unless somebody wraps up its part; know for a while that it was."""
        if contact.wrapping:
            return
        self.state.contacts.pop(contact.contact_id, None)
        self.state.ended[contact.contact_id] = self.at
        while self.state.ended and next(iter(self.state.ended.values())) < self.at - ENDED_KEPT:
            del self.state.ended[next(iter(self.state.ended))]

    def new_channel(self, address: str) -> str:
        """A channel id of ours, never used before: the epoch, the leadership term and a counter.

        Of one length: Asterisk 22 refuses a preset id that begins like one that exists (`x-2` and `x-25`).
        """
        state = self.state
        state.counter += 1
        return f"station-{address}-{state.epoch:010d}-{state.term:06d}-{state.counter:08d}"

    def new_call(self, node: str) -> str:
        """The id of a customer's channel that we call; of one length per node, as in `new_channel`."""
        state = self.state
        state.counter += 1
        return f"{node}-out-{state.epoch:010d}-{state.term:06d}-{state.counter:08d}"

    def enqueue(self, contact: Contact) -> None:
        """Put the contact into its group's queue, where its turn is."""
        group = in_charge(self.state.groups, contact.group_id) or self.state.groups[contact.group_id]
        contact.group_id = group.group_id
        self.queues.add(contact.group_id)
        insort(group.waiting, contact.contact_id, key=lambda other: turn(self.state.contacts[other]))
        self.waiting.add(contact.contact_id)
        if contact.waits_in != contact.group_id:
            contact.waits_in, contact.waits_since = contact.group_id, self.at
        policy = group.policy
        if policy.overflow_to and policy.overflow_after:
            due = max(contact.waits_since + policy.overflow_after, self.at)
            self.state.timers[f"overflow:{contact.contact_id}"] = due
        if contact.patience:
            self.set_timer(f"patience:{contact.contact_id}", contact.patience)
        elif policy.announce_every and not contact.to_be_called:
            self.set_timer(f"announce:{contact.contact_id}", policy.announce_every)

    def dequeue(self, contact: Contact) -> None:
        """Take the contact out of its queue, if it is in it."""
        group = self.state.groups.get(contact.group_id)
        if group and contact.contact_id in group.waiting:
            self.queues.add(contact.group_id)
            group.waiting.remove(contact.contact_id)
        self.waiting.add(contact.contact_id)
        for kind in ("preference", "overflow", "announce", "patience"):
            self.clear_timer(f"{kind}:{contact.contact_id}")


def _between(contact: Contact) -> dict[str, Any]:
    """What tells talk from hold where the state alone does not."""
    if contact.consult:
        return {"talking_to": contact.consult.talk.value}
    return {"at_phone": True} if contact.held_at_phone else {}


def contact_row(contact: Contact) -> dict[str, Any]:
    """The contact as a row of the interaction log; the only place where the number is kept in clear."""
    return {
        "contact_id": contact.contact_id,
        "medium": contact.medium,
        "direction": contact.direction,
        "state": contact.state.value,
        "service_number": contact.service_number,
        "customer_number": contact.customer.number,
        "group_id": contact.group_id,
        "agent_id": contact.agent_id,
        "arrived_at": contact.arrived_at,
        "queued_at": contact.queued_at,
        "offered_at": contact.offered_at,
        "connected_at": contact.connected_at,
        "ended_at": contact.ended_at,
        "end_reason": contact.end_reason,
        "disposition": contact.disposition,
        "summary": contact.summary,
        "data": dict(contact.data),
        "recovered": contact.recovered,
        "node": contact.node,
        "version": contact.version,
    }
