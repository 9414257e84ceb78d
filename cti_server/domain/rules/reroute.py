"""The routing settings changed while customers wait: each is looked at again, none is lost.

Whoever waits keeps its place by arrival. It waits in the group it is in by that group's new policy; when the
group is no more, in its successor. Numbers' targets count for calls that come from now on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from cti_server.domain.contact import Contact, ContactState
from cti_server.domain.effects import NotedNumber, NoteNumbers
from cti_server.domain.events import Event
from cti_server.domain.outside import OutsideRules
from cti_server.domain.policy import Greeting, Priorities
from cti_server.domain.rules import fallback, preference
from cti_server.domain.signals import DirectoryLoaded
from cti_server.domain.state import WorldState
from cti_server.domain.step import Step

_UNGREETED = Greeting("", "")


@dataclass(frozen=True, slots=True)
class Before:
    """What the new settings are compared with."""

    priorities: Priorities
    groups: Mapping[str, dict[str, int]]
    """Of the agents at a seat."""


def before(state: WorldState) -> Before:
    """How it was."""
    seated = {agent.agent_id: dict(agent.groups) for agent in state.agents.values() if agent.signed_in}
    return Before(state.priorities, seated)


def settle(step: Step, signal: DirectoryLoaded, was: Before) -> None:
    """Everybody and everything by the new settings; the old ones are in `was`."""
    state = step.state
    state.outside = _outside(signal)
    _retire(state, {group.group_id: None for group in signal.groups})
    for contact in state.contacts.values():
        now, then = (preference.priority(contact.customer, p) for p in (state.priorities, was.priorities))
        contact.priority += now - then
        contact.ageing = state.priorities.ageing
    waiting = [contact for contact in state.contacts.values() if contact.state is ContactState.QUEUED]
    for contact in waiting:
        group = state.groups[contact.group_id]
        if contact.contact_id in group.waiting:
            group.waiting.remove(contact.contact_id)
    for contact in waiting:
        _wait_anew(step, contact)
    step.queues.update(state.groups)
    for node in state.nodes.values():
        if node.up:
            note_numbers(step, node.name)
    for agent_id, groups in was.groups.items():
        agent = state.agents.get(agent_id)
        if agent and agent.groups != groups:
            fallback.change(step, agent, groups)
            step.tell_agent(agent, Event.AGENT_STATE_CHANGED)


def note_numbers(step: Step, node: str) -> None:
    """What service numbers there are is kept at the node, for the time when no server lives."""
    state = step.state
    if state.service_numbers:  # none: we do not know them (yet), the node may
        spoken = {n: state.greetings.get(n, _UNGREETED) for n in state.service_numbers}
        noted = tuple(
            NotedNumber(number, group_id, spoken[number].prompt, spoken[number].language)
            for number, group_id in state.service_numbers.items()
        )
        step.do(NoteNumbers(node, state.routing_version, noted))


def _outside(signal: DirectoryLoaded) -> OutsideRules:
    own = {group.group_id: group.policy.caller_id for group in signal.groups if group.policy.caller_id}
    return replace(signal.outside, caller_ids={**signal.outside.caller_ids, **own})


def _retire(state: WorldState, kept: Mapping[str, None]) -> None:
    """Groups that are no more: emptied by `_wait_anew`, forgotten when no contact is of them any longer."""
    if not kept:
        return
    used = {contact.group_id for contact in state.contacts.values()}
    for group in [group for group in state.groups.values() if group.group_id not in kept]:
        if group.group_id in used:
            to = group.policy.overflow_to
            group.successor = to if to in kept else next(iter(kept))
        else:
            del state.groups[group.group_id]


def _wait_anew(step: Step, contact: Contact) -> None:
    came_from = contact.group_id
    for kind in ("overflow", "announce"):
        step.clear_timer(f"{kind}:{contact.contact_id}")
    if contact.preferred_agent not in step.state.agents:
        contact.preferred_agent = ""
        step.clear_timer(f"preference:{contact.contact_id}")
    step.enqueue(contact)
    if contact.group_id != came_from:
        data = {"from": came_from, "to": contact.group_id, "why": "routing_changed"}
        step.note_contact(contact, "contact.overflowed", data)
        step.tell_contact(contact, Event.CONTACT_QUEUED)
