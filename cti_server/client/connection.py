"""One agent's line to the centre: connects, resumes, and asks again what was not answered."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import uuid
from collections.abc import Callable
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, WebSocketException
from websockets.typing import Subprotocol

from cti_server.client.errors import CtiRequestError, SessionEnded
from cti_server.client.ledger import Ledger
from cti_server.client.tokens import TokenSource

SUBPROTOCOL = Subprotocol("cti.v1")
FINAL_CLOSE = 4001
"""Taken over or revoked: coming back would only fight."""
FIRST_DELAY, LONGEST_DELAY = 0.1, 1.0
"""Seconds between attempts, each a random share of it, so that many clients do not come at once."""
OPEN_TIMEOUT = 5.0
PING = 5.0
"""Seconds without an answer after which a silent server is given up."""
OPEN_ID = "session.open"
HOPELESS = frozenset({"account_locked"})
"""Refusals that pass, but not soon."""


class Connection:
    """Keeps a session open. `on_open` gets each `session.open` result, `on_event` each notification."""

    def __init__(
        self,
        ws_url: str,
        tokens: TokenSource,
        on_open: Callable[[dict[str, Any]], None],
        on_event: Callable[[str, dict[str, Any]], None],
        on_end: Callable[[SessionEnded | CtiRequestError], None],
    ) -> None:
        self.ledger = Ledger()
        self.reconnects = 0
        self._ws_url, self._tokens = ws_url, tokens
        self._on_open, self._on_event, self._on_end = on_open, on_event, on_end
        self._socket: ClientConnection | None = None
        self._asked: dict[str, tuple[str, asyncio.Future[dict[str, Any]]]] = {}
        """Request id to what was sent and who waits; in the order asked."""
        self._opened = asyncio.Event()
        self._ended: SessionEnded | CtiRequestError | None = None
        self._task: asyncio.Task[None] | None = None
        self._closed_because = "closed"

    async def start(self, deadline: float) -> None:
        """Open the session within `deadline` seconds.

        Raises TimeoutError, and CtiRequestError for a refusal that another attempt would not change.
        """
        self._task = asyncio.create_task(self._run())
        opened = asyncio.create_task(self._opened.wait())
        await asyncio.wait({self._task, opened}, timeout=deadline, return_when=asyncio.FIRST_COMPLETED)
        opened.cancel()
        if self._opened.is_set():
            return
        refused = self._ended
        await self.close()
        raise refused or TimeoutError(f"no session within {deadline} s")

    async def close(self) -> None:
        """End the session. Idempotent."""
        if self._task:
            self._task.cancel()
            await asyncio.wait({self._task})
        if self._ended is None:
            self._end(SessionEnded("closed"))

    async def request(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        """The result, also over a lost connection: the same id is sent again, and done once.

        Raises CtiRequestError, SessionEnded.
        """
        if self._ended:
            raise self._ended
        request_id = str(uuid.uuid4())
        message = {"jsonrpc": "2.0", "id": request_id, "method": method, "params": params}
        waiting: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        text = json.dumps(message)
        self._asked[request_id] = (text, waiting)
        try:
            await self._send(text)
            return await waiting
        finally:
            self._asked.pop(request_id, None)

    async def _send(self, text: str) -> None:
        if self._socket and self._opened.is_set():
            try:
                await self._socket.send(text)
            except WebSocketException:
                return  # sent again when the session is open again

    # --- the life of the line -----------------------------------------------------------------------------

    async def _run(self) -> None:
        delay = FIRST_DELAY
        while self._ended is None:
            try:
                await self._session()
                delay = FIRST_DELAY
            except CtiRequestError as error:
                if not error.retryable or error.code in HOPELESS:
                    self._end(error)
            except (OSError, WebSocketException, TimeoutError):
                pass  # not reachable right now: the next attempt follows
            if self._ended is None:
                await asyncio.sleep(random.uniform(0, delay))  # noqa: S311  # jitter is no secret
                delay = min(2 * delay, LONGEST_DELAY)
                self.reconnects += 1

    async def _session(self) -> None:
        """From connecting to the loss of an open session. Raises when it does not come to that."""
        token = await self._tokens.for_socket()
        async with connect(
            self._ws_url,
            subprotocols=[SUBPROTOCOL],
            open_timeout=OPEN_TIMEOUT,
            close_timeout=1.0,
            ping_interval=PING,
            ping_timeout=PING,
            compression=None,
            proxy=None,
        ) as socket:
            self._socket = socket
            try:
                await self._open(socket, token)
                with contextlib.suppress(ConnectionClosed):
                    while True:
                        self._take(json.loads(await socket.recv()))
            finally:
                self._opened.clear()
                self._socket = None
        if socket.close_code == FINAL_CLOSE:
            self._end(SessionEnded(self._closed_because))

    async def _open(self, socket: ClientConnection, token: str) -> None:
        params: dict[str, Any] = {"token": token}
        if self.ledger.last:
            params["resume"] = {"epoch": self.ledger.last[0], "seq": self.ledger.last[1]}
        message = {"jsonrpc": "2.0", "id": OPEN_ID, "method": OPEN_ID, "params": params}
        await socket.send(json.dumps(message))
        async with asyncio.timeout(OPEN_TIMEOUT):
            answer = json.loads(await socket.recv())
        if answer.get("id") != OPEN_ID:
            raise InvalidHandshake("the server did not answer session.open")
        result = _result(answer)
        if result["resumed"]:
            self.ledger.resumes += 1
        else:
            self.ledger.snapshot(result["epoch"], result["seq"])
        self._on_open(result)
        self._opened.set()
        for text, _ in tuple(self._asked.values()):
            await socket.send(text)

    # --- what comes ---------------------------------------------------------------------------------------

    def _take(self, message: dict[str, Any]) -> None:
        if "method" not in message:
            self._answered(message)
            return
        params = message["params"]
        if message["method"] == "session.closed":
            self._closed_because = params["reason"]
            return
        if "seq" not in params:  # the wallboard: no part of what a resume brings again
            self._on_event(message["method"], params)
            return
        number = (params["epoch"], params["seq"])
        known = self.ledger.last is not None and number <= self.ledger.last
        self.ledger.notification(*number)
        if not known:
            self._on_event(message["method"], params)

    def _answered(self, message: dict[str, Any]) -> None:
        _, waiting = self._asked.get(message["id"], ("", None))
        if waiting is None or waiting.done():
            return
        try:
            waiting.set_result(_result(message))
        except CtiRequestError as error:
            waiting.set_exception(error)

    def _end(self, why: SessionEnded | CtiRequestError) -> None:
        self._ended = why
        for _, waiting in self._asked.values():
            if not waiting.done():
                waiting.set_exception(why)
        self._on_end(why)


def _result(answer: dict[str, Any]) -> dict[str, Any]:
    if "error" in answer:
        error = answer["error"]
        data = error["data"]
        raise CtiRequestError(
            data["code"], error["message"], retryable=data["retryable"], detail=data.get("detail")
        )
    result: dict[str, Any] = answer["result"]
    return result
