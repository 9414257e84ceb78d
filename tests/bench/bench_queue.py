"""From the customer's INVITE until the agent's phone rings and until both talk, against Asterisk's `Queue()`.

Both on the same Asterisk, in turns, one call at a time, with the same phones.
"""

import asyncio
import json
import statistics
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from cti_server.settings import Settings
from cti_server.simulate.about import About
from cti_server.simulate.agent import SimulatedAgent
from cti_server.simulate.patterns import Pattern
from cti_server.simulate.phones import Phones
from cti_server.simulate.tally import Tally
from cti_server.simulate.waiting import until
from tests.bench.report import Section, ratio, table
from tests.support.callers import SippCallers
from tests.support.centre import TestCentre, whole_centre
from tests.support.pbx import AmiAddress
from tests.support.raw_ami import Message, RawAmi, raw_ami

ROUNDS = 25
TALK_MS = 300
AT_ONCE = Pattern(hesitation=(0, 0), after_call=(0, 0), talk=(600, 600), hold=0, sound=0)
PERSISTENT, ON_DEMAND, MEMBER = "1001", "1013", "1019"
"""Agents of 4000 and of 4001, and a phone nobody is signed in at."""
QUEUE = "cti-fallback-vtm"
QUEUE_NUMBER = "4990"
ON_DEMAND_BAR, PERSISTENT_BAR = 1.0, 5.0


@dataclass(frozen=True, slots=True)
class Call:
    """Milliseconds since Asterisk took the customer's INVITE; a persistent station does not ring."""

    ring: float | None
    talk: float


@dataclass(frozen=True, slots=True)
class Way:
    """One way from a customer to an agent."""

    name: str
    number: str
    station: str


WAYS = (
    Way("ours, persistent station", "4000", PERSISTENT),
    Way("ours, on demand", "4001", ON_DEMAND),
    Way("`Queue()`", QUEUE_NUMBER, MEMBER),
)


def run() -> Section:
    """Measure `ROUNDS` calls each way."""
    with tempfile.TemporaryDirectory(prefix="cti-bench-") as folder:
        calls = asyncio.run(_measured(Path(folder)))
    persistent, on_demand, queue = (calls[way.name] for way in WAYS)
    rings = ratio([call.ring or 0 for call in on_demand], [call.ring or 0 for call in queue])
    talks = ratio([call.talk for call in on_demand], [call.talk for call in queue])
    quicker = ratio([call.talk for call in queue], [call.talk for call in persistent])
    passed = rings <= ON_DEMAND_BAR and talks <= ON_DEMAND_BAR and quicker >= PERSISTENT_BAR
    rows = [[way.name, *_figures(calls[way.name])] for way in WAYS]
    header = ["", "rings p50", "rings p95", "talk p50", "talk p95"]
    return Section(
        "A call to an agent, against Queue()", _text(table(header, rows), (rings, talks, quicker)), passed
    )


def _figures(calls: list[Call]) -> list[str]:
    rings = [call.ring for call in calls if call.ring is not None]
    told = [_p(rings, 50), _p(rings, 95)] if rings else ["–", "–"]
    talks = [call.talk for call in calls]
    return [*told, _p(talks, 50), _p(talks, 95)]


def _p(values: list[float], percent: int) -> str:
    return f"{statistics.quantiles(values, n=100, method='inclusive')[percent - 1]:.1f}"


def _text(figures: str, ratios: tuple[float, float, float]) -> str:
    rings, talks, quicker = ratios
    return f"""{ROUNDS} calls each way on one Asterisk in one run, in turns, one at a time. The customer is SIPp;
the phones are SIPp and pick up at once (1 ms), the agent's program accepts at once. No greeting, no
announcement, music while waiting; every conversation is recorded by MixMonitor on every way. `Queue()` is
plain: one free member, `ringinuse=no`. Milliseconds by Asterisk's own clock, from taking the INVITE
(`Newchannel`) until the phone's channel rings (`Newstate`) and until both channels are in one bridge
(`BridgeEnter`). Ours includes FastAGI, the journal, routing, the agent's socket and its answer.

{figures}

Medians of the ratios call by call: on demand / `Queue()` rings {rings:.2f}, talk {talks:.2f}
(bar: ≤ {ON_DEMAND_BAR:g}); `Queue()` / persistent station talk {quicker:.1f} × (bar: ≥ {PERSISTENT_BAR:g} ×).
"""


