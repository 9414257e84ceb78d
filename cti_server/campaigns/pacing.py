"""How many calls to begin now, so that agents are busy and customers are not met by silence.

Progressive: one call for each free agent. Predictive: more, by what was measured. With calls under way that
each reach a person with some probability, and agents who each become free with some probability before they
do, the number of persons too many is about normally distributed; as many calls are begun as keep its
expectation at the rate aimed for. What was promised (`cap`) is held by counting: persons who found nobody, of
all persons reached within the window. There is no over-dialling unless the window bears what could go wrong.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import erf, exp, pi, sqrt

from cti_server.campaigns.model import Mode

WINDOW = 86_400.0
"""Seconds over which the abandon rate is measured, per campaign."""
PATIENCE = 2.0
"""Seconds after which a person for whom nobody is free counts as abandoned."""
LEARNING = 50
"""Ended attempts before anything is predicted."""
AIM = 0.7
"""Of the cap: the rate that is aimed for; the rest is for what chance does."""
BORNE = 0.85
"""Of the cap: what the window must bear at every moment."""
MOST_CORRECTION = 2.0
SPREAD = 3.0
"""Standard deviations of bad luck that the window must bear, beside one person more."""
MOST_AT_ONCE = 3.0
"""Calls under way for each agent at work, at most."""
FALLBACK_HANDLE_TIME = 180.0


@dataclass(frozen=True, slots=True)
class Attempt:
    """An attempt that ended: seconds from its beginning until it was known, and whether it was a person."""

    took: float
    person: bool


@dataclass(frozen=True, slots=True)
class Measured:
    """What the campaign has shown lately."""

    attempts: Sequence[Attempt] = ()
    """The last few hundred."""
    handle_times: Sequence[float] = ()
    """Of the last contacts, after-call work included."""
    persons: int = 0
    """Reached within the window."""
    abandoned: int = 0
    """Of them, those who found no agent."""


@dataclass(frozen=True, slots=True)
class Situation:
    """Now. Ages are in seconds."""

    free: int
    """Agents who could take a contact of the campaign."""
    busy: Sequence[float] = field(default=())
    """How long each of the other agents at work has been with its contact."""
    ringing: Sequence[float] = field(default=())
    """How long each call has been under way of which nothing is known yet."""
    waiting: int = 0
    """Persons reached who have no agent yet."""


def calls_to_begin(mode: Mode, now: Situation, measured: Measured, cap: float) -> int:
    """How many calls to begin; 0 in preview mode, where agents begin them."""
    if mode is Mode.PREVIEW:
        return 0
    one_each = max(0, now.free - now.waiting - len(now.ringing))
    if mode is Mode.PROGRESSIVE:
        return one_each
    return max(one_each, _predicted(now, measured, cap))


def _predicted(now: Situation, measured: Measured, cap: float) -> int:
    if len(measured.attempts) < LEARNING:
        return 0
    chance = Chances(measured)
    most = int(MOST_AT_ONCE * (now.free + len(now.busy))) - len(now.ringing)
    reached = [chance.person(age) for age in now.ringing]
    freed = [chance.free_within(elapsed, chance.answer_time) for elapsed in now.busy]
    mean = sum(reached) + now.waiting - now.free - sum(freed)
    variance = sum(p * (1 - p) for p in (*reached, *freed))
    persons, new = sum(reached) + now.waiting, chance.person(0.0)
    budget = BORNE * cap * measured.persons - measured.abandoned
    # what came of the forecasts so far corrects those to come
    aim = AIM * cap * min(MOST_CORRECTION, (AIM * cap * measured.persons + 1) / (measured.abandoned + 1))
    begun = 0
    while begun < most:
        mean, persons, variance = mean + new, persons + new, variance + new * (1 - new)
        lost = _excess(mean, variance)
        if lost > aim * persons or 1 + lost + SPREAD * sqrt(lost) > budget:
            break
        begun += 1
    return begun


def _excess(mean: float, variance: float) -> float:
    """Expectation of what a normally distributed number exceeds 0 by."""
    if variance <= 0:
        return max(mean, 0.0)
    deviation = sqrt(variance)
    at = mean / deviation
    return max(0.0, deviation * exp(-at * at / 2) / sqrt(2 * pi) + mean * (1 + erf(at / sqrt(2))) / 2)


class Chances:
    """Probabilities from what was measured."""

    def __init__(self, measured: Measured) -> None:
        self._persons = sorted(one.took for one in measured.attempts if one.person)
        self._all = sorted(one.took for one in measured.attempts)
        self._handle = sorted(measured.handle_times)
        times = self._persons or self._all
        self.answer_time = sum(times) / len(times)
        """Mean seconds until a person is reached."""

    def person(self, age: float) -> float:
        """That a call which has been under way so long reaches a person."""
        still = len(self._all) - bisect_right(self._all, age)
        later = len(self._persons) - bisect_right(self._persons, age)
        return (later + 0.5) / (still + 1.0)

    def free_within(self, elapsed: float, seconds: float) -> float:
        """That an agent who has been busy so long is free within so many seconds."""
        if len(self._handle) < LEARNING // 2:
            return 1 - exp(-seconds / FALLBACK_HANDLE_TIME)
        begin, end = bisect_right(self._handle, elapsed), bisect_right(self._handle, elapsed + seconds)
        still = len(self._handle) - begin
        return (end - begin) / still if still else 0.5
