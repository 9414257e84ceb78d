"""Checks of one PBX node: login, rights, events, modules, clock, SIP."""

from __future__ import annotations

import asyncio
import re
import time
from dataclasses import dataclass

from asterisk_config.installation import MINIMUM_VERSION, parse_version
from asterisk_config.sip_probe import answers_options
from asterisk_config.surface import MODULES
from cti_server.asterisk.translate import WANTED
from cti_server.doctor.finding import Check, NotThere, Text, Wrong
from cti_server.doctor.machine import dotted
from cti_server.doctor.node import ELSEWHERE, LoginFailed, NodeProbe
from cti_server.doctor.patient import START_FIRST

NEEDED_ACTIONS = (
    *("Ping", "Getvar", "Setvar", "Originate", "Redirect", "Hangup"),
    *("QueueAdd", "QueueRemove", "Status", "DeviceStateList"),
)
DANGEROUS_ACTIONS = ("Command", "UpdateConfig", "GetConfig", "ModuleLoad", "Reload")
"""What no CTI server's login may do: run programs, read or change the configuration."""
NEEDED_READ_CLASSES = frozenset({"system", "call", "user"})
"""Of manager events: FullyBooted and Shutdown are `system`, places `user`, everything else of ours `call`."""
EVENT_TIME = 2.0
CLOCK_BOUND = 1.0
DEVICE = "Custom:cti-doctor"
_FILTER = re.compile(r"eventfilter\(action\(include\),name\((\w+)\)\)")

_RENDER = Text("重启 make up,它会重写节点配置", "restart make up, which writes the node's configuration anew")
_LOGIN_REMEDIES = {
    "login_refused": Text(
        "核对 ami_user、ami_secret 与节点 manager.conf(含 permit)",
        "compare ami_user and ami_secret with the node's manager.conf (and its permit)",
    ),
    "connect_failed": Text(
        "启动 Asterisk,或更正 ami_host、ami_port", "start Asterisk, or correct ami_host, ami_port"
    ),
    "not_booted": Text(
        "等待 Asterisk 启动完成;manager.conf 的 read 须含 system",
        "wait until Asterisk is up; read in manager.conf needs the class system",
    ),
}
_HANGS = Text(
    "Asterisk 无响应:检查其负载,必要时重启", "Asterisk does not answer: see its load, restart it if need be"
)


def checks(probe: NodeProbe | None) -> list[Check]:
    """All checks of a node; None when there is no node to look at."""
    look = _Look(probe)
    name = probe.node.name if probe else ""
    return [
        Check("ami_login", Text("AMI 登录", "AMI login"), look.login, name),
        Check("asterisk_version", Text("Asterisk 版本", "Asterisk version"), look.version, name),
        Check("ami_rights", Text("AMI 权限", "AMI rights"), look.rights, name),
        Check("ami_least_rights", Text("AMI 最小权限", "AMI has no more rights"), look.least_rights, name),
        Check("ami_events", Text("AMI 事件到达", "AMI events arrive"), look.events, name),
        Check("ami_event_classes", Text("AMI 事件类别", "AMI event classes"), look.event_classes, name),
        Check("ami_event_filter", Text("AMI 事件过滤", "AMI event filter"), look.event_filter, name),
        Check("asterisk_modules", Text("Asterisk 模块", "Asterisk modules"), look.modules, name),
        Check("clock", Text("时钟", "clock"), look.clock, name),
        Check("sip_answers", Text("SIP 应答", "SIP answers"), look.sip, name),
    ]


