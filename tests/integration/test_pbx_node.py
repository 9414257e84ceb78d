"""A node really starts, says so, keeps its surface small, survives garbage and leaves nothing behind."""

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

from asterisk_config.errors import NodeNotReadyError, NodeStartError
from asterisk_config.install import install
from asterisk_config.installation import Installation
from asterisk_config.node import render
from asterisk_config.process import NodeProcess
from asterisk_config.sip_probe import answers_options
from tests.support.pbx import console, node_config, running_node
from tests.support.processes import wait_until
from tests.support.raw_ami import raw_ami

pytestmark = [pytest.mark.asterisk, pytest.mark.usefixtures("asterisk")]


async def test_ready_quickly_and_without_a_complaint(tmp_path: Path) -> None:
    began = time.monotonic()
    async with running_node(tmp_path) as node:
        assert time.monotonic() - began < 10
        assert node.problems() == []


async def test_two_nodes_side_by_side(tmp_path: Path) -> None:
    async with running_node(tmp_path, name="pbx-a") as one, running_node(tmp_path, name="pbx-b") as two:
        for node in (one, two):
            assert await answers_options(node.sip.host, node.sip.port)
        async with raw_ami(one.ami) as first, raw_ami(two.ami) as second:
            names = [(await ami.action("CoreSettings"))["SystemName"] for ami in (first, second)]
        assert names == ["pbx-a", "pbx-b"]


async def test_nothing_is_left(tmp_path: Path) -> None:
    async with running_node(tmp_path) as node:
        pid, home = node.process.pid, node.rendered.home
    assert not _alive(pid)
    assert not home.exists()


async def test_asterisk_is_not_root_and_owns_no_configuration(tmp_path: Path) -> None:
    async with running_node(tmp_path) as node:
        account = node.rendered.installation.account()
        if account is None:
            pytest.skip("this machine's own Asterisk runs as whoever starts it")
        assert _owner(node.process.pid) == account.uid
        secrets = (node.rendered.home / "etc/manager.conf").stat()
        assert (secrets.st_uid, secrets.st_mode & 0o777) == (0, 0o640)


async def test_everything_the_dialplan_uses_is_loaded(tmp_path: Path) -> None:
    async with running_node(tmp_path) as node:
        dialplan = (node.rendered.home / "etc/extensions.conf").read_text()
        used = set(
            re.findall(
                r"(?:^exten => [^,]+,1,|^ same => n(?:\([a-z0-9]+\))?,)(\w+)\(", dialplan, re.MULTILINE
            )
        )
        functions = set(re.findall(r"\$\{([A-Z_]+)\(|Set\(([A-Z_]+)\(", dialplan))
        known = console(node, "core show applications") + console(node, "core show functions")
        names = used | {name for pair in functions for name in pair if name}
        assert names >= {"AGI", "Queue", "DEVICE_STATE", "FILTER"}
        missing = {name for name in names if not re.search(rf"^\s*{name}\b", known, re.MULTILINE)}
        assert missing == set()


async def test_a_login_may_not_run_programs_or_change_the_configuration(tmp_path: Path) -> None:
    async with running_node(tmp_path) as node, raw_ami(node.ami) as ami:
        for name, fields in (
            ("Command", {"Command": "core show version"}),
            ("GetConfig", {"Filename": "manager.conf"}),
            ("UpdateConfig", {"SrcFilename": "manager.conf"}),
            ("ModuleLoad", {"LoadType": "reload"}),
            ("MixMonitor", {"Channel": "x", "File": "x.raw", "Command": "id"}),
            (
                "Originate",
                {"Channel": "Local/s@cti-wait", "Application": "System", "Data": "id", "Async": "true"},
            ),
            ("Setvar", {"Variable": "SHELL(id)", "Value": "x"}),
            ("Getvar", {"Variable": "SHELL(id)"}),
        ):
            answer = await ami.action(name, **fields)
            assert answer["Response"] == "Error" or answer.get("Value") == "", (name, answer)


