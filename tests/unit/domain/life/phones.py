"""What people do with their phones, whatever the server wants."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import rule

from tests.fakes.pbx import BUSY, NO_ANSWER, NORMAL, OUT_OF_ORDER
from tests.unit.domain import centre as c
from tests.unit.domain.life.drive import (
    OUTSIDE,
    SEATS,
    Drive,
    pick,
    which,
)

REFERRED_TO = ("4001", "credit_card", *SEATS, OUTSIDE, "110")


class Phones(Drive):
    """What people do with their phones, whatever the server wants."""

    @rule(number=which)
    def answer(self, number: int) -> None:
        channel = pick(self._ringing(), number)
        if channel:
            self.centre.pbx.answer(channel.channel)

    @rule(number=which, cause=st.sampled_from([BUSY, NO_ANSWER]))
    def refuse(self, number: int, cause: int) -> None:
        channel = pick(self._ringing(), number)
        if channel:
            self.centre.pbx.refuse(channel.channel, cause)

    @rule(number=which, cause=st.sampled_from([NORMAL, OUT_OF_ORDER]))
    def phone_leaves(self, number: int, cause: int) -> None:
        channel = pick(self._phones(), number)
        if channel:
            self.centre.pbx.hang_up(channel.channel, cause)

    @rule(number=which)
    def phone_holds_or_retrieves(self, number: int) -> None:
        channel = pick(self._phones(), number)
        if channel and channel.held:
            self.centre.pbx.retrieve(channel.channel)
        elif channel:
            self.centre.pbx.hold(channel.channel)

    @rule(number=which, to=st.sampled_from(REFERRED_TO), gone=st.booleans(), settle=st.booleans())
    def phone_passes_on(self, number: int, to: str, gone: bool, settle: bool) -> None:
        """By REFER; some phones hang up at once."""
        channel = pick([ch for ch in self._phones() if ch.bridge], number)
        if channel:
            self.centre.pbx.refer(channel.channel, to)
        if channel and gone:
            self.centre.pbx.hang_up(channel.channel)
        if settle:
            self.centre.settle()

    @rule(number=which, settle=st.booleans())
    def a_stranger_takes_a_place(self, number: int, settle: bool) -> None:
        """By INVITE with Replaces from the trunk."""
        channel = pick(self._replaceable(), number)
        if channel:
            self.centre.pbx.takes_its_place(channel.channel)
        if settle:
            self.centre.settle()

    @rule(address=st.sampled_from(c.STATIONS))
    def registration(self, address: str) -> None:
        if address in self.centre.pbx.registered:
            self.centre.pbx.unregister(address)
        else:
            self.centre.pbx.register(address)
