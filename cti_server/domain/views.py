"""What an agent may see: whole objects, JSON values only, customers' numbers masked."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from cti_server.domain.agent import Agent
from cti_server.domain.contact import Contact, ContactState, Leg, LegRole, OperationKind
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
    }


def _leg_view(leg: Leg, contact: Contact) -> dict[str, Any]:
    party = masked(contact.customer.number) if leg.role is LegRole.CUSTOMER else leg.party
    return {
        "leg_id": leg.leg_id,
        "role": leg.role.value,
        "party": party,
        "state": leg.state.value,
        "muted": leg.muted,
    }


_ACTIONS: dict[ContactState, tuple[str, ...]] = {
    ContactState.OFFERED: ("contact.accept", "contact.reject"),
    ContactState.ACTIVE: ("contact.hold", "contact.hang_up", "contact.set_data"),
    ContactState.HELD: ("contact.retrieve", "contact.hang_up", "contact.set_data"),
    ContactState.WRAP_UP: ("contact.set_data", "contact.wrap_up"),
}


def allowed_actions(contact: Contact, agent: Agent) -> list[str]:
    """Methods the agent may call on the contact right now, by their wire names."""
    if contact.agent_id != agent.agent_id:
        return []
    return [action for action in _ACTIONS.get(contact.state, ()) if _open(contact, action)]


def _open(contact: Contact, action: str) -> bool:
    """Whether what is under way leaves room for the action."""
    if action == "contact.set_data":
        return True
    if action == "contact.hang_up":  # overtakes everything but itself
        return contact.operation is None or contact.operation.kind is not OperationKind.HANG_UP
    if action in ("contact.hold", "contact.retrieve") and (contact.held_at_phone or not contact.agent_leg):
        return False
    return contact.operation is None


def contact_view(contact: Contact, viewer: Agent) -> dict[str, Any]:
    """The contact view of PROTOCOL, as `viewer` may see it."""
    customer = contact.customer
    return {
        "contact_id": contact.contact_id,
        "medium": contact.medium,
        "direction": contact.direction,
        "state": contact.state.value,
        "queue": contact.group_id,
        "priority": contact.priority,
        "customer": {
            "number": masked(customer.number),
            "name": customer.name,
            "tier": customer.tier,
            "elder": customer.elder,
        },
        "service_number": contact.service_number,
        "ivr_path": list(contact.ivr_path),
        "data": dict(contact.data),
        "legs": [_leg_view(leg, contact) for leg in contact.legs.values()],
        "recording": {"state": contact.recording.value},
        "consult": None,
        "allowed_actions": allowed_actions(contact, viewer),
        "arrived_at": timestamp(contact.arrived_at),
        "queued_at": timestamp(contact.queued_at),
        "offered_at": timestamp(contact.offered_at),
        "connected_at": timestamp(contact.connected_at),
        "ended_at": timestamp(contact.ended_at),
        "end_reason": contact.end_reason,
    }


def own_contacts(state: WorldState, agent: Agent) -> list[dict[str, Any]]:
    """The agent's contacts, for the snapshot of `session.open`."""
    found = (state.contacts.get(contact_id) for contact_id in agent.contact_ids)
    return [contact_view(contact, agent) for contact in found if contact]
