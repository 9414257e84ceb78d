"""A call centre that only calls, simulated second by second with a seed: for pacing, and for its figures."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

from cti_server.campaigns.model import Mode
from cti_server.campaigns.pacing import PATIENCE, Attempt, Measured, Situation, calls_to_begin

TICK = 0.5


@dataclass(frozen=True)
class People:
    """Who is called: probabilities and mean seconds."""

    person: float = 0.35
    machine: float = 0.15
    busy: float = 0.10
    answers_after: float = 12.0
    rings: float = 30.0
    handle: float = 150.0


@dataclass
class Result:
    """What came of it."""

    calls: int = 0
    persons: int = 0
    abandoned: int = 0
    busy_seconds: float = 0.0
    seconds: float = 0.0
    worst: float = 0.0
    """The highest abandon rate after any abandoned call once 200 persons were reached."""
    attempts: list[Attempt] = field(default_factory=list)
    handle_times: list[float] = field(default_factory=list)

    @property
    def rate(self) -> float:
        return self.abandoned / max(self.persons, 1)

    def occupancy(self, agents: int) -> float:
        return self.busy_seconds / (self.seconds * agents)


def simulate(
    mode: Mode, agents: int, seed: int, calls: int, *, cap: float = 0.03, people: People | None = None
) -> Result:
    """Call until so many calls have ended."""
    who, chance, now, told = people or People(), Random(seed), 0.0, Result()
    ringing: list[tuple[float, float, bool]] = []  # began, ends, person
    busy: list[tuple[float, float]] = []  # began, ends
    waiting: list[float] = []
    while told.calls < calls:
        now += TICK
        for began, ends, person in [call for call in ringing if call[1] <= now]:
            ringing.remove((began, ends, person))
            told.attempts.append(Attempt(ends - began, person))
            told.calls += 1
            if person:
                told.persons += 1
                waiting.append(now)
        for began, ends in [one for one in busy if one[1] <= now]:
            busy.remove((began, ends))
            told.handle_times.append(ends - began)
        while waiting and len(busy) < agents:
            waiting.pop(0)
            busy.append((now, now + chance.lognormvariate(0, 0.6) * who.handle / 1.197))
        for since in [since for since in waiting if now - since >= PATIENCE]:
            waiting.remove(since)
            told.abandoned += 1
            if told.persons >= 200:
                told.worst = max(told.worst, told.rate)
        situation = Situation(
            agents - len(busy), [now - b for b, _ in busy], [now - b for b, *_ in ringing], len(waiting)
        )
        measured = Measured(told.attempts[-500:], told.handle_times[-200:], told.persons, told.abandoned)
        begun = calls_to_begin(mode, situation, measured, cap)
        ringing.extend(_call(who, chance, now) for _ in range(begun))
        told.seconds += TICK
        told.busy_seconds += TICK * len(busy)
    return told


def _call(who: People, chance: Random, now: float) -> tuple[float, float, bool]:
    kind = chance.random()
    if kind < who.person:
        return now, now + 2 + chance.gammavariate(4, who.answers_after / 4), True
    if kind < who.person + who.machine:
        return now, now + 5 + chance.gammavariate(4, who.answers_after / 4), False
    if kind < who.person + who.machine + who.busy:
        return now, now + chance.uniform(1, 4), False
    return now, now + who.rings, False
