"""Consultation: a third party beside the customer, then alternate, complete, cancel or conference (A4).

Decided here: cancelling brings the customer back to the agent; when the third party leaves by itself the
customer stays on hold; when the agent's phone goes away while somebody was consulted, that party takes over;
`contact.hang_up` ends the call for everybody, said by the consulted agent it only leaves.
"""

from __future__ import annotations

from typing import Any

from cti_server.domain import errors
from cti_server.domain.agent import Agent, AgentEvent, AgentState, AskedState
from cti_server.domain.contact import (
    Consult,
    Contact,
    ContactEvent,
    ContactState,
    Leg,
    LegRole,
    LegState,
    Operation,
    OperationKind,
    Talk,
)
from cti_server.domain.effects import HearRinging, Move, Place, Resync
from cti_server.domain.events import Event
from cti_server.domain.rules import (
    arrangement,
    colleagues,
    conversation,
    dialling,
    handing,
    identity,
    offers,
    parties,
    seats,
    transfers,
)
from cti_server.domain.signals import (
    Accept,
    Alternate,
    CancelConsult,
    ChannelFact,
    CompleteTransfer,
    Conference,
    ConsultParty,
    ContactCommand,
    DropLeg,
    EffectFailed,
    HangUp,
    Reject,
)
from cti_server.domain.step import Step
from cti_server.domain.target import TargetKind, available_agent, free_agent_of, take_outside_call
from cti_server.domain.views import contact_view

UNKNOWN_CAUSE = 0
ELSEWHERE = ("cti-unserved", "cti-wait")
"""Where the dialplan took a customer who was to be on hold."""
SERVED = {
    Talk.NOBODY: OperationKind.CONSULT,
    Talk.ALL: OperationKind.CONFERENCE,
    Talk.HANDED: OperationKind.COMPLETE,
}
"""Goals that one command has; the others are told by the operation under way."""

# --- commands of the agent who has the contact -------------------------------------------------------------


def consult(step: Step, command: ConsultParty) -> None:
    """Customer on hold, third party rung; answered when the customer is there."""
    contact, agent = offers.own_contact(step, command)
    if contact.state is ContactState.CONSULTING:
        raise errors.AlreadyConsulting
    if contact.state is ContactState.CONFERENCE:
        raise errors.ConferenceFull("customer, agent and one more")
    offers.require(contact, "contact.consult", ContactState.ACTIVE, ContactState.HELD)
    offers.require_customer(contact, "contact.consult")
    identity.require_none(contact)
    if contact.held_at_phone:
        raise errors.HeldAtPhone("the phone holds the call; retrieve it there")
    if contact.agent_leg is None:
        raise errors.ActionNotAllowed("the conversation is ending")
    if contact.operation:
        raise errors.OperationPending(f"{contact.operation.kind} is under way")
    seats.require_node(step, contact.node)
    third = _third(step, contact, agent, command)
    offers.begin(step, contact, OperationKind.CONSULT, command)
    contact.apply(ContactEvent.CONSULT)
    step.clear_timer(f"apart:{contact.contact_id}")
    leg = parties.ring(step, contact, third) if third else parties.call(step, contact, command.to.value)
    contact.consult = Consult(leg.leg_id, {command.to.kind.value: command.to.value}, step.at)
    step.request_id = command.request_id
    step.tell_contact(contact, Event.CONTACT_CONSULT_STARTED)
    step.request_id = ""
    if third:
        step.tell_agent(third, Event.AGENT_STATE_CHANGED)
        step.tell_part(contact, third, Event.CONTACT_OFFERED)
    arrange(step, contact, contact.consult, Talk.NOBODY)


def _third(step: Step, contact: Contact, agent: Agent, command: ConsultParty) -> Agent | None:
    """Who is to be rung, None for a number outside. Raises what `target` raises."""
    value = command.to.value
    if command.to.kind is TargetKind.AGENT:
        return available_agent(step.state, value, agent, contact.node)
    if command.to.kind is TargetKind.GROUP:
        return free_agent_of(step.state, value, agent, contact.node)
    take_outside_call(step.state, value, agent, step.at)
    return None