async def test_only_the_events_a_server_uses_arrive(tmp_path: Path) -> None:
    async with running_node(tmp_path) as node, raw_ami(node.ami) as ami:
        await ami.action(
            "Originate",
            Channel="Local/s@cti-wait/n",
            Context="cti-wait",
            Exten="s",
            Priority="1",
            Async="true",
        )
        await ami.reaches("wait")
        assert {event["Event"] for _, event in ami.events} <= {
            "FullyBooted",
            "DeviceStateChange",
            "Newchannel",
            "Newstate",
            "UserEvent",
        }


async def test_browsers_speak_sip_over_websocket(tmp_path: Path) -> None:
    async with running_node(tmp_path) as node:
        browser = await connect(node.sip_ws, subprotocols=[Subprotocol("sip")])
        assert browser.subprotocol == "sip"
        await browser.close()


async def test_garbage_does_no_harm(tmp_path: Path) -> None:
    async with running_node(tmp_path) as node:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            for garbage in (
                b"",
                b"\x00" * 1200,
                os.urandom(1200),
                b"INVITE sip:4000@x SIP/2.0\r\n\r\n",
                b"INVITE sip:4000@x SIP/2.0\r\nContent-Length: 99999999\r\n\r\n",
                b"OPTIONS " + b"a" * 8000 + b" SIP/2.0\r\n\r\n",
            ):
                sender.sendto(garbage, (node.sip.host, node.sip.port))
        for port in (node.ami.port, node.config.http.port):
            with socket.create_connection((node.ami.host, port)) as connection:
                connection.sendall(os.urandom(4096) + b"\r\n\r\n")
        assert await answers_options(node.sip.host, node.sip.port, 5)
        async with raw_ami(node.ami) as ami:
            assert (await ami.action("Ping"))["Response"] == "Success"


async def test_a_frozen_node_is_stopped_all_the_same(tmp_path: Path) -> None:
    async with running_node(tmp_path) as node:
        os.kill(node.process.pid, signal.SIGSTOP)
        await node.process.stop()
        assert not _alive(node.process.pid)


async def test_a_port_that_is_taken_is_told(tmp_path: Path) -> None:
    async with running_node(tmp_path) as node:
        other = NodeProcess(render(replace(node.config, folder=f"{node.config.folder}-2"), install()))
        await other.start()
        try:
            with pytest.raises(NodeStartError, match="Address already in use"):
                await other.wait_ready()
        finally:
            await other.stop()
            other.node.remove()


async def test_a_node_that_cannot_start_says_why(asterisk: Installation) -> None:
    rendered = render(node_config(), asterisk)
    (rendered.home / "etc/asterisk.conf").write_text("[directories]\nastetcdir => /nowhere\n")
    process = NodeProcess(rendered)
    await process.start()
    with pytest.raises((NodeStartError, NodeNotReadyError)) as raised:
        await process.wait_ready(3)
    assert raised.value.code.startswith("pbx_node_")
    await process.stop()
    rendered.remove()


def test_a_node_dies_with_its_parent(asterisk: Installation, tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    parent = subprocess.Popen([sys.executable, "-c", _PARENT, str(pid_file)])
    try:
        wait_until(pid_file.exists, 20, "the parent's node runs")
        pid, home = pid_file.read_text().split()
        assert _alive(int(pid))
        parent.kill()
        parent.wait(5)
        wait_until(lambda: not _alive(int(pid)), 5, "the node is gone")
        subprocess.run(["rm", "-rf", home], check=True)
    finally:
        parent.kill()
        parent.wait(5)


_PARENT = """
import asyncio, os, sys
from asterisk_config.install import install
from asterisk_config.node import render
from asterisk_config.process import NodeProcess
from tests.support.pbx import node_config

async def main():
    process = NodeProcess(render(node_config(), install()))
    await process.start()
    await process.wait_ready()
    with open(sys.argv[1] + ".new", "w") as file:
        file.write(f"{process.pid} {process.node.home}")
    os.rename(sys.argv[1] + ".new", sys.argv[1])
    await asyncio.sleep(60)

asyncio.run(main())
"""


def _alive(pid: int) -> bool:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, 0)
        return True
    return False


def _owner(pid: int) -> int:
    return Path(f"/proc/{pid}").stat().st_uid
