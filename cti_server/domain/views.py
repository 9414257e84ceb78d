"""What an agent may see: whole objects, JSON values only, customers' numbers masked."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from cti_server.domain.agent import Agent, AgentState
from cti_server.domain.allowed_actions import allowed_actions
from cti_server.domain.contact import Contact, ContactState
from cti_server.domain.leg import Leg, LegRole
from cti_server.domain.queue import Group
from cti_server.domain.state import WorldState

MIN_MASKABLE = 7


@lru_cache(maxsize=4096)
def timestamp(at: float | None) -> str | None:
    """RFC 3339 in UTC with milliseconds, from epoch seconds."""
    if at is None:
        return None
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def masked(number: str) -> str:
    """`13800138000` → `138****8000`; short numbers keep only their last digit."""
    if len(number) >= MIN_MASKABLE:
        return f"{number[:3]}****{number[-4:]}"
    return "*" * max(len(number) - 1, 0) + number[-1:]


def agent_view(state: WorldState, agent: Agent) -> dict[str, Any]:
    """The agent view of PROTOCOL."""
    station = state.stations.get(agent.station) if agent.station else None
    return {
        "agent_id": agent.agent_id,
        "name": agent.name,
        "roles": list(agent.roles),
        "groups": list(agent.groups),
        "state": agent.state.value,
        "reason": agent.reason,
        "pending_state": agent.pending.state.value if agent.pending else None,
        "state_since": timestamp(agent.state_since or None),
        "station": {
            "address": station.address,
            "mode": agent.station_mode and agent.station_mode.value,
            "state": station.state.value,
        }
        if station
        else None,
        "contact_ids": list(agent.contact_ids),
        "supervising": {
            "contact_id": agent.supervision.contact_id,
            "agent_id": agent.supervision.target_id,
            "mode": agent.supervision.mode.value if agent.supervision.mode else None,
        }
        if agent.supervision
        else None,
    }


def _legs(contact: Contact) -> list[Leg]:
    """An internal call has no customer: that leg is the PBX's own, between the two agents."""
    legs = contact.legs.values()
    return [leg for leg in legs if not (contact.internal and leg.role is LegRole.CUSTOMER)]


def _leg_view(leg: Leg, contact: Contact) -> dict[str, Any]:
    party = masked(contact.customer.number) if leg.role is LegRole.CUSTOMER else leg.party
    return {
        "leg_id": leg.leg_id,
        "role": leg.role.value,
        "party": party,
        "state": leg.state.value,
        "muted": leg.muted,
    }


def _consult_view(contact: Contact) -> dict[str, Any] | None:
    consult = contact.consult
    if consult is None:
        return None
    return {
        "leg_id": consult.leg_id,
        "to": {kind: masked(to) if kind == "number" else to for kind, to in consult.to.items()},
        "state": "connected" if consult.connected else "ringing",
        "talking_to": consult.talk.value,
        "started_at": timestamp(consult.started_at),
    }


def _callback_view(contact: Contact) -> dict[str, Any] | None:
    wished = contact.callback
    if wished is None:
        return None
    return {"wish_id": wished.wish_id, "asked_at": timestamp(wished.asked_at), "tries": wished.tries}


def _identification_view(contact: Contact) -> dict[str, Any] | None:
    found, walk = contact.identification, contact.walk
    if found is None:
        return None
    asked = walk.asked.value if walk and found.running else None
    return {
        "state": found.state.value,
        "asked": asked,
        "failures": walk.checks if walk else 0,
        "started_at": timestamp(found.started_at),
        "ended_at": timestamp(found.ended_at),
    }


def contact_view(contact: Contact, viewer: Agent) -> dict[str, Any]:
    """The contact view of PROTOCOL, as `viewer` may see it: who handed it on sees after-call work."""
    customer = contact.customer
    state = ContactState.WRAP_UP if viewer.agent_id in contact.wrapping else contact.state
    return {
        "contact_id": contact.contact_id,
        "medium": contact.medium,
        "direction": contact.direction,
        "state": state.value,
        "queue": contact.group_id,
        "priority": contact.priority,
        "customer": {
            "number": masked(customer.number),
            "name": customer.name,
            "tier": customer.tier,
            "elder": customer.elder,
            "verified": customer.verified,
        },
        "service_number": contact.service_number,
        "ivr_path": list(contact.ivr_path),
        "data": dict(contact.data),
        "legs": [_leg_view(leg, contact) for leg in _legs(contact)],
        "recording": {"state": contact.recording.value},
        "consult": _consult_view(contact),
        "callback": _callback_view(contact),
        "identification": _identification_view(contact),
        "allowed_actions": allowed_actions(contact, viewer),
        "arrived_at": timestamp(contact.arrived_at),
        "queued_at": timestamp(contact.queued_at),
        "offered_at": timestamp(contact.offered_at),
        "connected_at": timestamp(contact.connected_at),
        "ended_at": timestamp(contact.ended_at),
        "end_reason": contact.end_reason,
    }


def system_view(state: WorldState) -> dict[str, Any]:
    """Which PBX nodes are in reach."""
    return {"nodes": [{"name": node.name, "in_reach": not node.lost} for node in state.nodes.values()]}


def queue_view(state: WorldState, group: Group) -> dict[str, Any]:
    """The queue view: who waits, and how many of the group's agents are in which state."""
    waiting = [state.contacts[contact_id] for contact_id in group.waiting]
    queued = [contact.queued_at for contact in waiting if contact.queued_at]
    counts = Counter(a.state.value for a in state.agents.values() if group.group_id in a.groups)
    return {
        "queue": group.group_id,
        "name": {"zh": group.name_zh, "en": group.name_en},
        "waiting": len(waiting),
        "oldest_queued_at": timestamp(min(queued, default=None)),
        "agents": {each.value: counts.get(each.value, 0) for each in AgentState},
    }


def own_contacts(state: WorldState, agent: Agent) -> list[dict[str, Any]]:
    """The agent's contacts, for the snapshot of `session.open`."""
    found = (state.contacts.get(contact_id) for contact_id in agent.contact_ids)
    return [contact_view(contact, agent) for contact in found if contact]
