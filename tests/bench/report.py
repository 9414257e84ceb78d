"""What a benchmark gives back, and how docs/benchmarks.md is made of it."""

import os
import platform
import re
import statistics
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Section:
    """One benchmark's part of the report. `passed` says whether its bars were met."""

    title: str
    body: str
    passed: bool


def table(header: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A Markdown table; every column but the first is a figure."""
    names = list(header)
    lines = [names, ["---", *["---:"] * (len(names) - 1)], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def in_turns(rounds: int, contestants: dict[str, Callable[[], float]]) -> dict[str, list[float]]:
    """Each one's figures, taken in turns so that a busy moment of the machine meets all of them alike."""
    figures: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(rounds):
        for name, run in contestants.items():
            figures[name].append(run())
    return figures


def ratio(one: list[float], other: list[float]) -> float:
    """How many times `one` is `other`: the median over the rounds."""
    return statistics.median(mine / theirs for mine, theirs in zip(one, other, strict=True))


def load() -> str:
    """How busy the machine is, and whether that can disturb what is measured."""
    real_time = os.sched_getscheduler(0) in (os.SCHED_FIFO, os.SCHED_RR)
    return (
        f"The machine's load average was {os.getloadavg()[1]:.1f}; the benchmark's processes ran "
        f"{'with' if real_time else 'without'} priority over other work."
    )


HEAD = (
    "# Benchmarks\n\n"
    "Made by `make bench`; do not edit. Figures depend on the machine, ratios hardly do. Each section\n"
    "says when and where it was measured: `python -m tests.bench NAME` measures that one anew.\n"
)
_MARK = re.compile(r"^<!-- bench: (\w+) -->\n", re.MULTILINE)


def replaced(before: str, name: str, section: Section) -> str:
    """The whole of docs/benchmarks.md with that section new, the others as they were."""
    _, *found = _MARK.split(before)
    sections = dict(zip(found[::2], (text.strip() for text in found[1::2]), strict=True))
    measured = f"Measured {datetime.now(UTC):%Y-%m-%d} on {_machine()}."
    sections[name] = f"## {section.title}\n\n{measured}\n\n{section.body}".strip()
    return "\n".join([HEAD, *(f"<!-- bench: {each} -->\n{sections[each]}\n" for each in sorted(sections))])


def _machine() -> str:
    processor = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        models = [line for line in cpuinfo.read_text().splitlines() if line.startswith("model name")]
        processor = models[0].partition(": ")[2] if models else processor
    return (
        f"{os.cpu_count()} shared cores of {processor}, Linux {platform.release().partition('-')[0]}, "
        f"{platform.python_implementation()} {platform.python_version()}"
    )
