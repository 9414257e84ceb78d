"""The centre's own matters: a new history, a new leader, the directory of agents, groups and numbers."""

from __future__ import annotations

from cti_server.domain.agent import Agent, AgentEvent, AgentState
from cti_server.domain.effects import Resync
from cti_server.domain.queue import Group
from cti_server.domain.rules import ahead, reroute, seats, subscriptions
from cti_server.domain.signals import (
    AgentConnected,
    AgentDisconnected,
    AgentProfile,
    DirectoryLoaded,
    EpochBegan,
    GroupProfile,
    LeaderStarted,
)
from cti_server.domain.station import Station
from cti_server.domain.step import Step


def epoch_began(step: Step, signal: EpochBegan) -> None:
    """Start sequence numbers again."""
    step.state.epoch = signal.epoch
    for agent in step.state.agents.values():
        agent.seq = 0


def leader_started(step: Step, signal: LeaderStarted) -> None:
    """Every socket was another server's: agents have the grace time to come (back) to this one."""
    step.state.term = signal.term
    for node in step.state.nodes.values():
        ahead.forget(step.state, node.name)
        if node.up:
            node.up, node.seen_until = False, step.state.last_at
    for agent in step.state.agents.values():
        if agent.connected:
            _detach(step, agent)


def directory_loaded(step: Step, signal: DirectoryLoaded) -> None:
    """Take over the directory; whoever is signed in or has a contact stays until done."""
    state = step.state
    if signal.version < state.routing_version:
        return  # read before the last change, told after it
    before = reroute.before(state)
    for group in signal.groups:
        _load_group(step, group)
    for agent in signal.agents:
        _load_agent(step, agent)
    if not state.stations.keys() >= set(signal.stations):
        _look_for_phones(step)
    for address in signal.stations:
        state.stations.setdefault(address, Station(address))
    state.service_numbers = dict(signal.service_numbers)
    state.ivrs = dict(signal.ivrs)
    state.holidays = signal.holidays
    agents = {profile.agent_id for profile in signal.agents}
    for left in [a for a in state.agents.values() if a.agent_id not in agents and a.station is None]:
        del state.agents[left.agent_id]
    kept = set(signal.stations)
    for gone in [s for s in state.stations.values() if s.address not in kept and not s.agent_id]:
        del state.stations[gone.address]
    state.greetings, state.priorities = dict(signal.greetings), signal.priorities
    state.routing_version = signal.version
    reroute.settle(step, signal, before)


def _look_for_phones(step: Step) -> None:
    """Whether a new station's phone is registered was told before we knew of the station: ask again."""
    for node in step.state.nodes.values():
        if node.up:
            step.do(Resync(node.name))


def _load_group(step: Step, profile: GroupProfile) -> None:
    group = step.state.groups.get(profile.group_id)
    if group is None:
        group = step.state.groups[profile.group_id] = Group(
            profile.group_id, profile.name_zh, profile.name_en, profile.ring_timeout, profile.wrap_up_time
        )
    group.name_zh, group.name_en = profile.name_zh, profile.name_en
    group.ring_timeout, group.wrap_up_time = profile.ring_timeout, profile.wrap_up_time
    group.policy, group.successor = profile.policy, ""


def _load_agent(step: Step, profile: AgentProfile) -> None:
    agent = step.state.agents.get(profile.agent_id)
    if agent is None:
        agent = step.state.agents[profile.agent_id] = Agent(
            profile.agent_id, profile.name, profile.roles, dict(profile.groups)
        )
    agent.skills, agent.capacity = dict(profile.skills), dict(profile.capacity)
    agent.name, agent.roles, agent.groups = profile.name, profile.roles, dict(profile.groups)


def agent_connected(step: Step, signal: AgentConnected) -> None:
    """The agent's program is (again) on the socket."""
    agent = step.state.agents.get(signal.agent_id)
    if agent:
        agent.connected = True
        step.clear_timer(f"disconnected:{agent.agent_id}")
        subscriptions.socket_back(step, agent.agent_id)


def agent_disconnected(step: Step, signal: AgentDisconnected) -> None:
    """The agent's program left; a ready agent is offered nothing until it is back."""
    agent = step.state.agents.get(signal.agent_id)
    if agent and agent.connected:
        _detach(step, agent)


def _detach(step: Step, agent: Agent) -> None:
    agent.connected = False
    subscriptions.socket_gone(step, agent.agent_id)
    if agent.signed_in:
        step.set_timer(f"disconnected:{agent.agent_id}", seats.DISCONNECT_GRACE)


def grace_over(step: Step, agent_id: str) -> None:
    """Nobody came back: a ready agent becomes not ready, so that the figures do not count it as there."""
    agent = step.state.agents.get(agent_id)
    if agent and agent.state is AgentState.READY:
        step.move_agent(agent, AgentEvent.GO_NOT_READY, "connection_lost")
