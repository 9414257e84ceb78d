"""`cti simulate` in front: progress while it runs, the report at its end, Ctrl-C at any time."""

from __future__ import annotations

import asyncio
import json
import signal
from pathlib import Path

import structlog
from rich.console import Console

from cti_server.simulate.about import About
from cti_server.simulate.run import Wish, simulate
from cti_server.simulate.show import Progress, tables

GOOD, BAD, INTERRUPTED = 0, 1, 130


async def run_in_front(var: Path, wish: Wish, as_json: Path | None, console: Console) -> int:
    """The exit code. Raises what `simulate` raises."""
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger("critical")
    )  # the report tells it all
    about = About.read(var / "run/centre.json")
    stop = asyncio.Event()

    def end() -> None:
        stop.set()
        owed = ", call-backs promised are still made 已登记的回电仍会完成" if wish.behaviour.call_back else ""
        console.print(f"ending 正在结束{owed}", highlight=False)

    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, end)
    console.print(f"simulate 仿真 {wish.pattern}: {wish.agents} agents, seed {wish.seed}", highlight=False)
    if wish.behaviour.calls_outside and not about.outside_port:
        console.print("nobody outside to be called here 无外线目标,不呼叫外线", highlight=False)
    with Progress(console) as show:
        report = await simulate(about, wish, show, stop)
    for table in tables(report):
        console.print(table)
    if as_json:
        text = json.dumps(report.as_dict(), ensure_ascii=False, indent=1) + "\n"
        await asyncio.to_thread(as_json.write_text, text, encoding="utf-8")
    for comparison in report.disagreements:
        console.print(f"[red]disagree 不一致[/red]: {comparison.what}", highlight=False)
    if not report.good:
        return BAD
    return INTERRUPTED if report.interrupted else GOOD
