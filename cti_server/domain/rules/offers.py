"""From arrival to conversation: queue, offer, accept, reject, no answer, connected (REQUIREMENTS B1, A3)."""

from __future__ import annotations

from typing import Any

from cti_server.domain import errors
from cti_server.domain.agent import Agent, AgentEvent, AgentState, AskedState, StationMode
from cti_server.domain.contact import Contact, ContactEvent, ContactState, Dialling, RecordingState
from cti_server.domain.effects import Connect, HangUpChannel, ResumeRecording, ReturnToQueue, Unmute
from cti_server.domain.events import Event
from cti_server.domain.leg import Leg, LegRole, LegState
from cti_server.domain.operation import OperationKind
from cti_server.domain.rules import ahead, callbacks, calling, preference, seats, waiting
from cti_server.domain.rules.operations import (
    OPERATION_TIME,
    begin,
    finish_operation,
    own_contact,
    refuse_audio,
    refuse_operation,
    require,
)
from cti_server.domain.signals import Accept, Reject
from cti_server.domain.step import Step
from cti_server.domain.views import contact_view

JOIN_TIME = 1.0
"""Seconds in which a customer joins by itself the phone that rang ahead, after that is picked up."""


def queue(step: Step, contact: Contact) -> None:
    """The customer reached the waiting place for the first time, or is about to (`on_its_way`)."""
    contact.apply(ContactEvent.QUEUE)
    contact.queued_at = step.at
    if not contact.on_its_way:
        step.clear_timer(f"arrival:{contact.contact_id}")
    contact.customer_leg.state = LegState.WAITING
    waiting.enter(step, contact)
    if not contact.patience:
        preference.begin(step, contact)
    step.enqueue(contact)
    step.tell_contact(contact, Event.CONTACT_QUEUED)


def arrived(step: Step, contact: Contact) -> None:
    """Who was queued on the way there is at the waiting place; whoever took the contact meanwhile gets it."""
    if not contact.on_its_way:
        return
    contact.on_its_way = False
    step.clear_timer(f"arrival:{contact.contact_id}")
    leg = contact.agent_leg
    if contact.state is not ContactState.OFFERED or leg is None:
        return
    accepted = contact.operation is not None and contact.operation.kind is OperationKind.ACCEPT
    persistent = step.state.agents[leg.party].station_mode is StationMode.PERSISTENT
    if leg.state is LegState.UP or (persistent and accepted):
        _connect(step, contact)


def offer(step: Step, contact: Contact, agent: Agent) -> None:
    """Reserve the agent and show it the contact; on demand its phone begins to ring."""
    ring_time = step.state.groups[contact.group_id].ring_timeout
    step.dequeue(contact)
    contact.preferred_agent = ""
    contact.apply(ContactEvent.OFFER)
    contact.agent_id, contact.offered_at = agent.agent_id, step.at
    seats.reserve(step, contact, agent, LegRole.AGENT, ring_time)
    step.set_timer(f"offer:{contact.contact_id}", ring_time)
    step.tell_agent(agent, Event.AGENT_STATE_CHANGED)
    step.tell_contact(contact, Event.CONTACT_OFFERED)
    if contact.patience and agent.station_mode is StationMode.PERSISTENT:
        _connect(step, contact)  # it is we who called: the customer does not wait for a click


def accept(step: Step, command: Accept) -> dict[str, Any] | None:
    """Take the offered contact. Persistent: connect now; on demand: when the phone is picked up."""
    contact, agent = own_contact(step, command)
    if _just_picked_up(step, contact, agent):
        return {"contact": contact_view(contact, agent)}
    require(contact, "contact.accept", ContactState.OFFERED)
    leg = contact.agent_leg
    if leg is None:
        raise errors.ActionNotAllowed("the offer has just ended")
    begin(step, contact, OperationKind.ACCEPT, command)
    if agent.station_mode is StationMode.PERSISTENT:
        step.clear_timer(f"offer:{contact.contact_id}")
        if not contact.patience:  # else it is on its way already
            _connect(step, contact)
    elif leg.state is LegState.RINGING:
        # The phone has to be picked up (docs/adr/0005); the offer's own timer bounds the wait.
        step.clear_timer(f"operation:{contact.contact_id}")
    return None


def join_again(step: Step, contact: Contact) -> None:
    """Whom a campaign called waits still, though its agent's phone is nailed up: the join was lost."""
    leg = contact.agent_leg
    if contact.state is not ContactState.OFFERED or not contact.patience or leg is None:
        return
    if step.state.agents[leg.party].station_mode is StationMode.PERSISTENT:
        _connect(step, contact)


