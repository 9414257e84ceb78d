"""Channels in their places and bridges, as the dialplan moves them."""

from __future__ import annotations

from cti_server.domain import signals as s
from tests.fakes.pbx.channel import CONFERENCE, NORMAL, Channel
from tests.fakes.pbx.link import Link


class Bridges(Link):
    """Who is joined, who is left behind, and what is told of it."""

    def _place(self, found: Channel, place: str, by: str = "", to: str = "") -> None:
        found.context = f"cti-{place}"
        variables = found.variables
        fact = s.CustomerPlaced(
            self.now,
            self.name,
            found.channel,
            place,
            variables.get("CTI_NUMBER", ""),
            variables["CTI_GROUP"],
            found.number,
            by=by,
            to=to,
        )
        self._tell(found.channel, fact)

    def _join(self, one: Channel, other: Channel) -> None:
        self._part(one)
        self._part(other)
        self._counter += 1
        for party in (one, other):
            party.bridge = f"bridge-{self._counter}"
            self._tell(
                party.channel, s.ChannelEnteredBridge(self.now, self.name, party.channel, party.bridge)
            )

    def _part(self, leaving: Channel) -> None:
        """Take a channel out of its bridge; who stays behind goes back to its own place."""
        bridge = leaving.bridge
        if not bridge:
            return
        parties = [c for c in self.channels.values() if c.bridge == bridge]
        if bridge.startswith(CONFERENCE):
            agents_left = any(not c.customer for c in parties if c is not leaving)
            parties = parties if leaving.customer or not agents_left else [leaving]
        for party in parties:
            party.bridge = ""
            self._tell(party.channel, s.ChannelLeftBridge(self.now, self.name, party.channel, bridge))
        for left in parties:
            if left is not leaving:
                self._fall_back(left)

    def _fall_back(self, left: Channel) -> None:
        if left.context == "moving":
            return
        if left.dialled or left.stranger:
            self.hang_up(left.channel)
        elif left.third:
            self._back_to_station(left)
        elif left.address:
            if self.announces or left.context in ("cti-join", "cti-conference"):
                left.context = "cti-station"
                self._tell(left.channel, s.StationPlaced(self.now, self.name, left.channel))
        elif left.context == "cti-unserved":
            self.hang_up(left.channel)  # the dialplan says goodbye after a conversation
        elif left.context == "cti-conference" or _must_not_have_joined(left):
            self._place(left, "wait")
        else:
            left.context = "cti-wait"  # into the middle of the loop: nothing is told

    def _back_to_station(self, channel: Channel) -> None:
        channel.context = "cti-station"
        self._tell(channel.channel, s.StationPlaced(self.now, self.name, channel.channel))

    def _record(self, customer: Channel, other: str) -> None:
        own, before = customer.channel, customer.variables.get("CTI_RECORDED_WITH")
        if before == other:
            return
        if before:
            self._tell(own, s.RecordingChanged(self.now, self.name, own, recording=False))
        customer.variables["CTI_RECORDED_WITH"] = other
        customer.variables.pop("CTI_PAUSED", None)
        self._tell(own, s.RecordingChanged(self.now, self.name, own, recording=True))

    def hang_up(self, channel: str, cause: int = NORMAL) -> None:
        """A party leaves."""
        found = self.channels[channel]
        self._part(found)
        del self.channels[channel]
        self._end_internal(found)
        for spy in self.channels.values():
            if spy.context == "cti-supervise" and spy.variables["CTI_SPY"] == channel:
                self._back_to_station(spy)
        if found.customer and found.up:
            self._log_end(found)
            if "CTI_RECORDED_WITH" in found.variables:
                self._tell(channel, s.RecordingChanged(self.now, self.name, channel, recording=False))
        self._tell(channel, s.ChannelGone(self.now, self.name, channel, cause))

    def _end_internal(self, gone: Channel) -> None:
        """Either end of a call between agents ends the pair of channels between them."""
        called = self.channels.get(gone.variables.get("CTI_COLLEAGUE", ""))
        if called and called.bridge == f"internal-{gone.channel}":
            bridge, called.bridge = called.bridge, ""
            self._tell(called.channel, s.ChannelLeftBridge(self.now, self.name, called.channel, bridge))
            self._fall_back(called)
        for pair in list(self.channels.values()):
            if pair.variables.get("CTI_COLLEAGUE") == gone.channel:
                self.hang_up(pair.channel)

    def _log_end(self, found: Channel) -> None:
        fact = s.ContactRecovered(
            self.now,
            self.name,
            found.channel,
            found.variables.get("CTI_NUMBER", ""),
            found.variables["CTI_GROUP"],
            found.number,
            arrived_at=self.now - 60,
            ended_at=self.now,
            connected_at=self.now - 30 if found.taken_by else None,
            station=found.taken_by,
        )
        self.cel.append(fact)


def _must_not_have_joined(customer: Channel) -> bool:
    """It joined by itself a phone that it was not to have any more."""
    variables = customer.variables
    by_itself = "CTI_LEG" in variables and variables["CTI_LEG"] == variables.get("CTI_PEER")
    return by_itself and not variables.get("CTI_JOIN")
