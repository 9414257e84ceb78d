"""Whom a call may be passed on to: a group, an agent, a number outside. One place for who may be called."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from cti_server.domain import errors

if TYPE_CHECKING:
    from cti_server.domain.agent import Agent
    from cti_server.domain.queue import Group
    from cti_server.domain.state import WorldState

HOUR, MINUTE = 3600.0, 60.0


class TargetKind(StrEnum):
    """What `to` names."""

    GROUP = "group"
    AGENT = "agent_id"
    NUMBER = "number"


@dataclass(frozen=True, slots=True)
class Target:
    """`{group}`, `{agent_id}` or `{number}` of PROTOCOL; the kind's value is the key on the wire."""

    kind: TargetKind
    value: str


def known_group(state: WorldState, group_id: str) -> Group:
    """The group. Raises UnknownGroup."""
    group = state.groups.get(group_id)
    if group is None or group.successor:
        raise errors.UnknownGroup(f"no group {group_id[:40]}")
    return group


def available_agent(state: WorldState, agent_id: str, caller: Agent, node: str) -> Agent:
    """The agent, who can be rung right now at that PBX node.

    Raises UnknownAgent, TargetIsSelf, AgentNotAvailable (signed out, not ready, without program, elsewhere).
    """
    agent = state.agents.get(agent_id)
    if agent is None:
        raise errors.UnknownAgent(agent_id[:40])
    if agent is caller:
        raise errors.TargetIsSelf(f"{agent_id} is yourself")
    if not agent.may_be_offered() or not _at(state, agent, node):
        raise errors.AgentNotAvailable(f"agent {agent_id} is {agent.state}")
    return agent


def free_agent_of(state: WorldState, group_id: str, caller: Agent, node: str) -> Agent:
    """The group's agent who is idle longest. Raises UnknownGroup, AgentNotAvailable (nobody is free)."""
    known_group(state, group_id)
    free = [
        agent
        for agent in state.agents.values()
        if group_id in agent.groups
        and agent is not caller
        and agent.may_be_offered()
        and _at(state, agent, node)
    ]
    if not free:
        raise errors.AgentNotAvailable(f"nobody of group {group_id} is free")
    return min(free, key=lambda agent: agent.idle_since)


def _at(state: WorldState, agent: Agent, node: str) -> bool:
    """Channels of two nodes cannot be bridged."""
    station = state.stations.get(agent.station or "")
    return station is not None and station.node == node


def take_outside_call(state: WorldState, number: str, caller: Agent, at: float) -> None:
    """Count a call to that number against the caps; call it last, after every other check.

    Raises NumberNotAllowed, AgentCapReached, CentreCapReached; then nothing is counted.
    """
    rules = state.outside
    if not rules.allows(number):
        raise errors.NumberNotAllowed("the number is not on the allow-list")
    of_agent = [when for when in caller.outside_calls if when > at - HOUR]
    of_all = [when for when in state.outside_calls if when > at - MINUTE]
    if len(of_agent) >= rules.agent_calls_per_hour:
        raise errors.AgentCapReached(f"{rules.agent_calls_per_hour} outside calls in the last hour")
    if len(of_all) >= rules.calls_per_minute:
        raise errors.CentreCapReached(f"{rules.calls_per_minute} outside calls in the last minute")
    caller.outside_calls, state.outside_calls = [*of_agent, at], [*of_all, at]
