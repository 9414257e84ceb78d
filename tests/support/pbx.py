"""A real Asterisk node for tests: own folder, own ports, gone afterwards."""

import csv
import os
import shutil
import socket
import subprocess
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from asterisk_config.errors import NodeStartError
from asterisk_config.install import install
from asterisk_config.installation import Installation
from asterisk_config.model import AmiLogin, Endpoint, NodeConfig, ServiceNumber, Station
from asterisk_config.node import RenderedNode, render
from asterisk_config.process import NodeProcess
from asterisk_config.surface import CEL_COLUMNS
from tests.support.ports import free_port

LOOPBACK = "127.0.0.1"
SECRET = "integration-secret"
PASSWORD = "station-secret"
STATIONS = tuple(Station(str(number), PASSWORD) for number in range(1001, 1011))
BROWSERS = (Station("1001-browser", PASSWORD, browser=True), Station("1002-browser", PASSWORD, browser=True))
NUMBERS = (
    ServiceNumber("4000", "general"),
    ServiceNumber("4001", "credit_card"),
    ServiceNumber("4002", "elder"),
    ServiceNumber("4008", "general", greeting=""),  # quick, for tests of what comes after the greeting
    ServiceNumber("4009", "general", language="en"),
)


_GROUNDLESS = (
    "Prodding channel 'Surrogate/",  # now and then when a channel is taken into a bridge
)


@dataclass(frozen=True, slots=True)
class AmiAddress:
    """Where and as whom to log in on the node's manager interface."""

    host: str
    port: int
    user: str
    secret: str


@dataclass(frozen=True, slots=True)
class RunningNode:
    """A node that is ready. `agi` is where it looks for the CTI server's FastAGI."""

    rendered: RenderedNode
    process: NodeProcess

    @property
    def config(self) -> NodeConfig:
        return self.rendered.config

    @property
    def sip(self) -> Endpoint:
        return self.config.sip

    @property
    def sip_ws(self) -> str:
        return f"ws://{self.config.http}/ws"

    @property
    def agi(self) -> Endpoint:
        return self.config.agi[0]

    @property
    def ami(self) -> AmiAddress:
        login = self.config.ami_logins[0]
        return AmiAddress(self.config.ami.host, self.config.ami.port, login.user, login.secret)

    @property
    def recordings(self) -> Path:
        return self.rendered.recording_dir

    def log_text(self) -> str:
        """Asterisk's log so far."""
        log = self.rendered.log_file
        return log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""

    def problems(self) -> list[str]:
        """Lines of the log that are warnings or errors, but for those Asterisk writes without a cause."""
        lines = [line for line in self.log_text().splitlines() if " WARNING[" in line or " ERROR[" in line]
        return [line for line in lines if not any(words in line for words in _GROUNDLESS)]

    def cel_rows(self) -> list[dict[str, str]]:
        """Channel events so far, oldest first; keys are `surface.CEL_COLUMNS`."""
        if not self.rendered.cel_file.exists():
            return []
        with self.rendered.cel_file.open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file, fieldnames=list(CEL_COLUMNS)))


@pytest.fixture(scope="session")
def asterisk() -> Installation:
    """Give a real Asterisk; the first of several workers to ask installs it, the others wait."""
    installation = install()
    _sweep(installation)
    return installation


def _sweep(installation: Installation) -> None:
    """Remove the folders of test runs that were killed."""
    for folder in installation.nodes_dir.glob("t-*-*"):
        if not Path(f"/proc/{folder.name.split('-')[1]}").exists():
            shutil.rmtree(folder, ignore_errors=True)


def endpoint(kind: socket.SocketKind = socket.SOCK_STREAM) -> Endpoint:
    """Return an address nobody listens on at this moment."""
    return Endpoint(LOOPBACK, free_port(kind))


def node_config(**overrides: Any) -> NodeConfig:
    """Return a node with free ports and a folder of its own; any field may be given instead."""
    values: dict[str, Any] = {
        "name": "pbx-a",
        "folder": f"t-{os.getpid()}-{uuid.uuid4().hex[:12]}",
        "sip": endpoint(socket.SOCK_DGRAM),
        "http": endpoint(),
        "ami": endpoint(),
        "agi": (endpoint(),),
        "ami_logins": (AmiLogin("cti-a", SECRET), AmiLogin("cti-b", SECRET)),
        "stations": STATIONS + BROWSERS,
        "numbers": NUMBERS,
        "groups": ("general", "credit_card", "elder"),
        "rtp_ports": (31_002, 32_766),
    }
    return NodeConfig(**{**values, **overrides})


@asynccontextmanager
async def running_node(tmp_path: Path, **overrides: Any) -> AsyncIterator[RunningNode]:
    """Run a node until the block ends. `overrides` are fields of NodeConfig.

    Its folder lies where Asterisk can reach it and is removed afterwards; the log, the CEL file and the
    configuration are kept in `tmp_path/<node's name>`.
    """
    installation = install()
    node = await _started(installation, overrides)
    try:
        yield node
    finally:
        await node.process.stop()
        _keep(node, tmp_path / node.config.name)
        node.rendered.remove()


async def _started(installation: Installation, overrides: dict[str, Any], attempts: int = 3) -> RunningNode:
    """Somebody may take a port between the look and the bind: then it is tried again with others."""
    for attempt in range(attempts):
        rendered = render(node_config(**overrides), installation)
        process = NodeProcess(rendered)
        await process.start()
        try:
            await process.wait_ready()
        except Exception:
            await process.stop()
            rendered.remove()
            if attempt == attempts - 1:
                raise
        else:
            return RunningNode(rendered, process)
    raise NodeStartError("no node could be started")


def _keep(node: RunningNode, target: Path) -> None:
    for part in ("log", "etc"):
        shutil.copytree(node.rendered.home / part, target / part, dirs_exist_ok=True)


def console(node: RunningNode, command: str) -> str:
    """What Asterisk's own console answers."""
    argv = node.rendered.installation.command(["-C", node.rendered.config_file, "-rx", command])
    return subprocess.run(argv, capture_output=True, text=True, check=True, timeout=20).stdout
