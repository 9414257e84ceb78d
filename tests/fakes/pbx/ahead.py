"""A phone rung ahead, on the server's guess; the customer joins it by itself (cti-ahead)."""

from __future__ import annotations

from cti_server.domain import effects as e
from tests.fakes.pbx.bridges import Bridges
from tests.fakes.pbx.channel import Channel


class Ahead(Bridges):
    """What the dialplan does about it. False where Asterisk would refuse."""

    def _do_RingAhead(self, effect: e.RingAhead) -> bool:  # noqa: N802  (the effect's name)
        self.guesses[effect.channel] = effect.guess
        return True

    def _do_LetJoin(self, effect: e.LetJoin) -> bool:  # noqa: N802  (likewise)
        customer = self.channels.get(effect.channel)
        if customer is None:
            return False
        customer.variables["CTI_JOIN"] = effect.agent_channel
        self._joins(customer)
        return True

    def _ring_ahead(self, customer: Channel) -> tuple[str, str]:
        """The leg that is rung for a call that has just come, and the station's address; empty for none."""
        guess = self.guesses.get(customer.variables["CTI_NUMBER"], "")
        address = guess.partition(":")[0]
        claimed = [c for c in self.channels.values() if guess and c.variables.get("GROUP") == guess]
        if not guess or not self.link:
            return "", ""
        customer.variables["GROUP"] = guess
        if claimed or address not in self.registered:
            return "", ""
        self._counter += 1
        leg = f"{self.name}-{self._counter}.1"
        variables = {"CTI_STATION": address, "CTI_STATION_MODE": "on_demand", "CTI_FOR": customer.channel}
        self.channels[leg] = Channel(leg, "cti-station", address, up=False, variables=variables)
        customer.variables["CTI_LEG"] = leg
        return leg, address

    def _waits_ahead(self, customer: Channel) -> bool:
        """Whether a customer who came to wait joins by itself; else nothing was done."""
        leg = customer.variables.get("CTI_LEG", "")
        if leg not in self.channels:
            return False
        self._place(customer, "wait")
        customer.context = "cti-ahead"
        self._record(customer, leg)
        self._joins(customer)
        return True

    def _joins(self, customer: Channel) -> None:
        leg = self.channels.get(customer.variables.get("CTI_LEG", ""))
        confirmed = leg is not None and customer.variables.get("CTI_JOIN") == leg.channel
        if leg and confirmed and leg.up and not leg.bridge and customer.context == "cti-ahead":
            customer.variables |= {"CTI_PEER": leg.channel, "CTI_CONNECTED": "1"}
            customer.context = "cti-connect"
            self._join(customer, leg)

    def _picked_up(self, leg: Channel) -> None:
        customer = self.channels.get(leg.variables.get("CTI_FOR", ""))
        if customer:
            self._joins(customer)

    def waits_no_more(self, channel: str) -> None:
        """The phone that rang ahead is gone, or picked up and never confirmed: it waits as usual."""
        self._place(self.channels[channel], "wait")

    def in_vain(self) -> list[Channel]:
        """Customers for whom that is so."""
        return [
            customer
            for customer in self.channels.values()
            if customer.context == "cti-ahead" and self._over(customer)
        ]

    def _over(self, customer: Channel) -> bool:
        leg = self.channels.get(customer.variables["CTI_LEG"])
        return leg is None or leg.up
