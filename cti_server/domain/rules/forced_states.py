"""A team leader sets another agent's state, or signs it out (REQUIREMENTS E1)."""

from __future__ import annotations

from typing import Any

from cti_server.domain import errors
from cti_server.domain.agent import IN_CONTACT, Agent, AgentState
from cti_server.domain.audience import Matter, may, sees
from cti_server.domain.rules import seats
from cti_server.domain.signals import ForceSignOut, ForceState, SetState, SignOut
from cti_server.domain.step import Step
from cti_server.domain.views import agent_view


def force_state(step: Step, command: ForceState) -> dict[str, Any]:
    """Set an agent's work state; during a contact it is pending, as if the agent had asked."""
    target = _led(step, command.agent_id, command.target_id)
    station = step.state.stations.get(target.station or "")
    usable = station is not None and seats.station_usable(target, station)
    if command.state == AgentState.READY and target.state not in IN_CONTACT and not usable:
        raise errors.StationNotRegistered("the agent's phone is not there")
    seats.set_state(
        step, SetState(command.at, command.request_id, target.agent_id, command.state, command.reason)
    )
    return {"agent": agent_view(step.state, target)}


def force_sign_out(step: Step, command: ForceSignOut) -> dict[str, Any]:
    """Sign an agent out who has no contact."""
    target = _led(step, command.agent_id, command.target_id)
    seats.sign_out(step, SignOut(command.at, command.request_id, target.agent_id, command.reason))
    return {"agent": agent_view(step.state, target)}


def _led(step: Step, leader_id: str, agent_id: str) -> Agent:
    leader = seats.known_agent(step, leader_id)
    if not may(leader, Matter.LEADING):
        raise errors.WrongRole("team leaders only")
    target = seats.known_agent(step, agent_id)
    if not sees(leader, Matter.LEADING, target.groups):
        raise errors.NotYourGroup(f"agent {agent_id} is in none of your groups")
    if not target.signed_in:
        raise errors.NotSignedIn(agent_id)
    return target