async def _measured(folder: Path) -> dict[str, list[Call]]:
    calls: dict[str, list[Call]] = {way.name: [] for way in WAYS}
    async with whole_centre(folder, greeted=False) as centre, _agents(centre) as agents, _queue(centre):
        node = Settings(**_settings(centre)).nodes[0]
        address = AmiAddress(node.ami_host, node.ami_port, node.ami_user, node.ami_secret.get_secret_value())
        async with raw_ami(address) as ami:
            for number in range(-2, ROUNDS):  # two to warm up
                for way in WAYS:
                    call = await _call(centre, ami, way, agents.get(way.station))
                    if number >= 0:
                        calls[way.name].append(call)
    return calls


def _settings(centre: TestCentre) -> dict[str, Any]:
    settings: dict[str, Any] = json.loads(centre.centre.plan.server_json.read_text())
    return settings


@asynccontextmanager
async def _agents(centre: TestCentre) -> AsyncIterator[dict[str, SimulatedAgent]]:
    """Both agents ready at their phones, the member's phone registered."""
    about = About.read(centre.centre.plan.centre_json)
    people = {person.agent_id: person for person in about.people}
    phones = Phones(about.sip, [people[name] for name in (PERSISTENT, ON_DEMAND, MEMBER)])
    modes = {PERSISTENT: "persistent", ON_DEMAND: "on_demand"}
    agents = [
        SimulatedAgent(about, people[name], mode, pattern=AT_ONCE, tally=Tally(), chance=Random(1))
        for name, mode in modes.items()
    ]
    async with phones:
        await phones.registered()
        for agent in agents:
            await agent.begin()
        working = [asyncio.create_task(agent.work()) for agent in agents]
        try:
            yield {agent.person.agent_id: agent for agent in agents}
        finally:
            for task in working:
                task.cancel()
            await asyncio.gather(*(agent.finish() for agent in agents))


@asynccontextmanager
async def _queue(centre: TestCentre) -> AsyncIterator[None]:
    """Asterisk's own way beside ours, in the running dialplan: the number, the queue's one member."""
    recording = f"{centre.centre.rendered.recording_dir}/bench-${{UNIQUEID}}.raw"
    steps = ("Answer()", f"MixMonitor({recording},a)", f"Queue({QUEUE})", "Hangup()")
    for priority, step in enumerate(steps, start=1):
        await centre.console(f"dialplan add extension {QUEUE_NUMBER},{priority},{step} into cti-inbound")
    said = await centre.console(f"queue add member PJSIP/{MEMBER} to {QUEUE}")
    assert any("Added" in line for line in said), said
    yield


async def _call(centre: TestCentre, ami: RawAmi, way: Way, agent: SimulatedAgent | None) -> Call:
    """A call that is taken; its times."""
    if agent:
        assert await until(lambda: agent.state == "ready" and not agent.contact(), 10), agent.client.view
    seen = len(ami.events)
    async with SippCallers(centre.sip, way.number, talk_ms=TALK_MS) as caller:
        await caller.finished()
        await ami.event(lambda e: e.get("Event") == "Hangup" and _of(e, "trunk"), since=_last(ami, seen))
    events = [event for _, event in ami.events[seen:]]
    taken = next(e for e in events if e.get("Event") == "Newchannel" and _of(e, "trunk"))
    rings = [e for e in events if e.get("Event") == "Newstate" and _of(e, way.station) and _rings(e)]
    began = float(taken["Timestamp"])
    ring = 1000 * (float(rings[0]["Timestamp"]) - began) if rings else None
    return Call(ring, 1000 * (_together(events, way) - began))


def _together(events: list[Message], way: Way) -> float:
    """When the second of both was in the bridge."""
    entered = [e for e in events if e.get("Event") == "BridgeEnter"]
    customers = {e["BridgeUniqueid"]: e for e in entered if _of(e, "trunk")}
    for event in entered:
        if _of(event, way.station) and event["BridgeUniqueid"] in customers:
            return max(float(event["Timestamp"]), float(customers[event["BridgeUniqueid"]]["Timestamp"]))
    raise AssertionError(f"{way.name}: they never talked")


def _of(event: Message, endpoint: str) -> bool:
    return event.get("Channel", "").startswith(f"PJSIP/{endpoint}-")


def _rings(event: Message) -> bool:
    return event.get("ChannelStateDesc") == "Ringing"


def _last(ami: RawAmi, seen: int) -> float:
    return ami.events[seen - 1][0] if seen else 0.0
