"""Internal calls: one agent calls another (`contact.dial` with an agent).

For the PBX the colleague is a customer behind a channel of its own (a Local channel, whose id is the
contact's), so that hold, recording and the rest work as ever. An internal call is no customer's matter: it
has no after-call work, is in no figure, and cannot be passed on.
"""

from __future__ import annotations

from typing import Any

from cti_server.domain import errors
from cti_server.domain.agent import Agent, AgentEvent, AgentState, AskedState, StationMode
from cti_server.domain.contact import Contact, ContactEvent, ContactState, RecordingState
from cti_server.domain.effects import CallColleague, HangUpChannel, HearRinging, Move, Place
from cti_server.domain.events import Event
from cti_server.domain.leg import Leg, LegRole, LegState
from cti_server.domain.operation import Operation, OperationKind
from cti_server.domain.rules import offers, operations, parties, seats, watching
from cti_server.domain.rules.operations import OPERATION_TIME
from cti_server.domain.signals import Accept, ContactCommand, HangUp, Reject
from cti_server.domain.step import Step
from cti_server.domain.target import available_agent
from cti_server.domain.views import contact_view

BUSY, REJECTED, NO_ANSWER = "busy", "rejected", "no_answer"


def ring(step: Step, contact: Contact) -> None:
    """The caller's phone is there: reserve the colleague and show it the call; on demand its phone rings."""
    caller, leg = step.state.agents[contact.agent_id or ""], contact.agent_leg
    try:
        colleague = available_agent(step.state, contact.colleague, caller, contact.node)
    except errors.Refusal:  # it was free when it was dialled
        over(step, contact, BUSY)
        return
    ring_time = step.state.groups[contact.group_id].ring_timeout
    seats.reserve(step, contact, colleague, LegRole.COLLEAGUE, ring_time)
    if leg:
        step.do(HearRinging(contact.node, leg.channel, caller.station or "", ring_time))
    step.set_timer(f"dial:{contact.contact_id}", ring_time)
    step.agents.add(colleague.agent_id)
    step.tell_agent(colleague, Event.AGENT_STATE_CHANGED)
    step.tell_contact(contact, Event.CONTACT_DIALLING)
    step.tell_part(contact, colleague, Event.CONTACT_OFFERED)


# --- commands of the colleague ---------------------------------------------------------------------------


def called(step: Step, command: ContactCommand) -> tuple[Contact, Agent, Leg] | None:
    """The contact when the agent is the one who is called."""
    contact = step.state.contacts.get(command.contact_id)
    agent = step.state.agents.get(command.agent_id)
    leg = contact.colleague_leg if contact else None
    if not (contact and agent and leg) or leg.party != agent.agent_id:
        return None
    return contact, agent, leg


def accept(step: Step, command: Accept, contact: Contact, leg: Leg) -> None:
    """Answered when both talk; on demand the phone has to be picked up."""
    _require_ringing(step, contact, leg)
    if contact.dialling:
        contact.dialling.acceptance = Operation(OperationKind.ACCEPT, command.request_id, command.agent_id)
    if parties.nailed_up(step, leg):
        _answered(step, contact, leg)


def reject(step: Step, command: Reject, contact: Contact, leg: Leg) -> dict[str, Any]:
    """Do not take it; the agent becomes not ready."""
    _require_ringing(step, contact, leg)
    agent = step.state.agents[command.agent_id]
    over(step, contact, REJECTED, colleague_next=AskedState(AgentState.NOT_READY, REJECTED))
    return {"contact": contact_view(contact, agent)}


def _require_ringing(step: Step, contact: Contact, leg: Leg) -> None:
    if leg.state is not LegState.RINGING or contact.dialling is None:
        raise errors.ActionNotAllowed("the call is accepted already")
    if contact.dialling.acceptance:
        raise errors.OperationPending("the call is being accepted")
    seats.require_node(step, contact.node)


def hang_up(step: Step, command: HangUp, contact: Contact, leg: Leg) -> dict[str, Any]:
    """End the call for both."""
    if leg.state is LegState.RINGING:
        raise errors.ActionNotAllowed("the call is not accepted yet")
    seats.require_node(step, contact.node)
    agent = step.state.agents[command.agent_id]
    contact.end_reason = contact.end_reason or "agent_hung_up"
    _end(step, contact)
    return {"contact": contact_view(contact, agent)}


# --- what the PBX shows ------------------------------------------------------------------------------------


