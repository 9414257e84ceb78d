"""Listen, whisper, barge, intercept (REQUIREMENTS E1): who may, and whom."""

from __future__ import annotations

from typing import Any

from cti_server.domain import errors
from cti_server.domain.agent import (
    IN_CONTACT,
    Agent,
    AgentEvent,
    AskedState,
    StationMode,
    Supervision,
    SupervisionMode,
)
from cti_server.domain.audience import Matter, may, sees
from cti_server.domain.contact import Contact
from cti_server.domain.events import Event
from cti_server.domain.rules import operations, seats, supervision
from cti_server.domain.signals import StopSupervising, SuperviseParty
from cti_server.domain.step import Step
from cti_server.domain.views import agent_view

RING_TIME = 30.0


def supervise(step: Step, command: SuperviseParty) -> dict[str, Any] | None:
    """Listen, whisper, barge or intercept; again with another mode: switched without a new call."""
    supervisor = seats.signed_in_agent(step, command.agent_id)
    mode = SupervisionMode(command.mode)
    matter = _require_role(supervisor, mode)
    contact, target = _party(step, command)
    if not sees(supervisor, matter, (contact.group_id,)):
        raise errors.NotYourGroup(f"you do not lead group {contact.group_id}")
    if target is supervisor:
        raise errors.TargetIsSelf("that is your own contact")
    now = supervisor.supervision
    if now and (now.contact_id, now.target_id) != (contact.contact_id, target.agent_id):
        raise errors.AlreadySupervising(f"agent {now.target_id} is being supervised; stop that first")
    if now and now.request_id:
        raise errors.OperationPending("the station's phone is being rung")
    if now is None and (supervisor.state in IN_CONTACT or supervisor.station_wait):
        raise errors.ContactInProgress("finish your own contact first")
    if mode is SupervisionMode.INTERCEPT:
        supervision.require_interceptable(contact)
    _require_node(step, supervisor, contact)
    if now is None:
        now = _begin(step, supervisor, contact, target, mode)
    now.wanted, now.request_id = mode, command.request_id
    step.set_timer(
        f"supervise:{supervisor.agent_id}", RING_TIME if not now.there else operations.OPERATION_TIME
    )
    if now.there:
        supervision.go(step, supervisor, now)
    return None


def _require_role(supervisor: Agent, mode: SupervisionMode) -> Matter:
    """What the mode is in the table of roles. Raises WrongRole."""
    matter = Matter.LISTENING if mode is SupervisionMode.LISTEN else Matter.LEADING
    if not may(supervisor, matter):
        raise errors.WrongRole("team leaders supervise; quality inspectors listen only")
    return matter


def _party(step: Step, command: SuperviseParty) -> tuple[Contact, Agent]:
    """Contact and agent, named by either. Raises UnknownAgent, UnknownContact, NothingToSupervise."""
    state = step.state
    if command.contact_id:
        contact = state.contacts.get(command.contact_id)
        if contact is None:
            raise errors.UnknownContact(f"no contact {command.contact_id[:80]} is live")
    else:
        wanted = seats.known_agent(step, command.target_id)
        found = (state.contacts.get(contact_id) for contact_id in wanted.contact_ids)
        contact = next((c for c in found if c), None)
    target = state.agents.get(contact.agent_id or "") if contact else None
    if contact is None or target is None or not supervision.talks(contact, target):
        raise errors.NothingToSupervise("there is no conversation")
    return contact, target


def _require_node(step: Step, supervisor: Agent, contact: Contact) -> None:
    seats.require_node(step, contact.node)
    station = step.state.stations[supervisor.station or ""]
    if not seats.station_usable(supervisor, station):
        raise errors.StationNotRegistered(f"no phone is registered as {station.address}")
    if station.node != contact.node:
        raise errors.NothingToSupervise("the conversation is at another PBX node")


def _begin(
    step: Step, supervisor: Agent, contact: Contact, target: Agent, mode: SupervisionMode
) -> Supervision:
    """Busy from now on; on demand the supervisor's phone rings first."""
    station = step.state.stations[supervisor.station or ""]
    before = AskedState(supervisor.state, supervisor.reason)
    there = supervisor.station_mode is StationMode.PERSISTENT
    channel = station.channel or ""
    if not there:
        channel = seats.ring_station(step, station, supervisor, RING_TIME, contact.contact_id)
    leg = contact.agent_leg
    it = Supervision(contact.contact_id, target.agent_id, leg.channel if leg else "", channel, before, mode)
    it.there, supervisor.supervision = there, it
    step.state.supervisors.append(supervisor.agent_id)
    supervisor.apply(AgentEvent.GO_BUSY, step.at, "supervising")
    step.tell_agent(supervisor, Event.AGENT_STATE_CHANGED)
    return it


def stop(step: Step, command: StopSupervising) -> dict[str, Any]:
    """Leave the conversation to the two."""
    supervisor = seats.signed_in_agent(step, command.agent_id)
    if supervisor.supervision is None:
        raise errors.NotSupervising
    supervision.end(step, supervisor)
    return {"agent": agent_view(step.state, supervisor)}
