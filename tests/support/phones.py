"""A real SIP phone for tests: baresip, speaking a tone of its own and writing down what it hears."""

import asyncio
import signal
import subprocess
import tempfile
import time
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Final, Literal, Self

from tests.support import hearing
from tests.support.audio import AGENT_TONE, CUSTOMER_TONE, MOSTLY
from tests.support.baresip_control import BaresipControl, EventHistory, PhoneEvent
from tests.support.port_block import port_block
from tests.support.processes import end, spawn

AnswerMode = Literal["auto", "manual"]

_CONFIG: Final = """\
poll_method epoll
sip_listen 127.0.0.1:{sip}
net_interface 127.0.0.1
rtp_ports {rtp}-{rtp_end}
ctrl_tcp_listen 127.0.0.1:{control}
call_max_calls 4
call_local_timeout 120
module_path {modules}
module g711.so
module ausine.so
module aubridge.so
module sndfile.so
module_app account.so
module_app menu.so
module_app ctrl_tcp.so
snd_path {folder}
audio_path {folder}
audio_source ausine,{tone_hz}
audio_player aubridge,sink
audio_alert aubridge,ringer
ausrc_srate 48000
ausrc_channels 2
"""
_STARTS: Final = 3
_NO_PORT: Final = "Address already in use"
_AHEAD: Final = 300


