"""The standby behind a server, once by the plain command. A server without Redis answers, but never leads."""

import asyncio
import json
import os
import re
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from cti_server.up.child import Child
from tests.support.centre import eventually
from tests.support.nursery import BornServer
from tests.support.ports import free_port
from tests.support.processes import alive, children, command, descendants

NOT_NEEDED = {"alembic", "mako", "jinja2", "numpy", "webrtc_gateway", "pytest", "tests"}
"""Packages that no server needs to start."""
NOT_OURS = tuple(f"cti_server.{part}" for part in ("up", "simulate", "doctor", "client", "store.migrations"))
COMMAND = [sys.executable, "-m", "cti_server", "serve"]


class Served:
    """A server without a centre, started as `cti serve`; its settings can be changed."""

    def __init__(self, folder: Path, started_by: type[Child]) -> None:
        self.folder, self.http_port, self.agi_port = folder, free_port(), free_port()
        self.settings = folder / "server.json"
        env = {"CTI_SETTINGS": str(self.settings), "PYTHONDONTWRITEBYTECODE": ""}
        env["PYTHONPROFILEIMPORTTIME"] = "1"  # every import is named in the log
        self.child = started_by("cti", COMMAND, folder / "log", env)

    def write_settings(self) -> None:
        self.settings.write_text(
            json.dumps(
                {
                    "http_port": self.http_port,
                    "agi_port": self.agi_port,
                    "redis_url": f"redis://127.0.0.1:{free_port()}/0",
                    "database_url": f"sqlite:///{self.folder}/centre.db",
                    "outbox_dir": str(self.folder / "outbox"),
                    "recordings_dir": str(self.folder / "recordings"),
                    "token_key_file": str(self.folder / "token.key"),
                }
            )
        )

    @property
    def server(self) -> int:
        return next((pid for pid in children(self.child.pid) if alive(pid)), 0)

    async def answers(self) -> int:
        """The server's process id, once it answers."""

        async def look() -> bool:
            assert self.child.running, self.child.tail()
            try:
                async with httpx.AsyncClient(timeout=5) as client:
                    answer = await client.get(f"http://127.0.0.1:{self.http_port}/health/live")
                    return answer.status_code == 200
            except httpx.TransportError:
                return False

        await eventually(look, bool, "answering", 40)
        return self.server

    def logged(self) -> list[str]:
        lines = self.child.log.read_text().splitlines()
        return [json.loads(line)["event"] for line in lines if line.startswith("{")]

    def imported(self) -> tuple[set[str], set[str]]:
        """Modules imported until the first server was followed, and since."""
        before, _, after = self.child.log.read_text().partition('"server.followed"')
        named = re.compile(r"^import time:.*\| +([\w.]+)$", re.MULTILINE)
        return set(named.findall(before)), set(named.findall(after))


@asynccontextmanager
async def served(folder: Path, started_by: type[Child] = BornServer) -> AsyncIterator[Served]:
    one = Served(folder, started_by)
    one.write_settings()
    await one.child.start()
    try:
        yield one
    finally:
        await one.child.stop()


async def gone(pids: set[int]) -> None:
    async def look() -> list[int]:
        return [pid for pid in pids if alive(pid)]

    await eventually(look, lambda left: not left, "all of them gone", 15)


async def test_a_killed_server_is_followed_by_one_with_the_settings_of_now(tmp_path: Path) -> None:
    async with served(tmp_path, Child) as one:
        first = await one.answers()
        standby = one.child.pid
        assert command(standby) == "cti-standby"
        assert command(first) == " ".join(COMMAND)
        below = descendants(first)
        assert sorted(map(command, below)) == ["cti-carrier", "cti-reports", "cti-reports"]
        one.http_port = free_port()
        one.write_settings()
        os.kill(first, signal.SIGKILL)
        second = await one.answers()
        assert second != first
        assert not alive(first)
        assert one.child.pid == standby
        assert "server.followed" in one.logged()
        await gone(below)
        at_first, late = one.imported()
        assert "cti_server.engine.site" in at_first
        assert not {module.split(".")[0] for module in at_first} & NOT_NEEDED
        assert not {module for module in at_first if module.startswith(NOT_OURS)}
        assert not late, "they hold up the next server: see `bootstrap.server.LATE`"
        below = descendants(standby)
        one.child.signal(signal.SIGTERM)
        assert await one.child.wait() == 0
        await gone(below)


async def test_the_standby_holds_nothing(tmp_path: Path) -> None:
    async with served(tmp_path) as one:
        await one.answers()
        process = Path(f"/proc/{one.child.pid}")
        assert len(list((process / "task").iterdir())) == 1
        held = [str(descriptor.readlink()) for descriptor in (process / "fd").iterdir()]
        assert not [what for what in held if what not in ("/dev/null", str(one.child.log))]


@pytest.mark.parametrize("frozen", [False, True])
async def test_the_server_dies_with_its_standby(tmp_path: Path, frozen: bool) -> None:
    async with served(tmp_path) as one:
        server = await one.answers()
        below = descendants(one.child.pid)
        if frozen:
            os.kill(server, signal.SIGSTOP)
        os.kill(one.child.pid, signal.SIGKILL)
        assert await one.child.wait() == -signal.SIGKILL
        await gone(below)


async def test_a_server_that_cannot_start_is_the_callers_matter(tmp_path: Path) -> None:
    async with served(tmp_path) as one:
        await one.child.stop()
        with socket.create_server(("127.0.0.1", one.http_port)):
            await one.child.start()
            assert await one.child.wait() == 1
        assert "Address already in use" in one.child.tail(40)
        assert "server.followed" not in one.logged()


async def test_a_server_killed_again_and_again_is_given_up(tmp_path: Path) -> None:
    async with served(tmp_path) as one:
        killed: set[int] = set()
        while one.child.running:
            server = one.server
            if server and server not in killed:
                killed.add(server)
                os.kill(server, signal.SIGKILL)
            await asyncio.sleep(0)
        assert await one.child.wait() == 128 + signal.SIGKILL
        assert len(killed) > 3