def alternate(step: Step, command: Alternate) -> None:
    """The agent talks to the other one of the two; who is left hears music."""
    contact, consultation = _connected(step, command, "contact.alternate", ContactState.CONSULTING)
    offers.begin(step, contact, OperationKind.ALTERNATE, command)
    other = Talk.CUSTOMER if consultation.talk is Talk.CONSULTED else Talk.CONSULTED
    arrange(step, contact, consultation, other)


def complete_transfer(step: Step, command: CompleteTransfer) -> None:
    """Customer and third party talk, the agent leaves."""
    states = (ContactState.CONSULTING, ContactState.CONFERENCE)
    contact, consultation = _connected(step, command, "contact.complete_transfer", *states)
    offers.begin(step, contact, OperationKind.COMPLETE, command)
    arrange(step, contact, consultation, Talk.HANDED)


def conference(step: Step, command: Conference) -> None:
    """Everybody hears everybody."""
    contact, consultation = _connected(step, command, "contact.conference", ContactState.CONSULTING)
    offers.begin(step, contact, OperationKind.CONFERENCE, command)
    arrange(step, contact, consultation, Talk.ALL)


def cancel_consult(step: Step, command: CancelConsult) -> None:
    """The customer comes back, then the third party is released."""
    contact, consultation = _consulting(step, command, "contact.cancel_consult", ContactState.CONSULTING)
    if contact.agent_leg and contact.agent_leg.held:
        raise errors.HeldAtPhone("the phone holds the call; retrieve it there")
    offers.begin(step, contact, OperationKind.CANCEL_CONSULT, command)
    arrange(step, contact, consultation, Talk.CUSTOMER)


def drop_leg(step: Step, command: DropLeg) -> None:
    """Take the third party out of the conference."""
    contact, consultation = _consulting(step, command, "contact.drop_leg", ContactState.CONFERENCE)
    leg = contact.legs.get(command.leg_id)
    if leg is None or leg.state is LegState.GONE:
        raise errors.UnknownLeg(f"no leg {command.leg_id[:20]}")
    if leg.leg_id != consultation.leg_id:
        raise errors.LegNotDroppable(f"{leg.leg_id} is the {leg.role}")
    offers.begin(step, contact, OperationKind.DROP_LEG, command)
    arrange(step, contact, consultation, Talk.CUSTOMER)


def _consulting(
    step: Step, command: ContactCommand, method: str, *states: ContactState
) -> tuple[Contact, Consult]:
    contact, _ = offers.own_contact(step, command)
    if contact.state in (ContactState.ACTIVE, ContactState.HELD):
        raise errors.ConsultNotConnected("nobody is consulted")
    offers.require(contact, method, *states)
    if contact.consult is None or contact.agent_leg is None:
        raise errors.ActionNotAllowed("the conversation is ending")
    return contact, contact.consult


def _connected(
    step: Step, command: ContactCommand, method: str, *states: ContactState
) -> tuple[Contact, Consult]:
    contact, consultation = _consulting(step, command, method, *states)
    if not consultation.connected:
        raise errors.ConsultNotConnected("the third party has not answered")
    if contact.state is ContactState.CONSULTING and any(leg.held for leg in arrangement.present(contact)):
        raise errors.HeldAtPhone("a phone holds its call; retrieve it there")
    return contact, consultation


# --- commands of the agent who is consulted -----------------------------------------------------------------


def _as_third(step: Step, command: ContactCommand) -> tuple[Contact, Consult, Leg, Agent] | None:
    """The contact when the agent is its third party."""
    contact = step.state.contacts.get(command.contact_id)
    agent = step.state.agents.get(command.agent_id)
    leg = contact.consulted_leg if contact else None
    if not (contact and contact.consult and leg and agent) or parties.agent_on(step, leg) is not agent:
        return None
    return contact, contact.consult, leg, agent


def accept(step: Step, command: Accept) -> dict[str, Any] | None:
    """Take an offered contact, or the part of a third party in one."""
    found = _as_third(step, command)
    if found is None:
        called = colleagues.called(step, command)
        if called is None:
            return offers.accept(step, command)
        colleagues.accept(step, command, called[0], called[2])
        return None
    contact, consultation, leg, _ = found
    _require_ringing(step, contact, consultation, leg)
    consultation.acceptance = Operation(OperationKind.ACCEPT, command.request_id, command.agent_id)
    if parties.nailed_up(step, leg):
        _answered(step, contact, consultation, leg)
    return None


