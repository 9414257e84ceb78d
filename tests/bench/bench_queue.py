"""From the customer's INVITE until the agent's phone rings and until both talk, against Asterisk's `Queue()`.

Both on the same Asterisk, in turns, one call at a time, with the same phones. For information a third way: a
`Queue()` that is told before by FastAGI who calls, as a bank's must be.
"""

import asyncio
import json
import statistics
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from itertools import pairwise
from pathlib import Path
from random import Random
from signal import SIGTERM

from sqlalchemy import make_url

from cti_server.settings import Settings
from cti_server.simulate.about import About
from cti_server.simulate.agent import SimulatedAgent
from cti_server.simulate.patterns import Pattern
from cti_server.simulate.phones import Phones
from cti_server.simulate.tally import Tally
from cti_server.simulate.waiting import until
from tests.bench.awake import awake
from tests.bench.queue_ways import (
    ASKING,
    ASKING_LATER,
    ON_DEMAND,
    ON_DEMAND_LATER,
    PERSISTENT,
    QUEUE,
    QUEUE_LATER,
    WAYS,
    Call,
    Way,
)
from tests.bench.report import Section, load, ratio, table
from tests.support.callers import SippCallers
from tests.support.centre import TestCentre
from tests.support.pbx import AmiAddress
from tests.support.port_block import port_block
from tests.support.processes import end, spawn, wait_until
from tests.support.raw_ami import Message, RawAmi, raw_ami
from tests.support.whole_centre import whole_centre

ROUNDS = 25
WARM_UP = 2
TALK_MS = 1500
AT_ONCE = Pattern(
    hesitation=(0, 0), after_call=(0, 0), talk=(600, 600), hold=0, sound=0, break_=1, rest=(0, 0)
)
ON_DEMAND_BAR, PERSISTENT_BAR = 1.0, 5.0
PICK_UP_MS = 1.0
"""SIPp's clock: it picks up at whole milliseconds, so two ways to talk are told apart no better."""
STEPS = (
    "INVITE to the phone's channel",
    "to its ringing",
    "to its being picked up",
    "to both in one bridge",
)
ATTEMPTS = 3


def run() -> Section:
    """Measure `ROUNDS` calls each way."""
    with awake(), tempfile.TemporaryDirectory(prefix="cti-bench-") as folder:
        calls = asyncio.run(_measured(Path(folder)))
    rings = {way: [call.ring or 0.0 for call in calls[way]] for way in WAYS}
    talks = {way: [call.talk for call in calls[way]] for way in WAYS}
    compared = [
        ("rings: on demand / `Queue()`", ratio(rings[ON_DEMAND], rings[QUEUE]), f"≤ {ON_DEMAND_BAR:g}"),
        ("talk, phone at once: on demand / `Queue()`", ratio(talks[ON_DEMAND], talks[QUEUE]), ""),
        (
            "talk, phone after 0.5 s: on demand / `Queue()`",
            ratio(talks[ON_DEMAND_LATER], talks[QUEUE_LATER]),
            f"≤ {ON_DEMAND_BAR:g}",
        ),
        ("talk, phone at once: `Queue()` / persistent", ratio(talks[QUEUE], talks[PERSISTENT]), ""),
        (
            "talk, phone after 0.5 s: `Queue()` / persistent",
            ratio(talks[QUEUE_LATER], talks[PERSISTENT]),
            f"≥ {PERSISTENT_BAR:g}",
        ),
    ]
    informed = [
        ("rings: on demand / `Queue()` after a look-up", ratio(rings[ON_DEMAND], rings[ASKING])),
        (
            "talk, phone at once: on demand / `Queue()` after a look-up",
            ratio(talks[ON_DEMAND], talks[ASKING]),
        ),
        (
            "talk, phone after 0.5 s: on demand / `Queue()` after a look-up",
            ratio(talks[ON_DEMAND_LATER], talks[ASKING_LATER]),
        ),
    ]
    hidden = PICK_UP_MS / statistics.median(talks[QUEUE_LATER])
    passed = (
        compared[0][1] <= ON_DEMAND_BAR
        and compared[2][1] <= ON_DEMAND_BAR + hidden
        and compared[4][1] >= PERSISTENT_BAR
    )
    ringing = [way for way in WAYS if way.mode != PERSISTENT.mode]
    parts = table(
        ["medians, milliseconds", *(way.name for way in ringing)],
        ([step, *(_step(calls[way], number) for way in ringing)] for number, step in enumerate(STEPS)),
    )
    header = ["milliseconds", "rings p50", "rings p95", "talk p50", "talk p95"]
    figures = table(header, ([way.name, *_figures(calls[way])] for way in WAYS))
    ratios = table(
        ["median of the ratios, call by call", "", "bar"],
        [
            *([name, f"{value:.3f}", bar] for name, value, bar in compared),
            *([name, f"{value:.3f}", "for information"] for name, value in informed),
        ],
    )
    return Section("A call to an agent, against Queue()", _text(figures, ratios, parts), passed)


