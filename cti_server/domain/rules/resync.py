"""Our state against the PBX's, after the connection to it was lost or a doubt arose: the PBX is right."""

from __future__ import annotations

from cti_server.domain.agent import Agent, AgentState, AskedState, StationMode
from cti_server.domain.contact import Contact, ContactState, Leg, LegRole, LegState
from cti_server.domain.effects import Apologise, Connect, HangUpChannel
from cti_server.domain.rules import (
    arrivals,
    audio,
    channel_facts,
    consult_facts,
    conversation,
    dialling_facts,
    fallback,
    handing,
    identity,
    node_facts,
    offers,
    referring,
    reroute,
    supervision,
    transfers,
    voicemail,
)
from cti_server.domain.signals import (
    ChannelFact,
    ChannelGone,
    CustomerPlaced,
    NodeSnapshot,
    PhoneHeld,
    PhoneRetrieved,
    StationChanged,
    StationPlaced,
)
from cti_server.domain.state import Node
from cti_server.domain.step import Step

UNKNOWN_CAUSE = 0
PLACES = {
    "cti-wait": "wait",
    "cti-connect": "wait",
    "cti-hold": "hold",
    "cti-unserved": "unserved",
    "cti-voicemail": "voicemail",
    "cti-identify": "identify",
    "cti-refer": "referred",
}
"""Contexts of the dialplan's waiting places (`cti-connect`: on the way from there into a conversation)."""
_HELD = ("hold", "identify", "referred")
"""Where only those are who have an agent."""
UNDER_WAY = 1.0
"""Seconds that what was asked of the PBX may take until it shows in a snapshot."""
LET_GO_FROM = ("cti-wait", "cti-unserved")
"""Contexts in which a caller whose contact has ended still waits."""


def node_snapshot(step: Step, snapshot: NodeSnapshot) -> None:
    """Correct everything that differs. Conversations first: what a customer does now explains the rest."""
    node = step.state.nodes.setdefault(snapshot.node, Node(snapshot.node))
    taken_at = snapshot.at if snapshot.taken_at is None else snapshot.taken_at
    since = taken_at - UNDER_WAY if node.up else taken_at
    node.up = True
    if node.lost:
        node.lost = False
        node_facts.tell_status(step)
    channels = {fact.channel: fact for fact in snapshot.channels}
    customers = [
        fact for fact in snapshot.channels if _is_customer(fact) and not _moved_since(step, since, fact)
    ]
    partners = {fact.channel: partner for fact in customers if (partner := _partner(fact, channels))}
    _customers_gone(step, snapshot, channels)
    for fact in customers:
        if fact.channel in partners:
            _in_conversation(step, snapshot, fact, partners[fact.channel], channels)
    for fact in customers:
        if fact.context in ("cti-wait", "cti-unserved") and _dialled(step, fact):
            _alone(step, snapshot, fact, channels)
    _stations(step, snapshot, channels)
    for fact in customers:
        if fact.channel not in partners:
            _alone(step, snapshot, fact, channels)
    _held_at_phones(step, snapshot, channels)
    audio.corrected(step, snapshot, channels)
    supervision.corrected(step, snapshot.node, channels)
    _strays(step, snapshot)
    fallback.corrected(step, snapshot)
    reroute.note_numbers(step, snapshot.node)


def _dialled(step: Step, fact: ChannelFact) -> bool:
    """Called by us, answered, with nobody there: it waits, before it is given up with its agent's phone."""
    contact = step.state.contacts.get(fact.channel)
    return contact is not None and contact.dialling is not None and not fact.bridge


def _is_customer(fact: ChannelFact) -> bool:
    ours = fact.variables.get("CTI_NUMBER") or fact.variables.get("CTI_DIRECTION")
    return bool(ours) and not fact.peer_station


def _moved_since(step: Step, since: float, fact: ChannelFact) -> bool:
    """Passed on by then: where it was in the snapshot is history, or will be.

    With the link unbroken, what is on its way to the PBX is done even where the snapshot was quicker, and
    whoever was passed on is looked for later. After an outage it may have been lost.
    """
    contact = step.state.contacts.get(fact.channel)
    return contact is not None and contact.moved_at >= since


