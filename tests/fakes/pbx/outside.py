"""People outside: who calls, and who is called."""

from __future__ import annotations

from cti_server.domain import effects as e
from cti_server.domain import signals as s
from cti_server.domain.customer import CustomerProfile
from tests.fakes.pbx.ahead import Ahead
from tests.fakes.pbx.channel import Channel


class Outside(Ahead):
    """What customers and third parties do."""

    def arrive(
        self,
        number: str = "4000",
        group: str = "general",
        caller: str = "13800138000",
        *,
        ungreeted: bool = False,
    ) -> str:
        """A customer calls; with a server the call asks its way, without one it goes to the fallback."""
        self._counter += 1
        channel = f"{self.name}-{self._counter}.0"
        variables = {"CTI_NUMBER": number, "CTI_GROUP": group}
        self.channels[channel] = Channel(channel, "cti-entry", number=caller, variables=variables)
        leg, address = self._ring_ahead(self.channels[channel])
        if self.link:
            asking = s.ContactArrived(
                self.now,
                self.name,
                channel,
                number,
                caller,
                group_id=group,
                ungreeted=ungreeted,
                ahead=leg,
                ahead_at=address,
            )
            self._tell(f"agi:{channel}", asking)
        else:
            self._place(self.channels[channel], "unserved")
        return channel

    def press(
        self, channel: str, serial: int, answer: str, subject: str = "", who: CustomerProfile | None = None
    ) -> None:
        """The caller answers a question of the menu."""
        pressed = s.MenuAnswered(self.now, self.name, channel, serial, answer, subject, who)
        self._tell(f"agi:{channel}", pressed)

    def asked_enough(self, channel: str) -> None:
        """Whom an agent sent to the machine is brought back, without a server by way of hold."""
        found = self.channels[channel]
        peer = self.channels.get(found.variables["CTI_PEER"])
        if not self.link and found.variables.pop("CTI_HUSHED", ""):
            found.variables.pop("CTI_PAUSED", None)
        if self.link and peer and not peer.bridge:
            found.context = "cti-connect"
            self._join(found, peer)
        else:
            self._place(found, "hold")

    def greeted(self, channel: str) -> None:
        """The greeting is over, or the question was not answered."""
        found = self.channels[channel]
        if "CTI_ROUTED" in found.variables and self._waits_ahead(found):
            return
        self._place(found, "wait" if "CTI_ROUTED" in found.variables else "unserved")

    def outside_answers(self, channel: str) -> None:
        """The number outside that the customer was passed on to is picked up."""
        customer = self.channels[channel]
        self._counter += 1
        customer.bridge = f"bridge-{self._counter}"
        self._tell(channel, s.ChannelEnteredBridge(self.now, self.name, channel, customer.bridge))

    def outside_refuses(self, channel: str) -> None:
        """Busy, or not answered."""
        self._place(self.channels[channel], "wait")

    def speaks(self, channel: str) -> None:
        """A customer who was told how begins to leave a message."""
        self.channels[channel].variables["CTI_RECORDED_WITH"] = "voicemail"
        self._tell(channel, s.RecordingChanged(self.now, self.name, channel, recording=True))

    def customer_answers(self, channel: str) -> None:
        """A customer whom we called picks up: joined with the agent who is there, or waits."""
        customer = self.channels[channel]
        customer.up = True
        agent = self.channels.get(customer.variables["CTI_PEER"])
        if agent and agent.context == "cti-dialling":
            self._record(customer, agent.channel)
            customer.context = "cti-connect"
            customer.variables["CTI_CONNECTED"] = "1"
            agent.context = "cti-station"
            self._join(customer, agent)
        elif customer.variables["CTI_PEER"]:
            customer.context = "cti-connect"
            if self.link:
                self._fail(e.Connect(self.name, channel, "", ""), "pbx_refused")
        elif customer.detect:
            customer.context = "cti-campaign"
        else:
            self._place(customer, "wait")

    def heard(self, channel: str, who: str, after: float = 0.0) -> None:
        """Detection has listened to a campaign's call: a person waits; else it ends."""
        self._tell(channel, s.AnswerHeard(self.now, self.name, channel, who, after))
        if who in ("machine", "hangup"):
            self.hang_up(channel)
        else:
            self._place(self.channels[channel], "wait")

    def third_answers(self, channel: str) -> None:
        """A number outside whom an agent consults picks up: music, until it is joined."""
        self.channels[channel].up = True
        self._back_to_station(self.channels[channel])