def _step(calls: list[Call], number: int) -> str:
    median = statistics.median(call.steps[number] for call in calls)
    return f"{median:.1f}" if median else "–"


def _figures(calls: list[Call]) -> list[str]:
    rings = [call.ring for call in calls if call.ring is not None]
    told = [_p(rings, 50), _p(rings, 95)] if rings else ["–", "–"]
    talks = [call.talk for call in calls]
    return [*told, _p(talks, 50), _p(talks, 95)]


def _p(values: list[float], percent: int) -> str:
    return f"{statistics.quantiles(values, n=100, method='inclusive')[percent - 1]:.1f}"


def _text(figures: str, ratios: str, parts: str) -> str:
    return f"""{ROUNDS} calls each way on one Asterisk in one run, in turns, one at a time. Customers and
phones are SIPp with RTP; the agent's program accepts at once. No greeting, no announcement; every call is
recorded by MixMonitor on every way. `Queue()` is plain: one free member. `Queue()` after a look-up is for
information, the bars are against the plain one: it is told before by FastAGI (panoramisk, one query on an
open connection to the same SQLite database) whether the customer has priority, as a bank's must be.
Milliseconds by Asterisk's own clock, from taking the INVITE (`Newchannel`) until the phone's channel rings
(`Newstate`) and until both channels are in one bridge (`BridgeEnter`). Ours has FastAGI, the customer's
look-up in the database, the journal, routing, the agent's socket and its answer beside that, which `Queue()`
does without. A persistent station has been picked up once for the shift: a call waits for no phone.
{load()} The machine's cores were kept awake (`tests/bench/awake.py`), which the load has in it.

{figures}

{ratios}

On demand the group's policy has `ring_ahead` (docs/routing.md, adr/0016): the dialplan rings the phone by
itself, on the server's guess, and the customer joins it by itself once the server has confirmed that. For
what the server does meanwhile nobody waits, but where the phone picks up at once. SIPp picks up at whole
milliseconds, within a few of what it is told: what is gained or lost before that is not seen in talk, so two
ways that differ by less than {PICK_UP_MS:g} ms there (a ratio of 1.002) count as even.

{parts}
"""


async def _measured(folder: Path) -> dict[Way, list[Call]]:
    calls: dict[Way, list[Call]] = {way: [] for way in WAYS}
    async with (
        whole_centre(folder, greeted=False, policies={"credit_card": {"ring_ahead": True}}) as centre,
        _agents(centre) as agents,
        AsyncExitStack() as stack,
    ):
        asked = stack.enter_context(_asked_before(centre, folder))
        for way in WAYS:
            if way.queue:
                await _open_queue(centre, way, asked)
        for queue, station in {(way.queue, way.station) for way in WAYS if way.queue}:
            said = await centre.console(f"queue add member PJSIP/{station} to {queue}")
            assert any("Added" in line for line in said), said
        node = Settings(**json.loads(centre.centre.plan.server_json.read_text())).nodes[0]
        address = AmiAddress(node.ami_host, node.ami_port, node.ami_user, node.ami_secret.get_secret_value())
        async with raw_ami(address) as ami:
            for number in range(-WARM_UP, ROUNDS):
                for way in WAYS:
                    call = await _call(centre, ami, way, agents.get(way.station))
                    if number >= 0:
                        calls[way].append(call)
    return calls


class OneCall(SimulatedAgent):
    """Takes the next call, and is not ready again afterwards: the others' calls are not for it."""

    async def _between_contacts(self) -> None:
        await self.until_news(1.0)


