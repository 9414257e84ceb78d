"""Calls that the centre makes (REQUIREMENTS A5): the agent's phone first, then the customer's.

Decided here: the customer who answers is joined with the agent by the PBX itself, so that no server is
needed in between. A call in vain leaves the agent after-call work, with the outcome as end reason: that is
to be registered, too. An agent whose own phone does not answer has called nobody. A customer who
answers and finds no agent waits for one of the group, like anybody who calls.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cti_server.domain import errors
from cti_server.domain.agent import IN_CONTACT, Agent, AgentEvent, AgentState, AskedState, StationMode
from cti_server.domain.contact import (
    Contact,
    ContactEvent,
    ContactState,
    Customer,
    Dialling,
    Leg,
    LegRole,
    LegState,
    OperationKind,
)
from cti_server.domain.effects import Connect, HangUpChannel, PlayOutcome, Resync
from cti_server.domain.events import Event
from cti_server.domain.queue import Group
from cti_server.domain.rules import callbacks, colleagues, conversation, offers, seats
from cti_server.domain.rules.calling import call
from cti_server.domain.rules.offers import OPERATION_TIME
from cti_server.domain.signals import ChannelFact, Dial, EffectFailed, HangUp
from cti_server.domain.step import Step
from cti_server.domain.target import TargetKind, available_agent, known_group, take_outside_call
from cti_server.domain.views import agent_view, contact_view

BUSY, CANCELLED, NO_ANSWER, NOT_REACHED = "busy", "cancelled", "no_answer", "not_reached"
STATION_LOST, STATION_NO_ANSWER = "station_lost", "station_no_answer"
UNKNOWN_CAUSE = 0
OUTCOMES = {
    1: "invalid_number",
    2: "invalid_number",
    3: "invalid_number",
    16: NO_ANSWER,
    17: BUSY,
    18: NO_ANSWER,
    19: NO_ANSWER,
    21: "rejected",
    22: "invalid_number",
    28: "invalid_number",
}
"""End reason by Q.850 cause; 16: our own ring time ran out. Everything else was not reached."""
LISTENING, LISTENING_TIME = "cti-campaign", 60.0
"""Where a campaign's call is listened to, or a machine spoken to; it ends by itself in these seconds."""
FAILED_TIME = 1.0
"""Seconds in which a call that failed tells by its own end why it did."""


# --- commands ------------------------------------------------------------------------------------------


def dial(step: Step, command: Dial) -> dict[str, Any]:
    """Call somebody; the result has the contact at once, events tell the rest."""
    agent = _free_caller(step, command.agent_id)
    group = _group_for(step, agent, command.group_id)
    station = step.state.stations[agent.station or ""]
    if not seats.station_usable(agent, station):
        raise errors.StationNotRegistered(f"no phone is registered as {station.address}")
    seats.require_node(step, station.node)
    conversation.require_size(command.data)
    number, node = command.to.value, station.node
    if command.to.kind is TargetKind.AGENT:
        colleague = available_agent(step.state, command.to.value, agent, node)
        contact = place(step, node, group.group_id, colleague=colleague.agent_id, data=command.data)
    else:
        take_outside_call(step.state, number, agent, step.at)
        contact = place(
            step,
            node,
            group.group_id,
            number=number,
            campaign=command.campaign,
            data=command.data,
            contact_id=command.contact_id,
        )
    step.request_id = command.request_id
    give(step, contact, agent)
    return {"contact": contact_view(contact, agent), "agent": agent_view(step.state, agent)}


def _free_caller(step: Step, agent_id: str) -> Agent:
    agent = seats.signed_in_agent(step, agent_id)
    if agent.supervision:
        raise errors.AlreadySupervising("stop supervising first")
    if agent.station_wait:
        raise errors.OperationPending("the station's phone is being rung")
    if agent.state in IN_CONTACT:
        raise errors.ContactInProgress(f"contact {agent.contact_ids[0]} is not finished")
    return agent


