"""Used tokens and failed logins, counted in memory (one process, tests) or in Redis (all servers)."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from redis.asyncio import Redis
from redis.exceptions import RedisError

from cti_server.api.errors import AuthStoreUnavailable

T = TypeVar("T")
Clock = Callable[[], float]
MAX_FAILURES = 5
LOCK_SECONDS = 300.0


class MemoryOneTimeStore:
    """OneTimeStore of a single process."""

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._used: dict[str, float] = {}

    async def use(self, token_id: str, lifetime: float) -> bool:
        """See OneTimeStore."""
        now = self._clock()
        for stale in [used for used, until in self._used.items() if until <= now]:
            del self._used[stale]
        if token_id in self._used:
            return False
        self._used[token_id] = now + lifetime
        return True


@dataclass(slots=True)
class _Failures:
    count: int
    until: float


class MemoryLoginGuard:
    """LoginGuard of a single process. Failures are forgotten `lock_seconds` after the first or the last."""

    def __init__(
        self,
        max_failures: int = MAX_FAILURES,
        lock_seconds: float = LOCK_SECONDS,
        clock: Clock = time.monotonic,
    ) -> None:
        self._max, self._lock, self._clock = max_failures, lock_seconds, clock
        self._failures: dict[str, _Failures] = {}

    async def attempt(self, agent_id: str) -> float:
        """See LoginGuard."""
        now = self._clock()
        for stale in [known for known, failures in self._failures.items() if failures.until <= now]:
            del self._failures[stale]
        failures = self._failures.setdefault(agent_id, _Failures(0, now + self._lock))
        if failures.count >= self._max:
            return failures.until - now
        failures.count += 1
        if failures.count == self._max:
            failures.until = now + self._lock
        return 0.0

    async def succeeded(self, agent_id: str) -> None:
        """See LoginGuard."""
        self._failures.pop(agent_id, None)

    async def undecided(self, agent_id: str) -> None:
        """See LoginGuard."""
        failures = self._failures.get(agent_id)
        if failures:
            failures.count -= 1


async def _reached(answer: Awaitable[T]) -> T:
    """The answer of Redis; AuthStoreUnavailable when there is none (without Redis's own words)."""
    try:
        return await answer
    except (RedisError, OSError, TimeoutError) as error:
        raise AuthStoreUnavailable(f"the store of logins is out of reach ({type(error).__name__})") from None


class RedisOneTimeStore:
    """OneTimeStore of all servers on one Redis: `SET NX PX`."""

    def __init__(self, redis: Redis, prefix: str = "cti:auth:used:") -> None:
        self._redis, self._prefix = redis, prefix

    async def use(self, token_id: str, lifetime: float) -> bool:
        """See OneTimeStore."""
        answer = self._redis.set(self._prefix + token_id, b"1", nx=True, px=max(1, round(lifetime * 1000)))
        return bool(await _reached(answer))


# KEYS[1] the agent's counter; ARGV[1] most failures, ARGV[2] lock in ms. Answers ms to wait, 0 for none.
_ATTEMPT = """
local count = tonumber(redis.call('GET', KEYS[1]) or '0')
if count >= tonumber(ARGV[1]) then return math.max(1, redis.call('PTTL', KEYS[1])) end
count = redis.call('INCR', KEYS[1])
if count == 1 or count == tonumber(ARGV[1]) then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return 0
"""
_UNDECIDED = "if redis.call('EXISTS', KEYS[1]) == 1 then redis.call('DECR', KEYS[1]) end return 0"


class RedisLoginGuard:
    """LoginGuard of all servers on one Redis; each step is one script, so that parallel attempts count."""

    def __init__(
        self,
        redis: Redis,
        max_failures: int = MAX_FAILURES,
        lock_seconds: float = LOCK_SECONDS,
        prefix: str = "cti:auth:failures:",
    ) -> None:
        self._redis, self._prefix = redis, prefix
        self._arguments = (str(max_failures), str(round(lock_seconds * 1000)))

    async def attempt(self, agent_id: str) -> float:
        """See LoginGuard."""
        return float(await self._run(_ATTEMPT, agent_id, *self._arguments)) / 1000

    async def succeeded(self, agent_id: str) -> None:
        """See LoginGuard."""
        await _reached(self._redis.delete(self._prefix + agent_id))

    async def undecided(self, agent_id: str) -> None:
        """See LoginGuard."""
        await self._run(_UNDECIDED, agent_id)

    async def _run(self, script: str, agent_id: str, *arguments: str) -> int:
        return int(await _reached(self._redis.eval(script, 1, self._prefix + agent_id, *arguments)))
