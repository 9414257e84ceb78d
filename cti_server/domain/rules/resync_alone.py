"""A look at the PBX: customers who share no bridge with a station, where they are and where they belong."""

from __future__ import annotations

from cti_server.domain.agent import StationMode
from cti_server.domain.contact import TALK_STATES, Contact, ContactState
from cti_server.domain.effects import Connect
from cti_server.domain.leg import LegState
from cti_server.domain.rules import (
    arrivals,
    consult_facts,
    conversation,
    dialling_facts,
    identity,
    offers,
    operations,
    referring,
    transfers,
    unseen,
    voicemail,
    watching,
)
from cti_server.domain.signals import (
    ChannelFact,
    CustomerPlaced,
    NodeSnapshot,
)
from cti_server.domain.signals.facts import UNKNOWN_CAUSE
from cti_server.domain.step import Step

PLACES = {
    "cti-wait": "wait",
    "cti-connect": "wait",
    "cti-ahead": "wait",
    "cti-hold": "hold",
    "cti-unserved": "unserved",
    "cti-voicemail": "voicemail",
    "cti-identify": "identify",
    "cti-refer": "referred",
}
"""Contexts of the dialplan's waiting places (`cti-connect`: on the way from there into a conversation)."""
_HELD = ("hold", "identify", "referred")
"""Where only those are who have an agent."""


def alone(step: Step, snapshot: NodeSnapshot, fact: ChannelFact, channels: dict[str, ChannelFact]) -> None:
    """The customer shares no bridge with a station."""
    place = PLACES.get(fact.context, "")
    contact = step.state.contacts.get(fact.channel)
    if contact and contact.consult:
        consult_facts.corrected(step, contact, channels)
        return
    new = contact is None or contact.state is ContactState.IVR
    called = contact is not None and contact.dialling is not None and fact.context == "cti-wait"
    came = contact is not None and contact.on_its_way
    if place and (new or called or came or place == "unserved" or _elsewhere(contact, place)):
        take_up(step, snapshot, fact, "wait" if place in _HELD else place)
        contact = step.state.contacts.get(fact.channel)
    if contact is None or not contact.live:
        return
    if contact.customer_leg.bridge and not fact.bridge:
        unseen.waits_again(step, contact)
    contact.customer_leg.bridge = fact.bridge
    if contact.dialling:
        dialling_facts.corrected(step, contact, fact)
    elif contact.state in TALK_STATES:
        _without_partner(step, contact, place, channels)
    elif contact.state is ContactState.OUTSIDE:
        _outside(step, contact, fact, place, channels)
    elif _strayed(step, contact, fact, place):
        offers.send_back(step, contact)
    elif contact.state is ContactState.VOICEMAIL and place == "voicemail":
        voicemail.placed(step, contact)


def _strayed(step: Step, contact: Contact, fact: ChannelFact, place: str) -> bool:
    """Should wait, and is where only others are: what was to bring it to its place was lost."""
    leg = contact.agent_leg
    waits = contact.state is ContactState.QUEUED
    if contact.state is ContactState.OFFERED and leg and leg.state is LegState.RINGING:
        on_demand = step.state.agents[leg.party].station_mode is StationMode.ON_DEMAND
        waits = on_demand or contact.operation is None  # else they are being joined
    return waits and (place in _HELD or fact.context == "cti-outside")


def _elsewhere(contact: Contact | None, place: str) -> bool:
    """Leaves a message though it should wait, or waits though it should leave one."""
    if contact is None or contact.state not in (ContactState.QUEUED, ContactState.VOICEMAIL):
        return False
    return (place == "voicemail") != (contact.state is ContactState.VOICEMAIL)


def _outside(
    step: Step, contact: Contact, fact: ChannelFact, place: str, channels: dict[str, ChannelFact]
) -> None:
    """Talking outside, or back from there unnoticed, or never sent."""
    third = transfers.outside_leg(contact)
    if third and third.channel not in channels:
        transfers.outside_left(step, contact, third)
    elif third:
        third.bridge = channels[third.channel].bridge
        if not fact.bridge:
            step.do(Connect(contact.node, contact.contact_id, third.channel, ""))
            watching.watch(step, contact, operations.OPERATION_TIME)
    elif fact.context == "cti-outside":
        if fact.bridge:
            transfers.reached(step, contact)
    else:
        transfers.not_reached(step, contact)
        if place != "wait" or fact.context == "cti-connect":
            offers.send_back(step, contact, contact.group_id)


def _without_partner(step: Step, contact: Contact, place: str, channels: dict[str, ChannelFact]) -> None:
    leg = contact.agent_leg
    if contact.referred_to:
        referring.placed(step, contact)
    elif leg is None:
        conversation.end_call(step, contact)
    elif leg.channel not in channels:
        conversation.agent_leg_gone(step, contact, UNKNOWN_CAUSE)
    else:
        leg.bridge = channels[leg.channel].bridge
        if identity.under_way(contact) and place == "identify":
            identity.placed(step, contact)
        elif identity.under_way(contact) and place == "hold":
            identity.unserved(step, contact)
        elif place == "hold" and contact.state is ContactState.ACTIVE:
            conversation.customer_on_hold(step, contact)
        elif contact.operation is None and (place != "hold" or contact.held_at_phone):
            _rejoin(step, contact, leg.channel)


def _rejoin(step: Step, contact: Contact, agent_channel: str) -> None:
    agent = step.state.agents[contact.agent_id or ""]
    step.do(Connect(contact.node, contact.contact_id, agent_channel, agent.station or ""))
    watching.watch(step, contact, operations.OPERATION_TIME)


def take_up(step: Step, snapshot: NodeSnapshot, fact: ChannelFact, place: str) -> None:
    """The customer is at this place; it may be new to us, which nobody told of."""
    variables = fact.variables
    placed = CustomerPlaced(
        step.at,
        snapshot.node,
        fact.channel,
        place,
        variables.get("CTI_NUMBER", ""),
        variables.get("CTI_GROUP", ""),
        fact.caller_number,
        fact.language,
    )
    known = fact.channel in step.state.contacts
    arrivals.customer_placed(step, placed)
    contact = step.state.contacts.get(fact.channel)
    if contact and not known:
        contact.direction = variables.get("CTI_DIRECTION") or contact.direction
