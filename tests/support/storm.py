"""Everything at once, by chance, on the real Asterisk: commands, hang-ups, phones that vanish.

The seed decides what everybody does, not when the machine lets it happen: the same seed makes a like storm.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from random import Random
from types import TracebackType
from typing import Any, Final, Self

from cti_server.simulate.about import About, Person
from cti_server.simulate.customers import Customers, PlannedCall
from cti_server.simulate.phones import Phones
from cti_server.simulate.sipp import FOR_EVER
from cti_server.simulate.tally import Tally
from cti_server.simulate.waiting import until
from cti_server.simulate.wants import Wants
from tests.support.storm_agent import MODES, StormAgent
from tests.support.storm_faults import RestlessPhones

_PHONES_EACH: Final = 2
_LEAVE_MS: Final = 2500
"""After which the phones of one process hang up by themselves."""


@dataclass(frozen=True, slots=True)
class Strength:
    """How heavy a storm is."""

    calls: int
    """Customers at once."""
    commands: int
    seed: int
    agents: int = 20
    leaders: int = 2
    kills: int = 0
    """So often the server is killed (SIGKILL)."""
    freezes: int = 0
    """So often it is frozen (SIGSTOP) for some seconds."""
    routing: int = 0
    """Changes of the routing meanwhile."""
    ahead: int = 0
    """Not 0: nobody is greeted, and phones are rung ahead."""
    phones: int = 0
    """Agents whose phones hold, pass on by REFER and hang up by themselves."""


@dataclass(slots=True)
class Weather:
    """What happened."""

    tally: Tally = field(default_factory=Tally)
    codes: dict[str, int] = field(default_factory=dict)
    vanished: int = 0
    created: int = 0
    failed: int = 0
    stuck: list[str] = field(default_factory=list)
    told: str = ""


class Storm:
    """Phones registered and agents ready in `async with`; `rage` is the storm, `calm` its end."""

    def __init__(self, about: About, strength: Strength) -> None:
        self.about, self.strength, self.weather = about, strength, Weather()
        self.chance = Random(strength.seed)
        leaders = [p for p in about.people if "team_leader" in p.roles][: strength.leaders]
        self.people = [*about.agents(strength.agents), *leaders]
        self.crew = [self._agent(person) for person in self.people]
        agents = [person for person in self.people if person not in leaders]
        self.restless = RestlessPhones(about, agents[: strength.phones], Random(f"{strength.seed}/restless"))
        simple = [person for person in self.people if person not in agents[: strength.phones]]
        for agent in self.crew:
            agent.colleagues = [*self.crew]
        self.phones = [
            Phones(
                about.sip,
                simple[first : first + _PHONES_EACH],
                answer_ms=self.chance.choice([1, 50, 400]),
                **({"leave_ms": _LEAVE_MS} if first == _PHONES_EACH else {}),
            )
            for first in range(0, len(simple), _PHONES_EACH)
        ]
        self._open = AsyncExitStack()

    def _agent(self, person: Person) -> StormAgent:
        chance = Random(f"{self.strength.seed}/{person.agent_id}")
        return StormAgent(self.about, person, chance.choice(MODES), self.weather.tally, chance)

    async def __aenter__(self) -> Self:
        try:
            for phones in self.phones:
                await self._open.enter_async_context(phones)
            await self._open.enter_async_context(self.restless)
            await asyncio.gather(*(phones.registered() for phones in self.phones))
            self._open.push_async_callback(self._all_leave)
            await asyncio.gather(*(agent.begin() for agent in self.crew))
        except BaseException:
            await self._open.aclose()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._open.aclose()

    async def progress(self, share: float) -> None:
        """Return when that share of the commands was given."""
        wanted = share * self.strength.commands
        await until(lambda: self.weather.tally.commands >= wanted, FOR_EVER)

    async def rage(self, deadline: float, *beside: Coroutine[Any, Any, None]) -> None:
        """Until so many commands were given; then the customers leave and the phones are back.

        Meanwhile what is `beside`; it must be done by then, or is cancelled.
        """
        strength, weather = self.strength, self.weather
        async with Customers(self.about.sip, self._plan(), at_once=strength.calls) as customers:
            customers.begin()
            full = await until(lambda: customers.counts.current >= strength.calls, 30)
            assert full, f"not {strength.calls} calls at once: {customers.counts} {customers.last_words()}"
            tasks = [asyncio.create_task(agent.work()) for agent in self.crew]
            tasks += map(asyncio.create_task, (self._phones_come_and_go(), self.restless.fidget(), *beside))
            enough = await until(
                lambda: weather.tally.commands >= strength.commands or any(map(_failed, tasks)), deadline
            )
            for task in tasks:
                if _failed(task):
                    task.result()
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await customers.hang_up()
            weather.created, weather.failed = customers.counts.created, customers.counts.failed
            weather.told = customers.last_words()
            assert enough, f"{weather.tally.commands} commands in {deadline} s"

    async def calm(self) -> None:
        """Phones are there again, everybody signs out. Afterwards nothing should be left."""
        for phones in self.phones:
            await phones.come_back()
        await asyncio.gather(*(phones.registered() for phones in self.phones))
        await self._all_leave()
        for agent in self.crew:
            for code, count in agent.codes.items():
                self.weather.codes[code] = self.weather.codes.get(code, 0) + count

    async def _all_leave(self) -> None:
        gone = await asyncio.gather(*(agent.finish(30) for agent in self.crew))
        self.weather.stuck += [a.agent_id for a, ok in zip(self.crew, gone, strict=True) if not ok]

    def _plan(self) -> Sequence[PlannedCall]:
        """More calls than there will be; some customers are gone before they are greeted."""
        numbers = [n for g, n in self.about.numbers.items() if g in ("general", "credit_card", "elder")]
        return [
            PlannedCall(
                order / 20,
                self.chance.choice(numbers),
                f"{Wants.PERSON}{order:08}",
                self.chance.choice([0.3, 1.0, 3.0, 8.0, 20.0, 60.0]),
            )
            for order in range(max(200, self.strength.commands))
        ]

    async def _phones_come_and_go(self) -> None:
        """Two phones at a time are gone, with a goodbye or without; then they are back."""
        chance = Random(f"{self.strength.seed}/phones")
        while True:
            await asyncio.sleep(chance.uniform(0.5, 2.0))
            phones = chance.choice(self.phones)
            if chance.random() < 0.3:
                phones.unregister()
                await asyncio.sleep(chance.uniform(0.2, 1.0))
            await phones.vanish()
            self.weather.vanished += 1
            await asyncio.sleep(chance.uniform(0.5, 3.0))
            await phones.come_back()


def _failed(task: asyncio.Task[None]) -> bool:
    return task.done() and not task.cancelled() and task.exception() is not None
