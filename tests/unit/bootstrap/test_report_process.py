"""The process of the reports, in a program of its own: no fork may meet the threads of a test run."""

import subprocess
import sys
from functools import partial
from pathlib import Path

from tests.support.processes import wait_until

PROGRAM = """
import asyncio, os, signal, sys, time
from functools import partial
import uvloop
from cti_server.bootstrap.report_process import ReportProcess, forked_reports
from cti_server.store.errors import SchemaOutdated, StoreUnavailable

first = forked_reports()

async def refused(process, task):
    try:
        await process.do(task, "report")
    except Exception as error:
        return type(error).__name__, str(error)

async def run():
    process = ReportProcess(first)
    assert await process.do(os.getpid, "report") == first.pid
    assert await process.do(partial(sum, range(1_000_000)), "report") == 499_999_500_000
    assert len(await process.do(partial(bytes, 5_000_000), "report")) == 5_000_000
    assert await refused(process, partial(int, "x")) == (
        "RuntimeError", "ValueError: invalid literal for int() with base 10: 'x'")
    assert await process.do(os.getpid, "report") == first.pid
    waiting = asyncio.create_task(process.do(partial(time.sleep, 60), "report"))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait([waiting])
    assert waiting.cancelled()
    second = await process.do(os.getpid, "report")
    assert second not in (first.pid, os.getpid())
    assert await refused(process, partial(os._exit, 1)) == (
        "StoreUnavailable", "the process that makes reports was lost")
    third = await process.do(os.getpid, "report")
    await process.close()
    await process.close()
    print(third, await process.do(os.getpid, "report"), flush=True)
    os.kill(os.getpid(), signal.SIGKILL)

uvloop.run(run())
"""


def test_tasks_errors_an_end_and_a_new_beginning() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == -9, done.stderr
    for pid in map(int, done.stdout.splitlines()[-1].split()):
        wait_until(partial(_is_gone, pid), 15, "it ends with its server, or before")


def _is_gone(pid: int) -> bool:
    try:
        return ") Z " in Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return True
