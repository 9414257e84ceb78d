"""Starts a whole centre, watches over it, ends it: Asterisk, Redis, database, server."""

from __future__ import annotations

import asyncio
import fcntl
import json
import shutil
import sys
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Protocol

from asterisk_config.install import install
from asterisk_config.installation import Installation
from asterisk_config.node import RenderedNode, render
from asterisk_config.process import NodeProcess
from cti_server import rotation
from cti_server.bootstrap.standby import FOLLOWED
from cti_server.errors import CtiError
from cti_server.settings import Settings
from cti_server.up.child import Child, ChildFailed
from cti_server.up.contents import about_centre, prepare_database, server_settings, service_numbers
from cti_server.up.plan import LOOPBACK, Plan, load_secrets, node_config, write_private

Say = Callable[[str], None]
READY_TIME = 30.0
RESTART_PAUSE = 0.2
LOOK_EVERY = 0.5
ROTATE_EVERY = 60.0
MOST_RESTARTS = 20


class AlreadyRunning(CtiError):  # noqa: N818  # says what is, like its siblings in cti_server.errors
    """A centre runs in this folder already."""

    code = "already_running"


@dataclass(frozen=True, slots=True)
class Centre:
    """A running centre."""

    plan: Plan
    node: NodeProcess
    rendered: RenderedNode
    redis: Child
    server: Child
    about: dict[str, Any]
    """What stands in centre.json."""


@asynccontextmanager
async def running_centre(
    plan: Plan,
    say: Say,
    root_dir: Path | None = None,
    *,
    cheap_passwords: bool = False,
    server_child: type[Child] = Child,
) -> AsyncIterator[Centre]:
    """Run until the block ends; nothing is left behind but the folder. `server_child` starts the server.

    Raises AlreadyRunning, PortTaken, ChildFailed, and asterisk_config's errors, each with what to do.
    """
    async with AsyncExitStack() as stack:
        stack.enter_context(_only_one(plan.var))
        plan.ports.check()
        say("Asterisk")
        installation = await asyncio.to_thread(_installed, root_dir, say)
        say("database, Redis")
        redis = await _start_redis(stack, plan)
        directory, passwords = await prepare_database(plan, cheap=cheap_passwords)
        known = load_secrets(plan.var / "secrets/stations.json", list(directory.stations))
        config = node_config(plan, known, service_numbers(directory), list(directory.groups))
        rendered = await asyncio.to_thread(render, config, installation)
        say(f"PBX node {config.name} (Asterisk {installation.version})")
        node = NodeProcess(rendered)
        stack.push_async_callback(node.stop)
        await node.start()
        argv = [sys.executable, "-m", "cti_server", "serve"]
        server = server_child("cti-a", argv, plan.log("cti-a"), _env(plan))
        stack.push_async_callback(server.stop)
        values = server_settings(plan, known, rendered, cheap=cheap_passwords)
        settings = Settings(**values)
        write_private(plan.server_json, json.dumps(values))
        await node.wait_ready()
        say("CTI server")
        await server.start()
        await _until_ready(plan, server, node, redis)
        about = about_centre(plan, config, directory, passwords, known)
        write_private(plan.centre_json, json.dumps(about, ensure_ascii=False, indent=1))
        stack.callback(plan.centre_json.unlink, missing_ok=True)
        programs: list[tuple[str, Program, Path]] = [
            ("the CTI server", server, server.log),
            ("Redis", redis, redis.log),
            (f"Asterisk {config.name}", node, rendered.log_file),
        ]
        for name, program, log in programs:
            watch = asyncio.create_task(_keep_alive(name, program, log, say))
            stack.callback(watch.cancel)
        tending = asyncio.create_task(_keep_logs_small((redis.log, server.log), settings))
        stack.callback(tending.cancel)
        telling = asyncio.create_task(_tell_of_followers(server.log, server.log.stat().st_size, say))
        stack.callback(telling.cancel)
        yield Centre(plan, node, rendered, redis, server, about)