def phone_answered(step: Step, contact: Contact, leg: Leg) -> None:
    """The colleague's phone was picked up; a nailed-up one only tells that it idles."""
    if leg.state is LegState.RINGING and not parties.nailed_up(step, leg):
        _answered(step, contact, leg)


def _answered(step: Step, contact: Contact, leg: Leg) -> None:
    caller = contact.agent_leg
    if contact.dialling is None or contact.end_reason or caller is None:
        return
    leg.state = LegState.UP
    contact.dialling.called_at, contact.customer_leg.state = step.at, LegState.RINGING
    effect = CallColleague(
        contact.node,
        contact.contact_id,
        step.new_call(contact.node),
        caller.channel,
        leg.channel,
        (parties.address(step, caller), parties.address(step, leg)),
        contact.group_id,
    )
    step.do(effect)
    step.set_timer(f"dial:{contact.contact_id}", OPERATION_TIME)


def talks(step: Step, contact: Contact, acceptance: Operation | None) -> None:
    """Both talk for the first time."""
    leg = contact.colleague_leg
    colleague = step.state.agents.get(leg.party) if leg else None
    if leg is None or colleague is None:
        return
    leg.state = LegState.TALKING
    colleague.apply(AgentEvent.TALK, step.at)
    step.tell_agent(colleague, Event.AGENT_STATE_CHANGED)
    if acceptance:
        step.reply(acceptance, {"contact": contact_view(contact, colleague)})


def leg_gone(step: Step, contact: Contact, leg: Leg, cause: int) -> None:
    """The colleague's phone refused, hung up or vanished."""
    leg.state, leg.bridge = LegState.GONE, ""
    step.state.channels.pop(leg.channel, None)
    dialling = contact.dialling
    if dialling and dialling.called_at is None:
        reason = {17: BUSY, 21: REJECTED}.get(cause, NO_ANSWER)
        over(
            step,
            contact,
            reason,
            colleague_next=AskedState(AgentState.NOT_READY, "station_no_answer"),
        )
        return
    contact.end_reason = contact.end_reason or "agent_hung_up"
    _end(step, contact)


def _end(step: Step, contact: Contact) -> None:
    """End the channel between them, and look whether it did end."""
    step.do(HangUpChannel(contact.node, contact.contact_id))
    if contact.state is ContactState.DIALLING:
        step.set_timer(f"dial:{contact.contact_id}", OPERATION_TIME)
    else:
        watching.watch(step, contact, OPERATION_TIME)


def over(
    step: Step,
    contact: Contact,
    reason: str,
    *,
    caller_next: AskedState | None = None,
    colleague_next: AskedState | None = None,
) -> None:
    """The call is over, however far it came; both agents are as they were before."""
    acceptance = contact.dialling.acceptance if contact.dialling else None
    leg = contact.colleague_leg
    colleague = step.state.agents.get(contact.colleague)
    contact.ended_at = contact.ended_at or step.at
    contact.end_reason, contact.dialling = contact.end_reason or reason, None
    contact.customer_leg.state, contact.held_at_phone = LegState.GONE, False
    if contact.recording in (RecordingState.RECORDING, RecordingState.PAUSED):
        contact.recording = RecordingState.STOPPED
    step.state.channels.pop(contact.contact_id, None)
    for kind in ("dial", "apart"):
        step.clear_timer(f"{kind}:{contact.contact_id}")
    if leg:
        parties.drop(step, contact, leg)
    drop_caller(step, contact)
    contact.apply(ContactEvent.END)
    operations.finish_operation(step, contact, OperationKind.HANG_UP)
    if acceptance:
        step.refuse(acceptance.agent_id, acceptance.request_id, errors.ContactEnded)
    step.tell_contact(contact, Event.CONTACT_ENDED)
    step.remember_end(contact)
    for agent, after in (
        (step.state.agents[contact.agent_id or ""], caller_next),
        (colleague, colleague_next),
    ):
        if agent and contact.contact_id in agent.contact_ids:
            agent.contact_ids.remove(contact.contact_id)
            offers.free_agent(step, agent, after)


def drop_caller(step: Step, contact: Contact) -> None:
    """The calling agent's phone is out; a nailed-up one stops hearing the ringing."""
    leg = contact.agent_leg
    offers.drop_agent_leg(step, contact)
    if leg is None:
        return
    if step.state.agents[leg.party].station_mode is StationMode.PERSISTENT:
        step.do(Move(contact.node, leg.channel, Place.STATION))
