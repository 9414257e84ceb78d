"""Asks a SIP server whether it is there (OPTIONS, RFC 3261 §11), over UDP."""

from __future__ import annotations

import asyncio
import uuid
from typing import cast


class _Answer(asyncio.DatagramProtocol):
    def __init__(self) -> None:
        self.received: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    def datagram_received(self, data: bytes, _addr: tuple[str, int]) -> None:
        if not self.received.done():
            self.received.set_result(data)

    def error_received(self, exc: Exception) -> None:
        if not self.received.done():
            self.received.set_exception(exc)


async def answers_options(host: str, port: int, patience: float = 0.5) -> bool:
    """Whether any SIP answer to one OPTIONS, good or bad, arrives within ``patience`` seconds."""
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.create_datagram_endpoint(_Answer, remote_addr=(host, port))
    try:
        address = cast("tuple[str, int]", transport.get_extra_info("sockname"))
        transport.sendto(_options(f"{host}:{port}", f"{address[0]}:{address[1]}"))
        async with asyncio.timeout(patience):
            return (await protocol.received).startswith(b"SIP/2.0 ")
    except (TimeoutError, OSError):
        return False
    finally:
        transport.close()


def _options(server: str, own: str) -> bytes:
    token = uuid.uuid4().hex
    lines = (
        f"OPTIONS sip:{server} SIP/2.0",
        f"Via: SIP/2.0/UDP {own};branch=z9hG4bK{token};rport",
        "Max-Forwards: 5",
        f"From: <sip:probe@{own}>;tag={token[:8]}",
        f"To: <sip:{server}>",
        f"Call-ID: {token}",
        "CSeq: 1 OPTIONS",
        "Content-Length: 0",
    )
    return ("\r\n".join(lines) + "\r\n\r\n").encode()
