"""The journal in Redis: a stream of signal batches, snapshots, answers to commands, and the leader's lease.

Every write names the writer's term and is refused when another server has taken the lease since, so a
leader that was frozen cannot write after its successor (fencing). Keys: `cti:{SITE}:…`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from redis.asyncio import BlockingConnectionPool, Redis
from redis.exceptions import NoScriptError, RedisError, ResponseError

from cti_server.domain.signals import Command, Signal
from cti_server.engine import codec
from cti_server.engine.port import JournalUnavailable, NotLeader
from cti_server.engine.redis_line import RedisLine

REPLY_TTL = 86_400
"""Seconds a command's answer is kept for repeats (PROTOCOL: 24 h)."""
SNAPSHOTS_KEPT = 6
PAGE = 500
"""Entries read at once when following."""

_ACQUIRE = """
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[2] then
  local life, over = redis.call('GET', KEYS[3]), false
  for i = 4, #ARGV do over = over or life == holder .. ' ' .. ARGV[i] end
  if not over then return 0 end
end
local term = redis.call('INCR', KEYS[2])
redis.call('SET', KEYS[1], term, 'PX', ARGV[1])
redis.call('SET', KEYS[3], term .. ' ' .. ARGV[3])
return term
"""
"""The third key says which process took which term's lease; another version may not have said it."""
_RENEW = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
"""
_RELEASE = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0"
_APPEND = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return redis.error_reply('NOTLEADER') end
local known = {}
for i = 5, 4 + ARGV[4] do
  local answer = redis.call('GET', ARGV[i])
  if answer then known[#known + 1] = answer end
end
if #known > 0 then return known end
for i = 5 + ARGV[4], #ARGV, 2 do redis.call('SET', ARGV[i], ARGV[i + 1], 'EX', ARGV[3]) end
if ARGV[2] == '' then return '' end
return redis.call('XADD', KEYS[2], '*', 'b', ARGV[2])
"""
_SNAPSHOT = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return redis.error_reply('NOTLEADER') end
redis.call('LPUSH', KEYS[2], ARGV[2])
redis.call('LTRIM', KEYS[2], 0, ARGV[3] - 1)
if ARGV[4] ~= '' then redis.call('XTRIM', KEYS[3], 'MINID', ARGV[4]) end
return 1
"""


REDIS_TIMEOUT = 1.0
"""Seconds an answer of Redis may take: below the lease, so that a hanging one is noticed in time."""
REDIS_CONNECTIONS = 32
"""A burst of commands waits for a connection instead of being refused (or of opening a thousand)."""


def connect_redis(url: str) -> Redis:
    """A client with deadlines and a bounded pool whose users wait their turn."""
    pool = BlockingConnectionPool.from_url(
        url,
        max_connections=REDIS_CONNECTIONS,
        timeout=REDIS_TIMEOUT,
        socket_timeout=REDIS_TIMEOUT,
        socket_connect_timeout=REDIS_TIMEOUT,
    )
    return Redis.from_pool(pool)


class AnsweredBefore(Exception):  # noqa: N818  # no error: what a repeated command is met with
    """Commands of a batch were answered before; `stored` has the answers."""

    def __init__(self, stored: list[codec.StoredReply]) -> None:
        super().__init__("answered before")
        self.stored = stored


@dataclass(frozen=True, slots=True)
class Entry:
    """A batch of signals at its position (Redis stream id)."""

    position: str
    signals: list[Signal]


class Journal:
    """One site's journal. Raises JournalUnavailable when Redis is out of reach, NotLeader when fenced off."""

    def __init__(self, redis: Redis, site: str) -> None:
        self._redis = redis
        prefix = f"cti:{{{site}}}:"
        self._lease, self._term, self._life = prefix + "lease", prefix + "term", prefix + "life"
        self._stream, self._snapshots = prefix + "journal", prefix + "snapshots"
        self._reply_prefix, self._server = prefix + "reply:", prefix + "redis-run"
        self._acquire_script = redis.register_script(_ACQUIRE)
        self._renew_script = redis.register_script(_RENEW)
        self._release_script = redis.register_script(_RELEASE)
        self._append_script = redis.register_script(_APPEND)
        self._line = RedisLine(redis)
        self._snapshot_script = redis.register_script(_SNAPSHOT)
        self.snapshot_at = 0.0
        """When the newest snapshot was taken, whoever took it, as far as this server has seen; 0: none."""

    # --- lease --------------------------------------------------------------------------------------

    async def acquire(self, ttl_ms: int, own_term: int, life: str, over: Sequence[str] = ()) -> int:
        """Take the lease; returns the new term, or 0 when another server holds it.

        `own_term` is the term we held last: a lease that is still ours need not run out first. Nor need one
        of a process that is dead for certain; `over` are the ids of such, `life` is our own.
        """
        keys = [self._lease, self._term, self._life]
        with _faults():
            return int(await self._acquire_script(keys=keys, args=[ttl_ms, own_term, life, *over]))

    async def renew(self, term: int, ttl_ms: int) -> bool:
        """Prolong our lease; False when it is no longer ours."""
        with _faults():
            return bool(await self._renew_script(keys=[self._lease], args=[term, ttl_ms]))

    async def release(self, term: int) -> None:
        """Give our lease back."""
        with _faults():
            await self._release_script(keys=[self._lease], args=[term])

    # --- signals ------------------------------------------------------------------------------------

    async def append(
        self, term: int, batch: Sequence[Signal], replies: Sequence[codec.StoredReply] = ()
    ) -> str:
        """Write a batch (may be empty) and the answers of earlier ones; returns the batch's position.

        Raises AnsweredBefore, and nothing is written, when commands of the batch were answered within the
        last 24 h: asking for that in the same step costs no second way to Redis.
        """
        data = codec.encode_batch(list(batch)) if batch else b""
        asked = [self._reply_key(c.agent_id, c.request_id) for c in batch if isinstance(c, Command)]
        args: list[str | int | bytes] = [term, data, REPLY_TTL, len(asked), *asked]
        for stored in replies:
            key = self._reply_key(stored.reply.agent_id, stored.reply.request_id)
            args += [key, codec.encode_reply(stored)]
        with _faults():
            said = await self._append(args)
        if isinstance(said, list):
            raise AnsweredBefore([codec.decode_reply(data) for data in said])
        return _text(said)

    async def _append(self, args: list[str | int | bytes]) -> Any:
        keys = (self._lease, self._stream)
        try:
            return await self._line.call(self._append_script.sha, keys, args)
        except NoScriptError:  # a Redis that we did not write to before
            await self._redis.script_load(_APPEND)
            return await self._line.call(self._append_script.sha, keys, args)

    def close(self) -> None:
        """Drop the journal's own connection; the next write makes another."""
        self._line.close()

    async def entries(self, after: str, until: str = "+") -> AsyncIterator[Entry]:
        """Batches after a position, oldest first."""
        while True:
            with _faults():
                page: Any = await self._redis.xrange(self._stream, f"({after}", until, count=PAGE)
            for position, fields in page:
                after = _text(position)
                yield Entry(after, codec.decode_batch(fields[b"b"]))
            if len(page) < PAGE:
                return

    async def holds(self, position: str) -> bool:
        """Whether the stream still has the entry at this position."""
        with _faults():
            return bool(await self._redis.xrange(self._stream, position, position, count=1))

    # --- snapshots ----------------------------------------------------------------------------------

    async def save_snapshot(
        self, term: int, snapshot: codec.Snapshot, before: Callable[[], Awaitable[None]]
    ) -> None:
        """Keep a snapshot, taken now; entries that no kept snapshot needs are trimmed.

        `before` is awaited between taking and keeping it: what the entries produced must be safe elsewhere
        before a recovery may skip them.
        """
        data = codec.encode_snapshot(snapshot)
        await before()
        with _faults():
            oldest: Any = await self._redis.lindex(self._snapshots, SNAPSHOTS_KEPT - 2)
            trim = codec.position_of(oldest) if oldest else ""
            await self._snapshot_script(
                keys=[self._lease, self._snapshots, self._stream],
                args=[term, data, SNAPSHOTS_KEPT, trim],
            )
        self.snapshot_at = snapshot.at

    async def load_snapshot(self, window: float) -> codec.Snapshot | None:
        """The newest snapshot that is at least `window` seconds older than the newest one, or the oldest.

        Replaying from there brings back the notifications of that window, which resuming clients need.
        """
        with _faults():
            kept: Any = await self._redis.lrange(self._snapshots, 0, -1)
        snapshots = [codec.decode_snapshot(data) for data in kept]
        if not snapshots:
            return None
        self.snapshot_at = snapshots[0].at
        old_enough = (s for s in snapshots if s.at <= snapshots[0].at - window)
        return next(old_enough, snapshots[-1])

    def _reply_key(self, agent_id: str, request_id: str) -> str:
        return f"{self._reply_prefix}{agent_id}:{request_id}"

    # --- the Redis behind it ------------------------------------------------------------------------

    async def same_server(self) -> bool:
        """Whether this is the very Redis process the last leader wrote to.

        Another process (restart, failover) may have lost the last moments: histories must not be mixed.
        """
        with _faults():
            info = await self._redis.info("server")
            known: Any = await self._redis.get(self._server)
        return bool(known) and _text(known) == info["run_id"]

    async def remember_server(self) -> None:
        """From now on the present Redis process is the one the last leader wrote to."""
        with _faults():
            info = await self._redis.info("server")
            await self._redis.set(self._server, info["run_id"])


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value


class _faults:  # noqa: N801  # used as a statement: `with _faults():`
    """Translate redis-py's errors into ours, and let no cancellation get lost in it."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        task = asyncio.current_task()
        ours = isinstance(error, (RedisError, OSError))
        if (error is None or ours) and task and task.cancelling():
            # redis-py may swallow a cancellation (`asyncio.wait_for` of Python 3.11), or make an error of it.
            raise asyncio.CancelledError
        if isinstance(error, ResponseError) and "NOTLEADER" in str(error):
            raise NotLeader("another server has taken the lease") from error
        if ours:
            raise JournalUnavailable(f"Redis: {type(error).__name__}") from error