def reject(step: Step, command: Reject) -> dict[str, Any]:
    """Do not take it."""
    found = _as_third(step, command)
    if found is None:
        called = colleagues.called(step, command)
        if called is None:
            return offers.reject(step, command)
        return colleagues.reject(step, command, called[0], called[2])
    contact, consultation, leg, agent = found
    _require_ringing(step, contact, consultation, leg)
    _over(step, contact, AskedState(AgentState.NOT_READY, "rejected"))
    return {"contact": contact_view(contact, agent)}


def _require_ringing(step: Step, contact: Contact, consultation: Consult, leg: Leg) -> None:
    if leg.state is not LegState.RINGING:
        raise errors.ActionNotAllowed("the consultation is accepted already")
    operation = contact.operation
    if consultation.acceptance or (operation and operation.kind is not OperationKind.CONSULT):
        raise errors.OperationPending("the consultation is being accepted or cancelled")
    seats.require_node(step, contact.node)


def hang_up(step: Step, command: HangUp) -> dict[str, Any] | None:
    """End the call; the third party only leaves it."""
    found = _as_third(step, command)
    if found is None:
        called = colleagues.called(step, command)
        if called:
            return colleagues.hang_up(step, command, called[0], called[2])
        contact = step.state.contacts.get(command.contact_id)
        dials = contact is not None and contact.state is ContactState.DIALLING
        (dialling.hang_up if dials else conversation.hang_up)(step, command)
        return None
    contact, consultation, _, agent = found
    if not consultation.connected:
        raise errors.ActionNotAllowed("the consultation is not accepted yet")
    seats.require_node(step, contact.node)
    _over(step, contact, None)
    return {"contact": contact_view(contact, agent)}


# --- towards the goal -------------------------------------------------------------------------------------


def arrange(step: Step, contact: Contact, consultation: Consult, goal: Talk) -> None:
    """From now on `goal` is to be reached."""
    arrangement.begin(consultation, goal)
    _go_on(step, contact, consultation)


def _go_on(step: Step, contact: Contact, consultation: Consult) -> None:
    if arrangement.go_on(step, contact, consultation):
        step.clear_timer(f"apart:{contact.contact_id}")
        _reached(step, contact, consultation)
    elif not consultation.settled and contact.operation is None:
        conversation.watch(step, contact, offers.OPERATION_TIME)


def _reached(step: Step, contact: Contact, consultation: Consult) -> None:
    """The PBX shows what was asked for: tell, answer, and take the next step if one waits."""
    goal, operation = consultation.goal, contact.operation
    leaving = (OperationKind.CANCEL_CONSULT, OperationKind.DROP_LEG)
    if goal is Talk.HANDED:
        _hand_over(step, contact)
    elif goal is Talk.CUSTOMER and (not consultation.connected or (operation and operation.kind in leaving)):
        contact.operation = None  # ending the consultation would refuse it
        parties.end(step, contact, errors.ConsultEnded, ContactEvent.RETRIEVE)
        contact.operation = operation
        offers.finish_operation(step, contact, *leaving)
    elif goal is Talk.ALL:
        if contact.state is ContactState.CONSULTING:
            contact.apply(ContactEvent.CONFER)
            offers.finish_operation(step, contact, OperationKind.CONFERENCE)
            step.tell_contact(contact, Event.CONTACT_LEG_JOINED)
            step.tell_contact(contact, Event.CONTACT_CONFERENCED)
    else:
        if consultation.connected:
            step.note_contact(contact, "contact.alternated")
        elif goal is Talk.CONSULTED:
            _talk_first(step, contact, consultation)
        offers.finish_operation(step, contact, SERVED.get(goal, OperationKind.ALTERNATE))
        _next(step, contact, consultation)


def _next(step: Step, contact: Contact, consultation: Consult) -> None:
    """A phone was picked up before the customer was on hold; one outside rings, and the agent hears it."""
    leg, agent_leg = contact.consulted_leg, contact.agent_leg
    if consultation.goal is not Talk.NOBODY or leg is None:
        return
    if leg in arrangement.present(contact):
        arrange(step, contact, consultation, Talk.CONSULTED)
    elif agent_leg and parties.outside(step, leg):
        address = parties.address(step, agent_leg)
        step.do(HearRinging(contact.node, agent_leg.channel, address, step.state.outside.ring_time))


