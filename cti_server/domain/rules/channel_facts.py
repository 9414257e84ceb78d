"""What a channel does: whose it is, contact's or station's, and what its movement means for them."""

from __future__ import annotations

from cti_server.domain import errors
from cti_server.domain.agent import Agent
from cti_server.domain.contact import Contact, ContactState, RecordingState
from cti_server.domain.effects import HangUpChannel
from cti_server.domain.events import Event
from cti_server.domain.leg import Leg, LegRole
from cti_server.domain.rules import (
    ahead,
    colleagues,
    consult_facts,
    conversation,
    dialling_facts,
    offers,
    seats,
    supervision,
    transfers,
    unseen,
    watching,
)
from cti_server.domain.rules.watching import APART_TIME
from cti_server.domain.signals import (
    ChannelEnteredBridge,
    ChannelGone,
    ChannelLeftBridge,
    PhoneHeld,
    PhoneRetrieved,
    RecordingChanged,
    StationPlaced,
    StrangerInBridge,
)
from cti_server.domain.station import Station
from cti_server.domain.step import Step

TALKING = (ContactState.ACTIVE, ContactState.OUTSIDE)
"""States in which who leaves the bridge leaves a conversation."""


def contact_on(step: Step, channel: str) -> Contact | None:
    """The contact that has a leg on the channel."""
    return step.state.contacts.get(step.state.channels.get(channel, ""))


def station_on(step: Step, channel: str) -> tuple[Station, Agent] | None:
    """The station that the channel leads to, and its agent; None when nobody sits there."""
    station = step.state.stations.get(step.state.station_channels.get(channel, ""))
    agent = step.state.agents.get(station.agent_id or "") if station else None
    return (station, agent) if station and agent else None


def station_placed(step: Step, fact: StationPlaced) -> None:
    """A station's channel idles: its phone answered, or a conversation on it ended."""
    found = station_on(step, fact.channel)
    if found is None:
        consulted = contact_on(step, fact.channel)
        leg = consulted.leg_by_channel(fact.channel) if consulted else None
        if consulted and leg and consulted.consult:
            consult_facts.placed(step, consulted, leg)
        elif fact.channel not in step.state.channels:
            # Nobody's any more (answered just after it was given up): do not leave a phone hanging.
            step.do(HangUpChannel(fact.node, fact.channel))
        return
    station, agent = found
    station.answered = True
    contact = contact_on(step, fact.channel)
    if agent.supervision and agent.supervision.channel == fact.channel:
        supervision.idle(step, agent)
    if contact:
        leg = contact.leg_by_channel(fact.channel)
        if leg:
            leg.bridge = ""
        if contact.consult and leg:
            consult_facts.placed(step, contact, leg)
        elif contact.state is ContactState.DIALLING:
            if leg:
                dialling_facts.phone_answered(step, contact, leg)
        else:
            offers.phone_answered(step, contact)
    seats.station_answered(step, agent)


def entered_bridge(step: Step, fact: ChannelEnteredBridge) -> None:
    """A leg is in a bridge; together with its counterpart it is a conversation."""
    contact = contact_on(step, fact.channel)
    leg = contact.leg_by_channel(fact.channel) if contact else None
    if contact is None or leg is None:
        return
    leg.bridge = fact.bridge
    if leg.role is LegRole.COLLEAGUE:
        return
    if contact.state is ContactState.OUTSIDE:
        transfers.reached(step, contact)
        return
    if contact.consult:
        consult_facts.moved(step, contact)
        return
    agent_leg = contact.agent_leg
    if agent_leg and agent_leg.bridge == contact.customer_leg.bridge:
        dialling_facts.together(step, contact)
    elif contact.operation is None:
        # Its counterpart is about to follow, or it talks to somebody we do not know of.
        watching.watch(step, contact, APART_TIME)


def stranger(step: Step, fact: StrangerInBridge) -> None:
    """It is heard and not recorded: hung up. Whose place it took is then joined again, for it is apart."""
    step.anomaly("stranger_in_bridge")
    step.do(HangUpChannel(fact.node, fact.channel))