def _partner(fact: ChannelFact, channels: dict[str, ChannelFact]) -> ChannelFact | None:
    """The station's channel in the same bridge."""
    if not fact.bridge:
        return None
    return next((c for c in channels.values() if c.bridge == fact.bridge and c.peer_station), None)


def _customers_gone(step: Step, snapshot: NodeSnapshot, channels: dict[str, ChannelFact]) -> None:
    taken_at = snapshot.at if snapshot.taken_at is None else snapshot.taken_at
    for contact in [c for c in step.state.contacts.values() if c.node == snapshot.node and c.live]:
        # A call that came while the snapshot was on its way is no call that has gone.
        if contact.contact_id not in channels:
            dialling_facts.missing(step, contact, taken_at)


def _stations(step: Step, snapshot: NodeSnapshot, channels: dict[str, ChannelFact]) -> None:
    registered = set(snapshot.registered)
    for station in list(step.state.stations.values()):
        if station.address in registered or station.node == snapshot.node:
            now = station.address in registered
            node_facts.station_changed(step, StationChanged(step.at, snapshot.node, station.address, now))
        if station.node != snapshot.node or not station.channel:
            continue
        fact = channels.get(station.channel)
        if fact is None and station.answered:
            # One that still rings may be younger than the snapshot; its ring time bounds it.
            channel_facts.channel_gone(
                step, ChannelGone(step.at, snapshot.node, station.channel, UNKNOWN_CAUSE)
            )
        elif fact and fact.up and not station.answered:
            channel_facts.station_placed(step, StationPlaced(step.at, snapshot.node, station.channel))


# --- customers who talk ----------------------------------------------------------------------------------


def _in_conversation(
    step: Step,
    snapshot: NodeSnapshot,
    fact: ChannelFact,
    partner: ChannelFact,
    channels: dict[str, ChannelFact],
) -> None:
    contact = step.state.contacts.get(fact.channel)
    if contact and contact.consult:
        consult_facts.corrected(step, contact, channels)
        return
    leg = contact.leg_by_channel(partner.channel) if contact else None
    if contact is None or leg is None:
        _take_up(step, snapshot, fact, "talks")
        contact = step.state.contacts.get(fact.channel)
        leg = _adopt(step, contact, partner, channels) if contact else None
    if contact and leg:
        leg.bridge = contact.customer_leg.bridge = fact.bridge
        dialling_facts.together(step, contact)
    elif contact:
        _served_outside(step, contact, fact.bridge)


def _served_outside(step: Step, contact: Contact, bridge: str) -> None:
    """Whoever talks to the caller holds no seat: nobody else is offered it, and it counts as answered."""
    if contact.state is ContactState.OFFERED:
        offers.withdraw(step, contact, None)
    elif contact.state in conversation.TALK_STATES:
        conversation.lose_agent(step, contact)
    if contact.state is ContactState.QUEUED and contact.customer_leg.bridge != bridge:
        contact.customer_leg.bridge = bridge
        contact.connected_at = contact.connected_at or step.at
        contact.end_reason = "answered_unserved"
        step.note_contact(contact, "contact.answered_unserved")
    step.clear_timer(f"apart:{contact.contact_id}")


def _adopt(
    step: Step, contact: Contact, partner: ChannelFact, channels: dict[str, ChannelFact]
) -> Leg | None:
    """An agent's phone took the call from the fallback queue: it is that agent's contact now.

    None, and nothing changed, when nobody is signed in at that phone, or has another customer (on hold).
    """
    station = step.state.stations.get(partner.peer_station)
    agent = step.state.agents.get(station.agent_id or "") if station else None
    if agent is None or not agent.signed_in or not contact.live or contact.dialling:
        return None
    if not _release(step, contact, agent, channels):
        return None
    step.dequeue(contact)
    contact.agent_id = agent.agent_id
    agent.contact_ids.append(contact.contact_id)
    step.state.channels[partner.channel] = contact.contact_id
    if agent.state is not AgentState.READY:
        agent.pending = AskedState(agent.state, agent.reason)
    return contact.add_leg(LegRole.AGENT, agent.agent_id, partner.channel, LegState.UP)


