"""The conversation and its end: hold, retrieve, hang up, attached data, after-call work (A3, A6)."""

from __future__ import annotations

import json
from typing import Any

from cti_server.domain import errors
from cti_server.domain.agent import Agent, AgentEvent, AgentState, AskedState, StationMode
from cti_server.domain.contact import (
    Contact,
    ContactEvent,
    ContactState,
    LegState,
    OperationKind,
    RecordingState,
)
from cti_server.domain.effects import Connect, HangUpChannel, HoldCustomer, Move, Place, Resync
from cti_server.domain.events import Event
from cti_server.domain.policy import VOICEMAIL
from cti_server.domain.rules import (
    arrangement,
    handing,
    identity,
    offers,
    parties,
    preference,
    seats,
    voicemail,
    waiting,
)
from cti_server.domain.rules.offers import begin, finish_operation, own_contact, require
from cti_server.domain.signals import HangUp, Hold, Retrieve, SetData, WrapUp
from cti_server.domain.step import Step
from cti_server.domain.views import agent_view, contact_view

TALK_STATES = (
    ContactState.ACTIVE,
    ContactState.HELD,
    ContactState.CONSULTING,
    ContactState.CONFERENCE,
)
APART_TIME = 1.0
"""Seconds two legs may be out of their bridge with nothing to explain it."""
MOST_DATA = 32 * 1024
"""Bytes of attached data as JSON: it goes along with every notification of the contact."""
KNOWN_REASONS = frozenset({"answered_unserved", "transferred_outside", waiting.CLOSED, VOICEMAIL})
"""Of contacts that no agent had at their end, yet were not abandoned."""
REFUSED_TIME = 5.0
"""Seconds in which a phone whose REFER was refused may take that for the end of its call."""
NORMAL_CLEARING = 16
"""Q.850 cause of a party that hung up on purpose."""


def hold(step: Step, command: Hold) -> None:
    """Customer to music, station to its place; answered when the customer is there."""
    contact, _ = own_contact(step, command)
    require(contact, "contact.hold", ContactState.ACTIVE)
    identity.require_none(contact)  # in doubt: perhaps the customer is with the machine
    leg = contact.agent_leg
    if leg is None:
        raise errors.ActionNotAllowed("the conversation is ending")
    begin(step, contact, OperationKind.HOLD, command)
    step.do(HoldCustomer(contact.node, contact.contact_id, leg.channel))


def retrieve(step: Step, command: Retrieve) -> None:
    """Bring them together again; answered when they are."""
    contact, agent = own_contact(step, command)
    require(contact, "contact.retrieve", ContactState.HELD)
    if contact.held_at_phone:
        raise errors.HeldAtPhone("the phone holds the call; retrieve it there")
    leg = contact.agent_leg
    if leg is None:
        raise errors.ActionNotAllowed("the conversation is ending")
    begin(step, contact, OperationKind.RETRIEVE, command)
    identity.take_back(step, contact)
    step.do(Connect(contact.node, contact.contact_id, leg.channel, agent.station or ""))


def hang_up(step: Step, command: HangUp) -> None:
    """End the conversation; answered when the customer's channel is gone."""
    contact, _ = own_contact(step, command)
    require(contact, "contact.hang_up", *TALK_STATES)
    if contact.operation and contact.operation.kind is not OperationKind.HANG_UP:
        # Hanging up overtakes what is under way: nobody waits for a hold to end a call.
        seats.require_node(step, contact.node)
        offers.refuse_operation(step, contact, errors.ContactEnded)
    begin(step, contact, OperationKind.HANG_UP, command)
    contact.end_reason = "agent_hung_up"
    step.do(HangUpChannel(contact.node, contact.contact_id))


def require_size(data: dict[str, Any]) -> None:
    """Raises DataTooLarge."""
    if len(json.dumps(data, ensure_ascii=False).encode()) > MOST_DATA:
        raise errors.DataTooLarge(f"a contact carries at most {MOST_DATA} bytes of attached data")


def set_data(step: Step, command: SetData) -> dict[str, Any]:
    """Merge attached data; null removes a key."""
    contact, agent = own_contact(step, command)
    if contact.state not in (*TALK_STATES, ContactState.DIALLING, ContactState.WRAP_UP):
        raise errors.ActionNotAllowed(f"contact.set_data is not allowed while the contact is {contact.state}")
    merged = {key: value for key, value in {**contact.data, **command.data}.items() if value is not None}
    require_size(merged)
    contact.data = merged
    step.tell_contact(contact, Event.CONTACT_DATA_CHANGED)
    return {"contact": contact_view(contact, agent)}


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


