"""Effects that make new channels, or let one hear the ringing."""

from __future__ import annotations

from cti_server.domain import effects as e
from cti_server.domain import signals as s
from tests.fakes.pbx.channel import Channel
from tests.fakes.pbx.outside import Outside


class Calling(Outside):
    """False where Asterisk would refuse."""

    def _do_RingStation(self, effect: e.RingStation) -> bool:  # noqa: N802  (the effect's name)
        if effect.address not in self.registered:
            return False
        variables = {"CTI_STATION": effect.address, "CTI_STATION_MODE": effect.mode.value}
        self.channels[effect.channel] = Channel(
            effect.channel, "cti-station", effect.address, up=False, variables=variables
        )
        return True

    def _do_CallCustomer(self, effect: e.CallCustomer) -> bool:  # noqa: N802
        agent = self.channels.get(effect.agent_channel)
        if agent:
            agent.context = "cti-dialling"
        variables = {
            "CTI_DIRECTION": "outbound",
            "CTI_NUMBER": effect.shown,
            "CTI_GROUP": effect.group_id,
            "CTI_ROUTED": "1",
            "CTI_PEER": effect.agent_channel,
        }
        self.channels[effect.channel] = Channel(
            effect.channel,
            "cti-refused",
            up=False,
            number=effect.number,
            variables=variables,
            detect=effect.detect,
        )
        return True

    def _do_CallColleague(self, effect: e.CallColleague) -> bool:  # noqa: N802
        called = self.channels.get(effect.colleague_channel)
        variables = {
            "CTI_DIRECTION": "internal",
            "CTI_GROUP": effect.group_id,
            "CTI_ROUTED": "1",
            "CTI_PEER": effect.agent_channel,
            "CTI_COLLEAGUE": effect.colleague_channel,
        }
        self.channels[effect.channel] = Channel(effect.channel, "cti-dialled", variables=variables)
        if called is None or not called.up or called.bridge:
            self.hang_up(effect.channel)
            return True
        called.bridge = f"internal-{effect.channel}"
        self._tell(called.channel, s.ChannelEnteredBridge(self.now, self.name, called.channel, called.bridge))
        self.customer_answers(effect.channel)
        return True

    def _do_CallThird(self, effect: e.CallThird) -> bool:  # noqa: N802
        self.channels[effect.channel] = Channel(
            effect.channel, "cti-refused", up=False, third=True, variables={"CTI_THIRD": "1"}
        )
        return True

    def _do_HearRinging(self, effect: e.HearRinging) -> bool:  # noqa: N802
        agent = self.channels.get(effect.channel)
        if agent:
            agent.context = "cti-dialling"
        return agent is not None
