"""The server under the app: uvicorn with the websockets library, and the two things ASGI cannot ask of it.

`Connection` can end a connection whose peer does not read (ASGI's `close` waits for the peer), and can find
out whether the peer is still there. Signals, the event loop and logging are left to whoever calls.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import socket
import ssl
import struct
from collections.abc import Callable, Iterator
from typing import Any, cast

import h11
import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.exceptions import InvalidState
from websockets.frames import Frame
from websockets.http11 import Request
from websockets.protocol import State

LINK = "cti.link"
"""Key of the connection in `scope["extensions"]`."""
MAX_WEBSOCKET_MESSAGE = 1024 * 1024
"""Above the 64 KiB of the contract, so that a message between is refused and the socket stays usable."""
PING_INTERVAL = 10.0
PING_TIMEOUT = 10.0
SEND_BUFFER = 256 * 1024
"""Bytes the kernel takes for a client that does not read; without a bound it grows to megabytes."""
REQUEST_DEADLINE = 10.0
"""Seconds for the head of a request."""
CUT_GRACE = 1.0
"""Seconds in which a client that is cut may still read the close code."""

_TEXT = 0x81
"""Opcode of a text frame that is the whole message."""
_TWO_BYTES, _EIGHT_BYTES = 126, 127
"""In place of a length, as many bytes of it follow; a smaller number is the length itself."""
_MOST_IN_TWO_BYTES = 0xFFFF
_MEDIUM, _LONG = struct.Struct("!BBH"), struct.Struct("!BBQ")


class Connection(WebSocketsSansIOProtocol):
    """One WebSocket connection (an `outgoing.Link`)."""

    _abort: asyncio.TimerHandle | None = None

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        self._probes: dict[bytes, asyncio.Future[bool]] = {}

    def handle_connect(self, event: Request) -> None:
        """Let the app find this connection in its scope."""
        super().handle_connect(event)
        if self.handshake_initiated and hasattr(self, "scope"):
            extensions = cast("dict[str, Any]", self.scope["extensions"])
            extensions[LINK] = self

    def cut(self, code: int, reason: str) -> None:
        """End the connection without waiting for the peer to read. Idempotent."""
        if self.disconnected or self._abort:
            return
        self.stop_keepalive()
        if not self.close_sent:
            with contextlib.suppress(InvalidState):
                self.conn.send_close(code, reason)
                self.transport.write(b"".join(self.conn.data_to_send()))
            self.close_sent = True
        self.queue.put_nowait({"type": "websocket.disconnect", "code": code, "reason": reason})
        self._abort = self.loop.call_later(CUT_GRACE, self.transport.abort)

    def write(self, *texts: bytes) -> bool:
        """See `outgoing.Link.write`. Past ASGI's `send`, which costs three more calls and a task's turn."""
        if not self.writable.is_set():
            return False
        ended = self.disconnected or self.close_sent or self.transport.is_closing()
        if self.conn.state is State.OPEN and not ended:
            self.transport.write(b"".join(map(_text_frame, texts)))
        return True

    async def room(self) -> None:
        """See `outgoing.Link.room`."""
        await self.writable.wait()

    async def probe(self, deadline: float) -> bool:
        """Whether the peer answers a ping within `deadline` seconds."""
        if self.close_sent or self.transport.is_closing():
            return False
        payload = secrets.token_bytes(8)
        answer: asyncio.Future[bool] = self.loop.create_future()
        self._probes[payload] = answer
        self.conn.send_ping(payload)
        self.transport.write(b"".join(self.conn.data_to_send()))
        try:
            async with asyncio.timeout(deadline):  # unlike `wait_for` of 3.11 it loses no cancellation
                return await answer
        except TimeoutError:
            return False
        finally:
            del self._probes[payload]

    def handle_pong(self, event: Frame) -> None:
        """Settle a probe; the keepalive's own pongs go their way."""
        answer = self._probes.get(bytes(event.data))
        if answer and not answer.done():
            answer.set_result(True)
        super().handle_pong(event)

    def keepalive_timeout(self) -> None:
        """The peer is dead: do not wait until it has read what is buffered."""
        super().keepalive_timeout()
        if self.transport.get_write_buffer_size():
            self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nobody waits any more."""
        if self._abort:
            self._abort.cancel()
        for answer in self._probes.values():
            if not answer.done():
                answer.set_result(False)
        super().connection_lost(exc)


def _text_frame(text: bytes) -> bytes:
    """A whole text frame as a server sends it: not masked, and no extension is agreed on (RFC 6455, 5.2)."""
    size = len(text)
    if size < _TWO_BYTES:
        return bytes((_TEXT, size)) + text
    if size <= _MOST_IN_TWO_BYTES:
        return _MEDIUM.pack(_TEXT, _TWO_BYTES, size) + text
    return _LONG.pack(_TEXT, _EIGHT_BYTES, size) + text


class HttpConnection(H11Protocol):
    """One HTTP connection. Who says nothing, or half of a request, is ended after one to two deadlines."""

    _check: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Begin to watch."""
        super().connection_made(transport)
        self._watch(None)

    def _watch(self, before: object) -> None:
        served = self.cycle
        waiting = served is None or served.response_complete
        if waiting and before == (served,):
            self.transport.abort()
            return
        self._check = self.loop.call_later(REQUEST_DEADLINE, self._watch, (served,) if waiting else None)

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        """From here on it is a `Connection`."""
        self._stop_watching()
        super().handle_websocket_upgrade(event)

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing left to watch."""
        self._stop_watching()
        super().connection_lost(exc)

    def _stop_watching(self) -> None:
        if self._check:
            self._check.cancel()


class _Server(uvicorn.Server):
    """uvicorn without its own signal handlers: the process has one owner of signals, and it is not this."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals alone."""
        yield