# --- what the PBX shows ------------------------------------------------------------------------------


def customer_on_hold(step: Step, contact: Contact) -> None:
    """The customer hears music in the holding place."""
    leg = contact.agent_leg
    if contact.state is not ContactState.ACTIVE or leg is None:
        return
    step.clear_timer(f"apart:{contact.contact_id}")
    contact.apply(ContactEvent.HOLD)
    contact.customer_leg.state, leg.state = LegState.HELD, LegState.UP
    finish_operation(step, contact, OperationKind.HOLD)
    step.tell_contact(contact, Event.CONTACT_HELD)


def together(step: Step, contact: Contact) -> None:
    """Customer and agent share a bridge."""
    step.clear_timer(f"apart:{contact.contact_id}")
    identity.together(step, contact)
    contact.referred_to = ""
    if contact.state is ContactState.HELD and not contact.held_at_phone:
        contact.apply(ContactEvent.RETRIEVE)
        offers.talking(contact)
        finish_operation(step, contact, OperationKind.RETRIEVE)
        step.tell_contact(contact, Event.CONTACT_RETRIEVED)
    elif contact.state not in (*TALK_STATES, ContactState.WRAP_UP, ContactState.ENDED):
        offers.connected(step, contact)


def phone_held(step: Step, contact: Contact) -> None:
    """The agent's phone holds by itself: the same state as a hold from the seat (A3)."""
    if contact.state is ContactState.ACTIVE and contact.operation is None:
        contact.held_at_phone = True
        contact.apply(ContactEvent.HOLD)
        contact.customer_leg.state = LegState.HELD
        step.tell_contact(contact, Event.CONTACT_HELD)


def phone_retrieved(step: Step, contact: Contact) -> None:
    """The agent's phone took the call back."""
    if contact.held_at_phone:
        contact.held_at_phone = False
        contact.apply(ContactEvent.RETRIEVE)
        offers.talking(contact)
        step.tell_contact(contact, Event.CONTACT_RETRIEVED)


def customer_gone(step: Step, contact: Contact, reason: str = "customer_hung_up") -> None:
    """The customer's channel ended: after-call work if there was a conversation, else the end."""
    contact.ended_at = contact.ended_at or step.at
    contact.end_reason = contact.end_reason or reason
    contact.customer_leg.state = LegState.GONE
    step.state.channels.pop(contact.contact_id, None)
    step.clear_timer(f"apart:{contact.contact_id}")
    identity.lost(step, contact)
    if contact.recording in (RecordingState.RECORDING, RecordingState.PAUSED):
        contact.recording = RecordingState.STOPPED
    if contact.state in TALK_STATES:
        begin_wrap_up(step, contact)
    else:
        _abandoned(step, contact)


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


def _abandoned(step: Step, contact: Contact) -> None:
    voicemail.over(step, contact)
    if contact.end_reason not in KNOWN_REASONS:
        contact.end_reason = "abandoned"
    step.clear_timer(f"arrival:{contact.contact_id}")
    offered = contact.state is ContactState.OFFERED
    agent = None
    if offered:
        agent = offers.end_offer(step, contact)
        offers.refuse_operation(step, contact, errors.ContactEnded)
        step.tell_contact(contact, Event.CONTACT_OFFER_WITHDRAWN)
    step.dequeue(contact)
    parties.drop_rest(step, contact)
    contact.apply(ContactEvent.END)
    step.tell_contact(contact, Event.CONTACT_ENDED)
    step.remember_end(contact)
    if agent:
        offers.free_agent(step, agent, None)


def agent_leg_gone(step: Step, contact: Contact, cause: int) -> None:
    """The agent's phone left. On purpose: the conversation is over. Otherwise the customer keeps its turn."""
    leg = contact.agent_leg
    if leg is None:
        return
    leg.state, leg.bridge = LegState.GONE, ""
    step.state.channels.pop(leg.channel, None)
    if contact.internal:
        contact.referred_to = ""  # there is nobody to pass on
    if contact.referred_to and contact.state in (ContactState.ACTIVE, ContactState.HELD):
        # it passed the customer on, who is about to ask whether it may
        watch(step, contact, offers.OPERATION_TIME)
    elif contact.state is ContactState.OFFERED:
        offers.withdraw(step, contact, AskedState(AgentState.NOT_READY, "station_no_answer"))
    elif (
        contact.end_reason
        or contact.internal
        or (contact.state is ContactState.ACTIVE and cause == NORMAL_CLEARING and not _refused(step, contact))
    ):
        contact.end_reason = "agent_hung_up"
        end_call(step, contact)
        step.tell_contact(contact, Event.CONTACT_LEG_LEFT)
    else:
        lose_agent(step, contact)
        offers.send_back(step, contact)


