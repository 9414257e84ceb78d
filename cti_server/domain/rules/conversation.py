"""The conversation and its end: hold, retrieve, hang up, attached data, whoever of the two is lost (A3)."""

from __future__ import annotations

import json
from typing import Any

from cti_server.domain import errors
from cti_server.domain.agent import AgentState, AskedState
from cti_server.domain.contact import TALK_STATES, Contact, ContactEvent, ContactState, RecordingState
from cti_server.domain.effects import Connect, HangUpChannel, HoldCustomer
from cti_server.domain.events import Event
from cti_server.domain.leg import LegState
from cti_server.domain.operation import OperationKind
from cti_server.domain.policy import VOICEMAIL
from cti_server.domain.rules import (
    after_call,
    identity,
    offers,
    operations,
    parties,
    seats,
    voicemail,
    waiting,
    watching,
)
from cti_server.domain.rules.operations import begin, finish_operation, own_contact, require
from cti_server.domain.rules.unseen import ANSWERED_UNSERVED
from cti_server.domain.signals import HangUp, Hold, Retrieve, SetData
from cti_server.domain.signals.facts import NORMAL_CLEARING
from cti_server.domain.step import Step
from cti_server.domain.views import contact_view

MOST_DATA = 32 * 1024
"""Bytes of attached data as JSON: it goes along with every notification of the contact."""
KNOWN_REASONS = frozenset({ANSWERED_UNSERVED, "transferred_outside", waiting.CLOSED, VOICEMAIL})
"""Of contacts that no agent had at their end, yet were not abandoned."""
REFUSED_TIME = 5.0
"""Seconds in which a phone whose REFER was refused may take that for the end of its call."""


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
        operations.refuse_operation(step, contact, errors.ContactEnded)
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
    for kind in ("apart", "arrival"):  # it may have talked to somebody on its way back to the queue
        step.clear_timer(f"{kind}:{contact.contact_id}")
    identity.lost(step, contact)
    if contact.recording in (RecordingState.RECORDING, RecordingState.PAUSED):
        contact.recording = RecordingState.STOPPED
    if contact.state in TALK_STATES:
        after_call.begin_wrap_up(step, contact)
    else:
        _abandoned(step, contact)


def _abandoned(step: Step, contact: Contact) -> None:
    voicemail.over(step, contact)
    if contact.end_reason not in KNOWN_REASONS:
        contact.end_reason = "abandoned"
    offered = contact.state is ContactState.OFFERED
    agent = None
    if offered:
        agent = offers.end_offer(step, contact)
        operations.refuse_operation(step, contact, errors.ContactEnded)
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
        watching.watch(step, contact, operations.OPERATION_TIME)
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
    watching.watch(step, contact, operations.OPERATION_TIME)


def lose_agent(step: Step, contact: Contact) -> None:
    """The customer lost its agent through no wish of either: first in the queue again."""
    agent = step.state.agents[contact.agent_id or ""]
    identity.lost(step, contact)
    parties.end(step, contact, errors.StationNoAnswer)
    operations.refuse_operation(step, contact, errors.StationNoAnswer)
    offers.drop_agent_leg(step, contact)
    watching.watch(step, contact, operations.OPERATION_TIME)
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