def _group_for(step: Step, agent: Agent, group_id: str) -> Group:
    """For whom the agent calls. Raises UnknownGroup, NotYourGroup."""
    group = known_group(step.state, group_id or next(iter(agent.groups), ""))
    if group.group_id not in agent.groups:
        raise errors.NotYourGroup(f"you do not belong to group {group.group_id}")
    return group


def hang_up(step: Step, command: HangUp) -> None:
    """Call nobody any more; answered when the customer's phone has stopped ringing."""
    contact, _ = offers.own_contact(step, command)
    offers.begin(step, contact, OperationKind.HANG_UP, command)
    contact.end_reason = CANCELLED
    if _called(contact):
        step.do(HangUpChannel(contact.node, contact.contact_id))
    else:
        _give_up(step, contact, CANCELLED, None)


# --- placing a call: for an agent, or for a group -----------------------------------------------------------


def place(
    step: Step,
    node: str,
    group_id: str,
    *,
    number: str = "",
    colleague: str = "",
    campaign: str = "",
    data: Mapping[str, Any] | None = None,
    contact_id: str = "",
    shown: str = "",
) -> Contact:
    """A contact that begins with a call of ours; `give` or `call` comes next. The caps are the caller's.

    `colleague`, an agent, is called instead of a number: an internal call.
    """
    contact_id = contact_id or step.new_call(node)
    shown = "" if colleague else shown or step.state.outside.caller_id(group_id)
    contact = Contact(contact_id, node, shown, group_id, Customer(number), step.at, ContactState.DIALLING)
    contact.direction, contact.colleague = "internal" if colleague else "outbound", colleague
    contact.campaign, contact.dialling = campaign, Dialling()
    contact.data = dict(data or {})
    contact.add_leg(LegRole.CUSTOMER, "", contact_id, LegState.WAITING)
    step.state.contacts[contact_id] = contact
    step.state.channels[contact_id] = contact_id
    return contact


def give(step: Step, contact: Contact, agent: Agent) -> None:
    """Let the agent make the call: reserved from now on, its phone first. The agent is free, its phone there.

    Afterwards it goes back to the state that it is in now.
    """
    if agent.state is not AgentState.READY:
        agent.pending = AskedState(agent.state, agent.reason)
    contact.agent_id = agent.agent_id
    agent.contact_ids.append(contact.contact_id)
    agent.apply(AgentEvent.RESERVE, step.at)
    station = step.state.stations[agent.station or ""]
    on_demand = agent.station_mode is StationMode.ON_DEMAND
    channel = station.channel or ""
    if on_demand:
        ring_time = step.state.groups[contact.group_id].ring_timeout
        channel = seats.ring_station(step, station, agent, ring_time, contact.contact_id)
        step.set_timer(f"dial:{contact.contact_id}", ring_time)
    leg = contact.add_leg(LegRole.AGENT, agent.agent_id, channel, LegState.RINGING)
    step.state.channels[channel] = contact.contact_id
    step.tell_agent(agent, Event.AGENT_STATE_CHANGED)
    if on_demand:
        step.tell_contact(contact, Event.CONTACT_DIALLING)
    else:
        leg.state = LegState.UP
        _begin(step, contact)


def _begin(step: Step, contact: Contact) -> None:
    """The agent's phone is there."""
    if contact.internal:
        colleagues.ring(step, contact)
    else:
        call(step, contact)


# --- what the PBX shows ----------------------------------------------------------------------------------


def _called(contact: Contact) -> bool:
    return contact.dialling is not None and contact.dialling.called_at is not None


def phone_answered(step: Step, contact: Contact, leg: Leg) -> None:
    """A phone was picked up; a nailed-up one only tells that it idles."""
    if leg.role is LegRole.COLLEAGUE:
        colleagues.phone_answered(step, contact, leg)
    elif leg.state is LegState.RINGING and not contact.end_reason:
        leg.state = LegState.UP
        _begin(step, contact)