def _refused(step: Step, contact: Contact) -> bool:
    """Its agent's phone just wanted to pass it on and must not: some phones hang up then, for all that."""
    return step.at - contact.refer_refused_at < REFUSED_TIME


def end_call(step: Step, contact: Contact) -> None:
    """Nobody talks to the customer any more: end its call, and look whether it did end."""
    step.do(HangUpChannel(contact.node, contact.contact_id))
    watch(step, contact, offers.OPERATION_TIME)


def lose_agent(step: Step, contact: Contact) -> None:
    """The customer lost its agent through no wish of either: first in the queue again."""
    agent = step.state.agents[contact.agent_id or ""]
    identity.lost(step, contact)
    parties.end(step, contact, errors.StationNoAnswer)
    offers.refuse_operation(step, contact, errors.StationNoAnswer)
    offers.drop_agent_leg(step, contact)
    watch(step, contact, offers.OPERATION_TIME)
    contact.held_at_phone, contact.end_reason = False, ""
    contact.apply(ContactEvent.RETURN_TO_QUEUE)
    contact.customer_leg.state = LegState.WAITING
    contact.priority += 1
    agent.contact_ids.remove(contact.contact_id)
    step.tell_contact(contact, Event.CONTACT_LEG_LEFT)
    contact.agent_id = None
    step.enqueue(contact)
    step.tell_contact(contact, Event.CONTACT_QUEUED)
    seats.lose_phone(step, agent)


def watch(step: Step, contact: Contact, delay: float) -> None:
    """Something is not as it should be and is about to be explained or mended: look again later."""
    step.set_timer(f"apart:{contact.contact_id}", delay)


def apart(step: Step, contact_id: str) -> None:
    """Who shares a bridge still does not match the contact's state: look at the PBX until it does."""
    contact = step.state.contacts.get(contact_id)
    node = step.state.nodes.get(contact.node) if contact else None
    if contact and node and node.up and not _in_order(contact):
        step.anomaly("apart")
        step.do(Resync(contact.node))
        watch(step, contact, offers.OPERATION_TIME)


def _in_order(contact: Contact) -> bool:
    """Whether exactly those who should talk share a bridge (a call held at the phone stays in its bridge)."""
    if contact.consult:
        return contact.consult.settled and arrangement.reached(contact, contact.consult.goal)
    bridge, leg = contact.customer_leg.bridge, contact.agent_leg
    if contact.state in TALK_STATES and leg is None:
        return False
    if contact.state in (ContactState.OUTSIDE, ContactState.VOICEMAIL):
        away = contact.customer_leg.state is LegState.IVR
        return away if contact.state is ContactState.VOICEMAIL else bool(bridge)
    if contact.dialling:
        return not contact.dialling.answered
    if contact.state is ContactState.ACTIVE or contact.held_at_phone:
        return bool(leg and bridge and bridge == leg.bridge)
    return not bridge and (identity.running(contact) or not identity.under_way(contact))


def operation_timed_out(step: Step, contact_id: str) -> None:
    """The PBX did not show the outcome: say so, then look at the PBX; never do it again."""
    contact = step.state.contacts.get(contact_id)
    if contact is None:
        return
    outcome_unknown(step, contact)


def take_back_hang_up(contact: Contact) -> None:
    """A hang-up that did not happen explains nothing that comes later."""
    if contact.agent_leg:
        contact.end_reason = ""


def outcome_unknown(step: Step, contact: Contact) -> None:
    """Whether the command under way was done cannot be said: the PBX will show."""
    take_back_hang_up(contact)
    offers.refuse_operation(step, contact, errors.OutcomeUnknown)
    if contact.state is ContactState.OFFERED:
        step.set_timer(f"offer:{contact.contact_id}", offers.OPERATION_TIME)
    else:
        watch(step, contact, offers.OPERATION_TIME)
    step.do(Resync(contact.node))
