"""While a customer waits: closed, overflowing, told where it stands (REQUIREMENTS B3, B4)."""

from __future__ import annotations

from collections.abc import Iterable

from cti_server.domain.agent import IN_CONTACT, AgentState
from cti_server.domain.contact import Contact, ContactState
from cti_server.domain.effects import TellPlace
from cti_server.domain.policy import VOICEMAIL
from cti_server.domain.queue import Group, in_charge
from cti_server.domain.state import WorldState
from cti_server.domain.step import Step

CLOSED = "closed"
"""End reason of a call that came outside business hours."""
OVERFLOW_AGAIN = 30.0
"""Seconds until a contact that could not overflow (everything else is closed) tries again."""
_LEARNING = 0.1
"""Weight of the newest contact in a group's mean handle time."""


def find_open(step: Step, contact: Contact) -> None:
    """On arrival: a closed group's contacts go where it overflows; with nobody open they are told so."""
    if _is_open(step, _group(step, contact)):
        return
    if not _move(step, contact, "closed"):
        contact.end_reason = VOICEMAIL if takes_messages(step, contact) else CLOSED


def any_open(step: Step, groups: Iterable[str]) -> bool:
    """Whether one of these groups, or where it overflows, is open."""
    known = (in_charge(step.state.groups, group_id) for group_id in groups)
    return any(_is_open(step, group) or _onward(step, group, {group.group_id}) for group in known if group)


def takes_messages(step: Step, contact: Contact) -> bool:
    """Whether only the voicemail is left to overflow to. Not for who has talked (and is recorded already)."""
    group: Group | None = _group(step, contact)
    tried = set(contact.overflowed)
    while group and group.group_id not in tried:
        if group.policy.overflow_to == VOICEMAIL:
            return contact.connected_at is None and not contact.to_be_called
        tried.add(group.group_id)
        group = in_charge(step.state.groups, group.policy.overflow_to)
        if group and _is_open(step, group):
            return False
    return False


def enter(step: Step, contact: Contact) -> None:
    """About to queue: past the length that the group allows, it goes on."""
    if contact.end_reason in (CLOSED, VOICEMAIL):  # it came to wait all the same: the dialplan was on its own
        contact.end_reason = ""
    group = _group(step, contact)
    if 0 < group.policy.overflow_length <= len(group.waiting):
        _move(step, contact, "length")


def overflow(step: Step, contact_id: str) -> None:
    """It has waited for as long as the group allows."""
    contact = step.state.contacts.get(contact_id)
    if contact is None or contact.state is not ContactState.QUEUED:
        return
    if _target(step, contact) is None:
        step.set_timer(f"overflow:{contact_id}", OVERFLOW_AGAIN)
        return
    step.dequeue(contact)
    contact.preferred_agent = ""  # nobody waits for it alone any more: that time ended with the old queue
    _move(step, contact, "time")
    step.enqueue(contact)


def announce(step: Step, contact_id: str) -> None:
    """Tell the customer its position and expected wait, and again later."""
    contact = step.state.contacts.get(contact_id)
    if contact is None or contact.state is not ContactState.QUEUED:
        return
    node, policy = step.state.nodes.get(contact.node), step.state.groups[contact.group_id].policy
    if node and node.up:
        place, wait = position(step.state, contact), expected_wait(step.state, contact)
        step.do(TellPlace(contact.node, contact_id, place, wait, policy.callback))
        expected = None if wait is None else round(wait, 1)
        step.note_contact(contact, "contact.announced", {"position": place, "expected_wait": expected})
    step.set_timer(f"announce:{contact_id}", policy.announce_every)


def position(state: WorldState, contact: Contact) -> int:
    """Place in the queue, 1 for whose turn is next."""
    return state.groups[contact.group_id].waiting.index(contact.contact_id) + 1


def expected_wait(state: WorldState, contact: Contact) -> float | None:
    """Seconds until its turn: position * mean handle time / agents at work; None with nobody at work.

    N agents end a contact every (mean handle time / N) seconds on average, and each end takes one from the
    queue. The mean is a moving one over the group's contacts, from connection to the end of after-call work.
    Who is in several groups counts fully in each: with shared agents the estimate is too short.
    """
    group = state.groups[contact.group_id]
    at_work = sum(
        group.group_id in agent.groups and (agent.state is AgentState.READY or agent.state in IN_CONTACT)
        for agent in state.agents.values()
    )
    return position(state, contact) * group.handle_time / at_work if at_work else None


def learn(step: Step, contact: Contact) -> None:
    """A contact that came by itself is over: its handle time moves the mean of its group."""
    group = step.state.groups.get(contact.group_id)
    if group and contact.connected_at is not None and contact.direction == "inbound":
        group.handle_time += _LEARNING * (step.at - contact.connected_at - group.handle_time)


def _move(step: Step, contact: Contact, why: str) -> bool:
    """To the next group that is open and was not tried; False when there is none and it stays."""
    target = _target(step, contact)
    if target is None:
        return False
    left, contact.group_id = contact.group_id, target.group_id
    contact.overflowed.append(left)
    step.note_contact(contact, "contact.overflowed", {"from": left, "to": target.group_id, "why": why})
    return True


def _target(step: Step, contact: Contact) -> Group | None:
    group = _group(step, contact)
    return _onward(step, group, {*contact.overflowed, contact.group_id, group.group_id})


def _onward(step: Step, left: Group, tried: set[str]) -> Group | None:
    group = in_charge(step.state.groups, left.policy.overflow_to)
    while group and group.group_id not in tried and not _is_open(step, group):
        tried.add(group.group_id)
        group = in_charge(step.state.groups, group.policy.overflow_to)
    return group if group and group.group_id not in tried else None


def _group(step: Step, contact: Contact) -> Group:
    """Whose queue it waits in."""
    groups = step.state.groups
    return in_charge(groups, contact.group_id) or groups[contact.group_id]


def _is_open(step: Step, group: Group) -> bool:
    return group.policy.is_open(step.at, frozenset(step.state.holidays))