def _talk_first(step: Step, contact: Contact, consultation: Consult) -> None:
    """Agent and third party talk for the first time."""
    consultation.connected = True
    step.clear_timer(f"consult:{contact.contact_id}")
    leg = contact.consulted_leg
    third = parties.agent_on(step, leg) if leg else None
    if third:
        third.apply(AgentEvent.TALK, step.at)
        step.tell_agent(third, Event.AGENT_STATE_CHANGED)
    acceptance, consultation.acceptance = consultation.acceptance, None
    if acceptance and third:
        step.reply(acceptance, {"contact": contact_view(contact, third)})
    step.tell_contact(contact, Event.CONTACT_CONSULT_CONNECTED)


def _hand_over(step: Step, contact: Contact) -> None:
    """Customer and third party talk: the contact is the third party's."""
    first = step.state.agents[contact.agent_id or ""]
    leg = contact.consulted_leg
    if leg is None:
        return
    third = parties.agent_on(step, leg)
    if third is None:
        step.request_id = contact.operation.request_id if contact.operation else ""
        transfers.handed_outside(step, contact, first)
        offers.finish_operation(step, contact, OperationKind.COMPLETE)
        step.tell_part(contact, first, Event.CONTACT_TRANSFERRED)
        return
    offers.drop_agent_leg(step, contact)
    leg.role, contact.consult = LegRole.AGENT, None
    contact.apply(ContactEvent.HAND_ON)
    contact.agent_id, contact.held_at_phone, contact.end_reason = third.agent_id, False, ""
    step.request_id = contact.operation.request_id if contact.operation else ""
    handing.hand_on(step, contact, first)
    offers.finish_operation(step, contact, OperationKind.COMPLETE)
    step.tell_contact(contact, Event.CONTACT_TRANSFERRED, also=(first,))
    if leg.held:
        conversation.phone_held(step, contact)


def _over(step: Step, contact: Contact, next_state: AskedState | None) -> None:
    """The third party leaves by itself: the customer is on hold, or goes on talking to the agent."""
    leg, customer = contact.agent_leg, contact.customer_leg
    together = bool(leg and customer.bridge and customer.bridge == leg.bridge)
    if leg and not leg.bridge and _rings_outside(step, contact):
        step.do(Move(contact.node, leg.channel, Place.STATION))  # it hears no ringing any more
    talks = together or contact.state is ContactState.CONFERENCE
    moves = ContactEvent.RETRIEVE if talks else ContactEvent.HOLD
    if not talks:
        customer.state = LegState.HELD
        if leg:
            leg.state = LegState.UP
    parties.end(step, contact, errors.ConsultEnded, moves, next_state)
    conversation.watch(step, contact, offers.OPERATION_TIME)


def _rings_outside(step: Step, contact: Contact) -> bool:
    leg = contact.legs.get(contact.consult.leg_id) if contact.consult else None
    return (
        leg is not None and not (contact.consult and contact.consult.connected) and parties.outside(step, leg)
    )


# --- what the PBX shows -----------------------------------------------------------------------------------


def _answered(step: Step, contact: Contact, consultation: Consult, leg: Leg) -> None:
    """The third party is there: it talks to the agent as soon as the customer is on hold."""
    leg.state = LegState.UP
    step.set_timer(f"consult:{contact.contact_id}", offers.OPERATION_TIME)
    if consultation.goal is Talk.NOBODY and consultation.settled:
        arrange(step, contact, consultation, Talk.CONSULTED)


def placed(step: Step, contact: Contact, leg: Leg) -> None:
    """A party is in its own place: the phone was picked up, or it left a bridge."""
    consultation = contact.consult
    if consultation is None:
        return
    if leg.leg_id == consultation.leg_id and leg.state is LegState.RINGING:
        if not parties.nailed_up(step, leg):
            _answered(step, contact, consultation, leg)
        return
    arrangement.placed(consultation, leg)
    _shown(step, contact, consultation)


def moved(step: Step, contact: Contact) -> None:
    """A party entered or left a bridge."""
    if contact.consult:
        _shown(step, contact, contact.consult)


def _shown(step: Step, contact: Contact, consultation: Consult) -> None:
    if consultation.settled and not arrangement.reached(contact, consultation.goal):
        conversation.watch(step, contact, conversation.APART_TIME)
    else:
        _go_on(step, contact, consultation)


