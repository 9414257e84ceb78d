"""Facts of the PBX: which contact or station a channel belongs to, and what its movement means."""

from __future__ import annotations

from cti_server.domain import errors
from cti_server.domain.agent import Agent
from cti_server.domain.contact import Contact, ContactState, Customer, Leg, LegRole, LegState, RecordingState
from cti_server.domain.effects import Apologise, HangUpChannel, Resync
from cti_server.domain.events import Event
from cti_server.domain.rules import (
    audio,
    colleagues,
    consults,
    conversation,
    dialling,
    fallback,
    identity,
    menu,
    offers,
    preference,
    referring,
    seats,
    supervision,
    transfers,
    voicemail,
)
from cti_server.domain.rules.conversation import APART_TIME
from cti_server.domain.signals import (
    ChannelEnteredBridge,
    ChannelGone,
    ChannelLeftBridge,
    ContactArrived,
    ContactRecovered,
    CustomerPlaced,
    EffectFailed,
    NodeDown,
    NodeUp,
    PhoneHeld,
    PhoneRetrieved,
    RecordingChanged,
    StationChanged,
    StationPlaced,
    StrangerInBridge,
)
from cti_server.domain.state import Node
from cti_server.domain.station import Station
from cti_server.domain.step import Step

TAKE_BACK_PAUSE = 10.0
"""Seconds a caller stays with the fallback queue that has just been fetched from it."""
ARRIVAL_TIME = 120.0
"""Seconds a call may take from its arrival to its waiting place."""


def node_up(step: Step, fact: NodeUp) -> None:
    """The node is in reach. It counts as up when the snapshot that follows has put our state in step."""
    step.state.nodes.setdefault(fact.node, Node(fact.node))


def node_down(step: Step, fact: NodeDown) -> None:
    """The node is out of reach; its calls are taken to go on until a snapshot says otherwise."""
    node = step.state.nodes.setdefault(fact.node, Node(fact.node))
    if node.up:
        node.up, node.seen_until = False, step.at


# --- customers -----------------------------------------------------------------------------------------


def contact_arrived(step: Step, fact: ContactArrived) -> None:
    """A call asked for its way: the contact begins."""
    if fact.channel in step.state.contacts or fact.channel in step.state.ended:
        return
    group_id = step.state.service_numbers.get(fact.service_number) or fact.group_id
    if group_id not in step.state.groups:
        group_id = next(iter(step.state.groups), "")
    if not group_id:
        step.anomaly("no_group")
        return
    customer = Customer(fact.customer_number, fact.customer_name, fact.tier, fact.elder)
    contact = Contact(
        fact.channel, fact.node, fact.service_number, group_id, customer, step.at, language=fact.language
    )
    contact.priority = preference.priority(customer, step.state.priorities)
    contact.ageing = step.state.priorities.ageing
    contact.requires, contact.dedicated_agent = dict(fact.requires), fact.dedicated_agent
    contact.ivr_path.append(fact.service_number)
    contact.add_leg(LegRole.CUSTOMER, "", fact.channel, LegState.IVR)
    step.state.contacts[contact.contact_id] = contact
    step.state.channels[fact.channel] = contact.contact_id
    step.set_timer(f"arrival:{contact.contact_id}", ARRIVAL_TIME)
    menu.begin(step, contact, language_known=fact.language_known)
    step.note_contact(contact, "contact.arrived")
    if fact.ungreeted and not (contact.walk or contact.end_reason or voicemail.full(step, contact)):
        contact.on_its_way = True
        offers.queue(step, contact)


def customer_placed(step: Step, fact: CustomerPlaced) -> None:
    """A customer's channel reached a waiting place."""
    contact = _placed_contact(step, fact)
    if contact is None:
        return
    contact.customer_leg.bridge = ""
    offers.arrived(step, contact)
    if fact.place == "referred":
        referring.placed(step, contact)
        return
    if contact.consult:
        consults.placed(step, contact, contact.customer_leg)
        return
    if fact.place in ("hold", "identify"):
        _placed_aside(step, contact, fact.place)
        return
    if contact.state is ContactState.DIALLING:
        dialling.answered_alone(step, contact)
    if contact.state is ContactState.OUTSIDE:
        third = transfers.outside_leg(contact)
        if third:  # it left a conference, and the customer is back from there first
            transfers.outside_left(step, contact, third, gone=False)
            return
        transfers.not_reached(step, contact)
    if fact.place == "voicemail":
        voicemail.placed(step, contact)
        return
    _waits(step, contact)
    if fact.place == "unserved" and offers.still_waits(contact):
        # The dialplan gave us up (a hiccup, a refused AGI), and here we are: take the caller back.
        step.note_contact(contact, "contact.unserved")
        _take_back(step, contact)


