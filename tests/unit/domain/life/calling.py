"""Calls of ours: agents dial customers and each other, campaigns dial."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import rule

from cti_server.domain import signals as s
from cti_server.domain.target import Target, TargetKind
from tests.fakes.pbx import BUSY, NO_ANSWER
from tests.unit.domain.life.drive import (
    OUTSIDE,
    Drive,
    agents,
    pick,
    some,
    which,
)


class Calling(Drive):
    """Calls of ours: agents dial customers and each other, campaigns dial."""

    @rule(agent=agents, numbers=some, answers=st.booleans(), settle=st.booleans())
    def dial(self, agent: str, numbers: list[int], answers: bool, settle: bool) -> None:
        """Call somebody outside, who answers or nearly does."""
        self.centre.command(s.Dial, agent, Target(TargetKind.NUMBER, OUTSIDE))
        self.flurry(numbers)
        if settle:
            self._pick_up()
        if answers:
            self.dialled_answers(0)

    @rule(numbers=some, who=st.sampled_from(["person", "machine", ""]), patience=st.sampled_from([2.0, 30.0]))
    def campaign(self, numbers: list[int], who: str, patience: float) -> None:
        """A campaign calls somebody: a person, a machine, or nobody yet."""
        self.calls += 1
        channel = f"pbx-a-cam-{self.calls:012d}"
        self.centre.apply(
            s.CampaignCall(
                at=self.centre.now,
                node=self.centre.pbx.name,
                channel=channel,
                campaign="k1",
                group_id="general",
                number=OUTSIDE,
                name="",
                shown="4000",
                ring_time=20.0,
                patience=patience,
            )
        )
        self.flurry(numbers)
        if who and channel in self.centre.pbx.channels:
            self.centre.pbx.customer_answers(channel)
            self.heard(0, who)

    @rule(number=which, who=st.sampled_from(["person", "machine", "notsure", "hangup"]))
    def heard(self, number: int, who: str) -> None:
        """Detection has listened."""
        channel = pick(self._customers("cti-campaign"), number)
        if channel:
            self.centre.pbx.heard(channel.channel, who)

    @rule(number=which)
    def let_go(self, number: int) -> None:
        """The apology is over."""
        channel = pick(self._customers("cti-let-go"), number)
        if channel:
            self.centre.pbx.hang_up(channel.channel)

    @rule(agent=agents, colleague=agents, numbers=some, takes=st.booleans(), settle=st.booleans())
    def dial_a_colleague(
        self, agent: str, colleague: str, numbers: list[int], takes: bool, settle: bool
    ) -> None:
        """Call another agent, who takes it or nearly does."""
        self.centre.command(s.Dial, agent, Target(TargetKind.AGENT, colleague))
        self.flurry(numbers)
        if settle:
            self._pick_up()
        self.colleague_decides(0, s.Accept if takes else s.Reject)
        if settle:
            self._pick_up()

    @rule(number=which, kind=st.sampled_from([s.Accept, s.Reject, s.HangUp, s.Hold]))
    def colleague_decides(self, number: int, kind: type[s.ContactCommand]) -> None:
        contact = pick([x for x in self.centre.state.contacts.values() if x.internal], number)
        if contact:
            self._ask(kind, contact.colleague, contact.contact_id)

    @rule(number=which)
    def dialled_answers(self, number: int) -> None:
        channel = pick(self._dialled(), number)
        if channel:
            self.centre.pbx.customer_answers(channel.channel)

    @rule(number=which, cause=st.sampled_from([BUSY, NO_ANSWER]))
    def dialled_in_vain(self, number: int, cause: int) -> None:
        channel = pick(self._dialled(), number)
        if channel:
            self.centre.pbx.hang_up(channel.channel, cause)
