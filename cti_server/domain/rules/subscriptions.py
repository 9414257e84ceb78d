"""Live views of agents, queues and contacts for those who lead (PROTOCOL `subscribe`).

A subscription is the person's, not the socket's: it outlives a lost connection for as long as the events
that are missed meanwhile are kept, so that a resume has no gap.
"""

from __future__ import annotations

from typing import Any

from cti_server.domain import errors
from cti_server.domain.agent import Agent
from cti_server.domain.audience import Topic, may, sees, watchers
from cti_server.domain.events import Event
from cti_server.domain.rules import seats
from cti_server.domain.signals import Subscribe, Unsubscribe
from cti_server.domain.step import Step
from cti_server.domain.views import agent_view, contact_view, queue_view

KEPT = 60.0
"""Seconds a subscription lasts without a socket."""


def subscribe(step: Step, command: Subscribe) -> dict[str, Any]:
    """From now on every change is told; the answer has how it is now."""
    watcher = seats.known_agent(step, command.agent_id)
    topics = [Topic(topic) for topic in dict.fromkeys(command.topics)]
    for topic in topics:
        if not may(watcher, topic):
            raise errors.WrongRole(f"the topic {topic} is not for your roles")
    for topic in topics:
        subscribers = step.state.subscribers.setdefault(topic.value, [])
        if watcher.agent_id not in subscribers:
            subscribers.append(watcher.agent_id)
    told = {t.value: _snapshot(step, watcher, t) for t in topics if t is not Topic.WALLBOARD}
    return {"topics": _topics(step, watcher), **told}


def unsubscribe(step: Step, command: Unsubscribe) -> dict[str, Any]:
    """No more of these; topics that were not subscribed to do no harm."""
    watcher = seats.known_agent(step, command.agent_id)
    for topic in command.topics:
        _leave(step, watcher.agent_id, Topic(topic))
    return {"topics": _topics(step, watcher)}


def _leave(step: Step, agent_id: str, topic: Topic) -> None:
    subscribers = step.state.subscribers.get(topic.value, [])
    if agent_id in subscribers:
        subscribers.remove(agent_id)


def _topics(step: Step, watcher: Agent) -> list[str]:
    return [topic.value for topic in Topic if watcher.agent_id in step.state.subscribers.get(topic.value, ())]


def _snapshot(step: Step, watcher: Agent, topic: Topic) -> list[dict[str, Any]]:
    state = step.state
    if topic is Topic.AGENTS:
        there = (agent for agent in state.agents.values() if sees(watcher, topic, agent.groups))
        return [agent_view(state, agent) for agent in there]
    if topic is Topic.QUEUES:
        groups = (group for group in state.groups.values() if sees(watcher, topic, (group.group_id,)))
        return [queue_view(state, group) for group in groups if not group.successor]
    contacts = (c for c in state.contacts.values() if sees(watcher, topic, (c.group_id,)))
    return [contact_view(contact, watcher) for contact in contacts]


def tell_queues(step: Step) -> None:
    """Who waits, or who could take it, has changed: one event per queue, however much happened at once."""
    changed, step.queues = sorted(step.queues), set()
    for group_id in changed:
        group = step.state.groups.get(group_id)
        there = watchers(step.state, Topic.QUEUES, (group_id,)) if group else []
        if group and there:
            step.tell_watchers(there, Event.QUEUE_CHANGED, {"queue": queue_view(step.state, group)})


def socket_gone(step: Step, agent_id: str) -> None:
    """The person's last socket closed: the subscription waits a while for it."""
    if any(agent_id in subscribers for subscribers in step.state.subscribers.values()):
        step.set_timer(f"subscriber:{agent_id}", KEPT)


def socket_back(step: Step, agent_id: str) -> None:
    """The person is there again."""
    step.clear_timer(f"subscriber:{agent_id}")


def over(step: Step, agent_id: str) -> None:
    """Nobody came back."""
    for topic in Topic:
        _leave(step, agent_id, topic)
