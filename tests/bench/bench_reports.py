"""Reports of a day with 50,000 contacts, and the wallboard of a server that begins to lead on such a day."""

import asyncio
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final

from cti_server.bootstrap.report_process import ReportProcess
from cti_server.bootstrap.reporting import StoredReports
from cti_server.domain.state import WorldState
from cti_server.reports.activity import Deeds
from cti_server.reports.figures import Rules
from cti_server.reports.live import DaySoFar
from cti_server.reports.report import By, Each, Question, Report
from cti_server.reports.work import Work
from cti_server.store.database import Database
from cti_server.store.schema import upgrade
from tests.bench.lag import LoopLag
from tests.bench.report import Section, load, table
from tests.support.busy_past import Past, put
from tests.support.databases import started_postgres

BEGIN: Final = datetime(2026, 11, 20, 16, tzinfo=UTC)
PAST: Final = Past(BEGIN, contacts_a_day=50_000)
END: Final = BEGIN + timedelta(days=1)
LATER: Final = END + timedelta(days=1)
BAR_SECONDS, BAR_MB = 15.0, 200.0
ASKED: Final[dict[str, Work[Any]]] = {
    "by queue": Report(Question(By.QUEUE, BEGIN, END), LATER),
    "by agent": Report(Question(By.AGENT, BEGIN, END), LATER),
    "by agent, each quarter of an hour": Report(Question(By.AGENT, BEGIN, END, Each.INTERVAL), LATER),
    "one agent's activity": Deeds("10007", BEGIN, END, LATER),
    "the wallboard at eight in the evening": DaySoFar(Rules(), 480, BEGIN + timedelta(hours=20)),
}


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one report: seconds, megabytes of its process, and how late our timers were meanwhile (p99, ms)."""

    seconds: float
    megabytes: float
    late: float


def peak(_made: object) -> float:
    """Instead of what was made: the most memory that the process had, in MB."""
    told = Path("/proc/self/status").read_text().partition("VmHWM:")[2]
    return int(told.split()[0]) / 1024


async def measured(url: str, work: Work[Any]) -> Cost:
    """In a new process; its start is not counted: a server has it ready."""
    database, process, lag = Database(url), ReportProcess(), LoopLag()
    try:
        await process.do(partial(int), "")
        async with lag:
            began = time.monotonic()
            reports = StoredReports(database, WorldState, process.do, process.do)
            megabytes = await reports.worked_out(work, peak)
            seconds = time.monotonic() - began
    finally:
        await process.close()
        await database.close()
    return Cost(seconds, megabytes, lag.summary()["p99"])


async def costs(url: str) -> tuple[int, dict[str, Cost]]:
    """How many events the day has, and what each report costs."""
    await upgrade(url)
    events = await put(url, PAST, [0])
    return events, {name: await measured(url, work) for name, work in ASKED.items()}


@contextmanager
def databases() -> Iterator[dict[str, str]]:
    """One of each kind."""
    server = started_postgres()
    try:
        with tempfile.TemporaryDirectory() as folder:
            yield {
                "SQLite": f"sqlite:///{Path(folder) / 'cti.db'}",
                "PostgreSQL": server.create("reports"),
            }
    finally:
        server.discard()


def run() -> Section:
    """Measure on both databases."""
    with databases() as urls:
        found = {kind: asyncio.run(costs(url)) for kind, url in urls.items()}
    every = [cost for _, of_kind in found.values() for cost in of_kind.values()]
    passed = all(cost.seconds <= BAR_SECONDS and cost.megabytes <= BAR_MB for cost in every)
    return Section("Reports of a day with 50,000 contacts", _body(found), passed)


def _body(found: dict[str, tuple[int, dict[str, Cost]]]) -> str:
    rows = [
        [
            name,
            *(f"{of_kind[name].seconds:.1f}" for _, of_kind in found.values()),
            f"{max(of_kind[name].megabytes for _, of_kind in found.values()):.0f}",
            f"{max(of_kind[name].late for _, of_kind in found.values()):.1f}",
        ]
        for name in ASKED
    ]
    events = next(iter(found.values()))[0]
    header = ["", *(f"{kind}, s" for kind in found), "MB", "timers late, p99, ms"]
    return f"""\
{events:,} events of {PAST.contacts_a_day:,} contacts and {PAST.agents} agents
(`tests/support/busy_past.py`), each report read and counted once, in a process of its own as in production.
MB: the most that the process had, some 70 of them its programs. Beside it how late timers were in the process
that asked: what agents would notice. {load()}

{table(header, rows)}

Bar: ≤ {BAR_SECONDS:.0f} s and ≤ {BAR_MB:.0f} MB each."""
