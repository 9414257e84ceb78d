"""The group and its queue: who waits, in which order, under which conditions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from cti_server.domain.contact import Contact
from cti_server.domain.policy import Policy, Priorities

AGEING = Priorities().ageing
"""Seconds of waiting that count as much as one step of priority, unless set otherwise."""

Turn = tuple[float, str]
"""Place in the order of waiting, the lowest first; see `turn`."""


@dataclass(slots=True)
class Group:
    """A group of agents and the queue in front of it; times in seconds."""

    group_id: str
    name_zh: str
    name_en: str
    ring_timeout: float
    wrap_up_time: float
    policy: Policy = field(default_factory=Policy)
    handle_time: float = 180.0
    """Moving mean of conversation and after-call work, for the expected wait; the first value is a guess."""
    successor: str = ""
    """The group was taken away: whoever would wait in it waits in this one."""
    waiting: list[str] = field(default_factory=list)
    """Contact ids by `turn`; contacts being offered are not among them."""


def in_charge(groups: Mapping[str, Group], group_id: str) -> Group | None:
    """The group, or the one that serves its queue since it was taken away; None for one unknown."""
    group = groups.get(group_id)
    while group and group.successor in groups:
        group = groups[group.successor]
    return group


def turn(contact: Contact) -> Turn:
    """Place in the order: `queued_at - ageing * priority`, the lowest first.

    A step of priority is worth as much as having come `ageing` seconds earlier. So priority ages by itself,
    and nobody starves: of contacts p steps higher, only those that came within ageing * p seconds after a
    contact may overtake it. The order of two contacts never changes while they wait, unless settings change.
    """
    return (contact.queued_at or 0.0) - contact.ageing * contact.priority, contact.contact_id
