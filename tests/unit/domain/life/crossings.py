"""Only what can happen now: somebody acts, the PBX does a part of it, somebody else acts, a thing breaks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from hypothesis import strategies as st
from hypothesis.stateful import rule

from cti_server.domain import signals as s
from cti_server.domain.allowed_actions import allowed_actions
from cti_server.domain.effects import (
    AddFallbackMember,
    Effect,
    HangUpChannel,
    NoteNumbers,
    RemoveFallbackMember,
    Resync,
)
from cti_server.domain.target import Target, TargetKind
from tests.fakes.pbx import BUSY, EFFECTS, NO_ANSWER, NORMAL, OUT_OF_ORDER, Channel
from tests.unit.domain import centre as c
from tests.unit.domain.actions import METHODS
from tests.unit.domain.life.customers import KEYS, PROVED
from tests.unit.domain.life.drive import OUTSIDE, SEATS, Drive, pick, some, which
from tests.unit.domain.life.phones import REFERRED_TO

Act = Callable[[], object]
TARGETS = (
    *(Target(TargetKind.AGENT, agent) for agent in SEATS),
    Target(TargetKind.GROUP, "general"),
    Target(TargetKind.GROUP, "credit_card"),
    Target(TargetKind.NUMBER, OUTSIDE),
)
CERTAIN = (HangUpChannel, AddFallbackMember, RemoveFallbackMember)
"""Refused only when there is nothing to do."""
SUPERVISING = ("listen", "whisper", "barge", "intercept")
KINDS = (
    *("pbx", "hears", "asks", "answers", "caller", "leaves", "phone", "stranger"),
    *("arrives", "seat", "leader", "breaks", "fails", "time"),
)
acts = st.tuples(st.sampled_from(KINDS), which, which)


class Crossings(Drive):
    """One thing across the other."""

    @rule(chosen=st.lists(acts, min_size=1, max_size=16))
    def life_goes_on(self, chosen: list[tuple[str, int, int]]) -> None:
        """This and that, as it is possible at that moment."""
        for kind, number, other in chosen:
            self._act(kind, number, other)

    @rule(asked=st.tuples(which, which), before=some, between=acts, after=some)
    def crossed(
        self, asked: tuple[int, int], before: list[int], between: tuple[str, int, int], after: list[int]
    ) -> None:
        """Something is asked for; while it is under way, something comes between."""
        self._act("asks", *asked)
        self.flurry(before)
        self._act(*between)
        self.flurry(after)

    def _act(self, kind: str, number: int, other: int) -> None:
        """One of what is possible of that kind; `other` chooses within it."""
        possible: Callable[[int], Iterator[Act]] = getattr(self, f"_{kind}")
        act = pick(list(possible(other)), number)
        if act:
            act()

    # --- the PBX ------------------------------------------------------------------------------------

    def _pbx(self, other: int) -> Iterator[Act]:
        if self.centre.pbx.effects:
            yield self.centre.pbx.carry_out
        else:
            yield from self._hears(other)

    def _hears(self, _: int) -> Iterator[Act]:
        for source in self.centre.pbx.sources():
            yield partial(self._one_fact, source)

    def _one_fact(self, source: str) -> None:
        self.centre.apply(self.centre.pbx.read(source))

    # --- agents -------------------------------------------------------------------------------------

    def _asks(self, other: int) -> Iterator[Act]:
        state = self.centre.state
        for agent in state.agents.values():
            for contact_id in agent.contact_ids:
                for method in allowed_actions(state.contacts[contact_id], agent):
                    yield partial(self._do, METHODS[method], agent.agent_id, contact_id, other)

    def _do(self, kind: type[s.ContactCommand], agent_id: str, contact_id: str, other: int) -> None:
        if kind in (s.TransferContact, s.ConsultParty):
            free = [a.agent_id for a in self.centre.state.agents.values() if a.may_be_offered()]
            to = pick([*TARGETS, *(Target(TargetKind.AGENT, one) for one in free)], other)
            self.centre.command(kind, agent_id, contact_id, to)
        elif kind is s.DropLeg:
            consult = self.centre.state.contacts[contact_id].consult
            self.centre.command(kind, agent_id, contact_id, consult.leg_id if consult else "leg-1")
        else:
            self._ask(kind, agent_id, contact_id)

    def _seat(self, other: int) -> Iterator[Act]:
        centre, pbx = self.centre, self.centre.pbx
        for agent_id, own in SEATS.items():
            agent = centre.state.agents.get(agent_id)
            if agent is None:
                continue
            kind = s.AgentDisconnected if agent.connected else s.AgentConnected
            yield partial(lambda k, a: centre.apply(k(centre.now, a)), kind, agent_id)
            registered = own in pbx.registered
            yield partial(pbx.unregister if registered else pbx.register, own)
            if agent.signed_in:
                asked = ("ready", "not_ready", "busy")[other % 3]
                yield partial(centre.command, s.SetState, agent_id, asked, "reason")
                yield partial(centre.command, s.SignOut, agent_id, "end_of_shift")
                to = pick(TARGETS, other)
                yield partial(centre.command, s.Dial, agent_id, to)
            else:
                mode = ("persistent", "on_demand")[other % 2]
                yield partial(centre.command, s.SignIn, agent_id, own, mode)

    def _leader(self, other: int) -> Iterator[Act]:
        centre, state = self.centre, self.centre.state
        for leader in (a for a in state.agents.values() if a.agent_id in ("1003", "3001") and a.signed_in):
            me = leader.agent_id
            if leader.supervision:
                yield partial(centre.command, s.StopSupervising, me)
                about = leader.supervision.contact_id
                yield partial(centre.command, s.SuperviseParty, me, SUPERVISING[other % 4], "", about)
            else:
                for contact in state.contacts.values():
                    if contact.agent_leg and contact.agent_id != me:
                        asked = (me, SUPERVISING[other % 4], "", contact.contact_id)
                        yield partial(centre.command, s.SuperviseParty, *asked)
            whom = sorted(SEATS)[other % len(SEATS)]
            yield partial(centre.command, s.ForceState, me, whom, ("ready", "not_ready", "busy")[other % 3])
            yield partial(centre.command, s.ForceSignOut, me, whom)

    # --- phones and callers -------------------------------------------------------------------------

    def _answers(self, other: int) -> Iterator[Act]:
        pbx = self.centre.pbx
        cause = (BUSY, NO_ANSWER)[other % 2]
        for channel in self._ringing():
            yield partial(pbx.answer, channel.channel)
            yield partial(pbx.refuse, channel.channel, cause)
        for channel in self._thirds(up=False):
            yield partial(pbx.third_answers, channel.channel)
            yield partial(pbx.hang_up, channel.channel, cause)
        for channel in self._dialled():
            yield partial(pbx.customer_answers, channel.channel)
            yield partial(pbx.hang_up, channel.channel, cause)
        for channel in self._customers("cti-campaign"):
            who = ("person", "machine", "notsure", "hangup")[other % 4]
            yield partial(pbx.heard, channel.channel, who)
        for channel in self._customers("cti-outside"):
            yield partial(pbx.outside_answers, channel.channel)
            yield partial(pbx.outside_refuses, channel.channel)

    def _caller(self, other: int) -> Iterator[Act]:
        """On its way, in the menu, waiting, with the machine, leaving a message."""
        pbx = self.centre.pbx
        for channel in self._customers("cti-entry"):
            yield partial(pbx.greeted, channel.channel)
        for channel in self._customers("cti-identify"):
            yield partial(pbx.asked_enough, channel.channel)
        for channel in self._customers("cti-entry", "cti-identify", "cti-wait"):
            if pbx.link:
                yield partial(self._presses, channel, other)
        for channel in self._customers("cti-voicemail"):
            yield partial(pbx.speaks, channel.channel)
        for channel in pbx.in_vain():
            yield partial(pbx.waits_no_more, channel.channel)
        for channel in self._customers("cti-let-go"):
            yield partial(pbx.hang_up, channel.channel)

    def _presses(self, channel: Channel, other: int) -> None:
        contact = self.centre.state.contacts.get(channel.channel)
        serial = contact.walk.serial if contact and contact.walk else 0
        key = KEYS[other % len(KEYS)]
        who = PROVED if key == "right" else None
        self.centre.pbx.press(channel.channel, serial, key, "13900000002", who)

    def _leaves(self, other: int) -> Iterator[Act]:
        cause = (NORMAL, OUT_OF_ORDER)[other % 2]
        for channel in self.centre.pbx.channels.values():
            if channel.up:
                yield partial(self.centre.pbx.hang_up, channel.channel, cause)

    def _phone(self, other: int) -> Iterator[Act]:
        pbx = self.centre.pbx
        for channel in self._phones():
            if channel.held:
                yield partial(pbx.retrieve, channel.channel)
            elif channel.bridge:
                yield partial(pbx.hold, channel.channel)
                yield partial(pbx.refer, channel.channel, REFERRED_TO[other % len(REFERRED_TO)])

    def _stranger(self, _: int) -> Iterator[Act]:
        for channel in self._replaceable():
            yield partial(self.centre.pbx.takes_its_place, channel.channel)

    def _arrives(self, other: int) -> Iterator[Act]:
        number = ("4000", "4001", "4005")[other % 3]
        if len(self._customers()) < 4:
            yield partial(self.centre.pbx.arrive, number, c.NUMBERS[number], ungreeted=other % 2 == 0)

    # --- what breaks --------------------------------------------------------------------------------

    def _breaks(self, other: int) -> Iterator[Act]:
        centre, pbx = self.centre, self.centre.pbx
        if pbx.link:
            yield partial(centre.disconnect, unknown=other % 2 == 0, done=other % 3 == 0)
            yield partial(pbx.ask, [Resync(pbx.name)])
        elif EFFECTS not in pbx.facts:
            yield centre.connect
            for channel in [ch for ch in pbx.channels.values() if not ch.bridge and ch.up]:
                yield partial(pbx.on_its_own, channel.channel)
        yield centre.restart

    def _fails(self, other: int) -> Iterator[Act]:
        """An action is refused, or nobody knows what became of it; it was done, or not."""
        if self.centre.pbx.link:
            for effect in self.centre.pbx.effects:
                if not isinstance(effect, NoteNumbers | Resync):
                    yield partial(self._lost, effect, other)

    def _lost(self, effect: Effect, other: int) -> None:
        pbx, now = self.centre.pbx, self.centre.now
        ways = [("outcome_unknown", True), ("outcome_unknown", False)]
        if not isinstance(effect, CERTAIN):
            ways.append(("pbx_refused", False))
        code, done = ways[other % len(ways)]
        pbx.leave_out(effect, done=done)
        kind, channel = type(effect).__name__, getattr(effect, "channel", "")
        self.centre.apply(s.EffectFailed(now, effect.node, kind, channel, code))

    def _time(self, other: int) -> Iterator[Act]:
        yield partial(self.centre.pass_time, (0.2, 1.5, 6.0, 21.0, 36.0, 61.0)[other % 6])
