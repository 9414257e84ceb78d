"""What the menu says where a caller stands, and how many digits it collects."""

from __future__ import annotations

from dataclasses import dataclass

from cti_server.domain.ivr import Ivr
from cti_server.domain.ivr_walk import Asked, Walk

CARD_DIGITS, PIN_DIGITS, NUMBER_DIGITS = 19, 6, 20
"""The most digits of a card's or customer's number, of a PIN, of a telephone number."""


@dataclass(frozen=True, slots=True)
class Question:
    """What the PBX says and collects. `digits` 0: nothing is asked."""

    prompts: tuple[str, ...]
    digits: int = 0
    seconds: float = 0.0


def question(ivr: Ivr, walk: Walk) -> Question:
    """What to say and to collect now."""
    prompts, digits = _ASKED[walk.asked](ivr, walk) if walk.asked in _ASKED else ((), 0)
    return Question((*walk.said, *prompts), digits, ivr.input_time if digits else 0.0)


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
