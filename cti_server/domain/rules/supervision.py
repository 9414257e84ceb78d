"""Supervision: listen, whisper, barge, intercept; another agent's state and sign-out (REQUIREMENTS E1).

The supervisor's own station goes to the agent's channel. Who is supervised does not see it, unless the
supervisor speaks to everybody (barge); every act is in the contact's story.
"""

from __future__ import annotations

from typing import Any

from cti_server.domain import errors
from cti_server.domain.agent import (
    IN_CONTACT,
    Agent,
    AgentEvent,
    AgentState,
    AskedState,
    StationMode,
    Supervision,
    SupervisionMode,
)
from cti_server.domain.contact import (
    Consult,
    Contact,
    ContactEvent,
    ContactState,
    LegRole,
    LegState,
    Operation,
    OperationKind,
    Talk,
)
from cti_server.domain.effects import HangUpChannel, Move, Place, Supervise
from cti_server.domain.events import Event, Reply
from cti_server.domain.rules import consults, conversation, identity, offers, seats
from cti_server.domain.signals import (
    ChannelFact,
    ForceSignOut,
    ForceState,
    SetState,
    SignOut,
    StopSupervising,
    SuperviseParty,
    SupervisorPlaced,
)
from cti_server.domain.state import WorldState
from cti_server.domain.step import Step
from cti_server.domain.views import agent_view

LEADER, INSPECTOR = "team_leader", "quality_inspector"
RING_TIME = 30.0


# --- commands --------------------------------------------------------------------------------------


def supervise(step: Step, command: SuperviseParty) -> dict[str, Any] | None:
    """Listen, whisper, barge or intercept; again with another mode: switched without a new call."""
    supervisor = seats.signed_in_agent(step, command.agent_id)
    mode = SupervisionMode(command.mode)
    _require_role(supervisor, mode)
    contact, target = _party(step, command)
    _require_group(supervisor, contact)
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
        _require_interceptable(contact)
    _require_node(step, supervisor, contact)
    if now is None:
        now = _begin(step, supervisor, contact, target, mode)
    now.wanted, now.request_id = mode, command.request_id
    step.set_timer(f"supervise:{supervisor.agent_id}", RING_TIME if not now.there else offers.OPERATION_TIME)
    if now.there:
        _go(step, supervisor, now)
    return None


def _require_role(supervisor: Agent, mode: SupervisionMode) -> None:
    if LEADER in supervisor.roles or (INSPECTOR in supervisor.roles and mode is SupervisionMode.LISTEN):
        return
    raise errors.WrongRole("team leaders supervise; quality inspectors listen only")


def _require_group(supervisor: Agent, contact: Contact) -> None:
    if INSPECTOR not in supervisor.roles and contact.group_id not in supervisor.groups:
        raise errors.NotYourGroup(f"you do not lead group {contact.group_id}")


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
    if contact is None or target is None or not _talks(contact, target):
        raise errors.NothingToSupervise("there is no conversation")
    return contact, target


def _talks(contact: Contact, target: Agent) -> bool:
    leg = contact.agent_leg
    return contact.state in conversation.TALK_STATES and leg is not None and leg.party == target.agent_id


def _require_interceptable(contact: Contact) -> None:
    offers.require_customer(contact, "supervisor.intercept")
    identity.require_none(contact)
    if contact.state not in (ContactState.ACTIVE, ContactState.HELD):
        raise errors.ActionNotAllowed(f"a contact that is {contact.state} cannot be intercepted")
    if contact.operation:
        raise errors.OperationPending(f"{contact.operation.kind} is under way")
    if contact.held_at_phone:
        raise errors.HeldAtPhone("the agent's phone holds the call")


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
    end(step, supervisor)
    return {"agent": agent_view(step.state, supervisor)}


# --- others' seats ---------------------------------------------------------------------------------


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
    if LEADER not in leader.roles:
        raise errors.WrongRole("team leaders only")
    target = seats.known_agent(step, agent_id)
    if not set(leader.groups) & set(target.groups):
        raise errors.NotYourGroup(f"agent {agent_id} is in none of your groups")
    if not target.signed_in:
        raise errors.NotSignedIn(agent_id)
    return target


# --- what follows ----------------------------------------------------------------------------------


def _go(step: Step, supervisor: Agent, it: Supervision) -> None:
    """The supervisor's channel is there: to the agent's channel with it, or into the agent's place."""
    if it.wanted is SupervisionMode.INTERCEPT:
        _take_over(step, supervisor, it)
        return
    contact = step.state.contacts[it.contact_id]
    address = supervisor.station or ""
    step.do(Supervise(contact.node, it.channel, it.target_channel, it.wanted, address))


def _take_over(step: Step, supervisor: Agent, it: Supervision) -> None:
    """As if the agent had consulted the supervisor and completed: the supervisor has the contact."""
    contact = step.state.contacts[it.contact_id]
    try:
        _require_interceptable(contact)
    except errors.Refusal as refusal:
        _refuse(step, supervisor, it, type(refusal))
        if it.mode is None:
            end(step, supervisor)
        return
    request_id = it.request_id
    supervisor.supervision = None
    step.state.supervisors.remove(supervisor.agent_id)
    step.clear_timer(f"supervise:{supervisor.agent_id}")
    contact.apply(ContactEvent.CONSULT)
    leg = contact.add_leg(LegRole.CONSULTED, supervisor.agent_id, it.channel, LegState.UP)
    contact.consult = Consult(leg.leg_id, {"agent_id": supervisor.agent_id}, step.at, connected=True)
    step.state.channels[it.channel] = contact.contact_id
    supervisor.contact_ids.append(contact.contact_id)
    supervisor.apply(AgentEvent.TALK, step.at)
    step.tell_agent(supervisor, Event.AGENT_STATE_CHANGED)
    contact.operation = Operation(OperationKind.COMPLETE, request_id, supervisor.agent_id)
    step.set_timer(f"operation:{contact.contact_id}", offers.OPERATION_TIME)
    step.note_contact(contact, "supervisor.intercept", {"supervisor_id": supervisor.agent_id})
    consults.arrange(step, contact, contact.consult, Talk.HANDED)


