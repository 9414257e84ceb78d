"""`cti up` as a person uses it: in front, from a shell, ended by Ctrl-C."""

import asyncio
import json
import os
import signal
import socket
import sys
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from asterisk_config.install import install
from cti_server.up.plan import Ports, PortTaken
from tests.support.processes import alive, command, descendants, wait_until

pytestmark = pytest.mark.asterisk


class Up:
    """`cti up` in a process of its own, with what it printed."""

    def __init__(self, process: asyncio.subprocess.Process, var: Path) -> None:
        self.process, self.var = process, var
        self.printed = ""
        self._reader = asyncio.create_task(self._read())

    async def _read(self) -> None:
        assert self.process.stderr is not None
        while line := await self.process.stderr.readline():
            self.printed += line.decode()

    async def until(self, condition: Callable[[], bool], what: str, deadline: float = 60) -> None:
        end = time.monotonic() + deadline
        while not condition():
            assert time.monotonic() < end, f"not {what} in {deadline} s; printed:\n{self.printed}"
            assert self.process.returncode is None, f"it ended; printed:\n{self.printed}"
            await asyncio.sleep(0.05)

    async def ready(self) -> dict[str, Any]:
        await self.until(lambda: "first call" in self.printed, "ready")
        about: dict[str, Any] = json.loads((self.var / "run/centre.json").read_text())
        return about

    async def ended(self, deadline: float = 30) -> int:
        async with asyncio.timeout(deadline):
            code = await self.process.wait()
            await self._reader
        return code


@asynccontextmanager
async def cti_up(var: Path, *options: str) -> AsyncIterator[Up]:
    await asyncio.to_thread(install)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "cti_server", "up", "--var", str(var), *options),
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "COLUMNS": "200"},
        process_group=0,
    )
    up = Up(process, var)
    try:
        yield up
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGINT)
            await up.ended()


def is_ready(about: dict[str, Any]) -> bool:
    try:
        with urllib.request.urlopen(about["http"] + "/health/ready", timeout=2) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


async def test_it_says_where_everything_is_and_leaves_nothing_behind(tmp_path: Path) -> None:
    async with cti_up(tmp_path, "--free-ports") as up:
        about = await up.ready()
        assert {"http", "ws", "nodes", "numbers", "people"} <= about.keys()
        assert len(about["people"]) == 26
        assert all(about[key] in up.printed for key in ("ws",))
        assert (tmp_path / "run/centre.json").stat().st_mode & 0o077 == 0
        async with cti_up(tmp_path, "--free-ports") as second:
            assert await second.ended() == 1
            assert "already_running" in second.printed
        below = descendants(up.process.pid)
        assert len(below) >= 3
        up.process.send_signal(signal.SIGINT)
        assert await up.ended() == 0
    assert not [pid for pid in below if alive(pid)]
    assert not (tmp_path / "run/centre.json").exists()


async def test_killed_it_takes_everything_along(tmp_path: Path) -> None:
    async with cti_up(tmp_path, "--free-ports") as up:
        await up.ready()
        below = descendants(up.process.pid)
        up.process.kill()
        await up.ended()
        await asyncio.to_thread(wait_until, lambda: not any(map(alive, below)), 5, "all of them have ended")


async def test_what_dies_is_started_again(tmp_path: Path) -> None:
    async with cti_up(tmp_path, "--free-ports") as up:
        about = await up.ready()
        for program in ("redis-server", "asterisk", "cti_server serve"):
            victims = [pid for pid in descendants(up.process.pid) if program in command(pid)]
            os.kill(victims[0], signal.SIGKILL)
            await up.until(lambda pid=victims[0]: not alive(pid), f"{program} dead")  # type: ignore[misc]
            await up.until(lambda: is_ready(about), f"ready again after {program}", 40)
        assert up.printed.count("starting it again") == 2
        await up.until(lambda: up.printed.count("the next one follows") == 1, "the person in front told")


def test_a_taken_port_is_named_and_the_way_out_too() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]
        with pytest.raises(PortTaken) as refused:
            replace(Ports.free(), http=taken).check()
    assert f"http {taken}" in str(refused.value)
    assert "FREE_PORTS=1" in str(refused.value)
