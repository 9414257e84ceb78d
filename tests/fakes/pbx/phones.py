"""Agents' phones."""

from __future__ import annotations

from cti_server.domain import effects as e
from cti_server.domain import signals as s
from cti_server.domain.agent import StationMode
from tests.fakes.pbx.ahead import Ahead
from tests.fakes.pbx.channel import BUSY, Channel


class Phones(Ahead):
    """What they do by themselves."""

    def register(self, address: str) -> None:
        """A phone registers."""
        self.registered.add(address)
        self._tell(address, s.StationChanged(self.now, self.name, address, registered=True))

    def unregister(self, address: str) -> None:
        """A phone's registration ends; its calls go on."""
        self.registered.discard(address)
        self._tell(address, s.StationChanged(self.now, self.name, address, registered=False))

    def answer(self, channel: str) -> None:
        """A ringing phone is picked up."""
        found = self.channels[channel]
        found.up = True
        self._tell(channel, s.StationPlaced(self.now, self.name, channel))
        self._picked_up(found)

    def refuse(self, channel: str, cause: int = BUSY) -> None:
        """A ringing phone rejects the call, or rang in vain."""
        rung = e.RingStation(self.name, channel, self.channels[channel].address, StationMode.ON_DEMAND, 0)
        if self.link:
            self._fail(rung, "pbx_refused")
        self.hang_up(channel, cause)

    def hold(self, channel: str) -> None:
        """A phone holds its call by itself."""
        self.channels[channel].held = True
        self._tell(channel, s.PhoneHeld(self.now, self.name, channel))

    def retrieve(self, channel: str) -> None:
        """A phone takes its call back."""
        self.channels[channel].held = False
        self._tell(channel, s.PhoneRetrieved(self.now, self.name, channel))

    def takes_its_place(self, channel: str) -> None:
        """Somebody outside, by INVITE with Replaces: heard and not recorded. Who was there is alone."""
        found = self.channels[channel]
        self._counter += 1
        new = f"{self.name}-replaces-{self._counter}"
        bridge, found.bridge = found.bridge, ""
        self.channels[new] = Channel(new, "cti-inbound", bridge=bridge, stranger=True)
        self._tell(new, s.StrangerInBridge(self.now, self.name, new))
        self._tell(channel, s.ChannelLeftBridge(self.now, self.name, channel, bridge))
        self._fall_back(found)

    def refer(self, channel: str, to: str) -> None:
        """A phone passes its customer on by itself: the customer waits for the server's word.

        Both channels tell of it, either of them first.
        """
        phone = self.channels[channel]
        customer = next((c for c in self.channels.values() if c.customer and c.bridge == phone.bridge), None)
        if not self.link or customer is None or customer.context != "cti-connect" or not phone.bridge:
            return  # 404
        self._tell(channel, s.PhoneTransfers(self.now, self.name, customer.channel, channel, to))
        customer.context = "moving"
        self._part(customer)
        self._place(customer, "referred", channel, to)
        customer.context = "cti-refer"
