"""`cti up` as a person sees it: what is being started, what runs where, how to make a first call."""

from __future__ import annotations

import asyncio
import os
import signal
import time
import zlib
from pathlib import Path

from rich.console import Console
from rich.table import Table

from asterisk_config.model import Endpoint
from cti_server.up.centre import Centre, running_centre
from cti_server.up.plan import LOOPBACK, Plan, Ports


def plan_for(
    var: Path,
    *,
    free_ports: bool = False,
    prompts: Path | None = None,
    music: Path | None = None,
    outside: str = "",
) -> Plan:
    """The usual ports, or any; the node's folder is named after ours, so that two checkouts do not meet.

    `outside`: `HOST:PORT` that numbers outside are called through, else a port of loopback. Raises ValueError
    for anything else.
    """
    mark = zlib.crc32(str(var.absolute()).encode())
    host, _, port = outside.rpartition(":")
    ports = Ports.free() if free_ports else Ports()
    carrier = Endpoint(host, int(port)) if outside else Endpoint(LOOPBACK, ports.outside)
    options = (("prompts_dir", prompts), ("music_dir", music), ("outside", carrier))
    own: dict[str, object] = {name: option for name, option in options if option}
    return Plan(var, ports, f"up-{mark:08x}", node_options=own)


async def run_in_front(plan: Plan, console: Console) -> None:
    """Run the centre until SIGINT or SIGTERM."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    began = time.monotonic()

    def say(what: str) -> None:
        console.print(f"[dim]{time.monotonic() - began:6.1f} s[/dim]  {what}", highlight=False)

    task = asyncio.current_task()
    early = asyncio.create_task(_cancel_on(stop, task))
    try:
        async with running_centre(plan, say) as centre:
            early.cancel()
            say(f"[green]ready 就绪[/green] (pid {os.getpid()})")
            console.print(_overview(centre))
            console.print(_first_call(centre), highlight=False, soft_wrap=True)
            await stop.wait()
            say("stopping 正在停止")
    except asyncio.CancelledError:
        if not stop.is_set():
            raise
    finally:
        early.cancel()
    say("stopped, nothing left running 已停止")


async def _cancel_on(stop: asyncio.Event, task: asyncio.Task[None] | None) -> None:
    """Ctrl-C while things are still being started."""
    await stop.wait()
    if task:
        task.cancel()


def _overview(centre: Centre) -> Table:
    table = Table(title="What runs where 运行概况", show_header=False)
    node = centre.about["nodes"][0]
    numbers = ", ".join(f"{number} {group}" for group, number in centre.about["numbers"].items())
    for row in (
        ("agents' socket 座席接口", centre.about["ws"]),
        ("HTTP API", f"{centre.about['http']}/docs"),
        ("health 健康", f"{centre.about['http']}/health/ready"),
        ("SIP (customers and phones)", node["sip"]),
        ("SIP over WebSocket", node["sip_ws"]),
        ("service numbers 服务号码", numbers),
        ("people, passwords 人员与密码", str(centre.plan.centre_json)),
        ("logs 日志", f"{centre.plan.var}/log/, {centre.rendered.log_file}"),
    ):
        table.add_row(*row)
    return table


def _first_call(centre: Centre) -> str:
    number = centre.about["numbers"]["general"]
    sip = centre.about["nodes"][0]["sip"]
    where = "" if centre.plan.var == Path("var") else f" --var {centre.plan.var}"
    about = "" if centre.plan.var == Path("var") else f" {centre.plan.centre_json}"
    return (
        "\nA first call 第一通电话 (docs/first-call.md):\n"
        "  1. register a SIP phone as 1001 with the sip_password from centre.json\n"
        f"  2. .venv/bin/python docs/examples/agent.py{about}     signs agent 1001 in and answers\n"
        f"  3. sipp -sn uac -s {number} -m 1 -d 15000 -i 127.0.0.1 {sip}     a customer calls\n"
        f"Real load 真实负载 (docs/simulation.md):\n"
        f"  .venv/bin/cti simulate surge --agents 12{where}\n"
        "Ctrl-C ends everything. 按 Ctrl-C 结束。\n"
    )
