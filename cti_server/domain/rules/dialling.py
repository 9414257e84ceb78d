"""Calls that the centre makes (REQUIREMENTS A5): the agent's phone first, then the customer's.

Decided here: the customer who answers is joined with the agent by the PBX itself, so that no server is
needed in between. What the PBX shows meanwhile is in `dialling_facts`, how it ends without a conversation in
`dialled_in_vain`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cti_server.domain import errors
from cti_server.domain.agent import IN_CONTACT, Agent, AgentState, AskedState, StationMode
from cti_server.domain.contact import Contact, ContactState, Dialling
from cti_server.domain.customer import Customer
from cti_server.domain.effects import HangUpChannel
from cti_server.domain.events import Event
from cti_server.domain.leg import LegRole, LegState
from cti_server.domain.operation import OperationKind
from cti_server.domain.queue import Group
from cti_server.domain.rules import colleagues, conversation, dialled_in_vain, operations, seats
from cti_server.domain.rules.calling import call
from cti_server.domain.rules.dialled_in_vain import CANCELLED
from cti_server.domain.signals import Dial, HangUp
from cti_server.domain.step import Step
from cti_server.domain.target import TargetKind, available_agent, known_group, take_outside_call
from cti_server.domain.views import agent_view, contact_view


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
    contact, _ = operations.own_contact(step, command)
    operations.begin(step, contact, OperationKind.HANG_UP, command)
    contact.end_reason = CANCELLED
    if dialled_in_vain.called(contact):
        step.do(HangUpChannel(contact.node, contact.contact_id))
    else:
        dialled_in_vain.give_up(step, contact, CANCELLED, None)


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
    ring_time = step.state.groups[contact.group_id].ring_timeout
    leg = seats.reserve(step, contact, agent, LegRole.AGENT, ring_time)
    step.tell_agent(agent, Event.AGENT_STATE_CHANGED)
    if agent.station_mode is StationMode.ON_DEMAND:
        step.set_timer(f"dial:{contact.contact_id}", ring_time)
        step.tell_contact(contact, Event.CONTACT_DIALLING)
    else:
        leg.state = LegState.UP
        begin(step, contact)


def begin(step: Step, contact: Contact) -> None:
    """The agent's phone is there."""
    if contact.internal:
        colleagues.ring(step, contact)
    else:
        call(step, contact)
