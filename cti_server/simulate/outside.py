"""The people behind numbers outside: one SIPp process where the centre's calls to them arrive."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from random import Random
from typing import Final

from cti_server.simulate.party import BEGUN, CURRENT, FAILED, Party, marked, scenario
from cti_server.simulate.sipp import FOR_EVER, Sipp
from cti_server.simulate.waiting import until
from cti_server.simulate.wants import Wants

FIRST_OUTSIDE: Final = 1_380_000_000


class Kind(StrEnum):
    """Who is behind a number: its last digit."""

    QUICK = "0"
    SLOW = "1"
    LATE = "2"
    RINGS_OFF = "3"
    """While it is listened whether a person is there."""
    MACHINE = "4"
    BUSY = "5"
    NOBODY = "6"
    NO_NUMBER = "7"
    LEAVES = "8"
    """A person who hangs up after some talk."""


PEOPLE: Final = (Kind.QUICK, Kind.SLOW, Kind.LATE)
"""Persons who answer, after 0.3, 1.5 and 4 s, and stay until they are hung up."""


_DIALLED: Final = {
    Kind.QUICK: 5,
    Kind.SLOW: 3,
    Kind.LATE: 1,
    Kind.LEAVES: 3,
    Kind.BUSY: 1,
    Kind.NOBODY: 1,
    Kind.NO_NUMBER: 1,
}
_CONSULTED: Final = {Kind.QUICK: 4, Kind.SLOW: 2, Kind.LEAVES: 2, Kind.BUSY: 1}
_CALLED_BACK: Final = {Kind.QUICK: 4, Kind.SLOW: 2, Kind.LATE: 1, Kind.LEAVES: 3}


def dialled_number(chance: Random) -> str:
    """Somebody to be called."""
    return _anybody(_DIALLED, chance)


def consulted_number(chance: Random) -> str:
    """Somebody to be asked while a customer is on hold."""
    return _anybody(_CONSULTED, chance)


def called_back_number(order: int, chance: Random) -> str:
    """The number of the so-manieth customer, who is there when it is called back."""
    return f"{Wants.CALL_BACK}{order:07}{_kind(_CALLED_BACK, chance)}"


def _anybody(kinds: dict[Kind, int], chance: Random) -> str:
    return number_of(chance.randrange(100), _kind(kinds, chance))


def _kind(kinds: dict[Kind, int], chance: Random) -> Kind:
    return chance.choices([*kinds], [*kinds.values()])[0]


def number_of(order: int, kind: Kind) -> str:
    """The number of the so-manieth of them: a mobile number that ends in the kind's digit."""
    return f"{FIRST_OUTSIDE + order}{kind}"


def kind_of(number: str) -> Kind:
    """Who is behind a number of `number_of`."""
    return Kind(number[-1])


@dataclass(frozen=True, slots=True)
class OutsideCounts:
    """What SIPp counted of the calls that came to it."""

    calls: int = 0
    current: int = 0
    answered: int = 0
    machines: int = 0
    ended_by_themselves: int = 0
    refused: int = 0
    in_vain: int = 0
    """Rung until the centre gave up."""
    ended_by_centre: int = 0
    failed: int = 0
    called_back: int = 0
    """Of those who answered: who had wanted it."""


_COLUMNS: Final = {
    "calls": BEGUN,
    "current": CURRENT,
    "answered": marked(1),
    "machines": marked(2),
    "ended_by_themselves": marked(3),
    "refused": marked(4),
    "in_vain": marked(5),
    "ended_by_centre": marked(6),
    "failed": FAILED,
    "called_back": marked(7),
}


class Outside(Party):
    """Everybody outside, in `async with`, at the UDP port of loopback where the node's calls to them go.

    Who is not hung up hangs up after `stay_ms` milliseconds: two of them whom an agent has joined, for one.
    """

    def __init__(self, node_sip: str, port: int, *, stay_ms: int = FOR_EVER) -> None:
        text = scenario("outside", stay_ms=stay_ms, call_back=Wants.CALL_BACK)
        super().__init__(Sipp(node_sip, {"outside": text}, [";"], ["-sf", "{outside}"], port))

    async def empty(self, seconds: float) -> None:
        """Return when nobody is on the telephone any more, or after so long."""
        await until(lambda: not self.counts.current, seconds)

    @property
    def counts(self) -> OutsideCounts:
        """What SIPp counted so far."""
        return OutsideCounts(**self._counted(_COLUMNS))
