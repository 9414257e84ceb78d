"""After-call work: from the end of the conversation until its outcome is registered (A6)."""

from __future__ import annotations

from typing import Any

from cti_server.domain import errors
from cti_server.domain.agent import Agent, AgentEvent, AskedState, StationMode
from cti_server.domain.contact import Contact, ContactEvent, ContactState
from cti_server.domain.effects import HangUpChannel, Move, Place
from cti_server.domain.events import Event
from cti_server.domain.operation import OperationKind
from cti_server.domain.rules import handing, offers, parties, preference, seats, waiting
from cti_server.domain.rules.operations import finish_operation, own_contact, require
from cti_server.domain.signals import WrapUp
from cti_server.domain.step import Step
from cti_server.domain.views import agent_view, contact_view


def begin_wrap_up(step: Step, contact: Contact) -> None:
    """The customer is gone, the agent has after-call work."""
    agent = step.state.agents[contact.agent_id or ""]
    contact.apply(ContactEvent.FINISH)
    parties.end(step, contact, errors.ContactEnded)
    contact.held_at_phone = False
    offers.drop_agent_leg(step, contact)
    finish_operation(step, contact, OperationKind.HANG_UP)
    agent.apply(AgentEvent.FINISH_TALK, step.at)
    step.set_timer(f"wrap_up:{contact.contact_id}", step.state.groups[contact.group_id].wrap_up_time)
    step.tell_contact(contact, Event.CONTACT_ENDED)
    step.tell_agent(agent, Event.AGENT_STATE_CHANGED)


def wrap_up(step: Step, command: WrapUp) -> dict[str, Any]:
    """Register the outcome and end after-call work."""
    part = handing.part_of(step, command)
    if part:
        return handing.wrap_up_part(step, *part, command)
    contact, agent = own_contact(step, command)
    require(contact, "contact.wrap_up", ContactState.WRAP_UP)
    asked = seats.asked_state(command.next_state) if command.next_state else None
    contact.disposition, contact.summary = command.disposition, command.summary
    if command.call_back_at and contact.campaign:
        contact.data["call_back_at"] = command.call_back_at
    _close(step, contact, agent, asked)
    return {"contact": contact_view(contact, agent), "agent": agent_view(step.state, agent)}


def wrap_up_over(step: Step, contact_id: str) -> None:
    """After-call work ran out of time: the contact is closed without a disposition."""
    contact = step.state.contacts.get(contact_id)
    if contact and contact.state is ContactState.WRAP_UP:
        _close(step, contact, step.state.agents[contact.agent_id or ""], None)


def _close(step: Step, contact: Contact, agent: Agent, asked: AskedState | None) -> None:
    contact.apply(ContactEvent.END)
    step.clear_timer(f"wrap_up:{contact.contact_id}")
    agent.contact_ids.remove(contact.contact_id)
    _quiet(step, contact, agent)
    preference.remember(step, contact)
    waiting.learn(step, contact)
    step.tell_contact(contact, Event.CONTACT_WRAPPED_UP)
    step.remember_end(contact)
    seats.become_free(step, agent, asked)


def _quiet(step: Step, contact: Contact, agent: Agent) -> None:
    """After a call in vain its tone may still sound: the phone must be free for the next one."""
    station = step.state.stations.get(agent.station or "")
    if contact.connected_at is not None or station is None:
        return
    if station.tone_channel:
        step.do(HangUpChannel(contact.node, station.tone_channel))
        station.tone_channel = ""
    elif agent.station_mode is StationMode.PERSISTENT and station.channel:
        step.do(Move(contact.node, station.channel, Place.STATION))