def _release(step: Step, contact: Contact, agent: Agent, channels: dict[str, ChannelFact]) -> bool:
    """End what contact and agent were engaged in before; False when the agent has somebody else on hold."""
    other = step.state.contacts.get(agent.contact_ids[0]) if agent.contact_ids else None
    if other and agent.agent_id in other.wrapping:
        handing.after_call_over(step, agent.agent_id)
        other = None
    if other and other is not contact and other.state in conversation.TALK_STATES:
        if other.agent_leg and other.agent_leg.channel in channels:
            return False
        conversation.agent_leg_gone(step, other, UNKNOWN_CAUSE)
    if contact.state is ContactState.OFFERED:
        offers.withdraw(step, contact, None)
    elif contact.state in conversation.TALK_STATES:
        conversation.lose_agent(step, contact)
    if other and other.state is ContactState.OFFERED:
        offers.withdraw(step, other, None)
    elif other and other.state is ContactState.WRAP_UP:
        conversation.wrap_up_over(step, other.contact_id)
    return not agent.contact_ids  # one that is being hung up goes only when the PBX says so


def _take_up(step: Step, snapshot: NodeSnapshot, fact: ChannelFact, place: str) -> None:
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


# --- customers who wait ----------------------------------------------------------------------------------


def _alone(step: Step, snapshot: NodeSnapshot, fact: ChannelFact, channels: dict[str, ChannelFact]) -> None:
    """The customer shares no bridge with a station."""
    place = PLACES.get(fact.context, "")
    contact = step.state.contacts.get(fact.channel)
    if contact and contact.consult:
        consult_facts.corrected(step, contact, channels)
        return
    new = contact is None or contact.state is ContactState.IVR
    alone = contact is not None and contact.dialling is not None and fact.context == "cti-wait"
    came = contact is not None and contact.on_its_way
    if place and (new or alone or came or place == "unserved" or _elsewhere(contact, place)):
        _take_up(step, snapshot, fact, "wait" if place in _HELD else place)
        contact = step.state.contacts.get(fact.channel)
    if contact is None or not contact.live:
        return
    contact.customer_leg.bridge = fact.bridge
    if contact.dialling:
        dialling_facts.corrected(step, contact, fact)
    elif contact.state in conversation.TALK_STATES:
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
            conversation.watch(step, contact, offers.OPERATION_TIME)
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
    conversation.watch(step, contact, offers.OPERATION_TIME)


# --- the rest --------------------------------------------------------------------------------------------


def _held_at_phones(step: Step, snapshot: NodeSnapshot, channels: dict[str, ChannelFact]) -> None:
    """A phone held its call, or took it back, while nobody looked."""
    for contact in [c for c in step.state.contacts.values() if c.node == snapshot.node and c.live]:
        for leg in [leg for leg in contact.legs.values() if leg.role is not LegRole.CUSTOMER]:
            fact = channels.get(leg.channel)
            if fact is None or leg.state is LegState.GONE or leg.held is fact.held:
                continue
            if fact.held:
                channel_facts.phone_held(step, PhoneHeld(step.at, snapshot.node, leg.channel))
            else:
                channel_facts.phone_retrieved(step, PhoneRetrieved(step.at, snapshot.node, leg.channel))


def _strays(step: Step, snapshot: NodeSnapshot) -> None:
    """Channels of ours that nobody waits for: no phone hangs in an empty place, or with an agent for ever."""
    served = {fact.bridge for fact in snapshot.channels if _is_customer(fact)}
    for fact in snapshot.channels:
        ours = (
            fact.variables.get("CTI_STATION")
            or fact.variables.get("CTI_THIRD")
            or (fact.peer_station and fact.context == "cti-station")
        )
        known = fact.channel in step.state.station_channels or fact.channel in step.state.channels
        if ours and not known and (not fact.bridge or fact.bridge not in served):
            step.do(HangUpChannel(snapshot.node, fact.channel))
        elif fact.channel in step.state.ended and fact.context in LET_GO_FROM and not fact.bridge:
            step.do(Apologise(snapshot.node, fact.channel))  # it was let go, and nobody told it so
