"""Calls that the centre made in vain.

Decided here: a call in vain leaves the agent after-call work, with the outcome as end reason: that is to be
registered, too. An agent whose own phone does not answer has called nobody.
"""

from __future__ import annotations

from cti_server.domain.agent import AskedState, StationMode
from cti_server.domain.contact import Contact, ContactEvent
from cti_server.domain.effects import PlayOutcome
from cti_server.domain.events import Event
from cti_server.domain.leg import LegState
from cti_server.domain.operation import OperationKind
from cti_server.domain.rules import after_call, callbacks, colleagues, offers, operations
from cti_server.domain.step import Step

BUSY = "busy"
CANCELLED = "cancelled"
NO_ANSWER = "no_answer"
NOT_REACHED = "not_reached"
STATION_LOST = "station_lost"
STATION_NO_ANSWER = "station_no_answer"


def called(contact: Contact) -> bool:
    """Whether the PBX was asked to call the customer (or to join the colleague)."""
    return contact.dialling is not None and contact.dialling.called_at is not None


def give_up(step: Step, contact: Contact, reason: str, next_state: AskedState | None) -> None:
    """Nobody was called: the contact is over, the agent free."""
    if contact.internal:
        colleagues.over(step, contact, reason, caller_next=next_state)
        return
    agent = step.state.agents[contact.agent_id or ""]
    _over(step, contact, reason)
    offers.drop_agent_leg(step, contact)
    contact.apply(ContactEvent.END)
    operations.finish_operation(step, contact, OperationKind.HANG_UP)
    step.tell_contact(contact, Event.CONTACT_ENDED)
    agent.contact_ids.remove(contact.contact_id)
    step.remember_end(contact)
    offers.free_agent(step, agent, next_state)


def ended(step: Step, contact: Contact, reason: str) -> None:
    """The customer was called in vain: the agent registers that; without an agent it is just over."""
    _over(step, contact, contact.end_reason or reason)
    callbacks.in_vain(step, contact)
    if contact.agent_id is None:
        contact.apply(ContactEvent.END)
        step.tell_contact(contact, Event.CONTACT_ENDED)
        step.remember_end(contact)
        return
    _release_phone(step, contact)
    after_call.begin_wrap_up(step, contact)


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
