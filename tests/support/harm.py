"""Harm, in bounds and on this machine only: SIP that is none, and TCP callers who do not belong there."""

import asyncio
import contextlib
import random
import socket
import struct
from typing import Final

from tests.support.loopback import loopback_only

_MOST: Final = 2000
_LONGEST: Final = 8192
_METHODS: Final = ("INVITE", "REGISTER", "OPTIONS", "BYE", "ACK", "SUBSCRIBE", "NOTIFY", "WHATEVER", "")
_NASTY: Final = (
    b"\0",
    b"\r\n\r\n",
    b"%n%s%x",
    b"\xff\xfe\xfd",
    b"A" * 3000,
    b"<<<>>>",
    b"../../etc/passwd",
    "王小明".encode(),
    b"-1",
    b"99999999999999999999",
)


def sip_garbage(host: str, port: int, seed: int, n: int = 200) -> int:
    """Send `n` broken SIP messages by UDP, the same ones for a port and seed; return how many were sent."""
    loopback_only(host)
    rng = random.Random(seed)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.bind(("127.0.0.1", 0))
        for _ in range(min(n, _MOST)):
            sender.sendto(_broken(_request(rng, host, port), rng)[:_LONGEST], (host, port))
    return min(n, _MOST)


async def port_scan(host: str, port: int, seed: int = 0) -> int:
    """Do to a TCP port what scanners do; return how many connections were taken.

    Connect and leave; leave by reset; say nothing for a moment; speak HTTP, TLS, SIP; send noise, an
    endless line, half a line, only newlines.
    """
    loopback_only(host)
    rng = random.Random(seed)
    taken = 0
    for words in (
        b"",
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03",
        _request(rng, host, port),
        rng.randbytes(2048),
        b"agi_network: " + b"A" * 65536,
        b"agi_network: yes\nagi_req",
        b"\n" * 500,
        b"\r\n\r\n\0\0\0",
    ):
        for reset in (False, True):
            taken += await _visit(host, port, words, reset=reset)
    return taken


async def _visit(host: str, port: int, words: bytes, *, reset: bool) -> bool:
    try:
        reader, writer = await asyncio.open_connection(host, port)
    except OSError:
        return False
    try:
        writer.write(words)
        await writer.drain()
        async with asyncio.timeout(0.1):  # a scanner does not wait for long
            await reader.read(1024)
    except (OSError, TimeoutError):
        pass
    finally:
        if reset:  # no FIN but RST: the other side's next read or write fails
            with contextlib.suppress(OSError):  # the other side was quicker
                raw = writer.get_extra_info("socket")
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.close()
    return True


def _request(rng: random.Random, host: str, port: int) -> bytes:
    method = rng.choice(_METHODS)
    body = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nm=audio 9 RTP/AVP 0\r\n"
    return (
        f"{method} sip:{rng.choice(['4000', '1001', '', '9' * 40])}@{host}:{port} SIP/2.0\r\n"
        f"Via: SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bK{rng.getrandbits(32):x};rport\r\n"
        f"From: <sip:13800000000@127.0.0.1>;tag={rng.getrandbits(32):x}\r\n"
        f"To: <sip:4000@{host}>\r\n"
        f"Call-ID: {rng.getrandbits(64):x}\r\n"
        f"CSeq: {rng.choice([1, 0, -1, 2**31, 2**64])} {rng.choice(_METHODS)}\r\n"
        f"Contact: <sip:x@127.0.0.1:9>\r\nContent-Type: application/sdp\r\n"
        f"Content-Length: {rng.choice([len(body), 0, -5, 10**9])}\r\n\r\n{body}"
    ).encode()


def _broken(message: bytes, rng: random.Random) -> bytes:
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(message) or 1)
        match rng.randrange(5):
            case 0:
                message = message[:at]
            case 1:
                message = message[:at] + rng.choice(_NASTY) + message[at:]
            case 2:
                message = message[:at] + rng.randbytes(rng.randint(1, 40)) + message[at + 1 :]
            case 3:
                message = message.replace(b"\r\n", b"\n", rng.randint(1, 5))
            case _:
                lines = message.split(b"\r\n")
                lines.append(lines[rng.randrange(len(lines))])
                rng.shuffle(lines)
                message = b"\r\n".join(lines)
    return message
