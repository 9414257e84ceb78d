"""The world against the fake PBX when nothing is on its way: both must tell the same story."""

from __future__ import annotations

from cti_server.domain.consultation import Consult
from cti_server.domain.contact import TALK_STATES, Contact, ContactState, RecordingState
from cti_server.domain.leg import LegRole, LegState
from cti_server.domain.rules.arrangement import present, talkers
from cti_server.domain.rules.transfers import outside_leg
from tests.fakes.pbx import Channel, FakePbx
from tests.unit.domain import plain_routing
from tests.unit.domain.centre import Centre


def back(centre: Centre) -> None:
    """The link returns; both sides must agree."""
    centre.connect()
    centre.settle()
    centre.pass_time(7)
    centre.settle()
    check_agreement(centre)


def check_agreement(centre: Centre) -> None:
    """Raise AssertionError where world and PBX differ."""
    contacts, pbx = centre.state.contacts, centre.pbx
    for channel in pbx.channels.values():
        assert not channel.third or channel.channel in centre.state.channels, (channel, "nobody's")
        # Whom a campaign let go, and whom the fallback queue gave to somebody since that word was lost with a
        # server, is left in peace.
        let_go = (
            channel.detect and channel.taken_by and channel.bridge and channel.channel in centre.state.ended
        )
        if channel.customer and channel.context not in ("cti-entry", "cti-let-go") and not let_go:
            assert channel.channel in contacts, (channel, "a caller nobody knows of")
    for contact in contacts.values():
        _contact(centre, contact)
    for station in centre.state.stations.values():
        if station.channel and station.answered:  # one that rings is bounded by its ring time
            there = pbx.channels.get(station.channel)
            assert there is not None, (station, "a channel that is no more")
            assert there.up, (station, there)
        if station.registered or station.node:
            assert station.registered == (station.address in pbx.registered)
    assert not plain_routing.pairs(centre.state), "a caller waits, an agent is ready"
    seated = {a.station: set(a.groups) for a in centre.state.agents.values() if a.signed_in and a.groups}
    assert seated == pbx.members, "who is signed in rings from the fallback queue, and nobody else"


def _contact(centre: Centre, contact: Contact) -> None:
    pbx = centre.pbx
    if contact.to_be_called:
        assert contact.contact_id not in pbx.channels, (contact, "called too soon")
    elif contact.dialling:
        _dialling(contact, pbx)
    elif contact.live and contact.state is not ContactState.IVR:
        assert contact.contact_id in pbx.channels, (contact, "a ghost")
        in_voicemail = pbx.channels[contact.contact_id].context == "cti-voicemail"
        assert in_voicemail == (contact.state is ContactState.VOICEMAIL), (contact, "leaves a message")
        if in_voicemail:
            assert not pbx.channels[contact.contact_id].bridge, (contact, "talks though it leaves a message")
        elif _outside(centre, pbx.channels[contact.contact_id]):
            assert contact.state is not ContactState.OFFERED, "offered, but it talks"
        else:
            _customer(contact, pbx.channels[contact.contact_id], pbx)


def _dialling(contact: Contact, pbx: FakePbx) -> None:
    """Nobody rings that was not called, nobody who answered is left alone."""
    channel = pbx.channels.get(contact.contact_id)
    called = contact.dialling is not None and contact.dialling.called_at is not None
    assert (channel is not None) == called, (contact, channel)
    listened = channel is not None and channel.context == "cti-campaign"
    assert channel is None or not channel.up or listened, (contact, "answered, and nobody is there")


def _outside(centre: Centre, channel: Channel) -> bool:
    """It talks to a phone at which nobody is signed in, or whose agent has another customer (on hold)."""
    there = [c for c in centre.pbx.channels.values() if channel.bridge and c.bridge == channel.bridge]
    phones = [c for c in there if c.address]
    if not phones:
        return False
    agent = centre.state.agents.get(centre.state.stations[phones[0].address].agent_id or "")
    if agent is None or not agent.signed_in:
        return True
    others = (centre.state.contacts[contact_id] for contact_id in agent.contact_ids)
    return any(other.contact_id != channel.channel and other.state in TALK_STATES for other in others)


def _consult(contact: Contact, consult: Consult, pbx: FakePbx) -> None:
    """Exactly those who should talk share a bridge; who does not hears music."""
    talk = talkers(contact, consult.goal)
    assert consult.settled, (contact, "still on the way")
    together = {pbx.channels[leg.channel].bridge for leg in talk}
    assert len(together) == 1 if talk else not together, (contact, together)
    assert "" not in together
    for leg in present(contact):
        if leg not in talk:
            assert not pbx.channels[leg.channel].bridge, (contact, leg)
    if contact.customer_leg not in talk:
        assert pbx.channels[contact.contact_id].context == "cti-hold"


def _customer(contact: Contact, channel: Channel, pbx: FakePbx) -> None:
    leg = contact.agent_leg
    for party in contact.legs.values():
        if party.role is LegRole.SUPERVISOR:  # its channel is the supervision's, no leg of the call
            continue
        if party.state not in (LegState.GONE, LegState.RINGING):  # that one is bounded by its ring time
            muted = pbx.channels[party.channel].variables.get("CTI_MUTED") == "1"
            assert party.muted == muted, (contact, "muted")
    paused = channel.variables.get("CTI_PAUSED") == "1"
    assert (contact.recording is RecordingState.PAUSED) == paused, (contact, "paused")
    if contact.state is ContactState.OUTSIDE:
        consulted = outside_leg(contact)
        if consulted:
            assert channel.bridge, (contact, "left alone")
            assert channel.bridge == pbx.channels[consulted.channel].bridge, (contact, channel)
        else:
            assert channel.context == "cti-outside", (contact, channel)
        return
    if contact.consult:
        _consult(contact, contact.consult, pbx)
    elif contact.state is ContactState.ACTIVE or contact.held_at_phone:
        called = contact.colleague_leg
        assert leg is not None
        assert not contact.internal or (called and pbx.channels[called.channel].bridge), "nobody at the end"
        assert channel.bridge, (contact, "talks to nobody")
        assert channel.bridge == pbx.channels[leg.channel].bridge, (contact, "talks to somebody else")
    elif contact.state is ContactState.HELD:
        assert not channel.bridge, (contact, "is not on hold")
        asked = contact.identification is not None and not contact.identification.back
        assert channel.context == ("cti-identify" if asked else "cti-hold"), (contact, channel)
        assert leg is not None
        assert not pbx.channels[leg.channel].bridge
    elif contact.end_reason == "answered_unserved":  # who talks to it may have taken a seat since
        assert contact.customer_leg.bridge == channel.bridge
    else:
        assert not channel.bridge, (contact, "talks though it waits")
        waits = channel.context in ("cti-wait", "cti-ahead", "cti-unserved")
        assert waits or (contact.on_its_way and channel.context == "cti-entry"), (contact, channel)
