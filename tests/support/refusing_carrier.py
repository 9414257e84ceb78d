"""A carrier that refuses: every number outside gets the SIP status that its last three digits say."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

_KEPT = re.compile(r"^(via|from|call-id|cseq):", re.IGNORECASE)
_CALLED = re.compile(r"INVITE sip:(\d+)@")
_TO = re.compile(r"^to:", re.IGNORECASE)


class _Carrier(asyncio.DatagramProtocol):
    def __init__(self) -> None:
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        lines = data.decode().split("\r\n")
        called = _CALLED.match(lines[0])
        if called and self._transport:
            self._transport.sendto(_answer(int(called[1][-3:]), lines), addr)


def _answer(status: int, request: list[str]) -> bytes:
    kept = [line for line in request if _KEPT.match(line)]
    to = next(line for line in request if _TO.match(line))
    head = [f"SIP/2.0 {status} No", *kept, f"{to};tag=carrier", "Content-Length: 0", "", ""]
    return "\r\n".join(head).encode()


@asynccontextmanager
async def refusing_carrier(port: int) -> AsyncIterator[None]:
    """Listen on 127.0.0.1 at that port until the block ends."""
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(_Carrier, local_addr=("127.0.0.1", port))
    try:
        yield
    finally:
        transport.close()
