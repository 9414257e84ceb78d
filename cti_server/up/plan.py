"""What `cti up` will run: folders, ports, secrets, and the settings made of them."""

from __future__ import annotations

import json
import os
import secrets
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from asterisk_config.model import AmiLogin, Endpoint, NodeConfig, ServiceNumber, Station
from cti_server.domain.station import BROWSER_SUFFIX
from cti_server.errors import CtiError

LOOPBACK = "127.0.0.1"
SECRET_BYTES = 24


class PortTaken(CtiError):  # noqa: N818  # says what is, like its siblings in cti_server.errors
    """Another program listens on a port we need."""

    code = "port_taken"


@dataclass(frozen=True, slots=True)
class Ports:
    """Where everything listens, all on loopback."""

    http: int = 8080
    sip: int = 5060
    sip_ws: int = 8088
    ami: int = 5038
    agi: int = 4573
    redis: int = 6390
    rtp_first: int = 10_000
    rtp_last: int = 11_999
    outside: int = 5070
    """Where numbers outside are called at, and nobody of ours listens: `cti simulate` has people there."""

    @classmethod
    def free(cls) -> Ports:
        """Ports nobody uses now, for a second centre beside a first."""
        tcp = [_free(socket.SOCK_STREAM) for _ in range(5)]
        sip, outside = (_free(socket.SOCK_DGRAM) for _ in range(2))
        return cls(tcp[0], sip, tcp[1], tcp[2], tcp[3], tcp[4], 31_000, 32_766, outside)

    def check(self) -> None:
        """Raises PortTaken, naming the port and the way out."""
        wanted = {name: getattr(self, name) for name in ("http", "sip_ws", "ami", "agi", "redis")}
        taken = [f"{name} {port}" for name, port in wanted.items() if not can_bind(port, socket.SOCK_STREAM)]
        if not can_bind(self.sip, socket.SOCK_DGRAM):
            taken.append(f"sip {self.sip}/udp")
        if taken:
            raise PortTaken(
                f"in use: {', '.join(taken)}. Stop the other program, or run `make up FREE_PORTS=1`."
            )


def _free(kind: socket.SocketKind) -> int:
    with socket.socket(socket.AF_INET, kind) as sock:
        sock.bind((LOOPBACK, 0))
        return int(sock.getsockname()[1])


def can_bind(port: int, kind: socket.SocketKind) -> bool:
    """Whether nobody has that port of loopback."""
    with socket.socket(socket.AF_INET, kind) as sock:
        if kind is socket.SOCK_STREAM:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


@dataclass(frozen=True, slots=True)
class Plan:
    """One centre below one folder (`var` by default)."""

    var: Path
    ports: Ports
    node_folder: str
    node_options: Mapping[str, Any] = field(default_factory=dict)
    """Fields of NodeConfig to be set otherwise: timings, a bank's own prompts and music, addresses."""
    server_options: Mapping[str, Any] = field(default_factory=dict)
    """Settings of the server to be set otherwise."""

    @property
    def centre_json(self) -> Path:
        """What programs read to find the centre (PROTOCOL)."""
        return self.var / "run/centre.json"

    @property
    def server_json(self) -> Path:
        """The server's settings, secrets among them: mode 0600."""
        return self.var / "run/server.json"

    @property
    def database_url(self) -> str:
        """SQLite below our folder unless `CTI_DATABASE_URL` names another."""
        return os.environ.get("CTI_DATABASE_URL") or f"sqlite:///{self.var.absolute()}/centre.db"

    @property
    def redis_url(self) -> str:
        """Our own Redis unless `CTI_REDIS_URL` names another."""
        return os.environ.get("CTI_REDIS_URL") or f"redis://{LOOPBACK}:{self.ports.redis}/0"

    def log(self, name: str) -> Path:
        """A program's log file."""
        return self.var / f"log/{name}.log"


def load_secrets(path: Path, addresses: list[str]) -> dict[str, Any]:
    """Passwords of stations and logins, made once and kept (mode 0600)."""
    known: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {"stations": {}}
    known.setdefault("ami", secrets.token_urlsafe(SECRET_BYTES))
    for address in addresses:
        known["stations"].setdefault(address, secrets.token_urlsafe(SECRET_BYTES // 2))
    write_private(path, json.dumps(known, indent=1))
    return known


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner may read, in one step."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    partial.replace(path)


def node_config(
    plan: Plan, known: dict[str, Any], numbers: list[ServiceNumber], groups: list[str], name: str = "pbx-a"
) -> NodeConfig:
    """The one PBX node of a demo centre."""
    ports = plan.ports
    stations = tuple(
        Station(address, password, browser=address.endswith(BROWSER_SUFFIX))
        for address, password in known["stations"].items()
    )
    fields: dict[str, Any] = {
        "name": name,
        "folder": plan.node_folder,
        "sip": Endpoint(LOOPBACK, ports.sip),
        "http": Endpoint(LOOPBACK, ports.sip_ws),
        "ami": Endpoint(LOOPBACK, ports.ami),
        "agi": (Endpoint(LOOPBACK, ports.agi),),
        "ami_logins": (AmiLogin("cti-a", known["ami"]),),
        "stations": stations,
        "numbers": tuple(numbers),
        "groups": tuple(groups),
        "rtp_ports": (ports.rtp_first, ports.rtp_last),
    }
    return NodeConfig(**fields | dict(plan.node_options))
