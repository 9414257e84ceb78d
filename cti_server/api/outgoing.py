"""What goes out on one socket: in order, bounded, and never waited for by whoever sends."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Protocol

from starlette.websockets import WebSocket, WebSocketDisconnect

from cti_server.api.settings import ApiSettings

TOO_SLOW = 4008


class Link(Protocol):
    """The connection under the WebSocket (`cti_server.api.serving`), for what ASGI has no message for."""

    def cut(self, code: int, reason: str) -> None:
        """End the connection without waiting for the peer to read; it sees `code` if it reads soon."""

    def write(self, *texts: bytes) -> bool:
        """Send text frames now, in one go; False when the peer does not keep up, and nothing was sent.

        To a connection that has ended it is sent in vain: its reader knows, and ends the session.
        """

    async def room(self) -> None:
        """Return when the peer keeps up (again), or is gone."""

    async def probe(self, deadline: float) -> bool:
        """Whether the peer answers a ping within `deadline` seconds."""


class Outgoing:
    """The backlog of one socket and its writer. Overflow: the client is cut, and comes back by resume."""

    def __init__(
        self, websocket: WebSocket, link: Link, settings: ApiSettings, on_slow: Callable[[], None]
    ) -> None:
        self._websocket, self._link, self._settings, self._on_slow = websocket, link, settings, on_slow
        self._frames: deque[tuple[bytes, int]] = deque()
        self._messages = self._bytes = 0
        self._wake = asyncio.Event()
        self._close: tuple[int, str] | None = None
        self._deadline: asyncio.TimerHandle | None = None

    @property
    def closing(self) -> bool:
        """Whether the server has decided to close."""
        return self._close is not None

    @property
    def empty(self) -> bool:
        """Whether everything was handed to the socket."""
        return not self._frames and not self.closing

    def put(self, *frames: bytes) -> None:
        """Queue frames; cuts the client when that is too much."""
        if self.closing or (not self._frames and self._link.write(*frames)):
            return
        self._frames.extend((frame, len(frame)) for frame in frames)
        self._messages += len(frames)
        self._bytes += sum(map(len, frames))
        limits = self._settings
        if self._messages > limits.max_backlog_messages or self._bytes > limits.max_backlog_bytes:
            self._close = (TOO_SLOW, "too_slow")
            self._on_slow()
            self._link.cut(*self._close)
        self._wake.set()

    def replay(self, frames: list[bytes]) -> None:
        """Queue what a resuming client missed: bounded at its source, so it does not count as backlog."""
        if not self.closing:
            self._frames.extend((frame, 0) for frame in frames)
            self._wake.set()

    def close(self, code: int, reason: str, farewell: bytes | None = None) -> None:
        """Send what is queued and `farewell`, then close; cut if that takes too long. Idempotent."""
        if self.closing:
            return
        if farewell is not None:
            self._frames.append((farewell, 0))
        self._close = (code, reason)
        loop = asyncio.get_running_loop()
        self._deadline = loop.call_later(self._settings.close_deadline, self._link.cut, code, reason)
        self._wake.set()

    async def run(self) -> None:
        """Write until the socket is closed by either side."""
        try:
            await self._write()
        except (WebSocketDisconnect, RuntimeError):
            return  # closed by either side meanwhile: the reader sees it too and ends the session
        finally:
            if self._deadline:
                self._deadline.cancel()

    async def _write(self) -> None:
        while True:
            while self._frames:
                frame, weight = self._frames[0]
                if not self._link.write(frame):
                    await self._link.room()
                    continue
                self._frames.popleft()
                if weight:
                    self._messages -= 1
                    self._bytes -= weight
            if self._close:
                await self._websocket.close(*self._close)
                return
            self._wake.clear()
            await self._wake.wait()
