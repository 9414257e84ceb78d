"""Links and servers that break, actions that nobody answers, callers left to the dialplan."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from cti_server.domain import signals as s
from cti_server.domain.effects import Resync
from tests.fakes.pbx import EFFECTS
from tests.unit.domain.life.drive import (
    Drive,
    pick,
    some,
    which,
)


class Faults(Drive):
    """Links and servers that break, actions that nobody answers, callers left to the dialplan."""

    @precondition(lambda self: self.centre.pbx.link)
    @rule(unknown=st.booleans(), done=st.booleans())
    def link_breaks(self, unknown: bool, done: bool) -> None:
        self.centre.disconnect(unknown=unknown, done=done)

    @precondition(lambda self: not self.centre.pbx.link and EFFECTS not in self.centre.pbx.facts)
    @rule()
    def link_returns(self) -> None:
        self.centre.connect()

    @precondition(lambda self: not self.centre.pbx.link)
    @rule(numbers=some)
    def on_its_own(self, numbers: list[int]) -> None:
        """For longer than the beat may be missed, callers and phones are left to the dialplan."""
        for number in numbers:
            idle = [ch for ch in self.centre.pbx.channels.values() if not ch.bridge and ch.up]
            channel = pick(idle, number)
            if channel:
                self.centre.pbx.on_its_own(channel.channel)
            self.fallback_answers(number, number // 2)

    @rule(unknown=st.booleans(), done=st.booleans(), dies=st.booleans(), alone=some, numbers=some)
    def outage(self, unknown: bool, done: bool, dies: bool, alone: list[int], numbers: list[int]) -> None:
        """The link or the server is away for a while."""
        if dies:
            self.centre.restart()
        elif self.centre.pbx.link:
            self.centre.disconnect(unknown=unknown, done=done)
        self.on_its_own(alone)
        self.flurry(numbers)
        if not self.centre.pbx.link and EFFECTS not in self.centre.pbx.facts:
            self.centre.connect()

    @rule(number=which, member=which)
    def fallback_answers(self, number: int, member: int) -> None:
        channel = pick(self._customers("cti-unserved"), number)
        address = pick(self.centre.pbx.free_members(), member)
        if channel and address:
            self.centre.pbx.fallback_answers(channel.channel, address)

    @precondition(lambda self: self.centre.pbx.link)
    @rule(number=which)
    def next_turn(self, number: int) -> None:
        channel = pick(self._customers("cti-unserved"), number)
        if channel:
            self.centre.pbx.next_turn(channel.channel)

    @rule(reconnect=st.booleans())
    def server_dies(self, reconnect: bool) -> None:
        self.centre.restart()
        if reconnect:
            self.centre.connect()

    @rule()
    def doubt(self) -> None:
        """Somebody asks for a snapshot while all is well."""
        self.centre.pbx.ask([Resync(self.centre.pbx.name)])

    @rule(number=which)
    def stale_timer(self, number: int) -> None:
        """A timer that was cleared or moved while its signal was on its way."""
        key = pick(sorted(self.centre.state.timers), number) or "offer:gone"
        self.centre.apply(s.TimerFired(self.centre.now, key))

    @rule(
        kind=st.sampled_from(
            [
                "Connect",
                "HoldCustomer",
                "IdentifyCustomer",
                "HangUpChannel",
                "LetJoin",
                "RingAhead",
                "Mute",
                "PauseRecording",
                "SendOutside",
                "CallCustomer",
                "PlayOutcome",
                "CallThird",
                "CallColleague",
                "HearRinging",
                "Move",
                "Join",
                "Confer",
                "Supervise",
                "AddFallbackMember",
                "RemoveFallbackMember",
            ]
        ),
        number=which,
    )
    def never_answered(self, kind: str, number: int) -> None:
        """An action ran into its deadline though the link stands; it was not done."""
        doomed = [effect for effect in self.centre.pbx.effects if type(effect).__name__ == kind]
        effect = pick(doomed, number)
        if effect:
            self.centre.pbx.effects.remove(effect)
            channel = getattr(effect, "channel", "")
            now, node = self.centre.now, effect.node
            self.centre.apply(s.EffectFailed(now, node, kind, channel, "outcome_unknown"))
