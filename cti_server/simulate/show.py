"""How a run looks while it goes on and at its end; Chinese and English side by side, as all of `cti`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from rich.console import Console
from rich.live import Live
from rich.table import Table

from cti_server.simulate.promises import Promises
from cti_server.simulate.report import Report

_EACH = 5.0
"""Seconds between two lines where there is no terminal."""


@dataclass(frozen=True, slots=True)
class Moment:
    """How things stand."""

    seconds: float
    of: float
    called: int
    planned: int
    present: int
    """Customers in the line: waiting or talking."""
    talking: int
    ready: int
    agents: int
    answered: int
    refused: int
    errors: int


class Progress:
    """In `with`: `show` as often as you like; a live table on a terminal, else a line each five seconds."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = (
            Live(console=console, refresh_per_second=4, transient=True) if console.is_terminal else None
        )
        self._next = 0.0

    def __enter__(self) -> Callable[[Moment], None]:
        if self._live:
            self._live.__enter__()
        return self._show

    def __exit__(self, *what: object) -> None:
        if self._live:
            self._live.stop()

    def _show(self, now: Moment) -> None:
        if self._live:
            self._live.update(_picture(now))
        elif now.seconds >= self._next:
            self._next = now.seconds + _EACH
            self._console.print(_line(now), highlight=False, soft_wrap=True)


def _line(now: Moment) -> str:
    calls = f"{now.called} of {now.planned} calls, {now.present} in the line, {now.talking} talking"
    agents = f"{now.ready} of {now.agents} agents ready, {now.errors} errors"
    over = f"of {now.of:.0f}" if now.seconds < now.of else "(no more calls)"
    return f"{now.seconds:6.0f} s {over}: {calls}, {now.answered} answered, {agents}"


def _picture(now: Moment) -> Table:
    table = Table(title="simulation 仿真", show_header=False)
    done = int(30 * min(1.0, now.seconds / now.of)) if now.of else 30
    for row in (
        ("time 时间", f"{'━' * done}{'╌' * (30 - done)} {now.seconds:.0f} s / {now.of:.0f} s"),
        ("calls 呼叫", f"{now.called} / {now.planned}"),
        ("in the line 在线客户", str(now.present)),
        ("talking 通话中", str(now.talking)),
        ("answered 已接通", str(now.answered)),
        ("agents ready 就绪座席", f"{now.ready} / {now.agents}"),
        ("overtaken commands 被抢先的命令", str(now.refused)),
        ("errors 错误", str(now.errors)),
    ):
        table.add_row(*row)
    return table


def tables(report: Report) -> list[Table]:
    """The closing report."""
    return [_figures(report), _witnesses(report), _left_over(report)]


def _figures(report: Report) -> Table:
    ended = " · interrupted 提前结束" if report.interrupted else ""
    title = f"{report.pattern} · seed {report.seed} · {report.seconds:.0f} s{ended}"
    table = Table(title=title, show_header=False)
    table.add_column(overflow="fold")
    table.add_column(overflow="fold")
    sipp = report.customers
    for row in (
        ("agents, stations 座席", f"{report.agents}, {report.station_mode}"),
        ("calls 呼叫", f"{sipp.created} ({sipp.failed} failed 失败)"),
        *(("refused with 被拒", _counts(it)) for it in [report.refused_with] if it),
        ("answered 接通", str(report.answered)),
        ("abandoned 放弃", f"{report.abandoned} + {report.short_abandons} short 短放弃"),
        ("service level 服务水平 (20 s)", _percent(report.service_level)),
        ("wait 等待 p50 / p95 / max", " / ".join(_seconds(value) for value in report.waits.values())),
        ("wait as told 预计等待", _promised(report.promises)),
        *_directions(report),
        *_wished(report),
        ("commands 命令", f"{report.commands} ({sum(report.refusals.values())} overtaken 被抢先)"),
        ("errors 错误", _counts(report.errors)),
        ("lost 丢失", str(report.lost)),
        *(("left out 未执行", _LEFT_OUT[code]) for code in report.left_out),
    ):
        table.add_row(*row)
    return table


