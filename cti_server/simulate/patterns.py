"""Patterns of load as data, and the plan that a seed makes of one: who calls when, and how long for."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from random import Random
from typing import Final

from cti_server.simulate.customers import PlannedCall
from cti_server.simulate.outside import called_back_number
from cti_server.simulate.wants import PATIENT, Offers, Wants, first_press

Range = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Pattern:
    """How customers and agents behave. Times in seconds, shares from 0 to 1."""

    rates: tuple[float, ...] = (1.0,)
    """Multiples of the base rate, for equal parts of the duration."""
    patience: Range = (120.0, 600.0)
    """How long a customer stays at most."""
    impatient: float = 0.0
    """Share of customers who stay for `impatience` only."""
    impatience: Range = (3.0, 15.0)
    call_back: float = 0.0
    """Share of customers who want to be called back as soon as they are offered it."""
    message: float = 0.0
    """Share of customers who leave a message."""
    talk: Range = (3.0, 8.0)
    after_call: Range = (0.3, 1.5)
    hesitation: Range = (0.1, 0.6)
    """Before an agent takes what is offered."""
    hold: float = 0.1
    sound: float = 0.05
    """Mute, DTMF, recording paused: one of them."""
    transfer: float = 0.0
    """Blind, to a group or to an agent who is free."""
    consult: float = 0.0
    """Then transfer, conference or back."""
    reject: float = 0.0
    dial: float = 0.0
    """After a contact: calls somebody, a colleague or a number outside."""
    outside: float = 0.0
    """Of consultations and blind transfers: with, or to, a number outside."""
    break_: float = 0.0
    """After a contact: not ready for `rest`."""
    rest: Range = (2.0, 6.0)

    @property
    def calls_outside(self) -> bool:
        """Whether anybody outside is called: by agents who dial, or back."""
        return bool(self.dial or self.call_back)


_STEADY = Pattern()
PATTERNS: Final[Mapping[str, Pattern]] = {
    "steady": _STEADY,
    "surge": Pattern(rates=(1.0, 3.0, 3.0, 1.0, 0.5), impatient=0.1, impatience=(10.0, 60.0)),
    "abandoning": Pattern(rates=(1.6,), impatient=0.6),
    "queueing": Pattern(rates=(3.0, 3.0, 1.0), call_back=0.4, message=0.1),
    "transferring": Pattern(transfer=0.3, consult=0.4, hold=0.2),
    "everything": Pattern(
        rates=(0.8, 1.5, 2.5, 1.0, 0.5),
        impatient=0.25,
        call_back=0.15,
        message=0.05,
        hold=0.25,
        sound=0.2,
        transfer=0.15,
        consult=0.25,
        reject=0.05,
        dial=0.3,
        outside=0.4,
        break_=0.05,
    ),
}


def quicker(pattern: Pattern, pace: float) -> Pattern:
    """The same with agents who are `pace` times as quick at everything."""

    def at_pace(span: Range) -> Range:
        return span[0] / pace, span[1] / pace

    return replace(
        pattern,
        talk=at_pace(pattern.talk),
        after_call=at_pace(pattern.after_call),
        hesitation=at_pace(pattern.hesitation),
        rest=at_pace(pattern.rest),
    )


def middle(span: Range) -> float:
    """Its mean."""
    return sum(span) / 2


def usual_rate(pattern: Pattern, agents: int) -> float:
    """Calls a second that keep so many agents busy for four fifths of their time, at the base rate."""
    each = middle(pattern.talk) + middle(pattern.after_call) + middle(pattern.hesitation)
    each *= 1 + pattern.hold / 3 + (pattern.transfer + pattern.consult + pattern.dial)
    return 0.8 * agents / each


def plan(
    pattern: Pattern, offers: Offers, *, rate: float, duration: float, chance: Random
) -> list[PlannedCall]:
    """The calls of `duration` seconds, in order; arrivals are Poisson. The same chance, the same plan."""
    arrivals = _arrivals(pattern, rate, duration, chance)
    return [_call(order, at, pattern, offers, chance) for order, at in enumerate(arrivals)]


def _call(order: int, at: float, pattern: Pattern, offers: Offers, chance: Random) -> PlannedCall:
    wants = _wanted(pattern, offers, chance)
    if wants is Wants.PERSON:
        number, patience = _any(offers.person, chance), _patience(pattern, chance)
        return PlannedCall(at, number, f"{wants}{order:08}", patience)
    if wants is Wants.CALL_BACK:
        number, caller, waits = _any(offers.call_back, chance), called_back_number(order, chance), 0.0
    else:
        number, caller = chance.choice([*offers.message]), f"{wants}{order:08}"
        waits = offers.message[number]
    return PlannedCall(at, number, caller, PATIENT, wants, first_press(wants, waits, chance))


def _any(numbers: Mapping[str, int], chance: Random) -> str:
    return chance.choices([*numbers], [*numbers.values()])[0]


def _wanted(pattern: Pattern, offers: Offers, chance: Random) -> Wants:
    """What is not offered is not wanted."""
    share = chance.random() if pattern.call_back or pattern.message else 1.0
    if share < pattern.call_back and offers.call_back:
        return Wants.CALL_BACK
    if pattern.call_back <= share < pattern.call_back + pattern.message and offers.message:
        return Wants.MESSAGE
    return Wants.PERSON


def _patience(pattern: Pattern, chance: Random) -> float:
    return chance.uniform(*(pattern.impatience if chance.random() < pattern.impatient else pattern.patience))


def _arrivals(pattern: Pattern, rate: float, duration: float, chance: Random) -> Iterator[float]:
    part = duration / len(pattern.rates)
    for number, share in enumerate(pattern.rates):
        at = number * part
        for _ in itertools.count():
            at += chance.expovariate(rate * share)
            if at >= (number + 1) * part:
                break
            yield at
