"""The agent's seat: sign in and out, work states, the station's phone (REQUIREMENTS A1, A2)."""

from __future__ import annotations

from typing import Any

from cti_server.domain import errors
from cti_server.domain.agent import (
    ASKABLE,
    IN_CONTACT,
    Agent,
    AgentEvent,
    AgentState,
    AskedState,
    StationMode,
    StationPurpose,
    StationWait,
)
from cti_server.domain.contact import Contact
from cti_server.domain.effects import HangUpChannel, RingStation
from cti_server.domain.events import Event, Reply
from cti_server.domain.leg import Leg, LegRole, LegState
from cti_server.domain.rules import ahead, fallback
from cti_server.domain.signals import SetState, SignIn, SignOut
from cti_server.domain.station import Station, station_address
from cti_server.domain.step import Step
from cti_server.domain.views import agent_view

DISCONNECT_GRACE = 30.0
"""Seconds a ready agent keeps its state without an agent program on the socket."""
STATION_RING_TIME = 30.0
"""Seconds a persistent station's phone rings at sign-in."""
SEAT_ROLES = frozenset({"agent", "team_leader", "quality_inspector"})


def known_agent(step: Step, agent_id: str) -> Agent:
    """The agent, or UnknownAgent."""
    agent = step.state.agents.get(agent_id)
    if agent is None:
        raise errors.UnknownAgent(agent_id)
    return agent


def signed_in_agent(step: Step, agent_id: str) -> Agent:
    """The agent, or UnknownAgent / NotSignedIn."""
    agent = known_agent(step, agent_id)
    if not agent.signed_in:
        raise errors.NotSignedIn(agent_id)
    return agent


def sign_in(step: Step, command: SignIn) -> dict[str, Any] | None:
    """Take a seat. On a persistent station the answer waits for the phone's."""
    agent = known_agent(step, command.agent_id)
    if not SEAT_ROLES & set(agent.roles):
        raise errors.WrongRole("signing in at a seat needs the role agent, team_leader or quality_inspector")
    if agent.station_wait:
        raise errors.OperationPending("a sign-in is under way")
    station = _free_station(step, command, agent)
    mode = StationMode(command.station_mode)
    if agent.signed_in:
        if (agent.station, agent.station_mode) != (station.address, mode):
            raise errors.AlreadySignedIn(f"signed in at station {agent.station}; sign out first")
        return {"agent": agent_view(step.state, agent)}
    if not station.registered:
        raise errors.StationNotRegistered(f"no phone is registered as {station.address}")
    if mode is StationMode.PERSISTENT:
        require_node(step, station.node)
    station.agent_id = agent.agent_id
    agent.station, agent.station_mode = station.address, mode
    if mode is StationMode.PERSISTENT:
        _ring(step, agent, station, StationWait(command.request_id, StationPurpose.SIGN_IN, station.address))
        return None
    _take_seat(step, agent)
    return {"agent": agent_view(step.state, agent)}


def require_node(step: Step, name: str) -> None:
    """Raises PbxUnavailable when the PBX node is out of reach, before anything is done."""
    node = step.state.nodes.get(name)
    if node is None or not node.up:
        raise errors.PbxUnavailable(f"PBX node {name} is out of reach; calls there go on")


def _free_station(step: Step, command: SignIn, agent: Agent) -> Station:
    address = station_address(command.station, agent.agent_id)
    station = step.state.stations.get(address)
    if station is None:
        raise errors.UnknownStation(f"no station {address}")
    if station.agent_id not in (None, agent.agent_id):
        raise errors.StationInUse(f"station {address} is agent {station.agent_id}'s")
    return station


def _ring(step: Step, agent: Agent, station: Station, wait: StationWait) -> None:
    agent.station_wait = wait
    ring_station(step, station, agent, STATION_RING_TIME)
    step.set_timer(f"station:{station.address}", STATION_RING_TIME + 5)