@dataclass(frozen=True, slots=True)
class _Look:
    probe: NodeProbe | None

    def _node(self) -> NodeProbe:
        if self.probe is None:
            raise NotThere(START_FIRST)
        return self.probe

    async def login(self) -> str:
        """The server's own login works, and Asterisk is fully booted."""
        probe = self._node()
        place = f"{probe.node.ami_user} at {probe.node.ami_host}:{probe.node.ami_port}"
        try:
            await probe.session()
        except LoginFailed as failed:
            raise Wrong(f"{place}: {failed}", _LOGIN_REMEDIES.get(str(failed), _HANGS)) from None
        return place

    async def version(self) -> str:
        """Asterisk is new enough."""
        answer = await self._node().ask("CoreSettings")
        told = answer.get("AsteriskVersion", "?")
        found = parse_version(f"Asterisk {told}") or ()
        if found < MINIMUM_VERSION:
            raise Wrong(
                f"{told} < {dotted(MINIMUM_VERSION)}",
                Text(
                    "升级 Asterisk(该版本修复了安全问题)",
                    "upgrade Asterisk; that version carries security fixes",
                ),
            )
        return dotted(found)

    async def rights(self) -> str:
        """Each action that calls are controlled with is allowed, and a global can be written and read."""
        probe = self._node()
        allowed = await probe.ask("ListCommands")
        missing = [name for name in NEEDED_ACTIONS if name not in allowed]
        if missing:
            raise Wrong(
                f"not allowed: {', '.join(missing)}",
                Text(
                    "manager.conf 的 write 须为 call,reporting,originate,agent",
                    "write in manager.conf has to be call,reporting,originate,agent",
                ),
            )
        mark = str(time.time_ns())
        written = await probe.ask("Setvar", {"Variable": "GLOBAL(CTI_DOCTOR)", "Value": mark})
        read = await probe.ask("Getvar", {"Variable": "GLOBAL(CTI_DOCTOR)"})
        if not written.success or read.get("Value") != mark:
            raise Wrong(
                f"a global variable cannot be set: {written.get('Message', '')}",
                Text("modules.conf 须加载 func_global.so", "modules.conf has to load func_global.so"),
            )
        return f"{len(NEEDED_ACTIONS)} actions"

    async def least_rights(self) -> str:
        """The login can neither run programs nor touch the configuration."""
        allowed = await self._node().ask("ListCommands")
        if not allowed.success:
            raise NotThere(allowed.get("Message", "refused"))
        held = [name for name in DANGEROUS_ACTIONS if name in allowed]
        if held:
            raise Wrong(
                f"allowed: {', '.join(held)}",
                Text(
                    "从 manager.conf 的 write 去掉 system、command、config",
                    "take system, command, config out of write in manager.conf",
                ),
            )
        return "no system, command, config"

    async def events(self) -> str:
        """A change made now comes back as an event: a device state of the doctor's own."""
        probe = self._node()
        before = (await probe.ask("Getvar", {"Variable": f"DEVICE_STATE({DEVICE})"})).get("Value")
        after = "NOT_INUSE" if before == "INUSE" else "INUSE"
        changed, began = probe.ear.device(DEVICE), time.perf_counter()
        await probe.ask("Setvar", {"Variable": f"DEVICE_STATE({DEVICE})", "Value": after})
        try:
            async with asyncio.timeout(EVENT_TIME):
                await changed
        except TimeoutError:
            raise Wrong(
                f"no DeviceStateChange in {EVENT_TIME:.0f} s",
                Text(
                    "检查 manager.conf 的 read(须含 call)与 eventfilter",
                    "see read (it needs the class call) and eventfilter in manager.conf",
                ),
            ) from None
        return f"DeviceStateChange in {(time.perf_counter() - began) * 1000:.1f} ms"

    async def event_classes(self) -> str:
        """The login gets the classes of events that we rely on."""
        probe = self._node()
        told = await probe.console(f"manager show user {probe.node.ami_user}")
        found = re.search(r"read perm: *(\S+)", told)
        if found is None:
            raise NotThere("the console does not tell 控制台未给出")
        held = set(found[1].split(","))
        missing = NEEDED_READ_CLASSES - held if "all" not in held else set()
        if missing:
            raise Wrong(
                f"missing: {', '.join(sorted(missing))}",
                Text("在 manager.conf 的 read 中补上", "add them to read in manager.conf"),
            )
        return found[1]

    async def event_filter(self) -> str:
        """No filter of the node keeps an event from us that we rely on."""
        home = self._node().home
        if home is None:
            raise NotThere(ELSEWHERE)
        included = set(_FILTER.findall((home / "etc/manager.conf").read_text(encoding="utf-8")))
        missing = WANTED - included if included else frozenset()
        if missing:
            raise Wrong(f"filtered out: {', '.join(sorted(missing))}", _RENDER)
        return f"{len(WANTED)} events pass"

    async def modules(self) -> str:
        """Every module of ours is loaded and runs."""
        told = await self._node().console("module show")
        running = {line.split()[0].removesuffix(".so") for line in told.splitlines() if " Running " in line}
        if not running:
            raise NotThere("the console does not answer 控制台无应答")
        missing = [name for name in MODULES if name not in running]
        if missing:
            raise Wrong(
                f"not running: {', '.join(missing)}",
                Text(
                    "看节点 log/messages.log 的原因,再重启 make up",
                    "the node's log/messages.log says why; then restart make up",
                ),
            )
        return f"{len(MODULES)} running"

    async def clock(self) -> str:
        """Asterisk's clock and ours agree: its EPOCH has whole seconds, so what is surely off is told."""
        before = time.time()
        answer = await self._node().ask("Getvar", {"Variable": "EPOCH"})
        after = time.time()
        epoch = int(answer.get("Value", "0"))
        ahead, behind = epoch - after, before - (epoch + 1)
        if max(ahead, behind) > CLOCK_BOUND:
            raise Wrong(
                f"Asterisk is {ahead:.0f} s ahead" if ahead > 0 else f"Asterisk is {behind:.0f} s behind",
                Text("两台机器都用 NTP 对时", "set both machines' clocks by NTP"),
            )
        return f"less than {CLOCK_BOUND:.0f} s apart"

    async def sip(self) -> str:
        """SIP requests are answered where phones and customers reach the node."""
        place = self._node().node.sip
        host, _, port = place.rpartition(":")
        if not (host and port.isdigit()):
            raise NotThere("settings have no sip address 设置中无 sip 地址")
        if not await answers_options(host, int(port), patience=EVENT_TIME):
            raise Wrong(
                f"no answer from {place}",
                Text("检查 Asterisk 与防火墙的 SIP 端口", "see Asterisk, and the firewall for the SIP port"),
            )
        return place
