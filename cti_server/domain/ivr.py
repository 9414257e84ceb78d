"""The menu a caller walks through before it waits (REQUIREMENTS B3): settings and state machine. Pure.

Each answer is one `pressed`, which never fails: whatever is pressed, or not, the caller comes to a person
after a bounded number of questions. The way to a person is a part of every question and cannot be left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from enum import StrEnum

MAIN = "main"
"""The menu everybody begins with."""
PERSON = "0"
"""The key that leads to a person, in every menu."""
PERSON_STAR = "*"
"""The same where digits are typed."""
LANGUAGES = ("zh", "en")
"""Those that prompts exist in."""
CARD_DIGITS, PIN_DIGITS, NUMBER_DIGITS = 19, 6, 20
"""The most digits of a card's or customer's number, of a PIN, of a telephone number."""


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
class Option:
    """What a key leads to: a group, another menu, or with neither an identity check and the menu again."""

    key: str
    prompt: str
    """Name of the prompt that says what the key is for."""
    group: str = ""
    menu: str = ""
    identify: bool = False
    """By way of an identity check; who fails it goes on all the same, not verified."""


@dataclass(frozen=True, slots=True)
class Ivr:
    """The menu of a service number; seconds and counts."""

    menus: dict[str, tuple[Option, ...]] = field(default_factory=dict)
    """By name; begins with `main`."""
    languages: tuple[str, ...] = ()
    """Asked for when there are two or more and the caller's is not known: the n-th by key n."""
    elder_direct: bool = True
    """A caller known to be elderly goes straight to a person."""
    elder_group: str = ""
    """Where to; empty: the number's own group."""
    tries: int = 3
    """Questions answered wrongly, or not, one after the other, until the caller goes to a person."""
    input_time: float = 5.0
    """Seconds to press a key in."""
    identity_tries: int = 3
    """Identity checks failed in a call until it goes on without."""


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
class Question:
    """What the PBX says and collects. `digits` 0: nothing is asked."""

    prompts: tuple[str, ...]
    digits: int = 0
    seconds: float = 0.0


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


def groups(ivr: Ivr) -> Iterator[str]:
    """Every group that a key leads to."""
    yield from (one.group for options in ivr.menus.values() for one in options if one.group)


def question(ivr: Ivr, walk: Walk) -> Question:
    """What to say and to collect now."""
    prompts, digits = _ASKED[walk.asked](ivr, walk) if walk.asked in _ASKED else ((), 0)
    return Question((*walk.said, *prompts), digits, ivr.input_time if digits else 0.0)


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


def problems(ivr: Ivr, known_groups: frozenset[str]) -> list[str]:
    """What is wrong with settings, in words; empty when they can be used."""
    found = [f"no prompts in language {name}" for name in ivr.languages if name not in LANGUAGES]
    if ivr.menus and not ivr.menus.get(MAIN):
        found.append(f"there are menus, but no {MAIN}")
    for name, options in ivr.menus.items():
        keys = [one.key for one in options]
        found += [f"{name}: two options on one key"] if len(keys) != len(set(keys)) else []
        for one in options:
            found += [f"{name}: {why}" for why in _problems(ivr, one, known_groups)]
    if ivr.elder_group and ivr.elder_group not in known_groups:
        found.append(f"no group {ivr.elder_group}")
    if ivr.tries < 1 or ivr.identity_tries < 1 or ivr.input_time < 1:
        found.append("tries and input_time are at least 1")
    return found


def _problems(ivr: Ivr, one: Option, known_groups: frozenset[str]) -> Iterator[str]:
    if one.key not in tuple("123456789"):
        yield f"key {one.key} is none of 1 to 9 (0 always leads to a person)"
    if one.group and one.group not in known_groups:
        yield f"no group {one.group}"
    if one.menu and one.menu not in ivr.menus:
        yield f"no menu {one.menu}"
    if bool(one.group) + bool(one.menu) + (one.identify and not one.group) != 1:
        yield f"key {one.key} leads to one thing: a group, a menu or an identity check"


# --- questions: what is said, and the most digits -----------------------------------------------------------

_Said = tuple[tuple[str, ...], int]


def _ask_language(ivr: Ivr, _walk: Walk) -> _Said:
    asked = tuple(f"choose_{language}_{key}" for key, language in enumerate(ivr.languages, 1))
    return (*asked, *(f"press_0_{language}" for language in ivr.languages)), 1


def _ask_menu(ivr: Ivr, walk: Walk) -> _Said:
    options = ivr.menus.get(walk.menu, ())
    return (*(name for one in options for name in (one.prompt, "press", f"number_{one.key}")), "press_0"), 1


def _ask_card(_ivr: Ivr, _walk: Walk) -> _Said:
    return ("type_card", "press_star"), CARD_DIGITS


def _ask_pin(_ivr: Ivr, _walk: Walk) -> _Said:
    return ("type_pin", "press_star"), PIN_DIGITS


def _ask_callback(_ivr: Ivr, walk: Walk) -> _Said:
    digits = tuple(f"number_{digit}" for digit in walk.subject if digit.isdecimal())
    return ("callback_at", *digits, "callback_keys", "press_0_wait"), 1


def _ask_number(_ivr: Ivr, _walk: Walk) -> _Said:
    return ("type_number", "press_star_wait"), NUMBER_DIGITS


_ASKED = {
    Asked.LANGUAGE: _ask_language,
    Asked.MENU: _ask_menu,
    Asked.CARD: _ask_card,
    Asked.PIN: _ask_pin,
    Asked.CALLBACK: _ask_callback,
    Asked.NUMBER: _ask_number,
}


# --- steps ----------------------------------------------------------------------------------------------


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


_LONGEST = 40
"""Questions after which even who presses valid keys goes to a person."""
_ANSWERED = {
    Asked.LANGUAGE: _language,
    Asked.MENU: _menu,
    Asked.CARD: _card,
    Asked.PIN: _pin,
    Asked.CALLBACK: _callback,
    Asked.NUMBER: _number,
}