def ring_station(step: Step, station: Station, agent: Agent, timeout: float, contact_id: str = "") -> str:
    """Call the phone with a new channel id of ours; returns that id."""
    channel = step.new_channel(station.address)
    station.channel, station.answered = channel, False
    step.state.station_channels[channel] = station.address
    mode = agent.station_mode or StationMode.ON_DEMAND
    step.do(RingStation(station.node, channel, station.address, mode, timeout, contact_id))
    return channel


def reserve(step: Step, contact: Contact, agent: Agent, role: LegRole, ring_time: float) -> Leg:
    """Reserve the agent for the contact; on demand its phone begins to ring. Its leg."""
    station = step.state.stations[agent.station or ""]
    agent.contact_ids.append(contact.contact_id)
    agent.apply(AgentEvent.RESERVE, step.at)
    channel = station.channel or ""
    if agent.station_mode is StationMode.ON_DEMAND:
        channel = ahead.adopted(step, contact, station)
        channel = channel or ring_station(step, station, agent, ring_time, contact.contact_id)
    leg = contact.add_leg(role, agent.agent_id, channel, LegState.RINGING)
    step.state.channels[channel] = contact.contact_id
    return leg


def _take_seat(step: Step, agent: Agent) -> None:
    agent.apply(AgentEvent.SIGN_IN, step.at)
    step.tell_agent(agent, Event.AGENT_SIGNED_IN)
    fallback.join(step, agent)


def sign_out(step: Step, command: SignOut) -> dict[str, Any]:
    """Leave the seat; a sign-in still waiting for its phone is given up."""
    agent = known_agent(step, command.agent_id)
    if agent.station_wait:
        give_up_station(step, agent, errors.SignInWithdrawn)
    elif not agent.signed_in:
        raise errors.NotSignedIn(agent.agent_id)
    if agent.supervision:
        raise errors.AlreadySupervising("stop supervising first")
    if agent.contact_ids:
        raise errors.ContactInProgress(f"contact {agent.contact_ids[0]} is not finished")
    if agent.signed_in:
        leave_seat(step, agent, command.reason)
    return {"agent": agent_view(step.state, agent)}


def leave_seat(step: Step, agent: Agent, reason: str) -> None:
    """Sign out an agent that has no contact."""
    fallback.leave(step, agent)
    station = step.state.stations.get(agent.station or "")
    agent.pending = None
    agent.apply(AgentEvent.SIGN_OUT, step.at, reason)
    if station:
        release_station(step, station)
    agent.station = agent.station_mode = None
    step.clear_timer(f"disconnected:{agent.agent_id}")
    step.tell_agent(agent, Event.AGENT_SIGNED_OUT)


def release_station(step: Step, station: Station) -> None:
    """Nobody uses the station any more: end its channel."""
    if station.channel:
        step.do(HangUpChannel(station.node, station.channel))
        step.state.station_channels.pop(station.channel, None)
    station.release_channel()
    station.agent_id = None
    step.clear_timer(f"station:{station.address}")


def set_state(step: Step, command: SetState) -> dict[str, Any] | None:
    """Change the work state; kept as `pending_state` while a contact is in progress (A2)."""
    agent = signed_in_agent(step, command.agent_id)
    asked = asked_state(command.state, command.reason)
    if agent.supervision:
        raise errors.AlreadySupervising("stop supervising first")
    if agent.state in IN_CONTACT:
        agent.pending = asked
        step.tell_agent(agent, Event.AGENT_STATE_CHANGED)
        return {"agent": agent_view(step.state, agent)}
    if agent.station_wait:
        raise errors.OperationPending("the station's phone is being rung")
    station = step.state.stations[agent.station or ""]
    if asked.state is AgentState.READY and not station_usable(agent, station):
        if not station.registered:
            raise errors.StationNotRegistered(f"no phone is registered as {station.address}")
        require_node(step, station.node)
        _ring(step, agent, station, StationWait(command.request_id, StationPurpose.GO_READY, station.address))
        return None
    if (agent.state, agent.reason) != (asked.state, asked.reason):
        move(step, agent, asked)
    return {"agent": agent_view(step.state, agent)}


