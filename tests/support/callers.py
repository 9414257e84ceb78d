"""Many customers at once: SIPp calling a service number, counted by SIPp itself and not by us."""

import asyncio
import csv
import random
import signal
import socket
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from tests.support.audio import sine, ulaw_encoded
from tests.support.loopback import loopback_only
from tests.support.port_block import port_block
from tests.support.processes import end, spawn

CALLER: Final = Path(__file__).parent / "sipp" / "caller.xml"
_FOR_EVER: Final = 3_600_000
_SPEECH: Final = '<nop><action><exec rtp_stream="{file},-1,0,PCMU/8000"/></action></nop>'
_REPORT_EACH: Final = "200ms"
_picker = random.SystemRandom()


@dataclass(frozen=True, slots=True)
class CallStats:
    """What SIPp counted so far. `current` calls are under way; `failed` ones met something unexpected.

    The centre refusing a call is a failure; the centre hanging up an answered one is none.
    """

    created: int = 0
    current: int = 0
    answered: int = 0
    successful: int = 0
    failed: int = 0
    ended_by_centre: int = 0

    @property
    def dropped(self) -> int:
        """Answered calls that did not come to the end the customer meant; exact once `current` is 0."""
        return self.answered - (self.successful - self.ended_by_centre)


def customer_numbers(count: int, first: int = 13_800_000_000) -> list[str]:
    """Return `count` mobile numbers in a row, none of them a real one's in a test."""
    return [str(first + place) for place in range(count)]


