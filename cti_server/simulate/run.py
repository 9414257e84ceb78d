"""A whole simulation: phones, agents and customers come, work, leave; then everybody is asked about it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from random import Random
from typing import Any, Final

from cti_server.simulate import pbx_look
from cti_server.simulate.about import About, Person
from cti_server.simulate.agent import SimulatedAgent
from cti_server.simulate.customers import CustomerCounts, Customers
from cti_server.simulate.log_reader import LogReader
from cti_server.simulate.messages import work_off
from cti_server.simulate.outside import Outside, OutsideCounts
from cti_server.simulate.passed_on import passed_on
from cti_server.simulate.patterns import PATTERNS, Pattern, plan, quicker, usual_rate
from cti_server.simulate.phones import Phones
from cti_server.simulate.promises import promises
from cti_server.simulate.report import LeftOver, Report, inbound, made
from cti_server.simulate.show import Moment
from cti_server.simulate.tally import Tally
from cti_server.simulate.waiting import until
from cti_server.simulate.wants import Offers, Wants, wanting

_TICK: Final = 0.25
_DRAIN: Final = 90.0
"""Seconds after the last call was begun in which those who are there are still served."""
_SETTLE: Final = 15.0
"""Seconds for the log and for Asterisk to come to rest."""
_STAY: Final = 15.0
"""Seconds after which somebody outside hangs up at last."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What to simulate. `rate` is in calls a second; 0 for one that suits the agents."""

    pattern: str = "steady"
    agents: int = 8
    rate: float = 0.0
    duration: float = 60.0
    seed: int = 1
    station_mode: str = "persistent"
    pace: float = 1.0
    """How many times as quick as people the agents are."""

    @property
    def behaviour(self) -> Pattern:
        """The pattern at that pace."""
        return quicker(PATTERNS[self.pattern], self.pace)


async def simulate(about: About, wish: Wish, show: Callable[[Moment], None], stop: asyncio.Event) -> Report:
    """Run until the plan is over or `stop` is set; nothing is left running.

    Raises NotEnoughAgents, NoCentre, SippMissing, CtiClientError, TimeoutError, PeerFault.
    """
    pattern, chance = wish.behaviour, Random(wish.seed)  # noqa: S311  # to be repeated, no secret
    people = about.agents(wish.agents)
    rate = wish.rate or usual_rate(pattern, len(people))
    reader = LogReader(about)
    await reader.ready()
    offers = Offers.of(about.called(people), await reader.routing(), outside=bool(about.outside_port))
    calls = plan(pattern, offers, rate=rate, duration=wish.duration, chance=chance)
    tally, began = Tally(), datetime.now(UTC)
    loop = asyncio.get_running_loop()
    async with (
        _outside(about, wish) as outside,
        _crew(about, wish, people, tally) as crew,
        Customers(about.sip, calls) as customers,
    ):
        for agent in crew:
            agent.outside = outside is not None
        zero = loop.time()
        working = [asyncio.create_task(agent.work()) for agent in crew]
        customers.begin()

        def look() -> None:
            show(_moment((loop.time() - zero, wish.duration), len(calls), customers.counts, crew, tally))

        await _watch(customers, working, stop, wish.duration + _DRAIN, look)
        still = customers.counts.current
        await customers.hang_up()
        if offers.call_back:
            await _promises_kept(reader, look)
        await _rest(crew, working)
        counts, refused = customers.counts, customers.refused()
        seconds, interrupted = loop.time() - zero, stop.is_set()
        for task in working:
            task.cancel()
        await asyncio.gather(*working, return_exceptions=True)
        stuck = await _finish(crew)
        reached = await _said_goodbye(outside)
    log = await _settled_log(reader, began, counts.answered)
    promised = promises([await reader.story(one["contact_id"]) for one in inbound(log) if _waited(one)])
    passed = passed_on([await reader.story(contact_id) for contact_id in tally.passed_on])
    heard = await work_off(about, wanting(log, Wants.MESSAGE))
    figures = await reader.figures(began, datetime.now(UTC))
    left = await _left_over(about, reader, stuck, 0 if interrupted else still)
    setting = {
        "pattern": wish.pattern,
        "seed": wish.seed,
        "agents": len(people),
        "station_mode": wish.station_mode,
        "seconds": seconds,
        "interrupted": interrupted,
    }
    report = made(
        setting,
        customers=counts,
        tally=tally,
        log=log,
        centre=figures,
        left_over=left,
        outside=reached,
        passed=passed,
        heard=heard,
    )
    left_out = tuple(_left_out(pattern, offers, "" if outside else about.why_nobody_outside))
    return replace(report, promises=promised, left_out=left_out, refused_with=refused)


def _left_out(pattern: Pattern, offers: Offers, nobody_outside: str) -> Iterator[str]:
    """Codes of what the pattern has and this centre has not."""
    if nobody_outside and pattern.calls_outside:
        yield nobody_outside
    if pattern.call_back and not offers.call_back and not nobody_outside:
        yield "no_call_back_offered"
    if pattern.message and not offers.message:
        yield "no_voicemail"


