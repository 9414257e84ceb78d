"""One round of the socket benchmark, and one of the bare relay that it is compared with."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.bench.lag import percentile
from tests.bench.sockets_server import FIRST, Running, running_server
from tests.support.port_block import port_block
from tests.support.ports import free_port
from tests.support.redis import RedisServer

RATE = 100
SECONDS = 20
"""Longer than the server's pause between two snapshots, so that each round has one."""
RELAY_SECONDS = 10
PROCESSES = 2
"""That hold the agents' programs."""
HERE = Path(__file__).parents[2]


@dataclass(frozen=True)
class Round:
    """Latencies in ms, cores used by the server, how late (p99, ms) the measuring processes were."""

    p50: float
    p99: float
    worst: float
    command_p99: float = 0.0
    core: float = 0.0
    load_late: float = 0.0
    seats_late: float = 0.0


def server_round(checkout: Path, size: int) -> Round:
    """Calls replayed to the server of `checkout`, with `size` agents on open sockets."""
    ami_port = free_port()
    with _ended_at_last() as started, tempfile.TemporaryDirectory(prefix="cti-bench-") as folder:
        load = _start(started, "sockets_exchange", ami_port, FIRST, size, RATE, SECONDS)
        _said(load, "listening")
        with running_server(Path(folder), checkout, ami_port, size) as server:
            share = size // PROCESSES
            where = ("127.0.0.1", server.http_port, server.key_file)
            programs = [
                _start(started, "sockets_agents", *where, FIRST + number * share, share)
                for number in range(PROCESSES)
            ]
            return _measured(server, load, programs)


def relay_round(size: int) -> Round:
    """The same number of events and told ones, by way of a relay that does nothing but write to Redis."""
    with (
        port_block() as (port, *_),
        _ended_at_last() as started,
        tempfile.TemporaryDirectory(prefix="cti-bench-") as folder,
    ):
        redis = RedisServer(Path(folder))
        redis.start()
        try:
            _ready_one(started, "relay", port, redis.port)
            listeners = [_ready_one(started, "listener", port, size // PROCESSES) for _ in range(PROCESSES)]
            _ready_one(started, "load", port, RATE, RELAY_SECONDS).communicate(timeout=RELAY_SECONDS + 60)
            late = sorted(late for one in listeners for late in json.loads(one.communicate(timeout=60)[0]))
        finally:
            redis.stop()
    return Round(percentile(late, 0.5), percentile(late, 0.99), late[-1])


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


def _ready_one(started: list[subprocess.Popen[str]], *arguments: object) -> subprocess.Popen[str]:
    process = _start(started, "sockets_relay", *arguments)
    _said(process, "ready")
    return process


def _said(process: subprocess.Popen[str], word: str) -> None:
    assert process.stdout is not None
    line = process.stdout.readline().strip()
    assert line == word, line


def _start(started: list[subprocess.Popen[str]], what: str, *arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", f"tests.bench.{what}", *map(str, arguments)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=HERE)
    started.append(process)
    return process


@contextmanager
def _ended_at_last() -> Iterator[list[subprocess.Popen[str]]]:
    started: list[subprocess.Popen[str]] = []
    try:
        yield started
    finally:
        for process in started:
            process.kill()
            process.wait()
