"""From an event of Asterisk to the agent's program, with many agents' sockets open."""

import json
import os
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.bench.lag import percentile
from tests.bench.report import Section, table
from tests.bench.sockets_server import FIRST, Running, running_server
from tests.support.ports import free_port

BAR_MS = 5.0
RATE = 100
SECONDS = 20
"""Longer than the server's pause between two snapshots, so that each round has one."""
ROUNDS = 3
SIZES = (1000, 3000)
PROCESSES = 2
HERE = Path(__file__).parents[2]
AGAINST = os.environ.get("CTI_BENCH_AGAINST", "")
"""Another checkout of the product, measured in turns with this one; only printed, never in the report."""


@dataclass(frozen=True)
class Round:
    """Latencies in ms, cores used by the server, how late (p99, ms) the measuring processes were."""

    p50: float
    p99: float
    worst: float
    command_p99: float
    core: float
    load_late: float
    seats_late: float


def run() -> Section:
    """Measure `SIZES`, several rounds each; the bar is for the first size."""
    checkouts = [HERE, *([Path(AGAINST)] if AGAINST else [])]
    rows, passed = [], True
    for size in SIZES:
        rounds: dict[Path, list[Round]] = {checkout: [] for checkout in checkouts}
        for _ in range(ROUNDS):
            for checkout in checkouts:
                rounds[checkout].append(_round(checkout, size))
        for checkout in checkouts[1:]:
            print(f"{size} {checkout.name}: {_row(size, rounds[checkout])}", flush=True)
        rows.append(_row(size, rounds[HERE]))
        passed &= size != SIZES[0] or statistics.median(r.p99 for r in rounds[HERE]) <= BAR_MS
    return Section("Asterisk's event to agent's program", _text(rows), passed)


def _row(size: int, rounds: list[Round]) -> list[str]:
    def median(name: str) -> float:
        return float(statistics.median(getattr(r, name) for r in rounds))

    return [
        f"{size:,}",
        f"{median('p50'):.2f}",
        f"{median('p99'):.2f}",
        f"{max(r.worst for r in rounds):.1f}",
        f"{median('command_p99'):.2f}",
        f"{median('core'):.0%}",
        f"{median('load_late'):.1f}",
        f"{median('seats_late'):.1f}",
        f"p99 ≤ {BAR_MS:g} ms" if size == SIZES[0] else "",
    ]


def _text(rows: list[list[str]]) -> str:
    header = [
        "sockets",
        "p50",
        "p99",
        "worst",
        "command, p99",
        "server's cores",
        "load late",
        "programs late",
        "bar",
    ]
    return f"""\
{RATE} calls a second for {SECONDS} s against a whole server process as in production (manager link, journal
on a real Redis, outbox on disk, SQLite), every agent signed in on an open socket. An Asterisk that is a
script, in a process of its own, replays what the product's event filter lets through of a call: waiting
place, Originate, answer, Redirect, both in one bridge, recording, a second of talk, hang-up. {PROCESSES}
other processes hold the agents' programs, which attach data and wrap up.

Measured, in milliseconds on the one monotonic clock of the machine: from writing the manager event to the
program having read the notification that it causes (`contact.offered`, `contact.connected`, `contact.ended`,
all together); and a command's round trip (`contact.set_data`, `contact.wrap_up`). Medians of {ROUNDS} rounds,
worst of all. Beside them how late (p99) the measuring processes' own timers were: all of them share the cores
with the server. The machine's load average was {os.getloadavg()[1]:.1f}, of which the benchmark makes
about 2; {_priority()}.

{table(header, rows)}"""


def _priority() -> str:
    real_time = os.sched_getscheduler(0) in (os.SCHED_FIFO, os.SCHED_RR)
    return f"its processes ran {'with' if real_time else 'without'} priority over other work"


def _round(checkout: Path, size: int) -> Round:
    ami_port = free_port()
    load = _start("exchange", ami_port, FIRST, size, RATE, SECONDS)
    programs: list[subprocess.Popen[str]] = []
    try:
        _said(load, "listening")
        with (
            tempfile.TemporaryDirectory(prefix="cti-bench-") as folder,
            running_server(Path(folder), checkout, ami_port, size) as server,
        ):
            share = size // PROCESSES
            firsts = [FIRST + number * share for number in range(PROCESSES)]
            where = ("127.0.0.1", server.http_port, server.key_file)
            programs += [_start("agents", *where, first, share) for first in firsts]
            return _measured(server, load, programs)
    finally:
        for process in (load, *programs):
            process.kill()
            process.wait()


def _measured(server: Running, load: subprocess.Popen[str], programs: list[subprocess.Popen[str]]) -> Round:
    for program in programs:
        _said(program, "ready")
    before = server.cpu_seconds()
    told = json.loads(load.communicate(timeout=SECONDS + 60)[0])
    used = server.cpu_seconds() - before
    heard = [json.loads(program.communicate(timeout=60)[0]) for program in programs]
    if os.environ.get("CTI_BENCH_VERBOSE"):
        _by_event(told, heard)
    late = sorted(_latencies(told["told"], heard))
    commands = [took / 1000 for said in heard for took in said["commands"]]
    assert told["left"] == 0, f"{told['left']} calls were not served"
    return Round(
        p50=percentile(late, 0.5),
        p99=percentile(late, 0.99),
        worst=late[-1],
        command_p99=percentile(commands, 0.99),
        core=used / SECONDS,
        load_late=told["late"]["p99"],
        seats_late=max(said["lag"]["p99"] for said in heard),
    )


def _latencies(told: dict[str, dict[str, int]], heard: list[dict[str, Any]]) -> list[float]:
    """Milliseconds of each thing told; what nobody heard is an error, not a missing value."""
    found = []
    for event, moments in told.items():
        seen = {contact_id: at for said in heard for contact_id, at in said["seen"].get(event, {}).items()}
        assert seen.keys() >= moments.keys(), f"{len(moments.keys() - seen.keys())} x {event} reached nobody"
        found += [(seen[contact_id] - at) / 1e6 for contact_id, at in moments.items()]
    return found


def _by_event(told: dict[str, Any], heard: list[dict[str, Any]]) -> None:
    for event, moments in told["told"].items():
        late = _latencies({event: moments}, heard)
        figures = [percentile(late, share) for share in (0.5, 0.9, 0.99, 0.999)]
        print(event, *(f"{figure:.2f}" for figure in figures), f"{max(late):.1f}", flush=True)


def _said(process: subprocess.Popen[str], word: str) -> None:
    assert process.stdout is not None
    line = process.stdout.readline().strip()
    assert line == word, line


def _start(what: str, *arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", f"tests.bench.sockets_{what}", *map(str, arguments)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=HERE)