def _placed_aside(step: Step, contact: Contact, place: str) -> None:
    """On hold, or with the machine that asks who it is."""
    if place == "identify":
        identity.placed(step, contact)
    else:
        conversation.customer_on_hold(step, contact)
        identity.unserved(step, contact)


def _placed_contact(step: Step, fact: CustomerPlaced) -> Contact | None:
    """Whose place it is; taken up now if nobody told us of it."""
    if fact.channel not in step.state.contacts:
        arrived = ContactArrived(
            fact.at,
            fact.node,
            fact.channel,
            fact.service_number,
            fact.customer_number,
            group_id=fact.group_id,
            language=fact.language,
        )
        contact_arrived(step, arrived)
    if fact.channel in step.state.ended and fact.place in ("wait", "unserved"):
        step.do(Apologise(fact.node, fact.channel))  # it was let go while it could not be told
    return step.state.contacts.get(fact.channel)


def _waits(step: Step, contact: Contact) -> None:
    """It came to wait, out of the menu or back from where it should have left a message."""
    if contact.state is ContactState.VOICEMAIL:
        voicemail.back(step, contact)
    if contact.state is ContactState.IVR:
        menu.left(step, contact)
        full = voicemail.full(step, contact)
        offers.queue(step, contact)
        if full:
            voicemail.send(step, contact)


def _take_back(step: Step, contact: Contact) -> None:
    """Not again and again: a dialplan that does not hear us (clocks apart) would send it back each time."""
    if step.at - contact.taken_back_at >= TAKE_BACK_PAUSE:
        contact.taken_back_at = step.at
        offers.send_back(step, contact)


def recording_changed(step: Step, fact: RecordingChanged) -> None:
    """MixMonitor began or ended."""
    contact = step.state.contacts.get(fact.channel)
    if contact is None:
        return
    if fact.recording and contact.recording in (RecordingState.OFF, RecordingState.STOPPED):
        contact.recording = RecordingState.RECORDING
        step.tell_contact(contact, Event.RECORDING_STARTED)
    elif not fact.recording and contact.recording is not RecordingState.STOPPED:
        contact.recording = RecordingState.STOPPED
        step.tell_contact(contact, Event.RECORDING_STOPPED)


def contact_recovered(step: Step, fact: ContactRecovered) -> None:
    """A call that ended unseen, perhaps came unseen: what the PBX's own log tells of it."""
    if fact.channel in step.state.ended:
        return
    station = step.state.stations.get(fact.station)
    agent_id = (station.agent_id if station else None) or fact.station or None
    contact = step.state.contacts.get(fact.channel)
    if contact:
        if contact.live:
            # The snapshot that follows will miss its channel; the time and the agent are known from here.
            contact.ended_at, contact.recovered = fact.ended_at, True
            kind = "contact.ended_unseen"
            if contact.connected_at is None and fact.connected_at is not None:
                contact.connected_at, contact.end_reason = fact.connected_at, "answered_unserved"
                kind = "contact.answered_unserved"
            times = {"connected_at": contact.connected_at, "ended_at": contact.ended_at}
            step.note_contact(contact, kind, {"agent_id": agent_id, **times})
        return
    if fact.direction == "internal":
        return
    group_id = fact.group_id or step.state.service_numbers.get(fact.service_number, "")
    contact = Contact(
        fact.channel,
        fact.node,
        fact.service_number,
        group_id,
        Customer(number=fact.customer_number),
        fact.arrived_at,
        state=ContactState.ENDED,
        agent_id=agent_id,
        connected_at=fact.connected_at,
        ended_at=fact.ended_at,
        end_reason="answered_unserved" if fact.connected_at else "abandoned",
        recovered=True,
        direction=fact.direction,
    )
    times = {
        "arrived_at": contact.arrived_at,
        "connected_at": contact.connected_at,
        "ended_at": contact.ended_at,
    }
    step.note_contact(contact, "contact.recovered", times)
    step.remember_end(contact)


def arrival_overdue(step: Step, contact_id: str) -> None:
    """The call asked for its way and was seen nowhere since: look at the PBX."""
    contact = step.state.contacts.get(contact_id)
    if contact and (contact.state is ContactState.IVR or contact.on_its_way):
        step.set_timer(f"arrival:{contact_id}", ARRIVAL_TIME)
        step.do(Resync(contact.node))


