"""What must be true of the world's state after every signal, whatever happened."""

from __future__ import annotations

from collections.abc import Callable

from cti_server.domain.agent import IN_CONTACT, Agent, AgentState, StationMode
from cti_server.domain.contact import TALK_STATES, Contact, ContactState
from cti_server.domain.leg import LegRole, LegState
from cti_server.domain.queue import turn
from cti_server.domain.rules.seats import station_usable
from cti_server.domain.state import WorldState

CONSULT_STATES = (ContactState.CONSULTING, ContactState.CONFERENCE)
OF_AGENT = {
    ContactState.DIALLING: AgentState.RESERVED,
    ContactState.OFFERED: AgentState.RESERVED,
    ContactState.ACTIVE: AgentState.TALKING,
    ContactState.HELD: AgentState.TALKING,
    ContactState.CONSULTING: AgentState.TALKING,
    ContactState.CONFERENCE: AgentState.TALKING,
    ContactState.WRAP_UP: AgentState.WRAP_UP,
}
"""The state of a contact's agent, by the contact's."""


def check(state: WorldState) -> None:
    """Raise AssertionError, naming what does not hold."""
    for agent in state.agents.values():
        _agent(state, agent)
    for contact in state.contacts.values():
        _contact(state, contact)
    _queues(state)
    _callbacks(state)
    _channels(state)
    _timers(state)


def _agent(state: WorldState, agent: Agent) -> None:
    for contact_id in agent.contact_ids:
        contact = state.contacts[contact_id]
        third = contact.consulted_leg
        parties = (contact.agent_id, third.party if third else None, contact.colleague, *contact.wrapping)
        assert agent.agent_id in parties, (contact, agent)
    assert len(agent.contact_ids) == (1 if agent.state in IN_CONTACT else 0), (agent, "contacts")
    if agent.contact_ids:
        contact = state.contacts[agent.contact_ids[0]]
        wrapping = agent.agent_id in contact.wrapping
        of_agent = AgentState.WRAP_UP if wrapping else OF_AGENT[contact.state]
        if contact.consult and agent.agent_id != contact.agent_id and not wrapping:
            of_agent = AgentState.TALKING if contact.consult.connected else AgentState.RESERVED
        if agent.agent_id == contact.colleague:
            of_agent = AgentState.RESERVED if contact.dialling else AgentState.TALKING
        assert of_agent is agent.state, (contact.state, agent.state)
    assert agent.pending is None or agent.state in IN_CONTACT, (agent, "pending")
    holds_seat = agent.signed_in or agent.station_wait is not None
    assert (agent.station is not None) == holds_seat, (agent, "station")
    assert (agent.station_mode is not None) == holds_seat
    if agent.station:
        station = state.stations[agent.station]
        assert station.agent_id == agent.agent_id
        if agent.state is AgentState.READY:
            assert station_usable(agent, station), (agent, station, "ready without a phone")
            assert agent.connected or f"disconnected:{agent.agent_id}" in state.timers
        if agent.state is AgentState.RESERVED:
            given_up = state.contacts[agent.contact_ids[0]]
            leaves = given_up.dialling is not None and given_up.end_reason
            assert station.channel or leaves, (agent, "reserved without a channel")
    assert (agent.supervision is not None) == (agent.agent_id in state.supervisors)
    if agent.supervision:
        assert agent.state is AgentState.BUSY, (agent, "supervises")
        assert not agent.supervision.request_id or f"supervise:{agent.agent_id}" in state.timers
    if agent.station_wait:
        assert f"station:{agent.station_wait.address}" in state.timers


