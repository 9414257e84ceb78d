"""The centre under way, and the plain moves that everything else is made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from cti_server.domain import signals as s
from cti_server.domain.contact import ContactState
from cti_server.domain.policy import VOICEMAIL, Policy, Strategy
from cti_server.domain.target import Target, TargetKind
from tests.fakes.pbx import Channel
from tests.unit.domain import centre as c
from tests.unit.domain.centre import Centre

SEATS = {"1001": "1001", "1002": "1002", "1003": "1003", "3001": "1001-browser"}
PEOPLE = tuple(
    replace(a, groups={"credit_card": 3, "general": 2}) if a.agent_id == "1003" else a for a in c.AGENTS
)
"""The team leader leads both groups; the inspector at 1001-browser is in none."""
SOUND = (s.MuteMicrophone, s.UnmuteMicrophone, s.SendDtmf, s.RecordingPause, s.RecordingResume)
CONSULTING = (s.Alternate, s.CompleteTransfer, s.CancelConsult, s.Conference)
TALKING = (ContactState.ACTIVE, ContactState.HELD)
OUTSIDE = "13900000001"
agents = st.sampled_from(sorted(SEATS))
which = st.integers(0, 99)
"""Picks one of what there is."""
some = st.lists(which, max_size=12)
modes = st.sampled_from(["persistent", "on_demand"])
states = st.sampled_from(["ready", "not_ready", "busy"])
T = TypeVar("T")


def pick(among: Sequence[T], number: int) -> T | None:
    return among[number % len(among)] if among else None


LIVELY = (
    replace(
        c.GROUPS[0],
        policy=Policy(
            overflow_to="credit_card",
            overflow_after=35.0,
            announce_every=5.0,
            preference_time=15.0,
            last_agent_within=500.0,
            callback=True,
            callback_retry=20.0,
            callback_expires=90.0,
        ),
    ),
    replace(
        c.GROUPS[1],
        policy=Policy(
            Strategy.MOST_SKILLED,
            ring_ahead=True,
            overflow_to=VOICEMAIL,
            overflow_length=2,
            overflow_after=50.0,
        ),
    ),
)
"""Everything that a queue may do by itself."""


class Drive(RuleBasedStateMachine):
    """A centre. Invariants are checked by `Centre.apply` after every signal."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0
        self.centre = Centre()
        self.centre.apply(c.directory(self.centre.now, PEOPLE, groups=LIVELY))

    @initialize(announces=st.booleans(), chosen=st.tuples(modes, modes, modes, modes), ready=st.booleans())
    def open(self, announces: bool, chosen: tuple[str, ...], ready: bool) -> None:
        centre = self.centre
        centre.pbx.announces = announces
        centre.connect()
        for agent, mode in zip(SEATS, chosen, strict=True):
            centre.pbx.register(SEATS[agent])
            centre.settle()
            centre.apply(s.AgentConnected(centre.now, agent))
            centre.command(s.SignIn, agent, SEATS[agent], mode)
            self._pick_up()
            if ready:
                centre.command(s.SetState, agent, "ready")

    def _ringing(self) -> list[Channel]:
        return [ch for ch in self.centre.pbx.channels.values() if ch.address and not ch.up]

    def _phones(self) -> list[Channel]:
        return [ch for ch in self.centre.pbx.channels.values() if ch.address and ch.up]

    def _customers(self, *contexts: str) -> list[Channel]:
        there = [ch for ch in self.centre.pbx.channels.values() if ch.customer]
        return [ch for ch in there if not contexts or (ch.context in contexts and not ch.bridge)]

    def _dialled(self) -> list[Channel]:
        return [ch for ch in self._customers() if not ch.up]

    def _thirds(self, *, up: bool) -> list[Channel]:
        return [ch for ch in self.centre.pbx.channels.values() if ch.third and ch.up == up]

    def _replaceable(self) -> list[Channel]:
        return [ch for ch in self.centre.pbx.channels.values() if ch.bridge.startswith("bridge-")]

    def _pick_up(self) -> None:
        self.centre.settle()
        for channel in self._ringing():
            self.centre.pbx.answer(channel.channel)
        self.centre.settle()

    @rule(numbers=some)
    def flurry(self, numbers: list[int]) -> None:
        """Effects and facts in any order, not all of them."""
        pbx = self.centre.pbx
        for number in numbers:
            choice = pick([*pbx.sources(), *(["do"] if pbx.effects else [])], number)
            if choice == "do":
                pbx.carry_out()
            elif choice:
                self.centre.apply(pbx.read(choice))

    @rule()
    def settle(self) -> None:
        self.centre.settle()

    @rule(seconds=st.sampled_from([0.2, 1.5, 6.0, 21.0, 36.0, 61.0]))
    def pass_time(self, seconds: float) -> None:
        self.centre.pass_time(seconds)

    def _ask(self, kind: type[s.ContactCommand], agent: str, contact_id: str) -> None:
        if kind is s.TransferContact:
            self.centre.command(kind, agent, contact_id, Target(TargetKind.GROUP, "credit_card"))
        elif kind is s.SetData:
            self.centre.command(kind, agent, contact_id, {"reason": "loss", "gone": None})
        elif kind is s.ConsultParty:
            self.centre.command(kind, agent, contact_id, Target(TargetKind.GROUP, "credit_card"))
        elif kind is s.DropLeg:
            self.centre.command(kind, agent, contact_id, "leg-3")
        elif kind is s.SendDtmf:
            self.centre.command(kind, agent, contact_id, "12#")
        elif kind is s.WrapUp:
            self.centre.command(kind, agent, contact_id, "done", "summary", "not_ready")
        else:
            self.centre.command(kind, agent, contact_id)
