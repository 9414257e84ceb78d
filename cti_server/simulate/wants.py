"""What customers want: most of them a person; some to be called back instead, or to leave a message."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from random import Random
from typing import Any, Final

CALL_BACK: Final = "callback"
VOICEMAIL: Final = "voicemail"
"""End reasons; the latter also where a queue overflows to."""
_TOLD: Final = 15.0
"""Seconds in which who is to leave a message has been greeted and told so, but for its wait."""
_SPEAKS: Final = (4.0, 9.0)
PATIENT: Final = 600.0
"""How long who wants something else than a person stays for it."""


class Wants(StrEnum):
    """Each with the first digits of its customers' numbers: so SIPp and the log can tell them apart."""

    PERSON = "130"
    CALL_BACK = "135"
    MESSAGE = "136"


@dataclass(frozen=True, slots=True)
class Key:
    """A key that is pressed again each `each` seconds: nobody of SIPp's hears when it is time."""

    key: str
    each: float


KEYS: Final = {Wants.CALL_BACK: Key("1", 1.5), Wants.MESSAGE: Key("#", 5.0)}
"""The offer of a call-back and its confirmation; the end of a message."""


@dataclass(frozen=True, slots=True)
class Offers:
    """Service numbers, with their weights, where customers get what they want."""

    person: Mapping[str, int]
    call_back: Mapping[str, int] = field(default_factory=dict)
    """Who waits is offered a call-back there."""
    message: Mapping[str, float] = field(default_factory=dict)
    """Who has waited so many seconds there leaves a message."""

    @classmethod
    def of(cls, called: Mapping[str, int], routing: Mapping[str, Any], *, outside: bool) -> Offers:
        """By the centre's routing settings; `outside`: whether anybody would answer who is called back."""
        call_back: dict[str, int] = {}
        message: dict[str, float] = {}
        for number, entry in routing["numbers"].items():
            policy = routing["groups"][entry["group"]]["policy"]
            if outside and policy["callback"] and number in called:
                call_back[number] = called[number]
            if policy["overflow_to"] == VOICEMAIL and policy["overflow_after"] and not entry["menu"]:
                message[number] = policy["overflow_after"]
        return cls(called, call_back, message)


def first_press(wants: Wants, waits: float, chance: Random) -> float:
    """Seconds from its call to the first key. `waits`: before it may leave a message."""
    return waits + _TOLD + chance.uniform(*_SPEAKS) if wants is Wants.MESSAGE else KEYS[wants].each


def wanting(log: Iterable[dict[str, Any]], wants: Wants) -> list[dict[str, Any]]:
    """The contacts in which those customers are, inbound or not; their numbers are masked but for this."""
    return [contact for contact in log if contact.get("customer_number", "").startswith(wants)]
