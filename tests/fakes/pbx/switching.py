"""Effects that switch channels which are there."""

from __future__ import annotations

from cti_server.domain import effects as e
from cti_server.domain import signals as s
from tests.fakes.pbx.bridges import Bridges
from tests.fakes.pbx.channel import CONFERENCE, Channel


class Switching(Bridges):
    """False where Asterisk would refuse."""

    def _do_Connect(self, effect: e.Connect) -> bool:  # noqa: N802
        customer, agent = self.channels.get(effect.channel), self.channels.get(effect.agent_channel)
        if customer is None or agent is None or not agent.up:
            return False
        assert customer.context != "cti-entry", "a Redirect is lost while the call asks its way"
        customer.variables |= {"CTI_PEER": agent.channel, "CTI_CONNECTED": "1"}
        customer.context = "cti-connect"
        self._record(customer, agent.channel)
        self._join(customer, agent)
        return True

    def _do_HoldCustomer(self, effect: e.HoldCustomer) -> bool:  # noqa: N802
        customer, agent = self.channels.get(effect.channel), self.channels.get(effect.agent_channel)
        if customer is None or agent is None:
            return False
        agent.dialled, agent.context = False, "cti-station"
        self._part(customer)
        self._part(agent)
        self._place(customer, "hold")
        self._tell(agent.channel, s.StationPlaced(self.now, self.name, agent.channel))
        return True

    def _do_IdentifyCustomer(self, effect: e.IdentifyCustomer) -> bool:  # noqa: N802
        customer, agent = self.channels.get(effect.channel), self.channels.get(effect.agent_channel)
        if customer is None or agent is None:
            return False
        customer.variables |= {"CTI_PEER": agent.channel, "CTI_HUSHED": "1" if effect.silent else ""}
        if not effect.parted:
            agent.dialled, agent.context = False, "cti-station"
        self._part(customer)
        self._place(customer, "identify")
        if not effect.parted:
            self._part(agent)
            self._tell(agent.channel, s.StationPlaced(self.now, self.name, agent.channel))
        return True

    def _do_Move(self, effect: e.Move) -> bool:  # noqa: N802
        wanted = [(effect.channel, effect.place), (effect.other, effect.other_place)]
        found = [(self.channels.get(channel), place) for channel, place in wanted if channel]
        if any(channel is None or not channel.up for channel, _ in found):
            return False
        for channel, _ in found:
            if channel:
                channel.dialled = False
                channel.context = "moving"
        for channel, place in found:
            if channel:
                self._part(channel)
                self._arrive_at(channel, place)
        return True

    def _arrive_at(self, channel: Channel, place: e.Place) -> None:
        if place is e.Place.HOLD:
            self._place(channel, "hold")
        else:
            channel.context = place.value
            self._tell(channel.channel, s.StationPlaced(self.now, self.name, channel.channel))

    def _do_Join(self, effect: e.Join) -> bool:  # noqa: N802
        third, agent = self.channels.get(effect.channel), self.channels.get(effect.agent_channel)
        if third is None or agent is None or not third.up or not agent.up:
            return False
        third.context = "cti-join"
        self._join(third, agent)
        return True

    def _do_Confer(self, effect: e.Confer) -> bool:  # noqa: N802
        found = [self.channels.get(channel) for channel in (effect.channel, *effect.others)]
        parties = [channel for channel in found if channel and channel.up]
        if len(parties) < len(found):
            return False
        self._counter += 1
        for party in parties:
            party.context = "cti-conference"
        for party in parties:
            self._part(party)
        for party in parties:
            party.bridge = f"{CONFERENCE}{self._counter}"
            entered = s.ChannelEnteredBridge(self.now, self.name, party.channel, party.bridge)
            self._tell(party.channel, entered)
        return True

    def _do_Supervise(self, effect: e.Supervise) -> bool:  # noqa: N802
        spy = self.channels.get(effect.channel)
        if spy is None or not spy.up:
            return False
        spy.context = "cti-supervise"
        spy.variables["CTI_SPY"] = effect.agent_channel
        self._tell(spy.channel, s.SupervisorPlaced(self.now, self.name, spy.channel, effect.mode.value))
        if effect.agent_channel not in self.channels:
            self._back_to_station(spy)
        return True

    def _do_ReturnToQueue(self, effect: e.ReturnToQueue) -> bool:  # noqa: N802
        customer = self.channels.get(effect.channel)
        if customer is None:
            return False
        customer.variables.pop("CTI_CONNECTED", None)
        if effect.group_id:
            customer.variables["CTI_GROUP"] = effect.group_id
        self._part(customer)
        self._place(customer, "wait")
        return True

    def _do_TakeMessage(self, effect: e.TakeMessage) -> bool:  # noqa: N802
        customer = self.channels.get(effect.channel)
        if customer is None:
            return False
        assert customer.context != "cti-entry", "a Redirect is lost while the call asks its way"
        self._part(customer)
        self._place(customer, "voicemail")
        return True

    def _do_SendOutside(self, effect: e.SendOutside) -> bool:  # noqa: N802
        customer = self.channels.get(effect.channel)
        if customer is None:
            return False
        self._part(customer)
        customer.context = "cti-outside"
        return True

    def _do_Apologise(self, effect: e.Apologise) -> bool:  # noqa: N802
        customer = self.channels.get(effect.channel)
        if customer is None:
            return False
        self._part(customer)
        customer.context = "cti-let-go"
        return True

    def _do_PlayOutcome(self, effect: e.PlayOutcome) -> bool:  # noqa: N802
        """The tone is over at once."""
        channel = self.channels.get(effect.channel)
        if channel is None:
            return False
        if channel.variables.get("CTI_STATION_MODE") == "persistent":
            self._back_to_station(channel)
        else:
            self.hang_up(effect.channel)
        return True

    def _do_HangUpChannel(self, effect: e.HangUpChannel) -> bool:  # noqa: N802
        if effect.channel not in self.channels:
            return False
        self.hang_up(effect.channel)
        return True