def _contact(state: WorldState, contact: Contact) -> None:
    assert contact.state is not ContactState.ENDED or contact.wrapping
    for agent_id in contact.wrapping:
        assert agent_id != contact.agent_id
        assert f"after_call:{agent_id}" in state.timers
    queued = contact.state is ContactState.QUEUED
    waits = [g.group_id for g in state.groups.values() if contact.contact_id in g.waiting]
    assert waits == ([contact.group_id] if queued else []), (contact.state, waits)
    assert (contact.dialling is not None) == (contact.state is ContactState.DIALLING)
    if contact.dialling:
        assert f"dial:{contact.contact_id}" in state.timers, "dialled for ever"
    if contact.state in OF_AGENT and not (contact.dialling and contact.agent_id is None):
        assert state.agents[contact.agent_id or ""].contact_ids == [contact.contact_id]
        _consult(state, contact)
    else:
        ended = contact.state is ContactState.ENDED
        assert ended or contact.agent_id is None, (contact.state, contact.agent_id)
        assert contact.agent_leg is None
        assert contact.operation is None
    if contact.operation:
        key = contact.contact_id
        assert f"operation:{key}" in state.timers or f"offer:{key}" in state.timers, contact.operation
    if contact.audio_operation:
        assert f"audio:{contact.contact_id}" in state.timers
    if contact.state is ContactState.OFFERED:
        key = contact.contact_id
        assert contact.agent_leg is not None
        assert f"operation:{key}" in state.timers or f"offer:{key}" in state.timers, "an offer for ever"
    if contact.state in TALK_STATES and contact.agent_leg is None:
        assert _bounded(state, contact), "talking to nobody"
    if contact.state is ContactState.WRAP_UP:
        assert f"wrap_up:{contact.contact_id}" in state.timers
        assert contact.agent_leg is None
    assert not contact.held_at_phone or contact.state is ContactState.HELD


def _callbacks(state: WorldState) -> None:
    """Every wish comes to its turn or its end."""
    for wish_id in state.callbacks:
        assert f"callback:{wish_id}" in state.timers
    for contact in state.contacts.values():
        if contact.to_be_called:
            assert f"callback_over:{contact.contact_id}" in state.timers
            assert contact.state in (ContactState.QUEUED, ContactState.OFFERED), contact


def _consult(state: WorldState, contact: Contact) -> None:
    consult, third = contact.consult, contact.consulted_leg
    assert (consult is not None) == (contact.state in CONSULT_STATES), (contact.state, consult)
    if consult is None:
        return
    assert third is not None, "a third party that is gone"
    assert consult.connected or f"consult:{contact.contact_id}" in state.timers, "rung for ever"
    assert consult.settled or _bounded(state, contact), (contact, "on the way for ever")
    assert contact.state is not ContactState.CONFERENCE or consult.connected


def _bounded(state: WorldState, contact: Contact) -> bool:
    """Something will be done about it."""
    node = state.nodes.get(contact.node)
    timers = (f"{kind}:{contact.contact_id}" in state.timers for kind in ("apart", "operation"))
    return any(timers) or node is None or not node.up


def _queues(state: WorldState) -> None:
    for group in state.groups.values():
        waiting = [state.contacts[contact_id] for contact_id in group.waiting]
        assert len(set(group.waiting)) == len(waiting)
        order = [turn(contact) for contact in waiting]
        assert order == sorted(order)


def _channels(state: WorldState) -> None:
    legs = {
        leg.channel: contact.contact_id
        for contact in state.contacts.values()
        for leg in contact.legs.values()
        if leg.state is not LegState.GONE and leg.role is not LegRole.SUPERVISOR
    }
    assert state.channels == legs
    stations = {st.channel: st.address for st in state.stations.values() if st.channel}
    assert state.station_channels == stations
    for station in state.stations.values():
        agent = state.agents.get(station.agent_id or "")
        assert station.agent_id is None or (agent and agent.station == station.address), station
        assert station.channel or not station.answered
        if station.channel and not (agent and agent.station_mode is StationMode.PERSISTENT):
            watches = agent.supervision if agent else None
            supervising = watches is not None and watches.channel == station.channel
            assert supervising or station.channel in state.channels, "a phone rings for no contact"


def _timers(state: WorldState) -> None:
    """Each is of something that still waits for it."""
    waits: dict[str, Callable[[str], bool]] = {
        "disconnected": lambda of: state.agents[of].signed_in and not state.agents[of].connected,
        "station": lambda of: state.agents[state.stations[of].agent_id or ""].station_wait is not None,
        "after_call": lambda of: any(of in contact.wrapping for contact in state.contacts.values()),
        # Who was taken out of the directory meanwhile is let go when the time is over.
        "subscriber": lambda of: of not in state.agents or not state.agents[of].connected,
        "supervise": lambda of: state.agents[of].supervision is not None,
        "members": lambda of: of in state.nodes,
        "lost": lambda of: not state.nodes[of].up,
        "callback": lambda of: of in state.callbacks,
        "wrap_up": lambda of: state.contacts[of].state is ContactState.WRAP_UP,
        "offer": lambda of: state.contacts[of].state is ContactState.OFFERED,
    }
    for key in state.timers:
        kind, _, of = key.partition(":")
        assert waits[kind](of) if kind in waits else state.contacts[of].live, key