_DIRECTIONS = {"inbound": "inbound 呼入", "outbound": "outbound 外拨", "internal": "internal 内部"}
_WHAT = {
    "calls taken": "呼入接听数",
    "ended by the customer": "客户挂断",
    "ended by the centre": "中心挂断",
    "waited for a person": "排队人工",
    "answered": "人工接通",
    "answered in time": "及时接通",
    "mean wait": "平均等待",
    "outbound, answered": "外拨接通",
    "internal, answered": "内部接通",
    "passed on outside": "盲转外线",
    "answered outside": "外线接听",
    "outbound in the figures": "报表外拨接通",
    "wanted a call-back": "要求回电",
    "call-backs promised": "登记回电",
    "called back": "已回电",
    "called back, talked": "回电接通",
    "wanted to leave a message": "要求留言",
    "messages with sound": "有声留言",
}


_LEFT_OUT = {
    "no_outside_target": "calls outside and back: no target on loopback here 外拨与回电:未配置本机外线目标",
    "outside_port_in_use": "calls outside and back: somebody else has that port 外拨与回电:端口被占用",
    "no_call_back_offered": "call-backs: no group called offers them 回电:所呼群组均未开放",
    "no_voicemail": "messages: no service number leads to the voicemail 留言:没有通向留言的服务号码",
}


def _directions(report: Report) -> Iterator[tuple[str, str]]:
    """How many contacts there were each way, and of how many somebody talked."""
    for name, it in report.directions.items():
        if it.contacts:
            yield _DIRECTIONS[name], f"{it.contacts} ({it.connected} connected 接通)"
    if report.outside:
        outside = report.outside
        vain = f"{outside.refused} refused 拒接, {outside.in_vain} in vain 未接"
        yield (
            "numbers outside 外线",
            f"{outside.answered} answered 接听, {vain}, {outside.failed} failed 失败",
        )
    passed = report.passed_on
    if passed.told:
        back = f"{passed.returned} came back 退回, {passed.left} left 挂断"
        yield "passed on outside 盲转外线", f"{passed.told} ({passed.answered} answered 接听, {back})"


def _wished(report: Report) -> Iterator[tuple[str, str]]:
    """What became of those who did not want a person."""
    back, spoken = report.call_backs, report.messages
    if back.wanted:
        became = (
            f"{back.kept} promised 已登记, {back.reached} reached 已接通, {back.otherwise} otherwise 其他"
        )
        yield "wanted a call-back 要求回电", f"{back.wanted} ({became})"
    if spoken.wanted:
        became = (
            f"{spoken.left} left 已留, {spoken.with_sound} with sound 有声, {spoken.handled} handled 已处理"
        )
        yield "wanted to leave a message 要求留言", f"{spoken.wanted} ({became})"
    if report.customers.keys:
        yield "keys pressed 按键", str(report.customers.keys)


def _witnesses(report: Report) -> Table:
    table = Table("witnesses 对账", "", "", "", title="who says what 各方数据")
    for it in report.comparisons:
        mark = "[green]=[/green]" if it.agrees else "[red]≠[/red]"
        table.add_row(
            f"{it.what} {_WHAT[it.what]}",
            f"{it.one}: {it.one_says:g}",
            mark,
            f"{it.other}: {it.other_says:g}",
        )
    return table


def _left_over(report: Report) -> Table:
    left = report.left_over
    table = Table(title="left over 残留", show_header=False)
    for name, value in (
        ("contacts 会话", str(left.contacts)),
        ("channels 通道", _count(left.channels)),
        ("bridges 桥接", _count(left.bridges)),
        ("stuck agents 卡住的座席", ", ".join(left.stuck_agents) or "0"),
        ("customers' calls 客户呼叫", str(left.calls)),
    ):
        table.add_row(name, value)
    return table


def _promised(promises: Promises) -> str:
    if not promises.told:
        return "nobody was told 未播报"
    means = f"{_seconds(promises.expected)}, came 实际 {_seconds(promises.came)}"
    return f"{promises.told} × {means}; off by 误差 {_seconds(promises.off_by)} (median 中位数)"


def _count(there: tuple[str, ...] | None) -> str:
    return "not looked at 未检查" if there is None else str(len(there))


def _counts(of: dict[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in of.items()) or "0"


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{value:.1%}"


def _seconds(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f} s"
