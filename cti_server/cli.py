"""The `cti` command. Each subcommand imports what it needs, so that `--help` is quick."""

from __future__ import annotations

import asyncio
import gc
import json
import signal
import sys
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from cti_server.errors import CtiError

app = typer.Typer(
    name="cti",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="CTI server of a bank's contact centre, on Asterisk. 银行客户服务中心的 CTI 服务器。",
)
pbx = typer.Typer(no_args_is_help=True, help="The Asterisk nodes. Asterisk 节点。")
app.add_typer(pbx, name="pbx")
report = typer.Typer(no_args_is_help=True, help="Reports. 报表。")
app.add_typer(report, name="report")
console = Console(stderr=True)


class Pattern(StrEnum):
    """Kinds of load; `cti_server.simulate.patterns` has them as data."""

    STEADY = "steady"
    SURGE = "surge"
    ABANDONING = "abandoning"
    QUEUEING = "queueing"
    TRANSFERRING = "transferring"
    EVERYTHING = "everything"


class StationModeChoice(StrEnum):
    """Station modes as on the wire."""

    PERSISTENT = "persistent"
    ON_DEMAND = "on_demand"


@app.command()
def serve() -> None:
    """Run one CTI server, set up by CTI_SETTINGS (a JSON file) and CTI_* variables.

    运行一台 CTI 服务器。
    """
    gc.disable()  # all that is made while starting stays, and agents wait: `bootstrap.garbage` takes over
    from cti_server.bootstrap.server import prepare, serve_until_told

    prepare()
    serve_until_told()


@app.command()
def up(
    var: Annotated[Path, typer.Option(help="Folder for data, logs and secrets.")] = Path("var"),
    free_ports: Annotated[bool, typer.Option(help="Take any free ports instead of the usual ones.")] = False,
    prompts: Annotated[
        Path | None,
        typer.Option(envvar="CTI_PROMPTS", help="Your own prompts: LANGUAGE/NAME.wav, 8 kHz mono."),
    ] = None,
    music: Annotated[
        Path | None, typer.Option(envvar="CTI_MUSIC", help="Your own music on hold: *.wav, 8 kHz mono.")
    ] = None,
    outside: Annotated[
        str,
        typer.Option(
            envvar="CTI_OUTSIDE",
            help="HOST:PORT that numbers outside are called through (SIP); else loopback.",
        ),
    ] = "",
) -> None:
    """Run a whole centre in front: Asterisk, Redis, database, server. Ctrl-C ends it all.

    启动整个演示中心。
    """
    from cti_server.up.front import plan_for, run_in_front

    try:
        plan = plan_for(var, free_ports=free_ports, prompts=prompts, music=music, outside=outside)
    except ValueError:
        raise typer.BadParameter("HOST:PORT, like 127.0.0.1:5070", param_hint="--outside") from None
    try:
        asyncio.run(run_in_front(plan, console))
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


@app.command()
def simulate(
    *,
    pattern: Annotated[
        Pattern, typer.Argument(help="What the load is like. 负载模式。", show_default=True)
    ] = Pattern.STEADY,
    agents: Annotated[int, typer.Option(min=1, max=500, help="Agents at work. 座席数。")] = 8,
    rate: Annotated[
        float, typer.Option(min=0, help="Calls a second at the base; 0 suits the agents. 每秒呼叫数。")
    ] = 0.0,
    duration: Annotated[
        float, typer.Option(min=1, help="Seconds in which calls are begun. 持续秒数。")
    ] = 60.0,
    seed: Annotated[int, typer.Option(help="The same seed, the same plan. 随机种子。")] = 1,
    station_mode: Annotated[
        StationModeChoice, typer.Option(help="How agents' phones are used. 话机模式。")
    ] = StationModeChoice.PERSISTENT,
    pace: Annotated[
        float, typer.Option(min=0.1, max=100, help="Agents so many times as quick as people. 座席速度倍数。")
    ] = 1.0,
    as_json: Annotated[
        Path | None, typer.Option("--json", help="Write the closing report here, too. 报告 JSON 文件。")
    ] = None,
    var: Annotated[Path, typer.Option(help="Folder of the centre, as of `cti up`.")] = Path("var"),
) -> None:
    """Real load against the running centre: customers and phones by SIPp, agents by their programs.

    steady: the base rate. surge: three times that for a while. abandoning: customers who hang up soon.

    queueing: a queue that grows, call-backs, messages. transferring: transfers and consultations.

    everything: all of it, and calls to colleagues and numbers outside.

    Ends with a report; exit code 1 when something was lost, failed, left over, or told differently by SIPp,
    the programs and the server. Ctrl-C ends it early, with a report (exit code 130).

    对运行中的中心施加真实负载,并核对各方数据:平稳、高峰、放弃、排队(回电与留言)、转接、综合。
    """
    from cti_server.simulate.front import run_in_front
    from cti_server.simulate.run import Wish

    wish = Wish(pattern.value, agents, rate, duration, seed, station_mode.value, pace)
    raise typer.Exit(asyncio.run(run_in_front(var, wish, as_json, console)))


