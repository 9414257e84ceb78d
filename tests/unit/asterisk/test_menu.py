"""What a caller typed, as the domain learns of it: never a PIN."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from cti_server.asterisk.menu import answer_of, menu
from cti_server.domain import signals as s
from cti_server.domain.contact import Contact
from cti_server.domain.customer import Customer, CustomerProfile
from cti_server.domain.ivr_walk import Asked, Check, Walk
from cti_server.domain.state import WorldState
from cti_server.engine.codec import encode_batch
from cti_server.engine.port import NotLeader
from tests.unit.domain.centre import MENU

PIN = "480613"
CHANNEL = "pbx-a-1.0"
WHO = CustomerProfile("沈桂英")


class Directory:
    """One customer with a card and a PIN."""

    async def of_card(self, card: str) -> str:
        return "13900000002" if card == "62000002" else ""

    async def check(self, subject: str, pin: str) -> tuple[Check, CustomerProfile | None]:
        right = bool(subject) and pin == PIN
        return (Check.RIGHT, WHO) if right else (Check.WRONG, None)


@pytest.mark.parametrize(
    ("walk", "typed", "answer", "subject", "who"),
    [
        (Walk(Asked.MENU), "2", "2", "", None),
        (Walk(Asked.MENU), "", "", "", None),
        (Walk(Asked.CARD), "62000002", "card", "13900000002", None),
        (Walk(Asked.CARD), "62009999", "card", "", None),
        (Walk(Asked.CARD), "", "", "", None),
        (Walk(Asked.CARD), "62*", "*", "", None),
        (Walk(Asked.PIN, subject="13900000002"), PIN, "right", "13900000002", WHO),
        (Walk(Asked.PIN, subject="13900000002"), PIN[:-1], "wrong", "13900000002", None),
        (Walk(Asked.PIN), PIN, "wrong", "", None),
        (Walk(Asked.PIN), PIN[:3] + "*", "*", "", None),
        (Walk(Asked.PIN), "", "", "", None),
    ],
)
async def test_typed_and_told(
    walk: Walk, typed: str, answer: str, subject: str, who: CustomerProfile | None
) -> None:
    told = await answer_of("pbx-a", "pbx-a-1.0", walk, typed, Directory())
    assert (told.answer, told.subject, told.customer, told.serial) == (answer, subject, who, walk.serial)
    if walk.asked in (Asked.CARD, Asked.PIN) and len(typed) > 1:
        assert typed.encode() not in encode_batch([told])
        assert typed not in repr(told)


class Session:
    """What the dialplan set, and what the handler sets."""

    uniqueid = CHANNEL

    def __init__(self, **variables: str) -> None:
        self.variables: dict[str, str] = dict(variables)
        self.asked: list[str] = []

    async def get_variable(self, name: str) -> str | None:
        self.asked.append(name)
        return self.variables.get(name)

    async def set_variable(self, name: str, value: str | int) -> None:
        self.variables[name] = str(value)


async def served(session: Session, gate: Callable[[], None]) -> list[s.Signal]:
    """Serve one answer to the menu; the signals applied."""
    applied: list[s.Signal] = []

    async def apply(signal: s.Signal) -> None:
        applied.append(signal)

    state = WorldState(ivrs={"4005": MENU})
    contact = Contact(CHANNEL, "pbx-a", "4005", "general", Customer(), 0.0, walk=Walk(Asked.MENU))
    state.contacts[CHANNEL] = contact
    handler = menu(lambda _: "pbx-a", apply, lambda: state, Directory(), gate)
    await handler(session)  # type: ignore[arg-type]  # all of it that is used
    return applied


async def test_an_answer_is_taken_cleared_and_followed_by_the_next_question() -> None:
    session = Session(CTI_STEP="1", CTI_INPUT="2")
    assert await served(session, lambda: None) == [s.MenuAnswered(0.0, "pbx-a", CHANNEL, 1, "2")]
    assert session.variables["CTI_INPUT"] == ""
    assert session.variables["CTI_ASK"].startswith("cti/for_general&cti/press&cti/number_1")
    assert session.variables["CTI_ANSWERED"] == "1"


async def test_an_answer_to_another_question_only_gets_the_question_again() -> None:
    session = Session(CTI_STEP="7", CTI_INPUT="2")
    assert await served(session, lambda: None) == []
    assert (session.variables["CTI_STEP"], session.variables["CTI_ANSWERED"]) == ("1", "1")


async def test_who_does_not_lead_leaves_what_was_typed_to_who_does() -> None:
    def gate() -> None:
        raise NotLeader("another server leads")

    session = Session(CTI_STEP="1", CTI_INPUT=PIN)
    assert await served(session, gate) == []
    assert session.variables == {"CTI_STEP": "1", "CTI_INPUT": PIN}
    assert session.asked == []