@asynccontextmanager
async def _agents(centre: TestCentre) -> AsyncIterator[Mapping[str, SimulatedAgent]]:
    """All phones registered, the agents ready at theirs."""
    about = About.read(centre.centre.plan.centre_json)
    people = {person.agent_id: person for person in about.people}
    async with AsyncExitStack() as stack:
        for way in WAYS:
            phones = Phones(about.sip, [people[way.station]], answer_ms=way.pick_up_ms)
            await stack.enter_async_context(phones)
            await phones.registered()
        agents = {
            way.station: OneCall(
                about, people[way.station], way.mode, pattern=AT_ONCE, tally=Tally(), chance=Random(1)
            )
            for way in WAYS
            if way.mode
        }
        for agent in agents.values():
            stack.push_async_callback(agent.finish)
            await agent.begin()
            await agent.client.not_ready()
            stack.callback(asyncio.create_task(agent.work()).cancel)
        yield agents


@contextmanager
def _asked_before(centre: TestCentre, folder: Path) -> Iterator[int]:
    """The process that tells who calls, with the centre's database; its port."""
    database = make_url(centre.centre.plan.database_url).database or ""
    log = folder / "asked.log"
    with port_block() as ports:
        command = [sys.executable, "-m", "tests.bench.asked_before", str(ports[0]), database]
        process = spawn(command, log)
        try:
            wait_until(lambda: "ready" in log.read_text(), 10, "who calls is told")
            yield ports[0]
        finally:
            end(process, SIGTERM)


async def _open_queue(centre: TestCentre, way: Way, asked: int) -> None:
    """Asterisk's own way beside ours, in the running dialplan: the number and what happens there."""
    recording = f"{centre.centre.rendered.recording_dir}/bench-${{UNIQUEID}}.raw"
    caller = "${FILTER(+0-9,${CUT(CUT(CTI_FROM,@,1),:,2)})}"
    first = (
        "Set(CTI_FROM=${PJSIP_HEADER(read,From)})",
        f"AGI(agi://127.0.0.1:{asked}/customer,{caller})",
    )
    steps = (
        "Answer(0,i)",
        *(first if way.asks else ()),
        f"MixMonitor({recording},a)",
        f"Queue({way.queue})",
        "Hangup()",
    )
    for priority, step in enumerate(steps, start=1):
        await centre.console(f"dialplan add extension {way.number},{priority},{step} into cti-inbound")


async def _call(centre: TestCentre, ami: RawAmi, way: Way, agent: SimulatedAgent | None) -> Call:
    """A call that is taken; its times. Tried again when SIPp finds its port taken."""
    for _ in range(ATTEMPTS - 1):
        try:
            return await _one_call(centre, ami, way, agent)
        except AssertionError as error:
            if "SIPp did not run" not in str(error):
                raise
    return await _one_call(centre, ami, way, agent)


async def _one_call(centre: TestCentre, ami: RawAmi, way: Way, agent: SimulatedAgent | None) -> Call:
    if agent and agent.state != "ready":
        assert await until(lambda: agent.state == "not_ready" and not agent.contact(), 10), agent.client.view
        await agent.client.ready()
    seen = len(ami.events)
    async with SippCallers(centre.sip, way.number, talk_ms=TALK_MS, tone_hz=500) as caller:
        await caller.finished()
        await ami.event(lambda e: e.get("Event") == "Hangup" and _of(e, "trunk"), since=_last(ami, seen))
    events = [event for _, event in ami.events[seen:]]
    taken = next(e for e in events if e.get("Event") == "Newchannel" and _of(e, "trunk"))
    rings = [e for e in events if e.get("Event") == "Newstate" and _of(e, way.station) and _rings(e)]
    began = float(taken["Timestamp"])
    talk = _together(events, way)
    if not rings:
        return Call(None, 1000 * (talk - began))
    own = [e for e in events if _of(e, way.station)]
    called = next(e for e in own if e["Event"] == "Newchannel")
    picked_up = next(e for e in own if e["Event"] == "Newstate" and e["ChannelStateDesc"] == "Up")
    marks = [taken, called, rings[0], picked_up]
    times = [*(float(event["Timestamp"]) for event in marks), talk]
    steps = tuple(1000 * (after - before) for before, after in pairwise(times))
    return Call(1000 * (times[2] - began), 1000 * (talk - began), steps)


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
