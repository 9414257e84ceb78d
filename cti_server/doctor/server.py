"""Checks of the server process: its ports are its own, or free for it; it says that it is ready."""

from __future__ import annotations

import asyncio
import json
import socket
from dataclasses import dataclass
from typing import Any

from cti_server.doctor.finding import Check, Text, Wrong
from cti_server.doctor.patient import Patient
from cti_server.settings import Settings
from cti_server.up.plan import Ports, PortTaken

PATIENCE = 2.0
_TAKEN = Text(
    "停掉占用端口的程序,或执行 make up FREE_PORTS=1", "stop the other program, or run make up FREE_PORTS=1"
)

_TAKEN_OR_HANGS = Text(
    "用 ss -ltnp 查看占用者:若是 cti serve,它已卡死,请重启;否则停掉该程序或换端口",
    "ss -ltnp shows whose: cti serve hangs, restart it; any other, stop it or take other ports",
)


def checks(patient: Patient) -> list[Check]:
    """Ports and readiness."""
    look = _Look(patient)
    return [
        Check("ports", Text("端口", "ports"), look.ports),
        Check("server_ready", Text("CTI 服务就绪", "CTI server ready"), look.ready),
    ]


@dataclass(frozen=True, slots=True)
class _Look:
    patient: Patient

    async def ports(self) -> str:
        """With a server running, its ports are in its hands; without one they are free."""
        settings = self.patient.settings
        if settings is None:
            return _usual_ports_free()
        http, agi = (settings.http_host, settings.http_port), (settings.agi_host, settings.agi_port)
        if await _is_ours(settings):
            if not await _taken(*agi):
                raise Wrong(
                    f"the server answers on {_at(http)} but not on {_at(agi)} (FastAGI)",
                    Text("看服务器日志,并重启服务器", "read the server's log, and restart it"),
                )
            return f"{_at(http)} (HTTP), {_at(agi)} (FastAGI): ours"
        taken = [_at(place) for place in (http, agi) if await _taken(*place)]
        if taken:
            raise Wrong(f"in use, and not answering as our server: {', '.join(taken)}", _TAKEN_OR_HANGS)
        return f"{_at(http)}, {_at(agi)}: free"

    async def ready(self) -> str:
        """The server answers `/health/ready`, with each of its dependencies."""
        settings = self.patient.needs()
        answer = await _get(settings, "/health/ready")
        if answer is None:
            raise Wrong(
                f"no server answers on {settings.http_host}:{settings.http_port}",
                Text("启动服务器,并看它的日志", "start the server (cti serve, make up) and read its log"),
            )
        status, body = answer
        if status != 200:  # noqa: PLR2004  # HTTP's OK
            raise Wrong(
                f"not ready: {body.get('detail', status)}",
                Text("先处理下面各项中失败的部件", "mend what fails below; the server goes on by itself"),
            )
        return ", ".join(f"{d['name']} {d['detail']}".strip() for d in body["dependencies"])


def _at(place: tuple[str, int]) -> str:
    return f"{place[0]}:{place[1]}"


def _usual_ports_free() -> str:
    try:
        Ports().check()
    except PortTaken as taken:
        raise Wrong(str(taken).partition(". ")[0], _TAKEN) from None
    return "the usual ones are free 默认端口空闲"


async def _taken(host: str, port: int) -> bool:
    """Whether somebody listens there (as `cti up` finds out: by trying to bind)."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind((host, port))
        except OSError:
            return True
    return False


async def _is_ours(settings: Settings) -> bool:
    answer = await _get(settings, "/health/live")
    return answer is not None and answer[1].get("status") == "live"


async def _get(settings: Settings, path: str) -> tuple[int, dict[str, Any]] | None:
    """Status and JSON body; None when nobody speaks HTTP and JSON there."""
    host = "127.0.0.1" if settings.http_host in ("0.0.0.0", "::") else settings.http_host
    try:
        async with asyncio.timeout(PATIENCE):
            reader, writer = await asyncio.open_connection(host, settings.http_port)
            try:
                writer.write(f"GET {path} HTTP/1.0\r\nHost: {host}\r\n\r\n".encode())
                head, _, body = (await reader.read()).partition(b"\r\n\r\n")
            finally:
                writer.close()
        return int(head.split()[1]), dict(json.loads(body))
    except (OSError, TimeoutError, ValueError, IndexError, TypeError):
        return None
