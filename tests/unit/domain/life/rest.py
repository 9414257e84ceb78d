"""What must hold when all is quiet, and that nothing is left when all is over."""

from __future__ import annotations

from dataclasses import asdict

from hypothesis.stateful import invariant, precondition, rule

from cti_server.domain.agent import StationMode
from tests.fakes.pbx import NO_ANSWER
from tests.unit.domain.actions import check_allowed_actions
from tests.unit.domain.agreement import check_agreement
from tests.unit.domain.life.drive import (
    Drive,
)


class Rest(Drive):
    """What must hold when all is quiet, and that nothing is left when all is over."""

    @invariant()
    def one_reply(self) -> None:
        assert all(len(replies) == 1 for replies in self.centre.replies.values())

    @rule()
    def actions_tell_the_truth(self) -> None:
        check_allowed_actions(self.centre)

    @precondition(lambda self: self.centre.pbx.link)
    @rule()
    def they_agree(self) -> None:
        """Left alone for a while, the world knows what the PBX does."""
        for _ in range(4):
            self.centre.settle()
            self.centre.pass_time(3.0)
        self.centre.settle()
        check_agreement(self.centre)

    def teardown(self) -> None:
        if self.centre.broken:
            return
        self._come_to_rest()
        self._nothing_left()
        self._replay()

    def _come_to_rest(self) -> None:
        """Everybody hangs up, everything on its way arrives, every timer fires."""
        centre, pbx = self.centre, self.centre.pbx
        for _ in range(6):
            centre.settle()
            if not pbx.link:
                centre.connect()
            centre.settle()
            for channel in [*self._customers()]:
                pbx.hang_up(channel.channel)
            while stranger := next((ch for ch in pbx.channels.values() if ch.stranger), None):
                pbx.hang_up(stranger.channel)
            for channel in self._ringing():
                pbx.refuse(channel.channel, NO_ANSWER)
            for channel in self._thirds(up=False):
                pbx.hang_up(channel.channel, NO_ANSWER)
            centre.settle()
            wished = [x.callback for x in centre.state.contacts.values() if x.to_be_called]
            until = max((wish.expires_at for wish in wished if wish), default=0.0)
            centre.pass_time(max(100.0, until - centre.now))
        assert not pbx.effects
        assert not pbx.sources()

    def _nothing_left(self) -> None:
        state, pbx = self.centre.state, self.centre.pbx
        assert not state.contacts
        assert not state.timers, state.timers
        assert not state.channels
        nailed_up = {
            station.channel
            for station in state.stations.values()
            if station.channel and state.agents[station.agent_id or ""].station_mode is StationMode.PERSISTENT
        }
        assert set(pbx.channels) == nailed_up, "a channel is left over"
        seated = {a.station for a in state.agents.values() if a.signed_in and a.groups}
        assert seated <= set(pbx.members), "a signed-in agent's phone would not ring"
        unanswered = [key for key in self.centre.commands if len(self.centre.replies[key]) != 1]
        assert not unanswered, unanswered

    def _replay(self) -> None:
        state, outcomes = self.centre.replayed()
        assert state == self.centre.state
        assert outcomes == [asdict(outcome) for outcome in self.centre.told]
