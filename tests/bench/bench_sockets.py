"""From an event of Asterisk to the agent's program, with many agents' sockets open."""

import os
import statistics
from pathlib import Path

from tests.bench.awake import awake
from tests.bench.report import Section, table
from tests.bench.sockets_round import HERE, PROCESSES, RATE, SECONDS, Round, relay_round, server_round

BAR_MS = 5.0
ROUNDS, FEWER = 5, 3
"""Where there is a bar, and where not."""
SIZES = (1000, 3000)
AGAINST = os.environ.get("CTI_BENCH_AGAINST", "")
"""Another checkout of the product, measured in turns with this one; only printed, never in the report."""
_OTHER = f", {Path(AGAINST).name}" if AGAINST else "\n"
RELAY, ASLEEP = "bare relay", "cores left to sleep"


def run() -> Section:
    """Several rounds of each, in turns; the bar is for the first size."""
    rounds: dict[str, list[Round]] = {}
    with awake():
        for number in range(ROUNDS):
            _add(rounds, f"{RELAY}, {SIZES[0]:,}", relay_round(SIZES[0]))
            for size in SIZES if number < FEWER else SIZES[:1]:
                _add(rounds, f"{size:,}", server_round(HERE, size))
                if AGAINST:
                    _add(rounds, f"{size:,}{_OTHER}", server_round(Path(AGAINST), size))
    for _ in range(FEWER):
        _add(rounds, f"{RELAY}, {ASLEEP}", relay_round(SIZES[0]))
        _add(rounds, f"{SIZES[0]:,}, {ASLEEP}", server_round(HERE, SIZES[0]))
    passed = _median(rounds[f"{SIZES[0]:,}"], "p99") <= BAR_MS
    return Section("Asterisk's event to agent's program", _text(rounds), passed)


def _add(rounds: dict[str, list[Round]], name: str, measured: Round) -> None:
    print(f"  {name}: p50 {measured.p50:.2f} ms, p99 {measured.p99:.2f} ms", flush=True)
    rounds.setdefault(name, []).append(measured)


def _median(rounds: list[Round], name: str) -> float:
    return float(statistics.median(getattr(r, name) for r in rounds))


def _row(name: str, rounds: list[Round]) -> list[str]:
    latencies = [
        f"{_median(rounds, 'p50'):.2f}",
        f"{_median(rounds, 'p99'):.2f}",
        f"{min(r.p99 for r in rounds):.2f} to {max(r.p99 for r in rounds):.2f}",
        f"{max(r.worst for r in rounds):.1f}",
    ]
    if name.startswith(RELAY):
        return [name, *latencies, "", "", "", "", ""]
    return [
        name,
        *latencies,
        f"{_median(rounds, 'command_p99'):.2f}",
        f"{_median(rounds, 'core'):.0%}",
        f"{_median(rounds, 'load_late'):.1f}",
        f"{_median(rounds, 'seats_late'):.1f}",
        f"p99 ≤ {BAR_MS:g} ms" if name == f"{SIZES[0]:,}" else "",
    ]


def _text(rounds: dict[str, list[Round]]) -> str:
    header = [
        "sockets",
        "p50",
        "p99",
        "p99 of the rounds",
        "worst",
        "command, p99",
        "server's cores",
        "load late",
        "programs late",
        "bar",
    ]
    rows = [_row(name, found) for name, found in rounds.items() if not name.endswith(_OTHER)]
    return f"""\
{RATE} calls a second for {SECONDS} s against a whole server process as in production (manager link, journal
on a real Redis, outbox on disk, SQLite), every agent signed in on an open socket. An Asterisk that is a
script, in a process of its own, replays what the product's event filter lets through of a call: waiting
place, Originate, answer, Redirect, both in one bridge, recording, a second of talk, hang-up. {PROCESSES}
other processes hold the agents' programs, which attach data and wrap up.

Measured, in milliseconds on the one monotonic clock of the machine: from writing the manager event to the
program having read the notification that it causes (`contact.offered`, `contact.connected`, `contact.ended`,
all together); and a command's round trip (`contact.set_data`, `contact.wrap_up`). Medians of {ROUNDS} rounds
({FEWER} where there is no bar), worst of all. Beside them how late (p99) the measuring processes' own
timers were: all of them share the cores with the server. {_priority()}

A virtual machine gives a core back that has nothing to do, and waits until it has it again, at every step
from one process to the next. What that alone costs shows the *bare relay*: no server, only as many lines by
way of one entry each in the same Redis to one of 1,000 connections, held by as many processes. In the first
rows work of the lowest priority keeps every core awake (`tests/bench/awake.py`); in the last ones the
machine is left as it is. The bar is for the server, so it is for the cores awake.

{table(header, rows)}"""


def _priority() -> str:
    real_time = os.sched_getscheduler(0) in (os.SCHED_FIFO, os.SCHED_RR)
    return f"Its processes ran {'with' if real_time else 'without'} priority over other work."
