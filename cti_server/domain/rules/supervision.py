"""Supervision under way: what becomes of it, and who sees it (REQUIREMENTS E1).

The supervisor's own station goes to the agent's channel. Who is supervised does not see it, unless the
supervisor speaks to everybody (barge); every act is in the contact's story.
"""

from __future__ import annotations

from cti_server.domain import errors
from cti_server.domain.agent import Agent, AgentEvent, AgentState, StationMode, Supervision, SupervisionMode
from cti_server.domain.consultation import Consult, Talk
from cti_server.domain.contact import TALK_STATES, Contact, ContactEvent, ContactState
from cti_server.domain.effects import HangUpChannel, Move, Place, Supervise
from cti_server.domain.events import Event, Reply
from cti_server.domain.leg import LegRole, LegState
from cti_server.domain.operation import Operation, OperationKind
from cti_server.domain.rules import consult_goals, identity, operations, seats
from cti_server.domain.signals import ChannelFact, SupervisorPlaced
from cti_server.domain.state import WorldState
from cti_server.domain.step import Step
from cti_server.domain.views import agent_view


def talks(contact: Contact, target: Agent) -> bool:
    """Whether the agent is in a conversation of this contact."""
    leg = contact.agent_leg
    return contact.state in TALK_STATES and leg is not None and leg.party == target.agent_id


def require_interceptable(contact: Contact) -> None:
    """Raises a refusal when the contact cannot be taken over from its agent now."""
    operations.require_customer(contact, "supervisor.intercept")
    identity.require_none(contact)
    if contact.state not in (ContactState.ACTIVE, ContactState.HELD):
        raise errors.ActionNotAllowed(f"a contact that is {contact.state} cannot be intercepted")
    if contact.operation:
        raise errors.OperationPending(f"{contact.operation.kind} is under way")
    if contact.held_at_phone:
        raise errors.HeldAtPhone("the agent's phone holds the call")


def go(step: Step, supervisor: Agent, it: Supervision) -> None:
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
        require_interceptable(contact)
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
    step.set_timer(f"operation:{contact.contact_id}", operations.OPERATION_TIME)
    step.note_contact(contact, "supervisor.intercept", {"supervisor_id": supervisor.agent_id})
    consult_goals.arrange(step, contact, contact.consult, Talk.HANDED)


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
        go(step, supervisor, it)
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
        if not (contact and target and talks(contact, target)) or supervisor.contact_ids:
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
