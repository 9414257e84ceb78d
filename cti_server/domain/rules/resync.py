"""Our state against the PBX's, after the connection to it was lost or a doubt arose: the PBX is right."""

from __future__ import annotations

from cti_server.domain.contact import Contact
from cti_server.domain.effects import Apologise, HangUpChannel
from cti_server.domain.leg import LegRole, LegState
from cti_server.domain.rules import (
    ahead,
    audio,
    channel_facts,
    consult_facts,
    dialling_facts,
    fallback,
    lost_node,
    node_facts,
    offers,
    operations,
    reroute,
    resync_alone,
    resync_talking,
    supervision,
)
from cti_server.domain.signals import (
    ChannelFact,
    ChannelGone,
    NodeSnapshot,
    PhoneHeld,
    PhoneRetrieved,
    StationChanged,
    StationPlaced,
    StrangerInBridge,
)
from cti_server.domain.signals.facts import UNKNOWN_CAUSE
from cti_server.domain.state import Node
from cti_server.domain.step import Step

UNDER_WAY = 1.0
"""Seconds that what was asked of the PBX may take until it shows in a snapshot."""
ARRIVAL = "cti-inbound"
"""Where calls come in: who talks to somebody there took another's place while nobody looked."""
LET_GO_FROM = ("cti-wait", "cti-unserved")
"""Contexts in which a caller whose contact has ended still waits."""


def node_snapshot(step: Step, snapshot: NodeSnapshot) -> None:
    """Correct everything that differs. Conversations first: what a customer does now explains the rest."""
    node = step.state.nodes.setdefault(snapshot.node, Node(snapshot.node))
    was_away, node.up = not node.up, True
    taken_at = snapshot.at if snapshot.taken_at is None else snapshot.taken_at
    since = taken_at if was_away else taken_at - UNDER_WAY
    lost_node.back(step, snapshot.node)
    if node.lost:
        node.lost = False
        node_facts.tell_status(step)
    channels = {fact.channel: fact for fact in snapshot.channels}
    customers = [
        fact for fact in snapshot.channels if _is_customer(fact) and not _moved_since(step, since, fact)
    ]
    ahead.seen(step, customers)
    partners = {fact.channel: partner for fact in customers if (partner := _partner(fact, channels))}
    _customers_gone(step, snapshot, channels)
    for fact in customers:
        if fact.channel in partners:
            resync_talking.in_conversation(step, snapshot, fact, partners[fact.channel], channels)
    for fact in customers:
        if fact.context in ("cti-wait", "cti-unserved") and _dialled(step, fact):
            resync_alone.alone(step, snapshot, fact, channels)
    _stations(step, snapshot, channels)
    for fact in customers:
        if fact.channel not in partners:
            resync_alone.alone(step, snapshot, fact, channels)
    for fact in customers:
        contact = step.state.contacts.get(fact.channel)
        if contact and was_away:
            _taken_up(step, contact, fact)
    _not_joined(step, customers, since)
    _held_at_phones(step, snapshot, channels)
    audio.corrected(step, snapshot, channels)
    supervision.corrected(step, snapshot.node, channels)
    _strays(step, snapshot, was_away=was_away)
    fallback.corrected(step, snapshot)
    reroute.note_numbers(step, snapshot.node)


def _dialled(step: Step, fact: ChannelFact) -> bool:
    """Called by us, answered, with nobody there: it waits, before it is given up with its agent's phone."""
    contact = step.state.contacts.get(fact.channel)
    return contact is not None and contact.dialling is not None and not fact.bridge


def _is_customer(fact: ChannelFact) -> bool:
    ours = fact.variables.get("CTI_NUMBER") or fact.variables.get("CTI_DIRECTION")
    return bool(ours) and not fact.peer_station


def _taken_up(step: Step, contact: Contact, fact: ChannelFact) -> None:
    """A command that was under way is taken further, or was done before the look that has just been taken.

    What is not seen now will hardly be seen later: nobody waits for it as for something just asked for.
    """
    consult_facts.taken_up(step, contact, fact)
    operation = contact.operation
    if operation and operation.kind not in consult_facts.STEPWISE and operations.awaited(step, contact):
        operations.await_no_longer_than(step, contact, UNDER_WAY)


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


def _not_joined(step: Step, customers: list[ChannelFact], since: float) -> None:
    """Offered by then to somebody who need not take it, and alone."""
    for fact in customers:
        contact = step.state.contacts.get(fact.channel)
        if contact and not fact.bridge and (contact.offered_at or 0.0) < since:
            offers.join_again(step, contact)


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


def _strays(step: Step, snapshot: NodeSnapshot, *, was_away: bool) -> None:
    """Channels of ours that nobody waits for: no phone hangs in an empty place, or with an agent for ever."""
    served = {fact.bridge for fact in snapshot.channels if _is_customer(fact)}
    for fact in snapshot.channels:
        ours = (
            fact.variables.get("CTI_STATION")
            or fact.variables.get("CTI_THIRD")
            or (fact.peer_station and fact.context == "cti-station")
        )
        known = fact.channel in step.state.station_channels or fact.channel in step.state.channels
        known = known or (not was_away and ahead.undecided(step, fact))
        if ours and not known and (not fact.bridge or fact.bridge not in served):
            step.do(HangUpChannel(snapshot.node, fact.channel))
        elif fact.context == ARRIVAL and fact.bridge:
            channel_facts.stranger(step, StrangerInBridge(step.at, snapshot.node, fact.channel))
        elif fact.channel in step.state.ended and fact.context in LET_GO_FROM and not fact.bridge:
            step.do(Apologise(snapshot.node, fact.channel))  # it was let go, and nobody told it so
