"""How many real calls a second one server and one Asterisk hold, and what a call costs.

Each step is `cti simulate` with brief conversations against a centre of its own crew; the last step in which
no call failed, none was lost and none waited too long is the rate held.
"""

import asyncio
import gc
import os
import tempfile
import tracemalloc
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

import structlog

from cti_server.domain import signals as s
from cti_server.domain.world import World
from cti_server.simulate.about import About
from cti_server.simulate.patterns import Pattern
from cti_server.simulate.report import Report
from cti_server.simulate.run import Wish, simulate
from tests.bench.report import Section, table
from tests.support.centre import TestCentre
from tests.support.whole_centre import whole_centre

RATES = (10.0, 20.0, 30.0, 40.0, 50.0, 60.0)
SECONDS = 12.0
AGENTS = 20
BRIEF = Pattern(patience=(600, 600), talk=(0.2, 0.4), after_call=(0, 0), hesitation=(0, 0), hold=0, sound=0)
LONGEST_WAIT = 20.0
WAITING = 1000


@dataclass(frozen=True, slots=True)
class Step:
    """One rate. Processor time in milliseconds per call."""

    rate: float
    report: Report
    server_ms: float
    asterisk_ms: float
    grown_kb: float
    """By how much the server's resident memory grew, per call."""

    @property
    def held(self) -> bool:
        """No call failed or was lost, nobody waited too long, nothing was left over."""
        return self.report.good and (self.report.waits["max"] or 0) <= LONGEST_WAIT


def run() -> Section:
    """Climb until a step is not held."""
    with tempfile.TemporaryDirectory(prefix="cti-bench-") as folder:
        steps = asyncio.run(_climbed(Path(folder)))
    held = [step for step in steps if step.held]
    best = max((step.rate for step in held), default=0.0)
    rows = [
        [
            f"{step.rate:g}",
            f"{step.report.customers.answered:,}",
            f"{step.report.customers.failed + step.report.lost}",
            f"{step.report.waits['p95'] or 0:.2f}",
            f"{step.server_ms:.1f}",
            f"{step.asterisk_ms:.1f}",
            "yes" if step.held else "no",
        ]
        for step in steps
    ]
    header = [
        "calls/s",
        "calls",
        "failed or lost",
        "wait p95, s",
        "server, ms/call",
        "Asterisk, ms/call",
        "held",
    ]
    return Section("Real calls a second", _text(table(header, rows), best, held), passed=bool(held))


def _text(figures: str, best: float, held: list[Step]) -> str:
    calls = sum(step.report.customers.answered for step in held)
    grown = sum(step.grown_kb * step.report.customers.answered for step in held) / max(calls, 1)
    grown_mb, world_mb = 1000 * grown / 1024, _world_mb()
    return f"""Customers (SIPp) call at a Poisson rate for {SECONDS:g} s; {AGENTS} agents' programs on real
sockets with persistent SIPp phones accept at once, talk 0.2 to 0.4 s, hang up and wrap up at once; every call
is recorded. Server, Asterisk, Redis, SIPp and the agents' programs share the cores. Held: no call failed or
lost, nothing left over, the longest wait at most {LONGEST_WAIT:g} s, all witnesses agree. Processor time is
the process's own.

{figures}

Held: **{best:g} calls a second**. The server's resident memory grew by {grown_mb:.1f} MB per 1,000 calls done
(facts for live reports, answers and notifications kept for resuming); a world with {WAITING:,} contacts
waiting takes **{world_mb:.1f} MB** more than an empty one (tracemalloc).
"""


async def _climbed(folder: Path) -> list[Step]:
    steps: list[Step] = []
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger("critical"))
    async with whole_centre(folder, greeted=False) as centre:
        await _step(centre, RATES[0], seed=0)  # what a server takes once, it has now
        for number, rate in enumerate(RATES):
            steps.append(await _step(centre, rate, seed=number + 1))
            if not steps[-1].held:
                break
    return steps


async def _step(centre: TestCentre, rate: float, seed: int) -> Step:
    about = About.read(centre.centre.plan.centre_json)
    wish = Wish("steady", AGENTS, rate, SECONDS, seed)
    server, asterisk = centre.server_pid, centre.centre.node.pid
    before = (_cpu(server), _cpu(asterisk), _resident(server))
    with patch.dict("cti_server.simulate.run.PATTERNS", {"steady": BRIEF}):
        report = await simulate(about, wish, lambda _: None, asyncio.Event())
    after = (_cpu(server), _cpu(asterisk), _resident(server))
    calls = max(report.customers.answered, 1)
    used = [(now - then) / calls for then, now in zip(before, after, strict=True)]
    return Step(rate, report, 1000 * used[0], 1000 * used[1], used[2])


def _cpu(pid: int) -> float:
    """Seconds of processor time a process has used, with its threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _resident(pid: int) -> float:
    """Resident memory in kB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return float(next(line.split()[1] for line in lines if line.startswith("VmRSS:")))


def _world_mb() -> float:
    """What so many waiting contacts take in the world."""
    world = World()
    world.apply(
        s.DirectoryLoaded(0.0, (), (s.GroupProfile("general", "", "", 20.0, 60.0),), {"4000": "general"}, ())
    )
    world.apply(s.NodeUp(0.0, "pbx-a"))
    world.apply(s.NodeSnapshot(0.0, "pbx-a", (), ()))
    gc.collect()
    tracemalloc.start()
    for number in range(WAITING):
        channel = f"pbx-a-{number}.1"
        world.apply(s.ContactArrived(1.0, "pbx-a", channel, "4000", "13800138000", "", "general"))
        world.apply(s.CustomerPlaced(1.0, "pbx-a", channel, "wait"))
    assert len(world.state.contacts) == WAITING
    gc.collect()
    used, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return used / 1e6
