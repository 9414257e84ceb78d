"""A caller's walk through the menu (REQUIREMENTS B3): a state machine. Pure.

Each answer is one `pressed`, which never fails: whatever is pressed, or not, the caller comes to a person
after a bounded number of questions. The way to a person is a part of every question and cannot be left out.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from cti_server.domain.ivr import MAIN, Ivr

PERSON = "0"
"""The key that leads to a person, in every menu."""
PERSON_STAR = "*"
"""The same where digits are typed."""
_LONGEST = 40
"""Questions after which even who presses valid keys goes to a person."""


class Asked(StrEnum):
    """What the caller is being asked."""

    LANGUAGE = "language"
    MENU = "menu"
    CARD = "card"
    PIN = "pin"
    CALLBACK = "callback"
    """While waiting: whether it wants to be called back at that number."""
    NUMBER = "number"
    """Another number for that."""
    NOTHING = "nothing"
    """Out of the menu, on the way to a person."""


class Check(StrEnum):
    """How an identity check ended. What was typed is nowhere in the domain."""

    RIGHT = "right"
    WRONG = "wrong"
    LOCKED = "locked"
    """Too many wrong PINs for this customer: not even the right one counts for a time."""
    UNAVAILABLE = "unavailable"
    """The customer directory did not answer."""


@dataclass(frozen=True, slots=True)
class Walk:
    """Where a caller stands."""

    asked: Asked
    serial: int = 1
    """Number of the question; an answer to another one says nothing."""
    menu: str = MAIN
    failures: int = 0
    checks: int = 0
    """Identity checks that failed."""
    subject: str = ""
    """The customer whose PIN is asked for, by its number in the directory; empty: nobody has that card.
    Or the number to be called back at."""
    then: str = ""
    """The group to go to after the identity check; empty: back to the menu."""
    said: tuple[str, ...] = ()
    """Prompts before the next question."""
    first: int = 1
    """The serial it began with."""
    back: bool = False
    """After the identity check it goes back to the agent who asked for it."""

    @property
    def over(self) -> bool:
        """Whether it has left the menu."""
        return self.asked is Asked.NOTHING


@dataclass(frozen=True, slots=True)
class Turn:
    """What an answer leads to."""

    walk: Walk
    path: tuple[str, ...] = ()
    """What to add to the contact's `ivr_path`."""
    language: str = ""
    group: str = ""
    """Where the caller goes; empty: as before."""
    callback: str = ""
    """The number it wants to be called back at."""


def begin(ivr: Ivr, *, language_known: bool) -> Walk | None:
    """The first question; None when the number has no menu."""
    if not ivr.menus.get(MAIN):
        return None
    asks = len(ivr.languages) > 1 and not language_known
    return Walk(Asked.LANGUAGE if asks else Asked.MENU)


def wish(serial: int, number: str) -> Walk:
    """The caller asked to be called back: at that number? Empty: it must give one."""
    return Walk(Asked.CALLBACK if number else Asked.NUMBER, serial, subject=number, first=serial)


def pressed(ivr: Ivr, walk: Walk, answer: str, subject: str = "") -> Turn:
    """Go on by an answer: keys to a menu, any text to CARD (and whose card it is), a `Check` to PIN.

    Empty: nothing was pressed. What is no answer counts as a wrong one.
    """
    if walk.over:
        return Turn(walk)
    person = PERSON_STAR if walk.asked in (Asked.CARD, Asked.PIN, Asked.NUMBER) else PERSON
    if answer == person or walk.serial - walk.first + 1 >= _LONGEST:
        return _leave(walk, f"{_place(walk)}:{person}", "connecting", group=walk.then)
    if not answer:
        return _failed(ivr, walk, "no_input")
    return _ANSWERED[walk.asked](ivr, walk, answer, subject)


def _place(walk: Walk) -> str:
    return walk.menu if walk.asked is Asked.MENU else walk.asked.value


