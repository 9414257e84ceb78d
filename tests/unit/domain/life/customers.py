"""Customers call, find their way, wait, wish to be called back, leave."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import rule

from cti_server.domain.customer import CustomerProfile
from tests.fakes.pbx import NORMAL, OUT_OF_ORDER
from tests.unit.domain import centre as c
from tests.unit.domain.life.drive import (
    OUTSIDE,
    Drive,
    pick,
    which,
)

PROVED = CustomerProfile("沈桂英", "vip", elder=True)
KEYS = ("", "0", "*", "1", "2", "3", "4", "9", "card", "right", "wrong", "locked")
"""Keys of the menu, and what becomes of a typed card number and PIN."""
ANSWERS = st.sampled_from(KEYS)


class Customers(Drive):
    """Customers call, find their way, wait, wish to be called back, leave."""

    @rule(number=st.sampled_from(["4000", "4001", "4005"]), wait=st.booleans(), ungreeted=st.booleans())
    def arrive(self, number: str, wait: bool, ungreeted: bool = False) -> None:
        if len(self._customers()) > 3:
            return
        channel = self.centre.pbx.arrive(number, c.NUMBERS[number], ungreeted=ungreeted)
        if wait and self.centre.pbx.link:
            self.centre.settle()
            self.centre.pbx.greeted(channel)

    @rule(number=st.sampled_from(["4000", "4001"]))
    def a_call_waits(self, number: str) -> None:
        self.arrive(number, wait=True)
        self.centre.settle()

    @rule(number=which)
    def greeted(self, number: int) -> None:
        channel = pick(self._customers("cti-entry"), number)
        if channel:
            self.centre.pbx.greeted(channel.channel)

    @rule(number=which)
    def waits_no_more(self, number: int) -> None:
        """The phone that rang ahead for it is gone, or not meant for it."""
        channel = pick(self.centre.pbx.in_vain(), number)
        if channel:
            self.centre.pbx.waits_no_more(channel.channel)

    @rule(number=which, keys=st.lists(ANSWERS, max_size=6), late=st.integers(0, 1))
    def menu(self, number: int, keys: list[str], late: int) -> None:
        """A caller in the menu presses keys; who comes out of it goes on to wait."""
        channel = pick([ch for ch in self._customers("cti-entry") if ch.variables.get("CTI_ROUTED")], number)
        for key in keys:
            contact = self.centre.state.contacts.get(channel.channel) if channel else None
            if channel is None or contact is None or contact.walk is None or not self.centre.pbx.link:
                return
            who = PROVED if key == "right" else None
            self.centre.pbx.press(channel.channel, contact.walk.serial - late, key, "13900000002", who)
            self.centre.settle()
        contact = self.centre.state.contacts.get(channel.channel) if channel else None
        if channel and contact and contact.walk and contact.walk.over and channel.context == "cti-entry":
            self.centre.pbx.greeted(channel.channel)

    @rule(number=which, keys=st.lists(ANSWERS, max_size=6), back=st.booleans())
    def identified(self, number: int, keys: list[str], back: bool) -> None:
        """Whom its agent sent to the machine types card and PIN, or not; the dialplan brings it back."""
        pbx = self.centre.pbx
        channel = pick(self._customers("cti-identify"), number)
        for key in keys:
            contact = self.centre.state.contacts.get(channel.channel) if channel else None
            if channel is None or contact is None or contact.walk is None or not pbx.link:
                return
            who = PROVED if key == "right" else None
            pbx.press(channel.channel, contact.walk.serial, key, "13900000002", who)
            self.centre.settle()
        if channel and back and channel.context == "cti-identify" and channel.channel in pbx.channels:
            pbx.asked_enough(channel.channel)

    @rule(number=which, leaves=st.booleans())
    def message(self, number: int, leaves: bool) -> None:
        """Who was sent to the voicemail speaks, and hangs up or not yet."""
        channel = pick(self._customers("cti-voicemail"), number)
        if channel and self.centre.pbx.link:
            self.centre.pbx.speaks(channel.channel)
            if leaves:
                self.centre.pbx.hang_up(channel.channel)

    @rule(number=which, keys=st.sampled_from([["1"], ["2", OUTSIDE, "1"], ["2", "7", "*"], ["0"], [""]]))
    def wish(self, number: int, keys: list[str]) -> None:
        """Who waits asks to be called back, and means it or not; then hangs up, if it did."""
        pbx = self.centre.pbx
        channel = pick(self._customers("cti-wait"), number)
        if channel is None or not pbx.link:
            return
        pbx.press(channel.channel, 0, "1")
        self.centre.settle()
        for key in keys:
            contact = self.centre.state.contacts.get(channel.channel)
            if contact and contact.walk and channel.channel in pbx.channels:
                pbx.press(channel.channel, contact.walk.serial, key)
                self.centre.settle()
        if channel.channel in self.centre.state.ended and channel.channel in pbx.channels:
            pbx.hang_up(channel.channel)

    @rule(number=which, cause=st.sampled_from([NORMAL, OUT_OF_ORDER]))
    def customer_leaves(self, number: int, cause: int) -> None:
        channel = pick(self._customers(), number)
        if channel:
            self.centre.pbx.hang_up(channel.channel, cause)

    @rule(number=which, answers=st.booleans())
    def outside(self, number: int, answers: bool) -> None:
        """The number outside is picked up, or not."""
        channel = pick(self._customers("cti-outside"), number)
        if channel and answers:
            self.centre.pbx.outside_answers(channel.channel)
        elif channel:
            self.centre.pbx.outside_refuses(channel.channel)