class _only_one:  # noqa: N801  # used as a statement: `with _only_one(folder):`
    """Holds the folder's lock. Raises AlreadyRunning."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)  # recordings, the database, the journal: for nobody else on this machine
        self._path = folder / "up.lock"
        self._file: IO[str] | None = None

    def __enter__(self) -> None:
        self._file = self._path.open("w")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._file.close()
            raise AlreadyRunning(f"a centre runs in {self._path.parent} already; stop it first") from None

    def __exit__(self, *_: object) -> None:
        if self._file:
            self._file.close()


def _installed(root_dir: Path | None, say: Say) -> Installation:
    told = ""

    def progress(what: str, share: float | None) -> None:
        nonlocal told
        if what != told:  # many steps are of one kind: one line is enough
            told = what
            say(f"Asterisk: {what}" + (f" {share:.0%}" if share is not None else ""))

    return install(root_dir, progress) if root_dir else install(progress=progress)


async def _start_redis(stack: AsyncExitStack, plan: Plan) -> Child:
    program = shutil.which("redis-server")
    if program is None:
        raise ChildFailed("redis-server is not installed; run `make setup`, or apt-get install redis-server")
    data = plan.var / "redis"
    data.mkdir(parents=True, exist_ok=True)
    argv = [program, "--port", str(plan.ports.redis), "--bind", LOOPBACK, "--dir", str(data.absolute())]
    argv += ["--appendonly", "yes", "--appendfsync", "everysec", "--save", ""]
    redis = Child("redis", argv, plan.log("redis"))
    stack.push_async_callback(redis.stop)
    await redis.start()
    return redis


def _env(plan: Plan) -> dict[str, str]:
    # Compiled modules are kept even where the environment says otherwise: a restart must be quick.
    return {"CTI_SETTINGS": str(plan.server_json.absolute()), "PYTHONDONTWRITEBYTECODE": ""}


async def _until_ready(plan: Plan, server: Child, node: NodeProcess, redis: Child) -> None:
    """Wait until the server says that it is ready. Raises ChildFailed with the end of the log."""
    try:
        async with asyncio.timeout(READY_TIME):
            while not await _ready(plan):
                for child in (server, redis):
                    if not child.running:
                        raise ChildFailed(f"{child.name} ended; {child.log} says:\n{child.tail()}")
                if not node.running:
                    raise ChildFailed(f"Asterisk ended; its log says:\n{node.logs_tail()}")
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise ChildFailed(f"not ready in {READY_TIME:.0f} s; {server.log} says:\n{server.tail()}") from None


async def _ready(plan: Plan) -> bool:
    """Ask `/health/ready`."""
    try:
        reader, writer = await asyncio.open_connection(LOOPBACK, plan.ports.http)
    except OSError:
        return False
    try:
        async with asyncio.timeout(2):
            request = f"GET /health/ready HTTP/1.1\r\nHost: {LOOPBACK}\r\nConnection: close\r\n\r\n"
            writer.write(request.encode())
            return b" 200 " in await reader.readline()
    except (TimeoutError, OSError):
        return False
    finally:
        writer.close()


class Program(Protocol):
    """What can be watched: a child, or a PBX node."""

    async def start(self) -> None:
        """Start, or start again."""

    async def wait(self) -> int:
        """Return the exit code when it has ended."""


async def _keep_alive(name: str, program: Program, log: Path, say: Say) -> None:
    """Start a program again when it dies; the others go on meanwhile, and find it again by themselves."""
    for _ in range(MOST_RESTARTS):
        code = await program.wait()
        say(f"[red]{name} ended with code {code}[/red], starting it again; its log: {log}")
        await asyncio.sleep(RESTART_PAUSE)
        await program.start()
    say(f"[red]{name} ended {MOST_RESTARTS} times; not started again[/red]")


async def _keep_logs_small(logs: Sequence[Path], settings: Settings) -> None:
    """Of the programs that write to their standard output: nobody else can put these aside."""
    while True:
        for path in logs:
            await asyncio.to_thread(
                rotation.tend, path, settings.log_rotate_bytes, settings.log_keep_days, time.time()
            )
        await asyncio.sleep(ROTATE_EVERY)


async def _tell_of_followers(log: Path, told: int, say: Say) -> None:
    """The standby has the next server follow a killed one by itself: a person in front wants to know.

    `told`: bytes of the log that are from before.
    """
    while True:
        await asyncio.sleep(LOOK_EVERY)
        new, told = await asyncio.to_thread(_whole_lines, log, told)
        for _ in range(new.count(FOLLOWED.encode())):
            say(f"[red]the CTI server was killed[/red], the next one follows; its log: {log}")


def _whole_lines(path: Path, start: int) -> tuple[bytes, int]:
    """What is new, and up to where that is; from the beginning when the log was put aside meanwhile."""
    with path.open("rb") as file:
        if start > file.seek(0, 2):
            start = 0
        file.seek(start)
        new = file.read()
    whole = new[: new.rfind(b"\n") + 1]
    return whole, start + len(whole)