def together(step: Step, contact: Contact) -> None:
    """Agent and customer (or colleague) share a bridge."""
    before = contact.dialling
    conversation.together(step, contact)
    if before and contact.internal and contact.dialling is None:
        colleagues.talks(step, contact, before.acceptance)


def agent_leg_gone(step: Step, contact: Contact, cause: int) -> None:
    """The agent's phone did not answer, refused, hung up or vanished: nobody is called any more."""
    leg = contact.agent_leg
    if leg is None:
        return
    leg.state, leg.bridge = LegState.GONE, ""
    step.state.channels.pop(leg.channel, None)
    left = CANCELLED if cause == conversation.NORMAL_CLEARING else STATION_LOST
    if not _called(contact):
        rang = contact.colleague_leg is None
        reason = STATION_NO_ANSWER if rang else left
        _give_up(step, contact, reason, AskedState(AgentState.NOT_READY, STATION_NO_ANSWER) if rang else None)
        return
    contact.end_reason = contact.end_reason or left
    step.do(HangUpChannel(contact.node, contact.contact_id))
    step.set_timer(f"dial:{contact.contact_id}", OPERATION_TIME)


def customer_gone(step: Step, contact: Contact, reason: str = "", cause: int = UNKNOWN_CAUSE) -> None:
    """The customer's channel ended, whatever was going on."""
    if contact.internal and contact.state is not ContactState.ENDED:
        colleagues.over(step, contact, reason or "agent_hung_up")
    elif contact.state is ContactState.DIALLING:
        _ended(step, contact, reason or OUTCOMES.get(cause, NOT_REACHED))
    else:
        conversation.customer_gone(step, contact, reason or "customer_hung_up")


def answered_alone(step: Step, contact: Contact) -> None:
    """The customer answered and waits: for an agent of the group, because its own is gone or never was."""
    if contact.end_reason or contact.internal:  # it was given up in that moment
        step.do(HangUpChannel(contact.node, contact.contact_id))
        return
    agent = step.state.agents.get(contact.agent_id or "")
    colleagues.drop_caller(step, contact)
    if agent:
        agent.contact_ids.remove(contact.contact_id)
    contact.agent_id, contact.dialling = None, None
    step.clear_timer(f"dial:{contact.contact_id}")
    offers.queue(step, contact)
    if agent:
        offers.free_agent(step, agent, None)


def effect_failed(step: Step, contact: Contact, fact: EffectFailed) -> None:
    """The PBX did not call, or did not hang up (a channel that is not there yet, or not any more)."""
    in_doubt = fact.code == errors.OutcomeUnknown.code
    if fact.effect != HangUpChannel.__name__ and not in_doubt and contact.dialling:
        contact.dialling.failed = True
    step.set_timer(f"dial:{contact.contact_id}", OPERATION_TIME if in_doubt else FAILED_TIME)


def overdue(step: Step, contact_id: str) -> None:
    """Nothing was heard for longer than it may ring."""
    contact = step.state.contacts.get(contact_id)
    if contact is None or contact.state is not ContactState.DIALLING or contact.dialling is None:
        return
    if contact.dialling.failed:
        customer_gone(step, contact, NOT_REACHED)
    elif contact.colleague_leg and not _called(contact):
        no_answer = AskedState(AgentState.NOT_READY, NO_ANSWER)
        colleagues.over(step, contact, NO_ANSWER, colleague_next=no_answer)
    elif _called(contact):
        step.set_timer(f"dial:{contact_id}", OPERATION_TIME)
        step.do(Resync(contact.node))
    else:
        _give_up(step, contact, STATION_NO_ANSWER, AskedState(AgentState.NOT_READY, NO_ANSWER))