@app.command()
def prepare(
    *,
    var: Annotated[Path, typer.Option(help="Folder for data and secrets.")],
    pbx_home: Annotated[Path, typer.Option(help="Folder for the PBX node's own folder.")],
    prompts: Annotated[Path, typer.Option(help="Made prompts: LANGUAGE/NAME.wav.")],
    published: Annotated[str, typer.Option(help="Address phones reach the PBX at.")] = "127.0.0.1",
    http_port: Annotated[int, typer.Option(envvar="CTI_HTTP_PORT")] = 8080,
    sip_port: Annotated[int, typer.Option(envvar="CTI_SIP_PORT")] = 5060,
    sip_ws_port: Annotated[int, typer.Option(envvar="CTI_SIP_WS_PORT")] = 8088,
    rtp_first: Annotated[int, typer.Option(envvar="CTI_RTP_FIRST")] = 10_000,
    rtp_last: Annotated[int, typer.Option(envvar="CTI_RTP_LAST")] = 10_099,
) -> None:
    """Make all files of a centre whose programs run in containers, then end (docs/containers.md).

    为容器部署准备数据库、密钥与配置。
    """
    from cti_server.up.plan import Plan, Ports
    from cti_server.up.prepare import Container, prepare_files

    ports = Ports(http=http_port, sip=sip_port, sip_ws=sip_ws_port, rtp_first=rtp_first, rtp_last=rtp_last)
    asyncio.run(prepare_files(Plan(var, ports, "pbx-a"), Container(pbx_home, prompts, published)))


@app.command()
def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Machine-readable result.")] = False,
    var: Annotated[Path, typer.Option(help="Folder of the centre, as of `cti up`.")] = Path("var"),
) -> None:
    """Check everything a server needs; each failure says how to mend it.

    检查环境,并说明如何修复。
    """
    from cti_server.doctor import examine

    findings = asyncio.run(examine(var=var))
    report = Console(highlight=False, soft_wrap=True)
    if as_json:
        sys.stdout.write(json.dumps([finding.as_dict() for finding in findings], ensure_ascii=False) + "\n")
    else:
        for finding in findings:
            report.print(finding.line())
    raise typer.Exit(0 if all(finding.ok for finding in findings) else 1)


@report.command("check")
def report_check(
    since: Annotated[datetime | None, typer.Option(help="Default: a day ago.")] = None,
    until: Annotated[datetime | None, typer.Option(help="Default: now.")] = None,
    tolerance: Annotated[float, typer.Option(help="Seconds that times may differ.")] = 1.0,
    as_json: Annotated[bool, typer.Option("--json", help="Machine-readable result.")] = False,
    var: Annotated[Path, typer.Option(help="Folder of the centre, as of `cti up`.")] = Path("var"),
) -> None:
    """Recompute contacts, answers and talk times from Asterisk's own log; exit code 1 when they differ.

    用 Asterisk 的通道事件日志核对报表。
    """
    from cti_server.bootstrap import report_check as checking

    end = (until or datetime.now(UTC)).astimezone()
    begin = since.astimezone() if since else end - timedelta(days=1)
    found = asyncio.run(checking.check_figures(checking.settings_of(var), begin, end, tolerance))
    out = Console(highlight=False, soft_wrap=True)
    if as_json:
        sys.stdout.write(checking.as_json(found) + "\n")
    else:
        for line in checking.as_text(found, begin, end):
            out.print(line)
    raise typer.Exit(0 if found.agrees else 1)


@pbx.command("install")
def pbx_install(
    folder: Annotated[Path | None, typer.Option(help="Where to put it (default: .cache/asterisk).")] = None,
) -> None:
    """Bring a real Asterisk, if this machine has none that is new enough.

    安装 Asterisk。
    """
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    from asterisk_config.install import DEFAULT_ROOT_DIR, install

    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as bar:
        task = bar.add_task("Asterisk", total=1.0)

        def progress(what: str, share: float | None) -> None:
            bar.update(task, description=f"Asterisk: {what}", completed=share)

        installation = install(folder or DEFAULT_ROOT_DIR, progress)
        bar.update(task, description="Asterisk", completed=1.0)
    console.print(f"Asterisk {installation.version}")


def main() -> None:
    """Entry point; known errors are one line with a code, not a traceback."""
    from asterisk_config.errors import PbxError

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        app()
    except (CtiError, PbxError) as error:
        console.print(f"[red]{error.code}[/red]: {error}", highlight=False)
        sys.exit(1)