def placed(step: Step, fact: SupervisorPlaced) -> None:
    """The supervisor hears the conversation."""
    supervisor = _supervisor_on(step.state, fact.channel)
    if supervisor is None or supervisor.supervision is None:
        return
    it = supervisor.supervision
    contact = step.state.contacts.get(it.contact_id)
    if contact is None:
        return
    before, it.mode = it.mode, SupervisionMode(fact.mode)
    step.note_contact(contact, f"supervisor.{it.mode}", {"supervisor_id": supervisor.agent_id})
    _show(step, contact, supervisor, before, it.mode)
    step.clear_timer(f"supervise:{supervisor.agent_id}")
    step.request_id, it.request_id = it.request_id, ""
    step.tell_agent(supervisor, Event.AGENT_STATE_CHANGED)
    if step.request_id:
        result = {"agent": agent_view(step.state, supervisor)}
        step.outcome.replies.append(Reply(supervisor.agent_id, step.request_id, result=result))


def _show(
    step: Step,
    contact: Contact,
    supervisor: Agent,
    before: SupervisionMode | None,
    after: SupervisionMode | None,
) -> None:
    """Only who speaks to everybody is seen by those who talk."""
    seen, sees = before is SupervisionMode.BARGE, after is SupervisionMode.BARGE
    if sees and not seen:
        contact.add_leg(LegRole.SUPERVISOR, supervisor.agent_id, "", LegState.TALKING)
        step.tell_contact(contact, Event.CONTACT_LEG_JOINED)
    elif seen and not sees:
        for leg in contact.legs.values():
            if leg.role is LegRole.SUPERVISOR and leg.party == supervisor.agent_id:
                leg.state = LegState.GONE
        step.tell_contact(contact, Event.CONTACT_LEG_LEFT)


def idle(step: Step, supervisor: Agent) -> None:
    """The supervisor's channel idles: its phone was picked up, or there is nothing to hear any more."""
    it = supervisor.supervision
    if it is None:
        return
    if not it.there:
        it.there = True
        _go(step, supervisor, it)
    elif it.mode and not it.request_id:
        end(step, supervisor)


def end(step: Step, supervisor: Agent, refusal: type[errors.Refusal] = errors.NothingToSupervise) -> None:
    """Supervision is over: the channel to its place or ended, the agent as before."""
    it = supervisor.supervision
    if it is None:
        return
    _refuse(step, supervisor, it, refusal)
    supervisor.supervision = None
    step.state.supervisors.remove(supervisor.agent_id)
    station = step.state.stations.get(supervisor.station or "")
    if station and station.channel == it.channel:
        if supervisor.station_mode is StationMode.PERSISTENT:
            step.do(Move(station.node, it.channel, Place.STATION))
        else:
            step.do(HangUpChannel(station.node, it.channel))
            step.state.station_channels.pop(it.channel, None)
            station.release_channel()
    contact = step.state.contacts.get(it.contact_id)
    if contact and contact.live:
        _show(step, contact, supervisor, it.mode, None)
        step.note_contact(contact, "supervisor.stop", {"supervisor_id": supervisor.agent_id})
    if supervisor.state is AgentState.BUSY:
        seats.become_free(step, supervisor, it.before)


def _refuse(step: Step, supervisor: Agent, it: Supervision, refusal: type[errors.Refusal]) -> None:
    step.clear_timer(f"supervise:{supervisor.agent_id}")
    if it.request_id:
        request_id, it.request_id = it.request_id, ""
        step.refuse(supervisor.agent_id, request_id, refusal)


def timed_out(step: Step, agent_id: str) -> None:
    """The phone was not picked up, or the PBX showed nothing."""
    supervisor = step.state.agents[agent_id]
    it = supervisor.supervision
    if it:
        end(step, supervisor, errors.OutcomeUnknown if it.there else errors.StationNoAnswer)


def channel_gone(step: Step, supervisor: Agent) -> None:
    """The supervisor's phone left."""
    end(step, supervisor, errors.StationNoAnswer)


def sweep(step: Step) -> None:
    """Who supervises a conversation that is over stops."""
    for supervisor in [step.state.agents[agent_id] for agent_id in step.state.supervisors]:
        it = supervisor.supervision
        contact = step.state.contacts.get(it.contact_id) if it else None
        target = step.state.agents.get(it.target_id) if it else None
        if not (contact and target and _talks(contact, target)) or supervisor.contact_ids:
            end(step, supervisor)


def corrected(step: Step, node: str, channels: dict[str, ChannelFact]) -> None:
    """After a doubt: who does not hear anything any more is told so."""
    for supervisor in [step.state.agents[agent_id] for agent_id in step.state.supervisors]:
        it = supervisor.supervision
        fact = channels.get(it.channel) if it else None
        if step.state.stations[supervisor.station or ""].node != node:
            continue
        if it and it.mode and not it.request_id and (fact is None or fact.context != "cti-supervise"):
            end(step, supervisor)


def _supervisor_on(state: WorldState, channel: str) -> Agent | None:
    station = state.stations.get(state.station_channels.get(channel, ""))
    return state.agents.get(station.agent_id or "") if station else None