def corrected(step: Step, contact: Contact, fact: ChannelFact) -> None:
    """After a doubt: the customer's channel is there, in no conversation."""
    leg, dialling = contact.agent_leg, contact.dialling
    if dialling is None:
        return
    dialling.failed = False
    if fact.context == LISTENING:
        step.set_timer(f"dial:{contact.contact_id}", LISTENING_TIME)
    elif fact.context == "cti-let-go":  # it answered while no server lived, and was told so
        contact.end_reason = "abandoned"
        step.set_timer(f"dial:{contact.contact_id}", LISTENING_TIME)
    elif contact.end_reason:
        step.do(HangUpChannel(contact.node, contact.contact_id))
        step.set_timer(f"dial:{contact.contact_id}", OPERATION_TIME)
    elif fact.up and not dialling.answered:
        dialling.answered = True  # about to be joined, most likely
        conversation.watch(step, contact, conversation.APART_TIME)
    elif fact.up and leg:
        agent = step.state.agents[leg.party]
        step.do(Connect(contact.node, contact.contact_id, leg.channel, agent.station or ""))
        conversation.watch(step, contact, OPERATION_TIME)


def missing(step: Step, contact: Contact, at: float) -> None:
    """The PBX has no such channel (`at`: when it was asked): gone unseen, unless it may not be there yet."""
    if contact.to_be_called:
        return
    since = contact.dialling.called_at if contact.dialling else contact.arrived_at
    if since is None:
        return
    if contact.dialling and since + FAILED_TIME >= at:
        step.set_timer(f"dial:{contact.contact_id}", OPERATION_TIME)
    elif since < at:
        if contact.dialling:
            # Should the call be on its way all the same, it is on its way ahead of this.
            step.do(HangUpChannel(contact.node, contact.contact_id))
        customer_gone(step, contact, "gone_unseen")


# --- called in vain ------------------------------------------------------------------------------------


def _give_up(step: Step, contact: Contact, reason: str, next_state: AskedState | None) -> None:
    """Nobody was called: the contact is over, the agent free."""
    if contact.internal:
        colleagues.over(step, contact, reason, caller_next=next_state)
        return
    agent = step.state.agents[contact.agent_id or ""]
    _over(step, contact, reason)
    offers.drop_agent_leg(step, contact)
    contact.apply(ContactEvent.END)
    offers.finish_operation(step, contact, OperationKind.HANG_UP)
    step.tell_contact(contact, Event.CONTACT_ENDED)
    agent.contact_ids.remove(contact.contact_id)
    step.remember_end(contact)
    offers.free_agent(step, agent, next_state)


def _ended(step: Step, contact: Contact, reason: str) -> None:
    """The customer was called in vain: the agent registers that; without an agent it is just over."""
    _over(step, contact, contact.end_reason or reason)
    callbacks.in_vain(step, contact)
    if contact.agent_id is None:
        contact.apply(ContactEvent.END)
        step.tell_contact(contact, Event.CONTACT_ENDED)
        step.remember_end(contact)
        return
    _release_phone(step, contact)
    conversation.begin_wrap_up(step, contact)


def _over(step: Step, contact: Contact, reason: str) -> None:
    contact.ended_at = contact.ended_at or step.at
    contact.end_reason, contact.dialling = reason, None
    contact.customer_leg.state = LegState.GONE
    step.state.channels.pop(contact.contact_id, None)
    for kind in ("dial", "apart"):
        step.clear_timer(f"{kind}:{contact.contact_id}")


def _release_phone(step: Step, contact: Contact) -> None:
    """The agent hears what became of the call, unless it gave up by itself."""
    leg = contact.agent_leg
    if leg is None:
        return
    if contact.end_reason == CANCELLED:
        colleagues.drop_caller(step, contact)
        return
    step.do(PlayOutcome(contact.node, leg.channel, contact.end_reason == BUSY))
    leg.state = LegState.GONE
    step.state.channels.pop(leg.channel, None)
    agent = step.state.agents[leg.party]
    if agent.station_mode is StationMode.ON_DEMAND:  # its channel ends by itself and is nobody's until then
        step.state.station_channels.pop(leg.channel, None)
        station = step.state.stations[agent.station or ""]
        station.release_channel()
        station.tone_channel = leg.channel
