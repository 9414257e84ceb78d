"""The journal's own connection to Redis: one script call after the other, answered in order, with a deadline.

redis-py's asynchronous client takes some 0.3 ms of Python for a call (a pool, retries, time-outs, tasks); the
journal is written hundreds of times a second, and each notification waits for it. So redis-py connects and
logs in (URL, TLS, password, database), and then hands its connection over; hiredis reads the answers.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Any, cast

import hiredis
from redis.asyncio import Redis
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import NoScriptError, ResponseError

Argument = str | int | bytes
DEADLINE = 1.0
"""Seconds an answer may take: below the lease, so that a hanging Redis is noticed in time."""


class RedisLine:
    """Calls scripts; connects when needed, and again after the connection was lost. Nothing is sent twice."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._line: _Line | None = None
        self._connecting = asyncio.Lock()

    async def call(self, sha: str, keys: Sequence[str], args: Sequence[Argument]) -> Any:
        """The script's answer.

        Raises redis-py's errors: ConnectionError (the outcome is unknown), NoScriptError (nothing was done),
        ResponseError.
        """
        line = self._line
        if line is None or line.lost:
            line = await self._connect()
        command: tuple[Any, ...] = ("EVALSHA", sha, len(keys), *keys, *args)
        answer = await line.send(hiredis.pack_command(command))
        if isinstance(answer, hiredis.ReplyError):
            text = str(answer)
            raise NoScriptError(text) if text.startswith("NOSCRIPT") else ResponseError(text)
        return answer

    async def _connect(self) -> _Line:
        async with self._connecting:
            if self._line is None or self._line.lost:
                pool: Any = self._redis.connection_pool  # redis-py does not say its types here
                connection: AbstractConnection = pool.make_connection()
                await cast("Any", connection).connect()
                self._line = _Line(connection)
            return self._line

    def close(self) -> None:
        """End the connection."""
        if self._line:
            self._line.end(RedisConnectionError("closed"))


class _Line(asyncio.Protocol):
    """One connection, from the moment redis-py has logged in."""

    def __init__(self, connection: AbstractConnection) -> None:
        self._connection = connection  # kept: its end would close the socket
        writer = connection._writer  # noqa: SLF001  # redis-py has no public way to give its socket away
        assert writer is not None  # noqa: S101  # it has just connected
        self._transport = cast("asyncio.Transport", writer.transport)
        self._transport.set_protocol(self)
        self._reader = hiredis.Reader(notEnoughData=_MORE)
        self._waiting: deque[asyncio.Future[Any]] = deque()
        self._overdue: asyncio.TimerHandle | None = None
        self.lost = False

    def send(self, data: bytes) -> asyncio.Future[Any]:
        """Write a command; the future gets its answer."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Any] = loop.create_future()
        self._waiting.append(answer)
        self._transport.write(data)
        if self._overdue is None:
            self._overdue = loop.call_later(DEADLINE, self._too_late)
        return answer

    def data_received(self, data: bytes) -> None:
        """Answers come in the order of the commands."""
        self._reader.feed(data)
        while (answer := self._reader.gets()) is not _MORE:
            if isinstance(answer, hiredis.PushNotification):
                continue  # news of the server that nobody asked for
            future = self._waiting.popleft()
            if not future.done():  # nobody waits any more
                future.set_result(answer)
        if self._overdue:
            self._overdue.cancel()
        waits = bool(self._waiting)
        self._overdue = asyncio.get_running_loop().call_later(DEADLINE, self._too_late) if waits else None

    def connection_lost(self, exc: Exception | None) -> None:
        """What was asked may have been done, or not."""
        self.end(RedisConnectionError(f"the connection was lost ({type(exc).__name__ if exc else 'closed'})"))

    def _too_late(self) -> None:
        self.end(RedisConnectionError("no answer in time"))

    def end(self, why: RedisConnectionError) -> None:
        """Drop the connection; whoever waits is told. Idempotent."""
        self.lost = True
        if self._overdue:
            self._overdue.cancel()
        self._transport.abort()
        while self._waiting:
            future = self._waiting.popleft()
            if not future.done():
                future.set_exception(why)


_MORE = object()
