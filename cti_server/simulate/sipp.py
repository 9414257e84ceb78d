"""One SIPp process: its ports, its files, what it counts, how it is told something."""

from __future__ import annotations

import asyncio
import contextlib
import csv
import random
import re
import shutil
import signal
import socket
import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from cti_server.simulate.errors import SippMissing
from cti_server.simulate.waiting import until

SCENARIOS: Final = Path(__file__).parent / "sipp"
HOST: Final = "127.0.0.1"
FOR_EVER: Final = 3_600_000
SPEECH: Final = '<nop><action><exec rtp_stream="{file},{times},0,PCMU/8000"/></action></nop>'
_ATTEMPTS: Final = 5
_RTP_SPAN: Final = 2000
_PORTS_TAKEN: Final = 0.15
"""Seconds in which a SIPp that misses a port has ended, its first statistics written or not."""
_EXPECTED: Final = re.compile("receive timeout|Dead call .* received '(MESSAGE|INFO) sip:us")
"""A hand on the hook of a call that is over, or a wait for one that did not come: our scenarios' own way."""
_HALF_WAVE: Final = (bytes([0x80]) * 10 + bytes([0x00]) * 10) * 200
"""Half a second of a square tone of 400 Hz in G.711: it loops without a click."""
_SILENCE: Final = b"\xff" * 4000
SOUNDS: Final[Mapping[str, tuple[bytes, int]]] = {
    "@SPEECH@": (_HALF_WAVE, -1),
    "@HELLO@": (_SILENCE[:2400] + _HALF_WAVE[:3200] + _SILENCE * 240, 1),
    "@ANNOUNCEMENT@": (_SILENCE[:2400] + _HALF_WAVE * 12 + _SILENCE * 240, 1),
}
"""What a scenario may say: without end; 0.4 s as people who are called do; 6 s as machines do. How often."""