# --- channels -------------------------------------------------------------------------------------------


def _contact_on(step: Step, channel: str) -> Contact | None:
    return step.state.contacts.get(step.state.channels.get(channel, ""))


def _station_on(step: Step, channel: str) -> tuple[Station, Agent] | None:
    station = step.state.stations.get(step.state.station_channels.get(channel, ""))
    agent = step.state.agents.get(station.agent_id or "") if station else None
    return (station, agent) if station and agent else None


def station_placed(step: Step, fact: StationPlaced) -> None:
    """A station's channel idles: its phone answered, or a conversation on it ended."""
    found = _station_on(step, fact.channel)
    if found is None:
        consulted = _contact_on(step, fact.channel)
        leg = consulted.leg_by_channel(fact.channel) if consulted else None
        if consulted and leg and consulted.consult:
            consults.placed(step, consulted, leg)
        elif fact.channel not in step.state.channels:
            # Nobody's any more (answered just after it was given up): do not leave a phone hanging.
            step.do(HangUpChannel(fact.node, fact.channel))
        return
    station, agent = found
    station.answered = True
    contact = _contact_on(step, fact.channel)
    if agent.supervision and agent.supervision.channel == fact.channel:
        supervision.idle(step, agent)
    if contact:
        leg = contact.leg_by_channel(fact.channel)
        if leg:
            leg.bridge = ""
        if contact.consult and leg:
            consults.placed(step, contact, leg)
        elif contact.state is ContactState.DIALLING:
            if leg:
                dialling.phone_answered(step, contact, leg)
        else:
            offers.phone_answered(step, contact)
    seats.station_answered(step, agent)


def entered_bridge(step: Step, fact: ChannelEnteredBridge) -> None:
    """A leg is in a bridge; together with its counterpart it is a conversation."""
    contact = _contact_on(step, fact.channel)
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
        consults.moved(step, contact)
        return
    agent_leg = contact.agent_leg
    if agent_leg and agent_leg.bridge == contact.customer_leg.bridge:
        dialling.together(step, contact)
    elif contact.operation is None:
        # Its counterpart is about to follow, or it talks to somebody we do not know of.
        conversation.watch(step, contact, APART_TIME)


def stranger(step: Step, fact: StrangerInBridge) -> None:
    """It is heard and not recorded: hung up. Whose place it took is then joined again, for it is apart."""
    step.anomaly("stranger_in_bridge")
    step.do(HangUpChannel(fact.node, fact.channel))


def left_bridge(step: Step, fact: ChannelLeftBridge) -> None:
    """A leg left its bridge: explained by a command, a hold or a hang-up soon, or looked into."""
    contact = _contact_on(step, fact.channel)
    leg = contact.leg_by_channel(fact.channel) if contact else None
    if contact is None or leg is None or leg.bridge != fact.bridge:
        return
    leg.bridge = ""
    if leg.role is LegRole.COLLEAGUE:
        return
    if contact.consult:
        consults.moved(step, contact)
    elif (contact.state is ContactState.ACTIVE or contact.held_at_phone) and contact.operation is None:
        conversation.watch(step, contact, APART_TIME)


def channel_gone(step: Step, fact: ChannelGone) -> None:
    """A channel ended: the customer's, or one to a station."""
    contact = _contact_on(step, fact.channel)
    if contact and fact.channel == contact.contact_id:
        dialling.customer_gone(step, contact, cause=fact.cause)
        return
    found = _station_on(step, fact.channel)
    step.state.station_channels.pop(fact.channel, None)
    if found:
        found[0].release_channel()
    leg = contact.leg_by_channel(fact.channel) if contact else None
    if contact and contact.consult and leg:
        consults.leg_gone(step, contact, leg, fact.cause)
    elif contact and leg and leg.role is LegRole.COLLEAGUE:
        colleagues.leg_gone(step, contact, leg, fact.cause)
    elif contact and leg and contact.state is ContactState.OUTSIDE:
        transfers.outside_left(step, contact, leg)
    elif contact and contact.state is ContactState.DIALLING:
        dialling.agent_leg_gone(step, contact, fact.cause)
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
    contact = _contact_on(step, fact.channel)
    if contact and fact.channel != contact.contact_id:
        leg = _note_held(contact, fact.channel, held=True)
        if leg and leg.role is not LegRole.COLLEAGUE:
            conversation.phone_held(step, contact)