class BaresipPhone:
    """One SIP phone in a process of its own, on 127.0.0.1, in `async with`.

    `node_sip` is the node's address as ``host:port``. A phone with ``register=False`` is a bare caller
    whose number is `user`; with a `sip_port` it can be called there.
    While a call is up it speaks the tone `tone_hz`.
    """

    def __init__(
        self,
        user: str,
        password: str,
        node_sip: str,
        tone_hz: int = AGENT_TONE,
        *,
        answermode: AnswerMode = "manual",
        register: bool = True,
        sip_port: int = 0,
    ) -> None:
        self.user = user
        self.tone_hz = tone_hz
        self.node_sip = node_sip
        self._password = password
        self._answermode = answermode
        self._register = register
        self._sip_port = sip_port
        self._history = EventHistory()
        self._control = BaresipControl(self._history)
        self._process: subprocess.Popen[bytes] | None = None
        self._open = AsyncExitStack()
        self._folder = Path()
        self._keeper: asyncio.Task[None] | None = None
        self._has_account = False

    @classmethod
    def customer(cls, number: str, node_sip: str, tone_hz: int = CUSTOMER_TONE) -> Self:
        """Return a customer's phone: not registered, calling from `number`."""
        return cls(number, "", node_sip, tone_hz, register=False)

    async def __aenter__(self) -> Self:
        try:
            await self._start()
            await self._add_account(regint=60 if self._register else 0)
        except BaseException:
            await self._stop(signal.SIGKILL)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stop()

    # What a hand at the phone does

    async def dial(self, number: str) -> None:
        """Call a number at the node, or any ``sip:`` address. The outcome comes as an event."""
        address = number if number.startswith("sip:") else f"sip:{number}@{self.node_sip}"
        await self._control.command("dial", address)

    async def accept(self) -> None:
        """Answer the call that rings; a call that is up is put on hold by the phone."""
        await self._control.command("accept")

    async def hang_up(self, call_id: str = "") -> None:
        """End, cancel or reject a call: this one, or else the one in front."""
        await self._in_front(call_id)
        await self._control.command("hangup")

    async def hold(self, call_id: str = "") -> None:
        """Put a call on hold as the phone's own key does, by re-INVITE."""
        await self._in_front(call_id)
        await self._control.command("hold")

    async def resume(self, call_id: str = "") -> None:
        """Take a call back that the phone put on hold."""
        await self._in_front(call_id)
        await self._control.command("resume")

    async def mute(self) -> None:
        """Mute the microphone, or open it again."""
        await self._control.command("mute")

    async def send_dtmf(self, digits: str) -> None:
        """Press keys (RFC 4733 telephone events)."""
        for digit in digits:
            await self._control.command("sndcode", digit)

    async def transfer(self, number: str) -> None:
        """Send the other side to another number (REFER)."""
        await self._control.command("transfer", f"sip:{number}@{self.node_sip}")

    async def register(self, deadline: float = 10) -> None:
        """Register again after `unregister`, or after the node was restarted."""
        await self.unregister()
        await self._add_account(regint=60)
        await self.registered(deadline)

    async def unregister(self) -> None:
        """Say goodbye to the node, which forgets where the phone is; calls that are up end."""
        if self._has_account:
            self._has_account = False
            await self._control.command("uadel", f"sip:{self.user}@{self.node_sip}")

    async def kill(self) -> None:
        """Vanish as a phone without power does: no BYE, no un-register."""
        await self._stop(signal.SIGKILL)

    # What the phone tells

    @property
    def history(self) -> list[PhoneEvent]:
        """Everything that happened at the phone so far."""
        return list(self._history.events)

    def log(self) -> str:
        """Return what baresip printed."""
        log = self._folder / "baresip.log"
        return log.read_text(errors="replace") if log.exists() else ""

    async def registered(self, deadline: float = 10) -> None:
        """Wait until the node has accepted the registration; AssertionError if it refuses."""
        event = await self._history.take(
            lambda event: event.kind in {"REGISTER_OK", "REGISTER_FAIL"}, "registered", deadline
        )
        assert event.kind == "REGISTER_OK", f"{self.user} is not let in: {event.detail}"

    async def event(self, kind: str, deadline: float = 10, call_id: str = "") -> PhoneEvent:
        """Return the oldest event of this kind nobody asked for yet, waiting for it when there is none."""
        return await self._history.take(
            lambda event: event.kind == kind and call_id in {"", event.call_id},
            f"{kind} at {self.user}",
            deadline,
        )

    def happened(self, kind: str) -> int:
        """Count the events of a kind so far."""
        return sum(event.kind == kind for event in self._history.events)

    @property
    def calls(self) -> list[str]:
        """Return the ids of the calls that are up."""
        up = [event.call_id for event in self._history.events if event.kind == "CALL_ESTABLISHED"]
        closed = {event.call_id for event in self._history.events if event.kind == "CALL_CLOSED"}
        return [call_id for call_id in up if call_id not in closed]

    # What the phone hears

    @property
    def ear(self) -> hearing.Ear:
        """What comes out of the phone's loudspeaker."""
        return hearing.WavFolderEar(self._folder, "*-dec.wav")

    async def hears(self, hz: float, deadline: float = 10, share: float = MOSTLY) -> float:
        """Return the tone's share of the power once it is `share` or more, or AssertionError."""
        return await hearing.wait_until_heard(self.ear, hz, deadline, share)

    async def stops_hearing(self, hz: float, deadline: float = 10) -> None:
        """Return once the tone is gone; AssertionError after `deadline` s."""
        await hearing.wait_until_silent_of(self.ear, hz, deadline)

    async def does_not_hear(self, hz: float, for_seconds: float = 1.5) -> None:
        """Listen for that long; AssertionError at the first trace of the tone, also beneath music."""
        await hearing.assert_not_heard(self.ear, hz, for_seconds)

    async def hears_music(self, deadline: float = 10) -> None:
        """Return once music is heard, and no test tone in it; AssertionError after `deadline` s."""
        await hearing.wait_until_music(self.ear, deadline)

    # The process

    async def _in_front(self, call_id: str) -> None:
        if call_id:
            await self._control.command("callfind", call_id)

    async def _add_account(self, regint: int) -> None:
        options = {
            "regint": str(regint),
            "answermode": self._answermode,
            **({"auth_user": self.user, "auth_pass": self._password} if self._password else {}),
        }
        parameters = "".join(f";{name}={value}" for name, value in options.items())
        await self._control.command("uanew", f"<sip:{self.user}@{self.node_sip};transport=udp>{parameters}")
        self._has_account = True

    async def _start(self) -> None:
        for _ in range(_STARTS):
            if await self._connected(self._launch()):
                return
            await self._stop(signal.SIGKILL)
        raise RuntimeError("baresip finds no free port")

    def _launch(self) -> int:
        """Start the process on ports and in a folder of its own; return the port of its control socket."""
        ports = self._open.enter_context(port_block())
        self._folder = Path(self._open.enter_context(tempfile.TemporaryDirectory(prefix="cti-phone-")))
        sip, control, rtp = (
            self._sip_port or ports[0],
            ports[2],
            ports[4],
        )  # ports[1]: baresip listens for TLS one above SIP
        settings = _CONFIG.format(
            sip=sip,
            control=control,
            rtp=rtp,
            rtp_end=ports[-1],
            folder=self._folder,
            tone_hz=self.tone_hz,
            modules=_module_folder(),
        )
        (self._folder / "config").write_text(settings)
        (self._folder / "accounts").touch()  # the account is added once we listen for its events
        (self._folder / "contacts").touch()
        _block_sent_sound(self._folder)
        self._keeper = asyncio.create_task(_keep_blocking(self._folder))
        self._process = spawn(["baresip", "-f", str(self._folder)], self._folder / "baresip.log")
        return control

    async def _connected(self, port: int, deadline: float = 15) -> bool:
        """Connect to the control socket; False if somebody took one of the ports in between."""
        assert self._process is not None
        end_at = time.monotonic() + deadline
        while self._process.poll() is None and time.monotonic() < end_at:
            if _NO_PORT in self.log():
                return False
            try:
                await self._control.connect(port)
            except OSError:
                await asyncio.sleep(0.02)
            else:
                return True
        raise RuntimeError(f"baresip does not start:\n{self.log()}")

    async def _stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        if self._process is not None:
            await asyncio.to_thread(end, self._process, how, 3)
            self._process = None
        if self._keeper is not None:
            self._keeper.cancel()
        await self._control.close()
        await self._open.aclose()


def _block_sent_sound(folder: Path) -> None:
    """See to it that baresip writes down what it hears, also after a hold.

    baresip 1.0 drops its receiving filters when a call's direction changes, and sets filters up again
    only while it has none at all. The filter that writes what is *sent* stays for the whole call, so
    that nothing heard after a hold would be written. Folders with the names of its files (one a second)
    keep it from starting; the receiving one then comes back each time.
    """
    now = int(time.time())
    for second in range(now - 1, now + _AHEAD):
        name = time.strftime("dump-%Y-%m-%d-%H-%M-%S-enc.wav", time.localtime(second))
        (folder / name).mkdir(exist_ok=True)


async def _keep_blocking(folder: Path) -> None:
    while True:
        await asyncio.sleep(_AHEAD / 2)
        _block_sent_sound(folder)


def _module_folder() -> Path:
    """Return where Debian or a distribution like it keeps baresip's modules."""
    for folder in (Path("/usr/lib/baresip/modules"), *Path("/usr/lib").glob("*/baresip/modules")):
        if (folder / "ctrl_tcp.so").exists():
            return folder
    raise RuntimeError("baresip's modules are not installed")