def send_back(step: Step, contact: Contact, group_id: str = "") -> None:
    """Send the customer to the waiting place; nothing else moves it until it is there.

    A second Redirect is refused while the first is under way (seen on Asterisk 22.10), and the next agent's
    program may accept within milliseconds.
    """
    contact.on_its_way = True
    step.set_timer(f"arrival:{contact.contact_id}", OPERATION_TIME)
    step.do(ReturnToQueue(contact.node, contact.contact_id, group_id))


def _just_picked_up(step: Step, contact: Contact, agent: Agent) -> bool:
    """Whether the phone, picked up in the same moment, was quicker than the program."""
    on_demand = agent.station_mode is StationMode.ON_DEMAND
    talks = contact.state is ContactState.ACTIVE
    return on_demand and talks and step.at - agent.state_since < OPERATION_TIME


def _connect(step: Step, contact: Contact) -> None:
    """Join them; who is on its way, when it has arrived (till then a Redirect could be lost)."""
    leg = contact.agent_leg
    if contact.on_its_way:
        return
    if leg and contact.to_be_called:
        _call_back(step, contact, leg)
    elif leg and leg.channel == contact.joins_itself:
        step.set_timer(f"join:{contact.contact_id}", JOIN_TIME)
    elif leg:
        agent = step.state.agents[leg.party]
        nailed_up = agent.station_mode is StationMode.PERSISTENT  # any other has no state of being in use
        address = (nailed_up and agent.station) or ""
        step.do(Connect(contact.node, contact.contact_id, leg.channel, address))


def join_overdue(step: Step, contact_id: str) -> None:
    """The customer did not join by itself the phone that was picked up: join them, as any others."""
    contact = step.state.contacts.get(contact_id)
    leg = contact.agent_leg if contact else None
    if contact and contact.state is ContactState.OFFERED and leg and leg.state is LegState.UP:
        contact.joins_itself = ""
        _connect(step, contact)


def _call_back(step: Step, contact: Contact, leg: Leg) -> None:
    """The agent took a call-back: from here on it is a call of the agent's."""
    if contact.callback:
        contact.callback.called = True
    for kind in ("offer", "callback_over"):
        step.clear_timer(f"{kind}:{contact.contact_id}")
    contact.apply(ContactEvent.CALL_BACK)
    contact.dialling, leg.state = Dialling(), LegState.UP
    finish_operation(step, contact, OperationKind.ACCEPT)
    step.clear_timer(f"operation:{contact.contact_id}")
    calling.call(step, contact)


def phone_answered(step: Step, contact: Contact) -> None:
    """The on-demand phone was picked up: connect. A nailed-up one only tells that it idles again."""
    leg = contact.agent_leg
    if not leg or step.state.agents[leg.party].station_mode is StationMode.PERSISTENT:
        return
    if contact.state is ContactState.OFFERED and leg.state is LegState.RINGING:
        leg.state = LegState.UP
        step.clear_timer(f"offer:{contact.contact_id}")
        step.set_timer(f"operation:{contact.contact_id}", OPERATION_TIME)
        _connect(step, contact)


def still_waits(contact: Contact) -> bool:
    """Whether the customer belongs in the waiting place: queued, or offered and not being connected."""
    if contact.state is ContactState.OFFERED:
        leg = contact.agent_leg
        return contact.operation is None and leg is not None and leg.state is LegState.RINGING
    return contact.state is ContactState.QUEUED


def reject(step: Step, command: Reject) -> dict[str, Any]:
    """Send the contact back; the agent becomes not ready, or it would be offered the same one again."""
    contact, agent = own_contact(step, command)
    require(contact, "contact.reject", ContactState.OFFERED)
    if contact.operation:
        raise errors.OperationPending("the contact is being accepted")
    withdraw(step, contact, AskedState(AgentState.NOT_READY, "rejected"))
    return {"contact": contact_view(contact, agent)}


def no_answer(step: Step, contact_id: str) -> None:
    """The offer's ring time ran out: next agent; this one becomes not ready (REQUIREMENTS A2)."""
    contact = step.state.contacts.get(contact_id)
    if contact and contact.state is ContactState.OFFERED:
        withdraw(step, contact, AskedState(AgentState.NOT_READY, "no_answer"))