def asked_state(state: str, reason: str = "") -> AskedState:
    """A state an agent may ask for. Raises ActionNotAllowed for any other."""
    if state not in ASKABLE:
        raise errors.ActionNotAllowed(f"the state {state[:20]} cannot be asked for")
    return AskedState(AgentState(state), reason)


def move(step: Step, agent: Agent, asked: AskedState) -> None:
    """Into an idle state. Ready with no program on the socket holds for the grace time only."""
    step.move_agent(agent, ASKABLE[asked.state], asked.reason)
    watch_connection(step, agent)


def watch_connection(step: Step, agent: Agent) -> None:
    """Start the grace time of a ready agent whose program is away."""
    if agent.state is AgentState.READY and not agent.connected:
        step.set_timer(f"disconnected:{agent.agent_id}", DISCONNECT_GRACE)


def station_usable(agent: Agent, station: Station) -> bool:
    """Whether a contact could be connected there: nailed-up channel up, or phone registered."""
    if agent.station_mode is StationMode.PERSISTENT:
        return bool(station.channel and station.answered)
    return station.registered


def become_free(step: Step, agent: Agent, asked: AskedState | None = None) -> None:
    """After a contact: the asked, else the pending state, else ready; not ready when the phone is gone."""
    target = asked or agent.pending or AskedState(AgentState.READY)
    agent.pending = None
    station = step.state.stations.get(agent.station or "")
    if target.state is AgentState.READY and not (station and station_usable(agent, station)):
        target = AskedState(AgentState.NOT_READY, "station_lost")
    move(step, agent, target)


def lose_phone(step: Step, agent: Agent) -> None:
    """The phone was lost in the middle of a conversation: the agent cannot go on being ready."""
    kept = agent.pending if agent.pending and agent.pending.state is not AgentState.READY else None
    agent.pending = None
    move(step, agent, kept or AskedState(AgentState.NOT_READY, "station_lost"))


def station_answered(step: Step, agent: Agent) -> None:
    """The persistent station's phone answered: finish the command that waited for it."""
    wait = agent.station_wait
    if wait is None:
        return
    agent.station_wait = None
    step.clear_timer(f"station:{wait.address}")
    step.request_id = wait.request_id
    if wait.purpose is StationPurpose.SIGN_IN:
        _take_seat(step, agent)
    elif agent.state in IN_CONTACT:  # it took a call from the fallback queue meanwhile
        agent.pending = AskedState(AgentState.READY)
        step.tell_agent(agent, Event.AGENT_STATE_CHANGED)
    else:
        move(step, agent, AskedState(AgentState.READY))
    result = {"agent": agent_view(step.state, agent)}
    step.outcome.replies.append(Reply(agent.agent_id, wait.request_id, result=result))


def give_up_station(step: Step, agent: Agent, refusal: type[errors.Refusal]) -> None:
    """The phone did not answer: refuse the command that waited for it, leave no channel."""
    wait = agent.station_wait
    if wait is None:
        return
    agent.station_wait = None
    station = step.state.stations[wait.address]
    release_station(step, station)
    if wait.purpose is StationPurpose.SIGN_IN:
        agent.station = agent.station_mode = None
    else:
        station.agent_id = agent.agent_id
    step.refuse(agent.agent_id, wait.request_id, refusal)


def station_timed_out(step: Step, address: str) -> None:
    """The ring time of a persistent station ran out."""
    station = step.state.stations.get(address)
    agent = step.state.agents.get(station.agent_id or "") if station else None
    if agent:
        give_up_station(step, agent, errors.StationNoAnswer)


def station_lost(step: Step, agent: Agent, reason: str) -> None:
    """An idle agent's phone went away: it cannot be ready any more."""
    if agent.state is AgentState.READY:
        agent.apply(AgentEvent.GO_NOT_READY, step.at, reason)
        step.tell_agent(agent, Event.AGENT_STATE_CHANGED)
