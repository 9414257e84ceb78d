"""From a fact handed to the engine to the agent's program, with many agents' sockets open."""

import json
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.bench.report import Section
from tests.support.ports import free_port
from tests.support.redis import RedisServer

BAR_MS = 5.0
RATE = 100
SECONDS = 8
ROUNDS = 3
SIZES = (1000, 3000)
PROCESSES = 2


@dataclass(frozen=True)
class Round:
    """Latencies in milliseconds, and the share of a core the server used."""

    p50: float
    p99: float
    worst: float
    core: float


def run() -> Section:
    """Measure `SIZES`, several rounds each; the bar is for the first size."""
    rows, passed = [], True
    for size in SIZES:
        rounds = [_round(size) for _ in range(ROUNDS)]
        p50, p99 = (statistics.median(getattr(r, name) for r in rounds) for name in ("p50", "p99"))
        worst, core = max(r.worst for r in rounds), statistics.median(r.core for r in rounds)
        bar = f"p99 ≤ {BAR_MS:g} ms" if size == SIZES[0] else ""
        passed &= size != SIZES[0] or p99 <= BAR_MS
        rows.append(f"| {size:,} | {p50:.2f} | {p99:.2f} | {worst:.1f} | {core:.0%} | {bar} |")
    return Section("Fact to agent's program", _text(rows), passed)


def _text(rows: list[str]) -> str:
    return f"""{RATE} calls a second are replayed against the real engine (journal on a real Redis, world,
sessions) with every agent's socket open; {PROCESSES} other processes hold the clients. Measured: from
handing a call's arrival (or a command) to the engine until the program has read `contact.offered` (or
`contact.data_changed`), in milliseconds on one monotonic clock. Medians of {ROUNDS} rounds of {SECONDS} s;
worst of all. Server and clients share the cores.

| sockets | p50 | p99 | worst | server's share of a core | bar |
| ---: | ---: | ---: | ---: | ---: | ---: |
{chr(10).join(rows)}
"""


def _round(size: int) -> Round:
    with tempfile.TemporaryDirectory(prefix="cti-bench-") as folder:
        redis = RedisServer(Path(folder))
        redis.start()
        try:
            return _measured(redis, size)
        finally:
            redis.stop()


def _measured(redis: RedisServer, size: int) -> Round:
    port = free_port()
    server = _start("server", redis.url, port, size, RATE, SECONDS)
    clients: list[subprocess.Popen[str]] = []
    try:
        assert server.stdout is not None
        assert server.stdout.readline().strip() == "listening"
        share = size // PROCESSES
        url = f"ws://127.0.0.1:{port}/ws"
        clients = [_start("clients", url, number * share, share) for number in range(PROCESSES)]
        said = [client.communicate(timeout=180)[0] for client in clients]
        figures = json.loads(server.communicate(timeout=30)[0])
    finally:
        for process in (server, *clients):
            process.kill()
            process.wait()
    seen = sorted(value / 1000 for text in said for value in json.loads(text))
    assert len(seen) >= figures["calls"]
    return Round(seen[len(seen) // 2], seen[int(len(seen) * 0.99)], seen[-1], figures["core"])


def _start(*arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.bench.sockets_load", *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, stderr=subprocess.DEVNULL)