class Sipp:
    """A SIPp process in `async with`; `arguments` come after the node's address.

    `scenarios` (name to text) become files that `arguments` may name as `{name}`; `rows` is the CSV file.
    `port` is the SIP port; 0: a free one.
    Ends with the block, by force.
    """

    def __init__(
        self,
        node_sip: str,
        scenarios: Mapping[str, str],
        rows: Iterable[str],
        arguments: Iterable[str],
        port: int = 0,
    ) -> None:
        self._port = port
        self._node, self._scenarios = node_sip, scenarios
        self._rows, self._arguments = list(rows), list(arguments)
        self._open = contextlib.ExitStack()
        self._process: asyncio.subprocess.Process | None = None
        self._columns: list[str] = []
        self._sip = self._control = 0
        self._rate = -1.0
        self.folder = Path()

    async def __aenter__(self) -> Self:
        if shutil.which("sipp") is None:
            raise SippMissing("SIPp is not installed; run `make setup-test`, or apt-get install sip-tester")
        self.folder = Path(self._open.enter_context(tempfile.TemporaryDirectory(prefix="cti-simulate-")))
        try:
            await self._start()
        except BaseException:
            self._open.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.kill()
        self._open.close()

    @property
    def running(self) -> bool:
        """Whether the process lives."""
        return self._process is not None and self._process.returncode is None

    @property
    def pid(self) -> int:
        """Process id; part of the Call-IDs it makes. 0 before the start."""
        return self._process.pid if self._process else 0

    async def kill(self) -> None:
        """End it without a word to anybody. Idempotent."""
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(signal.SIGKILL)
            await self._process.wait()

    async def wait(self) -> int:
        """Its exit code when it has ended by itself."""
        return await self._process.wait() if self._process else 0

    # --- what it is told -------------------------------------------------------------------------------

    def rate(self, calls_per_second: float) -> None:
        """Begin so many calls a second from now on.

        Said again, the same rate would begin anew to count until the next call.
        """
        if calls_per_second == self._rate:
            return
        self._rate = calls_per_second
        self._tell(f"cset rate {calls_per_second:.3f}\n")

    def no_more(self) -> None:
        """Begin no more calls, end when the last one is over."""
        self._tell("q")

    def _tell(self, words: str) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.sendto(words.encode(), (HOST, self._control))

    def message(self, calls: Iterable[int]) -> None:
        """Say MESSAGE within these calls (numbered from 1): the scenarios take it as a hand on the hook."""
        for call in calls:
            self._hand(call, "MESSAGE", 1)

    def press(self, call: int, key: str, turn: int) -> None:
        """Say INFO within this call (numbered from 1): it presses the key, by an INFO of CSeq `turn`."""
        self._hand(call, "INFO", turn, f"Subject: {key}\r\n")

    def _hand(self, call: int, method: str, turn: int, more: str = "") -> None:
        request = (
            f"{method} sip:us@{HOST} SIP/2.0\r\nVia: SIP/2.0/UDP {HOST}:9;branch=z9hG4bKhand{turn}\r\n"
            f"From: <sip:hand@{HOST}>;tag=1\r\nTo: <sip:us@{HOST}>\r\nCall-ID: {call}-{self.pid}@{HOST}\r\n"
            f"CSeq: {turn} {method}\r\n{more}Content-Length: 0\r\n\r\n"
        )
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.sendto(request.encode(), (HOST, self._sip))

    # --- what it tells ---------------------------------------------------------------------------------

    def figures(self) -> dict[str, int]:
        """The newest row of its statistics, those columns that count; empty before the first."""
        path = self.folder / "stats.csv"
        if not self._columns and path.exists():
            with path.open(newline="") as file:
                self._columns = next(csv.reader(file, delimiter=";"), [])
        if not self._columns:
            return {}
        lines = _tail(path).splitlines()
        for line in reversed(lines):
            values = line.split(";")
            if len(values) == len(self._columns) and values[0] != self._columns[0]:
                pairs = zip(self._columns, values, strict=True)
                return {name: int(value) for name, value in pairs if re.fullmatch(r"[0-9]+", value)}
        return {}

    def last_words(self) -> str:
        """Why calls failed, the end of what it printed, and of what it complained of."""
        failed = {n: count for n, count in self.figures().items() if n.startswith("Failed") and count}
        texts = [self.folder / "sipp.log", self.folder / "errors.log"]
        printed, complained = (path.read_text(errors="replace") if path.exists() else "" for path in texts)
        entries = re.split(r"(?=\b[0-9]{4}-[0-9]{2}-[0-9]{2}\t)", complained)
        unexpected = "".join(entry for entry in entries if not _EXPECTED.search(entry))
        return "\n".join([*([str(failed)] if failed else []), printed[-1500:], unexpected[-1500:]])

    def refused(self) -> Counter[str]:
        """Answers to our calls that no scenario expects: status and reason to how many."""
        path = self.folder / "errors.log"
        text = path.read_text(errors="replace") if path.exists() else ""
        return Counter(re.findall(r"received 'SIP/2\.0 ([3-6][0-9]{2} [ \w]*)", text))

    # --- the process -----------------------------------------------------------------------------------

    async def _start(self) -> None:
        for name, text in self._scenarios.items():
            filled = self._sounding(text)
            (self.folder / f"{name}.xml").write_text(re.sub(r"<!--.*?-->", "", filled, flags=re.DOTALL))
        (self.folder / "rows.csv").write_text("SEQUENTIAL\n" + "".join(f"{row}\n" for row in self._rows))
        for _ in range(_ATTEMPTS):  # somebody may take a port between the look and the bind
            await self._launch()
            if await self._reports():
                return
            await self.kill()
        raise SippMissing(f"SIPp does not start:\n{self.last_words()}")

    def _sounding(self, text: str) -> str:
        for word, (sound, times) in SOUNDS.items():
            if word in text:
                file = self.folder / f"{word.strip('@').lower()}.ulaw"
                file.write_bytes(sound)
                text = text.replace(word, SPEECH.format(file=file, times=times))
        return text

    async def _launch(self) -> None:
        self._sip, self._control = self._port or _free_udp(), _free_udp()
        self._columns = []  # an earlier attempt's
        sound = 2 * random.SystemRandom().randrange(6_000, 10_000 - _RTP_SPAN // 2)
        files = {f"{{{name}}}": str(self.folder / f"{name}.xml") for name in self._scenarios}
        for name in ("stats.csv", "errors.log"):
            (self.folder / name).unlink(missing_ok=True)
        with (self.folder / "sipp.log").open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *("setpriv", "--pdeathsig", "KILL", "sipp", self._node),
                *(files.get(argument, argument) for argument in self._arguments),
                *("-inf", str(self.folder / "rows.csv"), "-stf", str(self.folder / "stats.csv")),
                *("-error_file", str(self.folder / "errors.log"), "-trace_err"),
                *("-i", HOST, "-mi", HOST, "-ci", HOST, "-p", str(self._sip), "-cp", str(self._control)),
                *("-mp", str(sound), "-trace_stat", "-fd", "200ms", "-nostdin"),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                process_group=0,
            )

    async def _reports(self, deadline: float = 10.0) -> bool:
        """Whether it comes to its first statistics and is alive after them: it has all its ports."""
        await until(lambda: not self.running or bool(self.figures()), deadline)
        await until(lambda: not self.running, _PORTS_TAKEN)
        return self.running


def _free_udp() -> int:
    """A port below the range the kernel hands out for outgoing connections."""
    picker = random.SystemRandom()
    for _ in range(200):
        port = picker.randrange(22_000, 31_000)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            return port
    raise SippMissing("no free UDP port")


def _tail(path: Path, size: int = 8192) -> str:
    with path.open("rb") as file:
        end = file.seek(0, 2)
        file.seek(max(0, end - size))
        return file.read().decode(errors="replace")