class ApiServer:
    """Serves the app on one address between `start` and `stop`."""

    def __init__(
        self,
        app: FastAPI,
        host: str,
        port: int,
        *,
        ssl_context: ssl.SSLContext | None = None,
        ping_interval: float = PING_INTERVAL,
        ping_timeout: float = PING_TIMEOUT,
    ) -> None:
        self._app, self._host, self._port = app, host, port
        config = uvicorn.Config(
            app,
            http=HttpConnection,
            ws=Connection,
            loop="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            log_level="warning",
            server_header=False,
            proxy_headers=False,
            ws_max_size=MAX_WEBSOCKET_MESSAGE,
            ws_ping_interval=ping_interval,
            ws_ping_timeout=ping_timeout,
            ws_per_message_deflate=False,
            ssl_context_factory=(lambda *_: ssl_context) if ssl_context else None,
        )
        self._server = _Server(config)
        self._task: asyncio.Task[None] | None = None

    @property
    def port(self) -> int:
        """The port in use (useful when 0 was asked for)."""
        return self._port

    async def start(self) -> None:
        """Listen. Raises OSError when the address cannot be had."""
        listener = _listener(self._host, self._port)
        self._port = listener.getsockname()[1]
        self._task = asyncio.create_task(self._server.serve([listener]), name="api-server")
        while not self._server.started:
            if self._task.done():
                await self._task
                raise OSError("the HTTP server ended while it started")
            await asyncio.sleep(0.005)

    async def wait(self) -> None:
        """Until the server ends; raises what ended it."""
        if self._task:
            await asyncio.shield(self._task)

    async def stop(self, deadline: float = 5.0) -> None:
        """Refuse newcomers, close sockets with 1012, let requests finish, and be gone after `deadline`."""
        if self._task is None:
            return
        ends = asyncio.get_running_loop().time() + deadline
        await self._app.state.hub.stop(deadline / 2)
        self._server.should_exit = True
        left = max(0.2, ends - asyncio.get_running_loop().time())
        await asyncio.wait({self._task}, timeout=left)
        self._server.force_exit = True
        for connection in tuple(self._server.server_state.connections):
            if connection.transport:
                connection.transport.abort()
        await asyncio.wait({self._task}, timeout=1.0)
        self._task.cancel()


def _listener(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        listener.bind((host, port))
        listener.setblocking(False)
    except BaseException:
        listener.close()
        raise
    return listener


async def serve(
    app: FastAPI,
    host: str,
    port: int,
    *,
    stop: asyncio.Event,
    started: Callable[[int], None] | None = None,
    deadline: float = 5.0,
    ssl_context: ssl.SSLContext | None = None,
) -> None:
    """Serve until `stop` is set, then stop within `deadline` seconds. `started` is told the port.

    Raises OSError when the address cannot be had, and whatever ended the server early.
    """
    server = ApiServer(app, host, port, ssl_context=ssl_context)
    await server.start()
    if started:
        started(server.port)
    stopping = asyncio.create_task(stop.wait())
    running = asyncio.create_task(server.wait())
    try:
        await asyncio.wait({stopping, running}, return_when=asyncio.FIRST_COMPLETED)
        if running.done():
            running.result()
    finally:
        stopping.cancel()
        await server.stop(deadline)
        running.cancel()
