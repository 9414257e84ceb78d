"""A whole server as it is in production, for the socket benchmark: own Redis, database of agents, outbox."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy.ext.asyncio import AsyncConnection

from cti_server.store.database import Database
from cti_server.store.schema import upgrade
from cti_server.store.tables import agent_groups, agents, groups, service_numbers, stations
from tests.support.ports import free_port
from tests.support.processes import wait_until
from tests.support.redis import RedisServer

FIRST = 10_000
"""Id of the first agent, and address of its station."""
KEY = b"a signing key of the benchmark, 32 bytes and more"
START_TIME = 30.0


@dataclass(frozen=True)
class Running:
    """A server process that answers, and where."""

    process: subprocess.Popen[bytes]
    http_port: int
    key_file: Path
    folder: Path

    def cpu_seconds(self) -> float:
        """Processor time of the server and its own processes so far."""
        return sum(_cpu_seconds(pid) for pid in (self.process.pid, *_children(self.process.pid)))


@contextmanager
def running_server(folder: Path, checkout: Path, ami_port: int, count: int) -> Iterator[Running]:
    """Run the server of `checkout` with `count` agents, all in one group, below `folder`."""
    redis = RedisServer(folder)
    redis.start()
    try:
        asyncio.run(_fill(f"sqlite:///{folder}/centre.db", count))
        settings = _settings(folder, redis.url, ami_port)
        (folder / "server.json").write_text(json.dumps(settings))
        (folder / "token.key").write_bytes(KEY)
        with (folder / "server.log").open("ab") as log:
            process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", sys.executable, "-m", "cti_server", "serve"],
                cwd=checkout,
                env={
                    **os.environ,
                    "CTI_SETTINGS": str(folder / "server.json"),
                    "PYTHONPATH": str(checkout),
                },
                stdout=log,
                stderr=log,
            )
        try:
            found = Running(process, settings["http_port"], folder / "token.key", folder)
            wait_until(lambda: _ready(found), START_TIME, "the server is ready")
            yield found
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
    finally:
        redis.stop()


def _ready(server: Running) -> bool:
    assert server.process.poll() is None, (server.folder / "server.log").read_text()[-2000:]
    try:
        return httpx.get(f"http://127.0.0.1:{server.http_port}/health/ready").status_code == HTTPStatus.OK
    except httpx.TransportError:
        return False


def _settings(folder: Path, redis_url: str, ami_port: int) -> dict[str, Any]:
    node = {"name": "pbx-a", "ami_port": ami_port, "ami_user": "bench", "ami_secret": "bench"}
    return {
        "http_port": free_port(),
        "agi_port": free_port(),
        "redis_url": redis_url,
        "database_url": f"sqlite:///{folder}/centre.db",
        "outbox_dir": str(folder / "outbox"),
        "recordings_dir": str(folder / "recordings"),
        "token_key_file": str(folder / "token.key"),
        "nodes": [node],
    }


async def _fill(url: str, count: int) -> None:
    """`count` agents with a phone each in the group `general`, behind 4000."""
    await upgrade(url)
    ids = [str(FIRST + number) for number in range(count)]

    async def work(connection: AsyncConnection) -> None:
        await connection.execute(
            groups.insert(),
            {
                "group_id": "general",
                "name_zh": "综合",
                "name_en": "General",
                "ring_timeout_s": 20.0,
                "wrap_up_s": 600.0,
            },
        )
        number = {"number": "4000", "group_id": "general", "language": "zh", "greeting": "brief", "name": ""}
        await connection.execute(service_numbers.insert(), number)
        person = {"password_hash": "none", "roles": ["agent"], "enabled": True}
        await connection.execute(
            agents.insert(), [{"agent_id": i, "name": f"坐席{i}", **person} for i in ids]
        )
        member = {"group_id": "general", "level": 5}
        await connection.execute(agent_groups.insert(), [{"agent_id": i, **member} for i in ids])
        await connection.execute(
            stations.insert(), [{"address": i, "kind": "udp", "agent_id": i} for i in ids]
        )

    database = Database(url)
    try:
        await database.write(work, deadline=60)
    finally:
        await database.close()


def _cpu_seconds(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except FileNotFoundError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _children(pid: int) -> list[int]:
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in map(int, task.read_text().split()):
            found += [child, *_children(child)]
    return found
