"""Starts a whole centre, watches over it, ends it: Asterisk, Redis, database, server."""

from __future__ import annotations

import asyncio
import fcntl
import json
import shutil
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from asterisk_config.install import install
from asterisk_config.installation import Installation
from asterisk_config.model import NodeConfig, ServiceNumber
from asterisk_config.node import RenderedNode, render
from asterisk_config.process import NodeProcess
from asterisk_config.surface import CEL_COLUMNS
from cti_server.errors import CtiError
from cti_server.store.database import Database
from cti_server.store.directory import Directory, load_directory
from cti_server.store.passwords import CHEAP, STANDARD, Passwords
from cti_server.store.schema import upgrade
from cti_server.store.seed import seed
from cti_server.up.child import Child, ChildFailed
from cti_server.up.plan import LOOPBACK, Plan, load_secrets, node_config, write_private

Say = Callable[[str], None]
READY_TIME = 30.0
RESTART_PAUSE = 0.2
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
    plan: Plan, say: Say, root_dir: Path | None = None, *, cheap_passwords: bool = False
) -> AsyncIterator[Centre]:
    """Run until the block ends; nothing is left behind but the folder.

    Raises AlreadyRunning, PortTaken, ChildFailed, and asterisk_config's errors, each with what to do.
    """
    async with AsyncExitStack() as stack:
        stack.enter_context(_only_one(plan.var))
        plan.ports.check()
        say("Asterisk")
        installation = await asyncio.to_thread(_installed, root_dir, say)
        say("database, Redis")
        redis = await _start_redis(stack, plan)
        directory, passwords = await _prepare_database(plan, cheap=cheap_passwords)
        known = load_secrets(plan.var / "secrets/stations.json", list(directory.stations))
        config = node_config(plan, known, _numbers(directory), list(directory.groups))
        rendered = await asyncio.to_thread(render, config, installation)
        say(f"PBX node {config.name} (Asterisk {installation.version})")
        node = NodeProcess(rendered)
        stack.push_async_callback(node.stop)
        await node.start()
        server = Child("cti-a", [sys.executable, "-m", "cti_server", "serve"], plan.log("cti-a"), _env(plan))
        stack.push_async_callback(server.stop)
        write_private(
            plan.server_json, json.dumps(_server_settings(plan, known, rendered, cheap=cheap_passwords))
        )
        await node.wait_ready()
        say("CTI server")
        await server.start()
        await _until_ready(plan, server, node, redis)
        about = _about(plan, config, directory, passwords, known)
        write_private(plan.centre_json, json.dumps(about, ensure_ascii=False, indent=1))
        stack.callback(plan.centre_json.unlink, missing_ok=True)
        watch = asyncio.create_task(_keep_alive(server, say))
        stack.callback(watch.cancel)
        yield Centre(plan, node, rendered, redis, server, about)


class _only_one:  # noqa: N801  # used as a statement: `with _only_one(folder):`
    """Holds the folder's lock. Raises AlreadyRunning."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
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
    def progress(what: str, share: float | None) -> None:
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


async def _prepare_database(plan: Plan, *, cheap: bool) -> tuple[Directory, dict[str, str]]:
    """Tables, people; returns the directory and the clear passwords of the demo (kept in a private file)."""
    url = plan.database_url
    await upgrade(url)
    kept = plan.var / "secrets/people.json"
    known: dict[str, str] = json.loads(kept.read_text()) if kept.exists() else {}
    database, passwords = Database(url), Passwords(CHEAP if cheap else STANDARD)
    try:
        known |= await seed(database, passwords, known)
        write_private(kept, json.dumps(known, indent=1))
        return await load_directory(database), known
    finally:
        passwords.close()
        await database.close()


def _numbers(directory: Directory) -> list[ServiceNumber]:
    return [
        ServiceNumber(entry.number, entry.group_id, entry.greeting, entry.language[:2])
        for entry in directory.service_numbers.values()
    ]


def _env(plan: Plan) -> dict[str, str]:
    # Compiled modules are kept even where the environment says otherwise: a restart must be quick.
    return {"CTI_SETTINGS": str(plan.server_json.absolute()), "PYTHONDONTWRITEBYTECODE": ""}


def _server_settings(
    plan: Plan, known: dict[str, Any], rendered: RenderedNode, *, cheap: bool
) -> dict[str, Any]:
    var = plan.var.absolute()
    node = {
        "name": rendered.config.name,
        "ami_port": plan.ports.ami,
        "ami_user": rendered.config.ami_logins[0].user,
        "ami_secret": known["ami"],
        "cel_file": str(rendered.cel_file),
        "cel_columns": list(CEL_COLUMNS),
        "recording_spool": str(rendered.recording_dir),
        "sip": str(rendered.config.sip),
    }
    return {
        "http_port": plan.ports.http,
        "agi_port": plan.ports.agi,
        "redis_url": plan.redis_url,
        "database_url": plan.database_url,
        "outbox_dir": str(var / "outbox"),
        "recordings_dir": str(var / "recordings"),
        "token_key_file": str(var / "secrets/token.key"),
        "origins": [f"http://{LOOPBACK}:{plan.ports.http}", f"http://localhost:{plan.ports.http}"],
        "cheap_passwords": cheap,
        "nodes": [node],
        **plan.server_options,
    }


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


async def _keep_alive(server: Child, say: Say) -> None:
    """Start the server again when it dies: calls live in Asterisk meanwhile, agents resume."""
    for _ in range(MOST_RESTARTS):
        code = await server.wait()
        say(f"{server.name} ended with code {code}, starting it again; its log: {server.log}")
        await asyncio.sleep(RESTART_PAUSE)
        await server.start()
    say(f"{server.name} ended {MOST_RESTARTS} times; not started again")


def _about(
    plan: Plan, config: NodeConfig, directory: Directory, passwords: dict[str, str], known: dict[str, Any]
) -> dict[str, Any]:
    """What programs read to find the centre (PROTOCOL, Finding a running centre)."""
    http = f"{LOOPBACK}:{plan.ports.http}"
    stations = known["stations"]
    numbers = {entry.group_id: entry.number for entry in directory.service_numbers.values()}
    people = [
        {
            "agent_id": agent.agent_id,
            "password": passwords.get(agent.agent_id, ""),
            "name": agent.name,
            "roles": list(agent.roles),
            "groups": list(agent.groups),
            "station": _phone(agent.agent_id, stations),
            "browser_station": _phone(f"{agent.agent_id}-browser", stations),
        }
        for agent in directory.agents.values()
    ]
    node = {"name": config.name, "sip": str(config.sip), "sip_ws": f"ws://{config.http}/ws"}
    return {
        "http": f"http://{http}",
        "ws": f"ws://{http}/ws",
        "nodes": [node],
        "numbers": numbers,
        "people": people,
    }


def _phone(address: str, stations: dict[str, str]) -> dict[str, str] | None:
    password = stations.get(address)
    return {"sip_user": address, "sip_password": password} if password else None