@asynccontextmanager
async def _outside(about: About, wish: Wish) -> AsyncIterator[Outside | None]:
    """Who is called outside, if the pattern calls anybody and the centre's calls come to us; else nobody."""
    port = about.outside_port if wish.behaviour.calls_outside else 0
    if not port:
        yield None
        return
    async with Outside(about.sip, port, stay_ms=int(1000 * _STAY / wish.pace)) as outside:
        yield outside


async def _said_goodbye(outside: Outside | None) -> OutsideCounts | None:
    """The counts, once nobody outside is on the telephone; two who talk to each other hang up by and by."""
    if outside is None:
        return None
    await outside.empty(_STAY + _SETTLE)
    return outside.counts


@asynccontextmanager
async def _crew(
    about: About, wish: Wish, people: Sequence[Person], tally: Tally
) -> AsyncIterator[list[SimulatedAgent]]:
    """Registered phones and ready agents; sessions closed at the end, whatever fails on the way."""
    async with AsyncExitStack() as stack:
        phones = await stack.enter_async_context(Phones(about.sip, people))
        await phones.registered()
        crew = [_agent(about, who, wish, tally) for who in people]
        for agent in crew:
            agent.colleagues = crew
        stack.push_async_callback(_finish, crew)
        await asyncio.gather(*(agent.begin() for agent in crew))
        yield crew


def _agent(about: About, who: Person, wish: Wish, tally: Tally) -> SimulatedAgent:
    chance = Random(f"{wish.seed}/{who.agent_id}")  # noqa: S311  # to be repeated, no secret
    return SimulatedAgent(about, who, wish.station_mode, pattern=wish.behaviour, tally=tally, chance=chance)


async def _watch(
    customers: Customers,
    working: Sequence[asyncio.Task[None]],
    stop: asyncio.Event,
    deadline: float,
    look: Callable[[], None],
) -> None:
    """Until the last call is over, `stop`, the deadline, or an agent's program fails (which is raised)."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(deadline):
            while customers.under_way and not stop.is_set():
                look()
                for task in working:
                    if task.done():
                        task.result()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_TICK):
                        await stop.wait()


async def _promises_kept(reader: LogReader, look: Callable[[], None]) -> None:
    """Return when nobody waits to be called back, nor for anything else, or after a while."""
    end = asyncio.get_running_loop().time() + _DRAIN
    while await reader.gauge("cti_contacts") and asyncio.get_running_loop().time() < end:
        look()
        await asyncio.sleep(_TICK)


async def _rest(crew: Sequence[SimulatedAgent], working: Sequence[asyncio.Task[None]]) -> None:
    """Let the agents end their after-call work."""

    def done() -> bool:
        return all(task.done() for task in working) or not any(agent.contact() for agent in crew)

    await until(done, _SETTLE)


async def _finish(crew: Sequence[SimulatedAgent]) -> tuple[str, ...]:
    """Everybody signs out; who could not."""
    gone = await asyncio.gather(*(agent.finish() for agent in crew))
    return tuple(agent.person.agent_id for agent, ok in zip(crew, gone, strict=True) if not ok)


def _waited(contact: dict[str, Any]) -> bool:
    """Whether it was served, and not at once."""
    queued, connected = contact["queued_at"], contact["connected_at"]
    if not queued or not connected:
        return False
    return (datetime.fromisoformat(connected) - datetime.fromisoformat(queued)).total_seconds() >= 1


async def _settled_log(reader: LogReader, began: datetime, calls: int) -> list[dict[str, Any]]:
    """The interaction log once all calls are in it and ended, or as it is after a while."""
    end = asyncio.get_running_loop().time() + _SETTLE
    while True:
        log = await reader.contacts(began)
        complete = len(inbound(log)) >= calls and all(contact["state"] == "ended" for contact in log)
        if complete or asyncio.get_running_loop().time() > end:
            return log
        await asyncio.sleep(_TICK)


async def _left_over(about: About, reader: LogReader, stuck: tuple[str, ...], calls: int) -> LeftOver:
    """What remains, once nothing does or after a while."""
    end = asyncio.get_running_loop().time() + _SETTLE
    while True:
        contacts = int(await reader.gauge("cti_contacts"))
        pbx = await pbx_look.look(about.file)
        left = LeftOver(contacts, stuck, pbx.channels if pbx else None, pbx.bridges if pbx else None, calls)
        if (
            not contacts and not left.channels and not left.bridges
        ) or asyncio.get_running_loop().time() > end:
            return left
        await asyncio.sleep(_TICK)


def _moment(
    time: tuple[float, float],
    planned: int,
    counts: CustomerCounts,
    crew: Sequence[SimulatedAgent],
    tally: Tally,
) -> Moment:
    return Moment(
        seconds=time[0],
        of=time[1],
        called=counts.created,
        planned=planned,
        present=counts.current,
        talking=len(tally.talking),
        ready=sum(agent.state == "ready" for agent in crew),
        agents=len(crew),
        answered=len(tally.waits),
        refused=sum(tally.refusals.values()),
        errors=sum(tally.errors.values()),
    )