def withdraw(step: Step, contact: Contact, next_state: AskedState | None) -> None:
    """Take the offer back: the contact keeps its place in the queue. None leaves the agent ready."""
    if ahead.disown(step, contact) and not contact.on_its_way:
        send_back(step, contact)  # it may be about to join: where it is shows when it is back
    agent = end_offer(step, contact)
    refuse_operation(step, contact, errors.StationNoAnswer)
    contact.customer_leg.state = LegState.WAITING
    step.enqueue(contact)
    step.tell_contact(contact, Event.CONTACT_OFFER_WITHDRAWN)
    contact.agent_id = None
    free_agent(step, agent, next_state)


def end_offer(step: Step, contact: Contact) -> Agent:
    """Common end of an offer that did not connect; the phone stops ringing."""
    agent = step.state.agents[contact.agent_id or ""]
    contact.apply(ContactEvent.WITHDRAW)
    step.clear_timer(f"offer:{contact.contact_id}")
    step.clear_timer(f"operation:{contact.contact_id}")
    step.clear_timer(f"join:{contact.contact_id}")
    drop_agent_leg(step, contact)
    agent.contact_ids.remove(contact.contact_id)
    return agent


def free_agent(step: Step, agent: Agent, next_state: AskedState | None) -> None:
    """After an offer that did not connect: the pending state wins, then `next_state`, else ready."""
    asked = agent.pending or next_state
    if asked is None or asked.state is AgentState.READY:
        agent.pending = None
        agent.apply(AgentEvent.RELEASE, step.at)
        station = step.state.stations.get(agent.station or "")
        if not (station and seats.station_usable(agent, station)):
            agent.apply(AgentEvent.GO_NOT_READY, step.at, "station_lost")
        step.tell_agent(agent, Event.AGENT_STATE_CHANGED)
        seats.watch_connection(step, agent)
        return
    agent.apply(AgentEvent.RELEASE, step.at)
    seats.become_free(step, agent, asked)


def drop_agent_leg(step: Step, contact: Contact) -> None:
    """The agent's leg is over. Its channel ends too, unless it is the nailed-up one."""
    about_to = contact.audio_operation.kind if contact.audio_operation else None
    refuse_audio(step, contact, errors.ContactEnded)
    if contact.recording is RecordingState.PAUSED and contact.customer_leg.state is not LegState.GONE:
        step.do(ResumeRecording(contact.node, contact.contact_id))  # the next agent must not forget it
    leg = contact.agent_leg
    if leg is None:
        return
    muted, leg.muted = leg.muted, False
    leg.state, leg.bridge = LegState.GONE, ""
    step.state.channels.pop(leg.channel, None)
    agent = step.state.agents[leg.party]
    station = step.state.stations.get(agent.station or "")
    nailed_up = agent.station_mode is StationMode.PERSISTENT and station and station.channel == leg.channel
    if nailed_up:
        if muted or about_to is OperationKind.MUTE:  # the next customer is to hear the agent
            step.do(Unmute(contact.node, leg.channel))
        return
    if station and station.channel == leg.channel:
        station.release_channel()
    step.state.station_channels.pop(leg.channel, None)
    node = step.state.nodes.get(contact.node)
    if leg.channel and node and node.up:  # else it may be talking by now: the look at the node decides
        step.do(HangUpChannel(contact.node, leg.channel))


def connected(step: Step, contact: Contact) -> None:
    """Customer and agent are in one bridge for the first time."""
    agent = step.state.agents[contact.agent_id or ""]
    contact.apply(ContactEvent.CONNECT)
    hangs_up = contact.operation is not None and contact.operation.kind is OperationKind.HANG_UP
    contact.connected_at = contact.connected_at or step.at
    contact.on_its_way = False
    contact.end_reason = "agent_hung_up" if hangs_up else ""
    contact.dialling, contact.patience = None, 0.0
    contact.waits_in = ""  # should it wait again, its time in that queue begins again
    step.clear_timer(f"offer:{contact.contact_id}")
    step.clear_timer(f"dial:{contact.contact_id}")
    step.clear_timer(f"join:{contact.contact_id}")
    talking(contact)
    agent.apply(AgentEvent.TALK, step.at)
    finish_operation(step, contact, OperationKind.ACCEPT)
    if not hangs_up:
        step.clear_timer(f"operation:{contact.contact_id}")
    step.tell_agent(agent, Event.AGENT_STATE_CHANGED)
    step.tell_contact(contact, Event.CONTACT_CONNECTED)
    ahead.recorded(step, contact)
    callbacks.served(step, contact)


def talking(contact: Contact) -> None:
    """Both legs talk."""
    contact.customer_leg.state = LegState.TALKING
    if contact.agent_leg:
        contact.agent_leg.state = LegState.TALKING
