"""What an agent asks for in a conversation."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import rule

from cti_server.domain import signals as s
from cti_server.domain.contact import ContactState
from cti_server.domain.target import Target, TargetKind
from tests.unit.domain.life.drive import (
    CONSULTING,
    OUTSIDE,
    SEATS,
    SOUND,
    TALKING,
    Drive,
    agents,
    pick,
    which,
)

TARGETS = ("general", "credit_card", *SEATS)
ON_CONTACT = (
    s.Accept,
    s.Reject,
    s.Hold,
    s.Retrieve,
    s.Identify,
    s.HangUp,
    s.TransferContact,
    *SOUND,
    s.ConsultParty,
    *CONSULTING,
    s.DropLeg,
    s.SetData,
    s.WrapUp,
)


class Talks(Drive):
    """What an agent asks for in a conversation."""

    @rule(number=which, kind=st.sampled_from(ON_CONTACT), other=agents)
    def on_contact(self, number: int, kind: type[s.ContactCommand], other: str) -> None:
        contact = pick(list(self.centre.state.contacts.values()), number)
        contact_id = contact.contact_id if contact else "unknown"
        agent = contact.agent_id if contact and contact.agent_id else other
        self._ask(kind, agent, contact_id)

    @rule(number=which, settle=st.booleans())
    def accept(self, number: int, settle: bool) -> None:
        offered = [x for x in self.centre.state.contacts.values() if x.state is ContactState.OFFERED]
        contact = pick(offered, number)
        if contact is None:
            return
        self._ask(s.Accept, contact.agent_id or "", contact.contact_id)
        if settle:
            self._pick_up()

    @rule(number=which, settle=st.booleans())
    def move_on(self, number: int, settle: bool) -> None:
        """Hold what is active, retrieve what is held, wrap up what is over."""
        natural = {
            ContactState.ACTIVE: s.Hold,
            ContactState.HELD: s.Retrieve,
            ContactState.WRAP_UP: s.WrapUp,
        }
        contact = pick([x for x in self.centre.state.contacts.values() if x.state in natural], number)
        if contact:
            self._ask(natural[contact.state], contact.agent_id or "", contact.contact_id)
        if settle:
            self.centre.settle()

    @rule(number=which, kind=st.sampled_from(SOUND), settle=st.booleans())
    def sound(self, number: int, kind: type[s.ContactCommand], settle: bool) -> None:
        """Mute, pause and so on where it is possible."""
        contact = pick([x for x in self.centre.state.contacts.values() if x.state in TALKING], number)
        if contact:
            self._ask(kind, contact.agent_id or "", contact.contact_id)
        if settle:
            self.centre.settle()

    @rule(number=which, kind=st.sampled_from(TargetKind), to=st.sampled_from(TARGETS), settle=st.booleans())
    def transfer(self, number: int, kind: TargetKind, to: str, settle: bool) -> None:
        contact = pick([x for x in self.centre.state.contacts.values() if x.state in TALKING], number)
        if contact:
            to = OUTSIDE if kind is TargetKind.NUMBER else to
            self.centre.command(
                s.TransferContact, contact.agent_id or "", contact.contact_id, Target(kind, to)
            )
        if settle:
            self.centre.settle()
