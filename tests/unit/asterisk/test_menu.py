"""What a caller typed, as the domain learns of it: never a PIN."""

from __future__ import annotations

import pytest

from cti_server.asterisk.menu import answer_of
from cti_server.domain.customer import CustomerProfile
from cti_server.domain.ivr import Asked, Check, Walk
from cti_server.engine.codec import encode_batch

PIN = "480613"
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