def leg_gone(step: Step, contact: Contact, leg: Leg, cause: int) -> None:
    """The agent's or the third party's phone left."""
    consultation = contact.consult
    if consultation is None:
        return
    if leg.leg_id == consultation.leg_id:
        rang = not consultation.connected
        leg.state, leg.bridge = LegState.GONE, ""
        step.state.channels.pop(leg.channel, None)
        _third_gone(step, contact, AskedState(AgentState.NOT_READY, "station_no_answer") if rang else None)
    elif consultation.connected and not contact.end_reason:
        offers.refuse_operation(step, contact, errors.StationNoAnswer)
        leg.state, leg.bridge = LegState.GONE, ""
        step.state.channels.pop(leg.channel, None)
        arrange(step, contact, consultation, Talk.HANDED)
    else:
        _over(step, contact, None)
        conversation.agent_leg_gone(step, contact, cause)


def _third_gone(step: Step, contact: Contact, next_state: AskedState | None) -> None:
    if contact.agent_leg:
        _over(step, contact, next_state)
        return
    # The agent left before and this one was to take over: nobody is left with the customer.
    parties.end(step, contact, errors.ConsultEnded, None, next_state)
    conversation.lose_agent(step, contact)
    offers.send_back(step, contact)


def no_answer(step: Step, contact_id: str) -> None:
    """The third party was rung in vain."""
    contact = step.state.contacts.get(contact_id)
    if contact and contact.consult and not contact.consult.connected:
        _third_gone(step, contact, AskedState(AgentState.NOT_READY, "no_answer"))


def third_failed(step: Step, contact: Contact, fact: EffectFailed) -> None:
    """The PBX could not call the number outside; in doubt the ring time bounds it."""
    leg = contact.consulted_leg
    if leg and leg.channel == fact.channel and leg.state is LegState.RINGING:
        if fact.code == errors.OutcomeUnknown.code:
            step.do(Resync(contact.node))
        else:
            leg_gone(step, contact, leg, UNKNOWN_CAUSE)


def failed(step: Step, contact: Contact, refusal: type[errors.Refusal]) -> None:
    """The PBX did not do a step: back to how it was."""
    consultation = contact.consult
    if consultation is None:
        return
    offers.refuse_operation(step, contact, refusal)
    if (
        contact.agent_leg
    ):  # else it left, perhaps after this step was begun: the other two go on towards each other
        consultation.goal, consultation.settled = consultation.talk, True
    conversation.watch(step, contact, conversation.APART_TIME)
    if refusal is errors.OutcomeUnknown:
        step.do(Resync(contact.node))


def corrected(step: Step, contact: Contact, channels: dict[str, ChannelFact]) -> None:
    """After a doubt: what the PBX shows, then on to the goal."""
    for leg in (contact.agent_leg, contact.consulted_leg):
        fact = channels.get(leg.channel) if leg else None
        if leg and fact is None and leg.state is not LegState.RINGING:
            leg_gone(step, contact, leg, UNKNOWN_CAUSE)
        elif leg and fact:
            leg.bridge = fact.bridge
            if fact.up and leg.state is LegState.RINGING and parties.outside(step, leg):
                placed(step, contact, leg)
    customer = channels[contact.contact_id]
    contact.customer_leg.bridge = customer.bridge
    consultation = contact.consult
    if consultation is None or contact.operation:
        return
    if consultation.goal is not Talk.HANDED:
        seen = (Talk.CUSTOMER, Talk.CONSULTED, Talk.ALL)
        consultation.goal = next((t for t in seen if _shows(contact, t)), consultation.goal)
    if contact.state is ContactState.CONFERENCE and consultation.goal is not Talk.HANDED:
        consultation.goal = Talk.ALL
    if not customer.bridge and customer.context in ELSEWHERE:
        step.do(Move(contact.node, contact.contact_id, Place.HOLD))
    arrange(step, contact, consultation, consultation.goal)


def _shows(contact: Contact, talk: Talk) -> bool:
    together = arrangement.talkers(contact, talk)
    rung = any(leg.state is LegState.RINGING for leg in together)
    return len(together) > 1 and not rung and arrangement.reached(contact, talk)
