"""Third parties in a conversation."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import rule

from cti_server.domain import signals as s
from cti_server.domain.target import Target, TargetKind
from tests.fakes.pbx import BUSY, NORMAL, OUT_OF_ORDER
from tests.unit.domain.life.drive import (
    CONSULTING,
    OUTSIDE,
    TALKING,
    Drive,
    agents,
    pick,
    some,
    which,
)


class Consultations(Drive):
    """Third parties in a conversation."""

    @rule(number=which, numbers=some, answers=st.booleans(), settle=st.booleans())
    def consult_outside(self, number: int, numbers: list[int], answers: bool, settle: bool) -> None:
        """Ask a number outside, which answers or nearly does."""
        contact = pick([x for x in self.centre.state.contacts.values() if x.state in TALKING], number)
        if contact is None:
            return
        to = Target(TargetKind.NUMBER, OUTSIDE)
        self.centre.command(s.ConsultParty, contact.agent_id or "", contact.contact_id, to)
        self.flurry(numbers)
        if answers:
            self.third_answers(0)
        if settle:
            self.centre.settle()

    @rule(number=which)
    def third_answers(self, number: int) -> None:
        channel = pick(self._thirds(up=False), number)
        if channel:
            self.centre.pbx.third_answers(channel.channel)

    @rule(number=which, up=st.booleans(), cause=st.sampled_from([BUSY, NORMAL, OUT_OF_ORDER]))
    def third_leaves(self, number: int, up: bool, cause: int) -> None:
        channel = pick(self._thirds(up=up), number)
        if channel:
            self.centre.pbx.hang_up(channel.channel, cause)

    @rule(number=which, colleague=agents, numbers=some, settle=st.booleans())
    def consult(self, number: int, colleague: str, numbers: list[int], settle: bool) -> None:
        """Ask somebody, who takes it or nearly does."""
        contact = pick([x for x in self.centre.state.contacts.values() if x.state in TALKING], number)
        if contact is None:
            return
        to = Target(TargetKind.AGENT, colleague)
        self.centre.command(s.ConsultParty, contact.agent_id or "", contact.contact_id, to)
        self.flurry(numbers)
        self.centre.command(s.Accept, colleague, contact.contact_id)
        if settle:
            self._pick_up()

    @rule(
        number=which,
        kind=st.sampled_from([*CONSULTING, s.DropLeg]),
        third=st.booleans(),
        settle=st.booleans(),
    )
    def with_third(self, number: int, kind: type[s.ContactCommand], third: bool, settle: bool) -> None:
        """Go on with a consultation; `third`: its consulted agent leaves."""
        consulting = [x for x in self.centre.state.contacts.values() if x.consult]
        contact = pick(consulting, number)
        if contact and contact.consult:
            leg = contact.legs[contact.consult.leg_id]
            if third and number % 3 == 0:
                self.centre.command(s.HangUp, leg.party, contact.contact_id)
            elif kind is s.DropLeg:
                self.centre.command(kind, contact.agent_id or "", contact.contact_id, leg.leg_id)
            else:
                self._ask(kind, contact.agent_id or "", contact.contact_id)
        if settle:
            self.centre.settle()
