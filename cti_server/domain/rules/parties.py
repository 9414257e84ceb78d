"""The third party of a contact: how it comes in and how it leaves, whoever ends it."""

from __future__ import annotations

from cti_server.domain import errors
from cti_server.domain.agent import Agent, AskedState, StationMode
from cti_server.domain.contact import Contact, ContactEvent, ContactState
from cti_server.domain.effects import CallThird, HangUpChannel, Move, Place
from cti_server.domain.events import Event
from cti_server.domain.leg import Leg, LegRole, LegState
from cti_server.domain.operation import OperationKind
from cti_server.domain.rules import offers, operations, seats
from cti_server.domain.step import Step
from cti_server.domain.views import masked

CONSULT_OPERATIONS = frozenset(
    {
        OperationKind.CONSULT,
        OperationKind.ALTERNATE,
        OperationKind.COMPLETE,
        OperationKind.CANCEL_CONSULT,
        OperationKind.CONFERENCE,
        OperationKind.DROP_LEG,
    }
)


def agent_on(step: Step, leg: Leg) -> Agent | None:
    """The agent at whose station the leg is; None for a number outside."""
    station = step.state.stations.get(step.state.station_channels.get(leg.channel, ""))
    return step.state.agents.get(station.agent_id or "") if station else None


def nailed_up(step: Step, leg: Leg) -> bool:
    """Whether the leg's channel is a persistent station's, which stays."""
    agent = agent_on(step, leg)
    return agent is not None and agent.station_mode is StationMode.PERSISTENT


def address(step: Step, leg: Leg) -> str:
    """The station's, empty for a number outside."""
    return step.state.station_channels.get(leg.channel, "")


def call(step: Step, contact: Contact, number: str) -> Leg:
    """Call a number outside; the caps are the caller's. The number is shown masked everywhere."""
    rules = step.state.outside
    channel = step.new_call(contact.node)
    leg = contact.add_leg(LegRole.CONSULTED, masked(number), channel, LegState.RINGING)
    step.state.channels[channel] = contact.contact_id
    step.do(CallThird(contact.node, channel, number, rules.caller_id(contact.group_id), rules.ring_time))
    step.set_timer(f"consult:{contact.contact_id}", rules.ring_time + operations.OPERATION_TIME)
    return leg


def outside(step: Step, leg: Leg) -> bool:
    """Whether the leg is a number outside."""
    return leg.role is LegRole.CONSULTED and leg.channel not in step.state.station_channels


def drop_rest(step: Step, contact: Contact) -> None:
    """The customer is gone: whoever outside it was left with has nobody to talk to."""
    for leg in contact.legs.values():
        if leg.role is LegRole.CONSULTED and leg.state is not LegState.GONE:
            drop(step, contact, leg)


def ring(step: Step, contact: Contact, agent: Agent) -> Leg:
    """Reserve the agent; on demand its phone begins to ring."""
    ring_time = step.state.groups[contact.group_id].ring_timeout
    leg = seats.reserve(step, contact, agent, LegRole.CONSULTED, ring_time)
    step.set_timer(f"consult:{contact.contact_id}", ring_time)
    return leg


def end(
    step: Step,
    contact: Contact,
    refusal: type[errors.Refusal],
    moves: ContactEvent | None = None,
    next_state: AskedState | None = None,
) -> None:
    """The third party is out; `moves` says what that makes of the contact. What was under way is refused."""
    consult, leg = contact.consult, contact.consulted_leg
    if consult is None:
        return
    agent = _consulted_agent(step, contact)
    if leg:
        drop(step, contact, leg)
    conferred = contact.state is ContactState.CONFERENCE
    contact.consult = None
    step.clear_timer(f"consult:{contact.contact_id}")
    if consult.acceptance:
        step.refuse(consult.acceptance.agent_id, consult.acceptance.request_id, refusal)
    if contact.operation and contact.operation.kind in CONSULT_OPERATIONS:
        operations.refuse_operation(step, contact, refusal)
    if moves:
        contact.apply(moves)
    if agent:
        agent.contact_ids.remove(contact.contact_id)
    if conferred:
        step.tell_contact(contact, Event.CONTACT_LEG_LEFT)
    step.tell_contact(contact, Event.CONTACT_CONSULT_ENDED, also=(agent,) if agent else ())
    if agent:
        offers.free_agent(step, agent, next_state)


def _consulted_agent(step: Step, contact: Contact) -> Agent | None:
    leg = contact.legs[contact.consult.leg_id] if contact.consult else None
    agent = step.state.agents.get(leg.party) if leg else None
    return agent if agent and contact.contact_id in agent.contact_ids else None


def drop(step: Step, contact: Contact, leg: Leg) -> None:
    """A leg is over. Its channel ends too, unless it is a nailed-up one: that goes to its own place."""
    rang, leg.state, leg.bridge = leg.state is LegState.RINGING, LegState.GONE, ""
    step.state.channels.pop(leg.channel, None)
    if nailed_up(step, leg):
        if not rang:
            step.do(Move(contact.node, leg.channel, Place.STATION))
        return
    station = step.state.stations.get(step.state.station_channels.pop(leg.channel, ""))
    if station and station.channel == leg.channel:
        station.release_channel()
    step.do(HangUpChannel(contact.node, leg.channel))
