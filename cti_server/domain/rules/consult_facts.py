"""What the PBX shows of a consultation: parties who come, move, leave, or cannot be had.

Decided here: when the third party leaves by itself the customer stays on hold; when the agent's phone goes
away while somebody was consulted, that party takes over.
"""

from __future__ import annotations

from cti_server.domain import errors
from cti_server.domain.agent import AgentState, AskedState
from cti_server.domain.consultation import Consult, Talk
from cti_server.domain.contact import Contact, ContactEvent, ContactState
from cti_server.domain.effects import Move, Place, Resync
from cti_server.domain.leg import Leg, LegState
from cti_server.domain.operation import OperationKind
from cti_server.domain.rules import (
    arrangement,
    consult_goals,
    conversation,
    offers,
    operations,
    parties,
    watching,
)
from cti_server.domain.signals import ChannelFact, EffectFailed
from cti_server.domain.signals.facts import UNKNOWN_CAUSE
from cti_server.domain.step import Step

ELSEWHERE = ("cti-unserved", "cti-wait", "cti-refer")
"""Where the dialplan, or a phone that passes it on, took a customer who was to be on hold."""


STEPWISE = frozenset(
    {
        OperationKind.CONSULT,
        OperationKind.ALTERNATE,
        OperationKind.COMPLETE,
        OperationKind.CONFERENCE,
        OperationKind.CANCEL_CONSULT,
        OperationKind.DROP_LEG,
    }
)
"""Commands whose outcome comes about step by step (`arrangement`)."""


def third_left(step: Step, contact: Contact, next_state: AskedState | None) -> None:
    """The third party leaves by itself: the customer is on hold, or goes on talking to the agent."""
    leg, customer = contact.agent_leg, contact.customer_leg
    together = bool(leg and customer.bridge and customer.bridge == leg.bridge)
    if leg and not leg.bridge and _rings_outside(step, contact) and not _sent_to(contact, Talk.CUSTOMER):
        step.do(Move(contact.node, leg.channel, Place.STATION))  # it hears no ringing any more
    talks = together or contact.state is ContactState.CONFERENCE
    sent_to_it = _sent_to(contact, Talk.HANDED)
    moves = ContactEvent.RETRIEVE if talks else ContactEvent.HOLD
    if not talks:
        customer.state = LegState.HELD
        if leg:
            leg.state = LegState.UP
    parties.end(step, contact, errors.ConsultEnded, moves, next_state)
    if sent_to_it and not talks:
        step.do(Move(contact.node, contact.contact_id, Place.HOLD))
    watching.watch(step, contact, operations.OPERATION_TIME)


def _sent_to(contact: Contact, goal: Talk) -> bool:
    """Whether the customer was to be joined with that one: it may have left its hold for that."""
    consultation = contact.consult
    return consultation is not None and consultation.goal is goal and consultation.joining


def _rings_outside(step: Step, contact: Contact) -> bool:
    leg = contact.legs.get(contact.consult.leg_id) if contact.consult else None
    return (
        leg is not None and not (contact.consult and contact.consult.connected) and parties.outside(step, leg)
    )


def answered(step: Step, contact: Contact, consultation: Consult, leg: Leg) -> None:
    """The third party is there: it talks to the agent as soon as the customer is on hold."""
    leg.state = LegState.UP
    step.set_timer(f"consult:{contact.contact_id}", operations.OPERATION_TIME)
    if consultation.goal is Talk.NOBODY and consultation.settled:
        consult_goals.arrange(step, contact, consultation, Talk.CONSULTED)


def placed(step: Step, contact: Contact, leg: Leg) -> None:
    """A party is in its own place: the phone was picked up, or it left a bridge."""
    consultation = contact.consult
    if consultation is None:
        return
    if leg.leg_id == consultation.leg_id and leg.state is LegState.RINGING:
        if not parties.nailed_up(step, leg):
            answered(step, contact, consultation, leg)
        return
    arrangement.placed(consultation, leg)
    _shown(step, contact, consultation)


def moved(step: Step, contact: Contact) -> None:
    """A party entered or left a bridge."""
    if contact.consult:
        _shown(step, contact, contact.consult)


def _shown(step: Step, contact: Contact, consultation: Consult) -> None:
    if consultation.settled and not arrangement.reached(contact, consultation.goal):
        watching.watch(step, contact, watching.APART_TIME)
    else:
        consult_goals.go_on(step, contact, consultation)


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
        operations.refuse_operation(step, contact, errors.StationNoAnswer)
        leg.state, leg.bridge = LegState.GONE, ""
        step.state.channels.pop(leg.channel, None)
        consult_goals.arrange(step, contact, consultation, Talk.HANDED)
    else:
        third_left(step, contact, None)
        conversation.agent_leg_gone(step, contact, cause)


def _third_gone(step: Step, contact: Contact, next_state: AskedState | None) -> None:
    if contact.agent_leg:
        third_left(step, contact, next_state)
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
    """The PBX did not do a step: back to how it was. In doubt a look shows, if there is time."""
    consultation = contact.consult
    if consultation is None:
        return
    if refusal is errors.OutcomeUnknown and operations.awaited(step, contact):
        step.do(Resync(contact.node))
        return
    operations.refuse_operation(step, contact, refusal)
    if (
        contact.agent_leg
    ):  # else it left, perhaps after this step was begun: the other two go on towards each other
        consultation.goal, consultation.settled = consultation.talk, True
    watching.watch(step, contact, watching.APART_TIME)
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
    _again(step, contact, consultation, customer)


def _again(step: Step, contact: Contact, consultation: Consult, customer: ChannelFact) -> None:
    """Towards the goal from where the PBX shows the customer."""
    if not customer.bridge and customer.context in ELSEWHERE:
        step.do(Move(contact.node, contact.contact_id, Place.HOLD))
    consult_goals.arrange(step, contact, consultation, consultation.goal)


def taken_up(step: Step, contact: Contact, customer: ChannelFact) -> None:
    """After `corrected`, when the link was away: nothing of ours is on its way there any more.

    A command under way ended with what the PBX shows, or its step was lost with the server that asked for it.
    """
    consultation, operation = contact.consult, contact.operation
    if consultation and not consultation.settled and operation and operation.kind in STEPWISE:
        _again(step, contact, consultation, customer)


def _shows(contact: Contact, talk: Talk) -> bool:
    together = arrangement.talkers(contact, talk)
    rung = any(leg.state is LegState.RINGING for leg in together)
    return len(together) > 1 and not rung and arrangement.reached(contact, talk)