class SippCallers:
    """`calls` customers calling `service_number`, `rate` of them each second, in `async with`.

    A customer hangs up `talk_ms` after the answer, or with None stays until the centre hangs up. With
    `tone_hz` every customer speaks that tone; else they send no sound at all. Numbers are taken from
    `numbers` in turn. Whoever is still talking at the end of the block hangs up.
    """

    def __init__(
        self,
        node_sip: str,
        service_number: str,
        *,
        calls: int = 1,
        rate: int = 10,
        talk_ms: int | None = 3000,
        tone_hz: int | None = None,
        numbers: Sequence[str] = (),
        scenario: Path = CALLER,
        at_most_s: int = 300,
    ) -> None:
        loopback_only(node_sip.rsplit(":", 1)[0])
        self._target = [node_sip, "-s", service_number]
        self._load = ["-m", str(calls), "-l", str(calls), "-r", str(rate), "-timeout", f"{at_most_s}s"]
        self._calls = calls
        self._talk_ms = talk_ms
        self._tone_hz = tone_hz
        self._numbers = list(numbers) or customer_numbers(calls)
        self._scenario = scenario
        self._open = AsyncExitStack()
        self._folder = Path()
        self._port = 0
        self._last = CallStats()
        self._process: subprocess.Popen[bytes] | None = None

    async def __aenter__(self) -> Self:
        ports = self._open.enter_context(port_block())
        self._folder = Path(self._open.enter_context(tempfile.TemporaryDirectory(prefix="cti-callers-")))
        (self._folder / "scenario.xml").write_text(self._filled_in())
        rows = "".join(f"{number};\n" for number in self._numbers)
        (self._folder / "numbers.csv").write_text("SEQUENTIAL\n" + rows)
        self._port = ports[0]
        self._process = spawn(self._command(ports), self._folder / "sipp.log")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.hang_up()
        self._last = self.stats()
        await self._open.aclose()

    def stats(self) -> CallStats:
        """Return what SIPp wrote last (five times a second, and at its end)."""
        reports = self._reports()
        return _stats(reports[-1]) if reports else self._last

    async def until(self, condition: Callable[[CallStats], bool], deadline: float = 30) -> CallStats:
        """Return the figures once `condition` holds; AssertionError after `deadline` s, or when it cannot."""
        try:
            async with asyncio.timeout(deadline):
                while True:
                    over = self._over()
                    stats = self.stats()
                    if condition(stats):
                        return stats
                    if over:
                        break
                    await asyncio.sleep(0.05)
        except TimeoutError:
            pass
        raise AssertionError(f"the calls did not come to that within {deadline} s: {self._told()}")

    async def all_answered(self, deadline: float = 30) -> CallStats:
        """Return once every call was answered; a refused call is an AssertionError."""
        return await self.until(lambda stats: stats.answered >= self._calls, deadline)

    async def finished(self, deadline: float = 60) -> CallStats:
        """Return the final figures once all calls are over; AssertionError after `deadline` s."""
        await self.until(lambda _: self._over(), deadline)
        stats = self.stats()
        assert stats.created, f"SIPp did not run:\n{self._log()}"
        return stats

    async def hang_up(self) -> None:
        """Have all customers who were answered hang up now; the others give up."""
        if self._process is not None and not self._over():
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
                for call in range(1, self._calls + 1):
                    sender.sendto(_please_hang_up(call, self._process.pid), ("127.0.0.1", self._port))
            so_far = len(self._reports())
            await self.until(
                lambda stats: self._over() or (len(self._reports()) > so_far + 1 and not stats.current), 5
            )
        await self.kill()

    async def kill(self) -> None:
        """Have all customers vanish without a BYE."""
        if self._process is not None:
            await asyncio.to_thread(end, self._process, signal.SIGKILL)

    def errors(self) -> str:
        """Return what SIPp found unexpected."""
        path = self._folder / "errors.log"
        lines = path.read_text(errors="replace").splitlines() if path.exists() else []
        return "\n".join(line for line in lines if "receive timeout" not in line)  # that is the talk time

    def _reports(self) -> list[dict[str, str]]:
        try:
            with (self._folder / "stats.csv").open(newline="") as file:
                return [row for row in csv.DictReader(file, delimiter=";") if row.get("GenericCounter2(C)")]
        except FileNotFoundError:
            return []

    def _over(self) -> bool:
        return self._process is None or self._process.poll() is not None

    def _told(self) -> str:
        return f"{self.stats()}\n{self.errors()[-2000:]}"

    def _log(self) -> str:
        return (self._folder / "sipp.log").read_text(errors="replace")[-2000:] + self.errors()

    def _filled_in(self) -> str:
        speech = ""
        if self._tone_hz is not None:
            file = self._folder / "speech.ulaw"
            file.write_bytes(ulaw_encoded(sine(self._tone_hz, 1)))  # whole waves: it loops smoothly
            speech = _SPEECH.format(file=file)
        talk_ms = _FOR_EVER if self._talk_ms is None else self._talk_ms
        return self._scenario.read_text().replace("@TALK_MS@", str(talk_ms)).replace("@SPEECH@", speech)

    def _command(self, ports: range) -> list[str]:
        files = {
            "-sf": "scenario.xml",
            "-inf": "numbers.csv",
            "-stf": "stats.csv",
            "-error_file": "errors.log",
        }
        sound = _picker.randrange(10_000, 14_000, 2)  # SIPp takes two ports a call from here on
        return [
            "sipp",
            *self._target,
            *self._load,
            *(part for option, name in files.items() for part in (option, str(self._folder / name))),
            *("-i", "127.0.0.1", "-mi", "127.0.0.1"),
            *("-p", str(ports[0]), "-cp", str(ports[2]), "-mp", str(sound)),
            *("-trace_stat", "-trace_err", "-fd", _REPORT_EACH, "-nostdin"),
        ]


def _please_hang_up(call: int, pid: int) -> bytes:
    """Return what `caller.xml` understands; SIPp finds the call by its Call-ID, which is known beforehand."""
    return (
        "MESSAGE sip:customer@127.0.0.1 SIP/2.0\r\n"
        "Via: SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bKhangup\r\n"
        "From: <sip:test@127.0.0.1>;tag=1\r\nTo: <sip:customer@127.0.0.1>\r\n"
        f"Call-ID: {call}-{pid}@127.0.0.1\r\n"
        "CSeq: 1 MESSAGE\r\nContent-Length: 0\r\n\r\n"
    ).encode()


def _stats(row: dict[str, str]) -> CallStats:
    return CallStats(
        created=int(row["TotalCallCreated"]),
        current=int(row["CurrentCall"]),
        answered=int(row["GenericCounter1(C)"]),
        successful=int(row["SuccessfulCall(C)"]),
        failed=int(row["FailedCall(C)"]),
        ended_by_centre=int(row["GenericCounter2(C)"]),
    )
