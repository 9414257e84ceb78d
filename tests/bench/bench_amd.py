"""Answering-machine detection on the real Asterisk: hellos and greetings in synthetic voices."""

from __future__ import annotations

import asyncio
import socket
import statistics
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path

from tests.bench.report import Section, table
from tests.support.carrier import GREETING, HELLO, Callee, carrier, spoken
from tests.support.pbx import RunningNode, endpoint, running_node
from tests.support.raw_ami import RawAmi, raw_ami

VOICES = ("cmn", "cmn+f3", "cmn+m7")
SPEEDS = (130, 170, 210)
PAUSES = (0.3, 1.0)
"""Seconds between the answer and the first word."""
AT_ONCE = 6
BAR_PEOPLE, BAR_MACHINES = 0.05, 0.10
"""People taken for machines are hung up: the worse error."""


@dataclass
class Verdicts:
    """What the calls to one kind of callee were taken for, and how long that took."""

    who: Counter[str] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)


def callees() -> dict[str, tuple[str, Callee]]:
    """Number to kind and callee; every one is different."""
    people = [
        ("people", Callee(speech=spoken(text, voice, speed), rings=0.1, before=before))
        for text, voice, speed, before in product(HELLO, VOICES, SPEEDS[1:], PAUSES)
    ]
    machines = [
        ("machines", Callee(speech=spoken(text, voice, speed), rings=0.1, before=before))
        for text, voice, speed, before in product(GREETING, VOICES, SPEEDS, PAUSES)
    ]
    return {f"1390000{n:04}": one for n, one in enumerate(people + machines)}


async def measure(folder: Path) -> dict[str, Verdicts]:
    """Call everybody once."""
    known = callees()
    verdicts = {"people": Verdicts(), "machines": Verdicts()}
    outside = endpoint(socket.SOCK_DGRAM)
    async with (
        running_node(folder, outside=outside) as node,
        carrier(outside.port, lambda number: known[number][1]),
        raw_ami(node.ami) as ami,
    ):
        doors = asyncio.Semaphore(AT_ONCE)
        await asyncio.gather(
            *(_call(node, ami, doors, number, verdicts[kind]) for number, (kind, _) in known.items())
        )
    return verdicts


async def _call(
    node: RunningNode, ami: RawAmi, doors: asyncio.Semaphore, number: str, verdicts: Verdicts
) -> None:
    channel = f"{node.config.name}-amd-{number}"
    async with doors:
        begun = asyncio.get_running_loop().time()
        await ami.action(
            "Originate",
            Channel=f"PJSIP/{number}@outside",
            ChannelId=channel,
            Context="cti-campaign",
            Exten="s",
            Priority="1",
            Timeout="10000",
            Async="true",
            Variable=["CTI_NUMBER=4000", "CTI_GROUP=general"],
        )
        heard = await ami.event(
            lambda event: event.get("UserEvent") == "CTIHeard" and event.get("Uniqueid") == channel, 30
        )
        verdicts.seconds.append(asyncio.get_running_loop().time() - begun)
        verdicts.who[heard["Who"]] += 1
        await ami.event(lambda event: event["Event"] == "Hangup" and event.get("Uniqueid") == channel, 30)


def run() -> Section:
    """Measure."""
    with tempfile.TemporaryDirectory() as folder:
        found = asyncio.run(measure(Path(folder)))
    people, machines = found["people"], found["machines"]
    wrong_people = people.who["MACHINE"] / people.who.total()
    wrong_machines = 1 - machines.who["MACHINE"] / machines.who.total()
    rows = [
        [
            kind,
            str(verdicts.who.total()),
            *(str(verdicts.who[who]) for who in ("HUMAN", "NOTSURE", "MACHINE")),
            f"{wrong:.1%}",
            f"{statistics.median(verdicts.seconds):.1f} s",
        ]
        for (kind, verdicts), wrong in zip(found.items(), (wrong_people, wrong_machines), strict=True)
    ]
    header = (
        "called",
        "calls",
        "person",
        "not sure (a person)",
        "machine",
        "wrong",
        "call to verdict, median",
    )
    body = (
        f"{table(header, rows)}\n\nSynthetic voices (espeak-ng, Mandarin, three of them, several speeds and "
        "pauses) over a quiet line: people say one of four short hellos and wait, machines one of three "
        "greetings. Real voices, noise and other languages will do worse."
    )
    passed = wrong_people <= BAR_PEOPLE and wrong_machines <= BAR_MACHINES
    return Section("Answering-machine detection", body, passed)