def phone_retrieved(step: Step, fact: PhoneRetrieved) -> None:
    """Unhold from a phone."""
    contact = _contact_on(step, fact.channel)
    if contact and fact.channel != contact.contact_id:
        leg = _note_held(contact, fact.channel, held=False)
        if leg and leg.role is not LegRole.COLLEAGUE:
            conversation.phone_retrieved(step, contact)


def _note_held(contact: Contact, channel: str, *, held: bool) -> Leg | None:
    leg = contact.leg_by_channel(channel)
    if leg:
        leg.held = held
    return leg


def station_changed(step: Step, fact: StationChanged) -> None:
    """A phone registered or vanished. A call on it goes on until its channel ends."""
    station = step.state.stations.get(fact.address)
    if station is None or (station.registered, station.node) == (fact.registered, fact.node):
        return
    if not fact.registered and station.node != fact.node:
        return
    station.registered = fact.registered
    if fact.registered:
        station.node = fact.node
    agent = step.state.agents.get(station.agent_id or "")
    if agent is None or not agent.signed_in:
        return
    if not fact.registered and not station.channel:
        seats.station_lost(step, agent, "station_unregistered")
    step.tell_agent(agent, Event.STATION_CHANGED)


# --- effects that failed ------------------------------------------------------------------------------


def effect_failed(step: Step, fact: EffectFailed) -> None:
    """The PBX did not do it: answer the command that wanted it; the state follows by resync."""
    if fact.effect in fallback.EFFECTS:
        fallback.failed(step, fact)
        return
    if fact.effect == "RingStation":
        _ring_failed(step, fact)
        return
    if fact.effect == "Supervise":
        _supervision_failed(step, fact)
        return
    contact = _contact_on(step, fact.channel)
    if contact:
        _contact_effect_failed(step, fact, contact)
    elif fact.effect in ("HangUpChannel", "PlayOutcome") and fact.code == errors.OutcomeUnknown.code:
        step.do(Resync(fact.node))  # a phone that nobody waits for may be hanging there


def _contact_effect_failed(step: Step, fact: EffectFailed, contact: Contact) -> None:
    if fact.effect == "CallThird":
        consults.third_failed(step, contact, fact)
    elif contact.consult and fact.effect in ("Connect", "Move", "Join", "Confer"):
        consults.failed(step, contact, _refusal(fact))
    elif contact.state is ContactState.DIALLING and fact.effect in (
        "CallCustomer",
        "CallColleague",
        "HangUpChannel",
    ):
        dialling.effect_failed(step, contact, fact)
    elif fact.effect == "TakeMessage":
        voicemail.failed(step, contact, _refusal(fact))
    elif fact.effect == "SendOutside":
        transfers.outside_failed(step, contact, _refusal(fact))
    elif audio.is_ours(fact.effect):
        audio.effect_failed(step, contact, fact)
    elif fact.effect == "HangUpChannel" and fact.code == errors.PbxRefused.code:
        # Most likely it is gone already and its ChannelGone is on its way.
        conversation.watch(step, contact, APART_TIME)
    elif fact.effect == "IdentifyCustomer" and fact.code == errors.PbxRefused.code:
        identity.not_sent(step, contact, _refusal(fact))
    elif fact.effect in ("Connect", "HoldCustomer", "HangUpChannel", "IdentifyCustomer"):
        _switch_failed(step, fact, contact)


def _supervision_failed(step: Step, fact: EffectFailed) -> None:
    found = _station_on(step, fact.channel)
    if found:
        supervision.end(step, found[1], _refusal(fact))


def _ring_failed(step: Step, fact: EffectFailed) -> None:
    found = _station_on(step, fact.channel)
    if not found:
        return
    if found[1].station_wait and fact.code != errors.PbxRefused.code:
        seats.give_up_station(step, found[1], _refusal(fact))
        return
    channel_gone(step, ChannelGone(fact.at, fact.node, fact.channel, cause=0))


def _refusal(fact: EffectFailed) -> type[errors.Refusal]:
    return errors.refusals().get(fact.code, errors.PbxRefused)


def _switch_failed(step: Step, fact: EffectFailed, contact: Contact) -> None:
    if fact.code == errors.OutcomeUnknown.code:
        conversation.outcome_unknown(step, contact)
        return
    if fact.effect == "HangUpChannel":
        conversation.take_back_hang_up(contact)
    offers.refuse_operation(step, contact, _refusal(fact))
    if contact.state is ContactState.OFFERED:
        offers.withdraw(step, contact, None)
    conversation.watch(step, contact, APART_TIME)
