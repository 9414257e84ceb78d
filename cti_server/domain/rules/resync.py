"""Our state against the PBX's, after the connection to it was lost or a doubt arose: the PBX is right."""

from __future__ import annotations

from cti_server.domain.contact import Contact, ContactState, LegRole, LegState
from cti_server.domain.effects import Connect, HangUpChannel, ReturnToQueue
from cti_server.domain.rules import conversation, pbx
from cti_server.domain.signals import (
    ChannelFact,
    ChannelGone,
    CustomerPlaced,
    NodeSnapshot,
    StationChanged,
    StationPlaced,
)
from cti_server.domain.step import Step

UNKNOWN_CAUSE = 0
PLACES = {"cti-wait": "wait", "cti-hold": "hold", "cti-unserved": "unserved"}
"""Contexts of the dialplan's waiting places."""


def node_snapshot(step: Step, snapshot: NodeSnapshot) -> None:
    """Correct everything that differs: stations, then channels that are gone, then customers, then strays."""
    channels = {fact.channel: fact for fact in snapshot.channels}
    _stations(step, snapshot, channels)
    for contact in [c for c in step.state.contacts.values() if c.node == snapshot.node and c.live]:
        if contact.contact_id not in channels:
            conversation.customer_gone(step, contact, "gone_unseen")
    for fact in snapshot.channels:
        if fact.variables.get("CTI_NUMBER") and not fact.peer_station:
            _customer(step, snapshot, fact, channels)
    _strays(step, snapshot)


def _stations(step: Step, snapshot: NodeSnapshot, channels: dict[str, ChannelFact]) -> None:
    registered = set(snapshot.registered)
    for station in list(step.state.stations.values()):
        if station.address in registered or station.node == snapshot.node:
            now = station.address in registered
            pbx.station_changed(step, StationChanged(step.at, snapshot.node, station.address, now))
        if station.node != snapshot.node or not station.channel:
            continue
        fact = channels.get(station.channel)
        if fact is None:
            pbx.channel_gone(step, ChannelGone(step.at, snapshot.node, station.channel, UNKNOWN_CAUSE))
        elif fact.up and not station.answered:
            pbx.station_placed(step, StationPlaced(step.at, snapshot.node, station.channel))


def _customer(
    step: Step, snapshot: NodeSnapshot, fact: ChannelFact, channels: dict[str, ChannelFact]
) -> None:
    partner = _partner(fact, channels)
    contact = step.state.contacts.get(fact.channel)
    if contact is None or contact.state is ContactState.IVR or fact.context == "cti-unserved":
        place = PLACES.get(fact.context, "")
        if place == "hold" and contact is None:
            place = "wait"
        if place or partner:
            _take_up(step, snapshot, fact, "" if partner else place)
            contact = step.state.contacts.get(fact.channel)
    if contact is None or not contact.live:
        return
    if partner:
        _in_conversation(step, contact, fact, partner)
    else:
        _alone(step, contact, fact, channels)


def _take_up(step: Step, snapshot: NodeSnapshot, fact: ChannelFact, place: str) -> None:
    variables = fact.variables
    placed = CustomerPlaced(
        step.at,
        snapshot.node,
        fact.channel,
        place or "wait",
        variables.get("CTI_NUMBER", ""),
        variables.get("CTI_GROUP", ""),
        fact.caller_number,
        fact.language,
    )
    pbx.customer_placed(step, placed)


def _partner(fact: ChannelFact, channels: dict[str, ChannelFact]) -> ChannelFact | None:
    """The station's channel in the same bridge."""
    if not fact.bridge:
        return None
    return next((c for c in channels.values() if c.bridge == fact.bridge and c.peer_station), None)


def _in_conversation(step: Step, contact: Contact, fact: ChannelFact, partner: ChannelFact) -> None:
    leg = contact.leg_by_channel(partner.channel)
    if leg is None:
        if not _adopt_agent(step, contact, partner):
            return
        leg = contact.leg_by_channel(partner.channel)
    if leg:
        leg.bridge = contact.customer_leg.bridge = fact.bridge
        conversation.together(step, contact)


def _adopt_agent(step: Step, contact: Contact, partner: ChannelFact) -> bool:
    """An agent's phone took the call from the fallback queue: it is that agent's contact now."""
    station = step.state.stations.get(partner.peer_station)
    agent = step.state.agents.get(station.agent_id or "") if station else None
    if agent is None or not agent.signed_in or contact.state not in (ContactState.QUEUED, ContactState.IVR):
        return False
    if agent.contact_ids:
        return False
    step.dequeue(contact)
    contact.agent_id = agent.agent_id
    agent.contact_ids.append(contact.contact_id)
    contact.add_leg(LegRole.AGENT, agent.agent_id, partner.channel, LegState.UP)
    step.state.channels[partner.channel] = contact.contact_id
    return True


def _alone(step: Step, contact: Contact, fact: ChannelFact, channels: dict[str, ChannelFact]) -> None:
    """The customer is in no bridge with an agent."""
    contact.customer_leg.bridge = ""
    leg = contact.agent_leg
    if fact.context == "cti-hold" and contact.state is ContactState.ACTIVE:
        conversation.customer_on_hold(step, contact)
    elif contact.state is ContactState.HELD and fact.context == "cti-wait":
        _rejoin(step, contact)
    elif contact.state is ContactState.ACTIVE:
        if leg is None or leg.channel not in channels:
            _lost_agent(step, contact)
        else:
            _rejoin(step, contact)
    elif contact.state is ContactState.QUEUED and fact.context == "cti-hold":
        step.do(ReturnToQueue(contact.node, contact.contact_id))


def _rejoin(step: Step, contact: Contact) -> None:
    leg = contact.agent_leg
    if leg and contact.operation is None:
        agent = step.state.agents[leg.party]
        step.do(Connect(contact.node, contact.contact_id, leg.channel, agent.station or ""))


def _lost_agent(step: Step, contact: Contact) -> None:
    if contact.end_reason:
        step.do(HangUpChannel(contact.node, contact.contact_id))
    elif contact.agent_leg:
        conversation.agent_leg_gone(step, contact, UNKNOWN_CAUSE)
    else:
        conversation.return_to_queue(step, contact)


def _strays(step: Step, snapshot: NodeSnapshot) -> None:
    """Station channels of ours that nobody waits for: a phone must not hang in an empty place."""
    for fact in snapshot.channels:
        ours = fact.variables.get("CTI_STATION") and not fact.bridge
        known = fact.channel in step.state.station_channels or fact.channel in step.state.channels
        if ours and not known:
            step.do(HangUpChannel(snapshot.node, fact.channel))
