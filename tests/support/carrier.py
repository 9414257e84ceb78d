"""The people behind numbers outside: a SIP carrier that answers as each number's person or machine would.

Numbers outside lead to one address (`config.outside`); here a listener on it answers, speaks once in a real
voice (espeak-ng), then is silent, until either side hangs up. Every INVITE is noted.
"""

from __future__ import annotations

import asyncio
import re
import struct
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import cast

from tests.support.audio import read_wav, ulaw_encoded
from tests.support.ports import free_port

FRAME = 160
_SILENCE = b"\xff" * FRAME
_KEPT = re.compile(r"^(via|from|call-id|cseq):", re.IGNORECASE)
_CALLED = re.compile(r"INVITE sip:(\d+)@")
_TO = re.compile(r"^to:", re.IGNORECASE)
_ADDRESS = tuple[str, int]


@dataclass(frozen=True)
class Callee:
    """Somebody who is called: `status` other than 200 refuses, 180 only rings."""

    status: int = 200
    speech: bytes = b""
    """µ-law, said `before` seconds after the answer."""
    rings: float = 0.3
    before: float = 0.4


@cache
def spoken(text: str, voice: str = "cmn", speed: int = 170) -> bytes:
    """The text in a synthetic voice, µ-law at 8 kHz."""
    with tempfile.TemporaryDirectory() as folder:
        raw, wav = Path(folder) / "raw.wav", Path(folder) / "8k.wav"
        subprocess.run(["espeak-ng", "-v", voice, "-s", str(speed), "-w", raw, text], check=True)
        subprocess.run(["sox", "-G", raw, "-r", "8000", "-c", "1", "-b", "16", wav], check=True)
        return ulaw_encoded(read_wav(wav).samples)


HELLO = ("喂", "喂，你好", "你好", "喂，哪位")
GREETING = (
    "您好，我现在不方便接听您的电话，请在听到提示音之后留下您的姓名和电话号码，我会尽快给您回电，谢谢。",
    "您好，您拨打的用户暂时无法接听，请稍后再拨，或者在嘀声之后留言。",
    "这里是王先生的家，我们现在不在，有事请留言，我们回来以后会与您联系。",
)


@dataclass
class Carrier:
    """What it did. `behave` tells who is behind a number."""

    behave: Callable[[str], Callee]
    called: Counter[str] = field(default_factory=Counter)
    answered: set[str] = field(default_factory=set)
    heard: dict[str, int] = field(default_factory=dict)
    """Frames of sound (no silence) that each number has heard."""
    ended: set[str] = field(default_factory=set)


@dataclass
class _Call:
    number: str
    invite: list[str]
    peer: _ADDRESS
    rtp_port: int
    task: asyncio.Task[None] | None = None
    talk: asyncio.Task[None] | None = None
    transport: asyncio.DatagramTransport | None = None


class _Listener(asyncio.DatagramProtocol):
    def __init__(self, carrier: Carrier) -> None:
        self._carrier, self._calls = carrier, dict[str, _Call]()
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: _ADDRESS) -> None:
        if not data[:1].isalpha():
            return  # sound of a call before, to a port used again
        lines = data.decode().split("\r\n")
        if lines[0].startswith("SIP/2.0"):
            return
        verb = lines[0].split(" ", 1)[0]
        call_id = next(line for line in lines if line.lower().startswith("call-id:"))
        call = self._calls.get(call_id)
        if verb == "INVITE" and call is None:
            self._begin(call_id, lines, addr)
        elif verb == "INVITE" and call and call.talk:
            self._send(_answer(200, lines, _sdp(call.rtp_port)), addr)
        elif verb == "CANCEL" and call:
            self._send(_answer(200, lines), addr)
            self._send(_answer(487, call.invite), addr)
            self._end(call_id)
        elif verb == "BYE":
            self._send(_answer(200, lines), addr)
            self._end(call_id)
        elif verb not in ("ACK", "INVITE"):
            self._send(_answer(200, lines), addr)

    def _send(self, data: bytes, addr: _ADDRESS) -> None:
        if self._transport:
            self._transport.sendto(data, addr)

    def _begin(self, call_id: str, lines: list[str], addr: _ADDRESS) -> None:
        found = _CALLED.match(lines[0])
        assert found, lines[0]
        call = self._calls[call_id] = _Call(found[1], lines, addr, free_port())
        self._carrier.called[call.number] += 1
        call.task = asyncio.create_task(self._answer(call))

    async def _answer(self, call: _Call) -> None:
        callee = self._carrier.behave(call.number)
        self._send(_answer(180, call.invite), call.peer)
        if callee.status == 180:
            return
        await asyncio.sleep(callee.rings)
        if callee.status != 200:
            self._send(_answer(callee.status, call.invite), call.peer)
            return
        there = _media_of(call.invite)
        transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: _Ear(self._carrier, call.number), local_addr=("127.0.0.1", call.rtp_port)
        )
        call.transport = transport
        self._carrier.answered.add(call.number)
        call.talk = asyncio.create_task(_speak(transport, there, callee))
        self._send(_answer(200, call.invite, _sdp(call.rtp_port)), call.peer)

    def _end(self, call_id: str) -> None:
        call = self._calls.get(call_id)
        if call is None:
            return
        self._carrier.ended.add(call.number)
        for task in (call.task, call.talk):
            if task:
                task.cancel()
        if call.transport:
            call.transport.close()

    def close(self) -> None:
        for call_id in list(self._calls):
            self._end(call_id)
        if self._transport:
            self._transport.close()