def _next(walk: Walk, asked: Asked, *said: str, subject: str = "", failures: int = 0) -> Walk:
    return replace(
        walk, asked=asked, serial=walk.serial + 1, failures=failures, subject=subject, said=tuple(said)
    )


def _leave(walk: Walk, path: str, *said: str, group: str = "") -> Turn:
    return Turn(_next(walk, Asked.NOTHING, *said), (path,), group=group)


def _failed(ivr: Ivr, walk: Walk, why: str) -> Turn:
    """Nothing pressed, or nothing that leads anywhere: once more, then to a person."""
    if walk.failures + 1 >= ivr.tries:
        return _leave(walk, f"{_place(walk)}:{why}", "connecting", group=walk.then)
    return Turn(_next(walk, walk.asked, why, subject=walk.subject, failures=walk.failures + 1))


def _language(ivr: Ivr, walk: Walk, answer: str, _subject: str) -> Turn:
    if not (answer.isdecimal() and 0 < int(answer) <= len(ivr.languages)):
        return _failed(ivr, walk, "wrong_key")
    language = ivr.languages[int(answer) - 1]
    return Turn(_next(walk, Asked.MENU), (f"language:{language}",), language)


def _menu(ivr: Ivr, walk: Walk, answer: str, _subject: str) -> Turn:
    option = next((one for one in ivr.menus.get(walk.menu, ()) if one.key == answer), None)
    if option is None:
        return _failed(ivr, walk, "wrong_key")
    path = f"{walk.menu}:{option.key}"
    if option.identify and walk.checks < ivr.identity_tries:
        return Turn(replace(_next(walk, Asked.CARD), then=option.group), (path,))
    if option.menu in ivr.menus:
        return Turn(replace(_next(walk, Asked.MENU), menu=option.menu), (path,))
    return _leave(walk, path, "connecting", group=option.group)


def _card(_ivr: Ivr, walk: Walk, _answer: str, subject: str) -> Turn:
    """Whether anybody has that card is not told: the PIN is asked for in any case."""
    return Turn(_next(walk, Asked.PIN, subject=subject))


def _pin(ivr: Ivr, walk: Walk, outcome: str, _subject: str) -> Turn:
    if outcome == Check.RIGHT:
        return _verified(walk)
    checks = walk.checks + 1
    if outcome != Check.UNAVAILABLE and checks < ivr.identity_tries:
        return Turn(replace(_next(walk, Asked.CARD, "not_verified"), checks=checks))
    path = {Check.LOCKED.value: "locked", Check.UNAVAILABLE.value: "not_checked"}.get(outcome, "not_verified")
    left = _next(walk, Asked.NOTHING, "not_verified", "connecting")
    return Turn(replace(left, checks=checks), (path,), group=walk.then)


def _verified(walk: Walk) -> Turn:
    if walk.then or walk.back:
        return _leave(walk, "verified", "verified", "connecting", group=walk.then)
    return Turn(replace(_next(walk, Asked.MENU, "verified"), menu=MAIN), ("verified",))


def _callback(_ivr: Ivr, walk: Walk, answer: str, _subject: str) -> Turn:
    if answer == "1":
        return Turn(_next(walk, Asked.NOTHING, "callback_agreed"), ("callback",), callback=walk.subject)
    if answer == "2":
        return Turn(_next(walk, Asked.NUMBER))
    return Turn(_next(walk, Asked.NOTHING))


def _number(ivr: Ivr, walk: Walk, answer: str, _subject: str) -> Turn:
    if not answer.isdecimal():
        return _failed(ivr, walk, "number_not_possible")
    return Turn(_next(walk, Asked.CALLBACK, subject=answer))


_ANSWERED = {
    Asked.LANGUAGE: _language,
    Asked.MENU: _menu,
    Asked.CARD: _card,
    Asked.PIN: _pin,
    Asked.CALLBACK: _callback,
    Asked.NUMBER: _number,
}