def left_bridge(step: Step, fact: ChannelLeftBridge) -> None:
    """A leg left its bridge: explained by a command, a hold or a hang-up soon, or looked into."""
    contact = contact_on(step, fact.channel)
    leg = contact.leg_by_channel(fact.channel) if contact else None
    if contact is None or leg is None or leg.bridge != fact.bridge:
        return
    leg.bridge = ""
    if leg.role is LegRole.COLLEAGUE:
        return
    if leg.role is LegRole.CUSTOMER:
        unseen.waits_again(step, contact)
    if contact.consult:
        consult_facts.moved(step, contact)
    elif (contact.state in TALKING or contact.held_at_phone) and contact.operation is None:
        watching.watch(step, contact, APART_TIME)


def channel_gone(step: Step, fact: ChannelGone) -> None:
    """A channel ended: the customer's, or one to a station."""
    contact = contact_on(step, fact.channel)
    if contact and fact.channel == contact.contact_id:
        dialling_facts.customer_gone(step, contact, cause=fact.cause)
        return
    found = station_on(step, fact.channel)
    step.state.station_channels.pop(fact.channel, None)
    if found:
        found[0].release_channel()
    leg = contact.leg_by_channel(fact.channel) if contact else None
    if contact and contact.consult and leg:
        consult_facts.leg_gone(step, contact, leg, fact.cause)
    elif contact and leg and leg.role is LegRole.COLLEAGUE:
        colleagues.leg_gone(step, contact, leg, fact.cause)
    elif contact and leg and contact.state is ContactState.OUTSIDE:
        transfers.outside_left(step, contact, leg)
    elif contact and contact.state is ContactState.DIALLING:
        dialling_facts.agent_leg_gone(step, contact, fact.cause)
    elif contact:
        conversation.agent_leg_gone(step, contact, fact.cause)
    if found:
        supervision.channel_gone(step, found[1])
        _station_channel_lost(step, *found)


def _station_channel_lost(step: Step, station: Station, agent: Agent) -> None:
    if agent.station_wait:
        seats.give_up_station(step, agent, errors.StationNoAnswer)
        return
    seats_persistent = agent.signed_in and agent.station == station.address
    if seats_persistent and agent.station_mode == "persistent":
        seats.station_lost(step, agent, "station_lost")
        step.tell_agent(agent, Event.STATION_CHANGED)


def phone_held(step: Step, fact: PhoneHeld) -> None:
    """Hold from a phone: the agent's holds the contact; the customer's own is its own affair."""
    contact = contact_on(step, fact.channel)
    if contact and fact.channel != contact.contact_id:
        leg = _note_held(contact, fact.channel, held=True)
        if leg and leg.role is not LegRole.COLLEAGUE:
            conversation.phone_held(step, contact)


def phone_retrieved(step: Step, fact: PhoneRetrieved) -> None:
    """Unhold from a phone."""
    contact = contact_on(step, fact.channel)
    if contact and fact.channel != contact.contact_id:
        leg = _note_held(contact, fact.channel, held=False)
        if leg and leg.role is not LegRole.COLLEAGUE:
            conversation.phone_retrieved(step, contact)


def _note_held(contact: Contact, channel: str, *, held: bool) -> Leg | None:
    leg = contact.leg_by_channel(channel)
    if leg:
        leg.held = held
    return leg


def recording_changed(step: Step, fact: RecordingChanged) -> None:
    """MixMonitor began or ended."""
    contact = step.state.contacts.get(fact.channel)
    if contact is None or ahead.recording_is_known(contact, recording=fact.recording):
        return
    if fact.recording and contact.recording in (RecordingState.OFF, RecordingState.STOPPED):
        contact.recording = RecordingState.RECORDING
        step.tell_contact(contact, Event.RECORDING_STARTED)
    elif not fact.recording and contact.recording is not RecordingState.STOPPED:
        contact.recording = RecordingState.STOPPED
        step.tell_contact(contact, Event.RECORDING_STOPPED)