class _Ear(asyncio.DatagramProtocol):
    def __init__(self, carrier: Carrier, number: str) -> None:
        self._carrier, self._number = carrier, number

    def datagram_received(self, data: bytes, addr: _ADDRESS) -> None:
        sound = data[12:]
        if len(set(sound)) > 8:
            self._carrier.heard[self._number] = self._carrier.heard.get(self._number, 0) + 1


async def _speak(transport: asyncio.DatagramTransport, there: _ADDRESS, callee: Callee) -> None:
    sound = _SILENCE * int(callee.before / 0.02) + callee.speech
    begin = time.monotonic()
    number = 0
    while True:
        frame = sound[number * FRAME : (number + 1) * FRAME].ljust(FRAME, b"\xff") or _SILENCE
        head = struct.pack("!BBHII", 0x80, 0, number & 0xFFFF, number * FRAME & 0xFFFFFFFF, 0x5EED)
        transport.sendto(head + frame, there)
        number += 1
        await asyncio.sleep(max(0.0, begin + number * 0.02 - time.monotonic()))


def _media_of(lines: list[str]) -> _ADDRESS:
    host = next(line for line in lines if line.startswith("c=")).split()[-1]
    port = next(line for line in lines if line.startswith("m=audio")).split()[1]
    return host, int(port)


def _sdp(port: int) -> str:
    lines = ("v=0", "o=carrier 1 1 IN IP4 127.0.0.1", "s=-", "c=IN IP4 127.0.0.1", "t=0 0")
    media = (f"m=audio {port} RTP/AVP 0", "a=rtpmap:0 PCMU/8000", "a=ptime:20")
    return "\r\n".join((*lines, *media, ""))


def _answer(status: int, request: list[str], body: str = "") -> bytes:
    kept = [line for line in request if _KEPT.match(line)]
    to = next(line for line in request if _TO.match(line))
    tagged = to if "tag=" in to else f"{to};tag=carrier"
    content = ("Content-Type: application/sdp",) if body else ()
    head = [
        f"SIP/2.0 {status} X",
        *kept,
        tagged,
        *content,
        *_contact(request),
        f"Content-Length: {len(body)}",
        "",
        body,
    ]
    return "\r\n".join(head).encode()


def _contact(request: list[str]) -> tuple[str, ...]:
    """Where we are reached within the call: the address that the INVITE was sent to."""
    found = re.match(r"\w+ sip:\d+@([\d.:]+)", request[0])
    return (f"Contact: <sip:carrier@{found[1]}>",) if found else ()


@asynccontextmanager
async def carrier(port: int, behave: Callable[[str], Callee]) -> AsyncIterator[Carrier]:
    """Listen on 127.0.0.1 at that port until the block ends."""
    running = Carrier(behave)
    _, listener = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: _Listener(running), local_addr=("127.0.0.1", port)
    )
    try:
        yield running
    finally:
        listener.close()
