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
MAX_ELSEWHERE = 50
"""Failures for an account at all addresses from which nobody ever logged in to it, together."""
LOCK_ELSEWHERE = 60.0
KNOWN_FOR = 30 * 86400.0
"""Seconds in which an address is remembered from which somebody logged in."""


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


class _Counter:
    """Failures by key, forgotten `lock` seconds after the first or the last that counts."""

    def __init__(self, most: int, lock: float, clock: Clock) -> None:
        self._most, self._lock, self._clock = most, lock, clock
        self._failures: dict[str, _Failures] = {}

    def wait(self, key: str) -> float:
        """Seconds until one more is allowed."""
        now = self._clock()
        for stale in [known for known, failures in self._failures.items() if failures.until <= now]:
            del self._failures[stale]
        failures = self._failures.get(key)
        return failures.until - now if failures and failures.count >= self._most else 0.0

    def add(self, key: str) -> None:
        """One more."""
        until = self._clock() + self._lock
        failures = self._failures.setdefault(key, _Failures(0, until))
        failures.count += 1
        if failures.count == self._most:
            failures.until = until

    def take_back(self, key: str) -> None:
        """One less."""
        failures = self._failures.get(key)
        if failures:
            failures.count -= 1

    def forget(self, key: str) -> None:
        """None."""
        self._failures.pop(key, None)


class MemoryLoginGuard:
    """LoginGuard of a single process."""

    def __init__(
        self,
        max_failures: int = MAX_FAILURES,
        lock_seconds: float = LOCK_SECONDS,
        elsewhere: tuple[int, float] = (MAX_ELSEWHERE, LOCK_ELSEWHERE),
        clock: Clock = time.monotonic,
    ) -> None:
        self._here = _Counter(max_failures, lock_seconds, clock)
        self._elsewhere = _Counter(*elsewhere, clock)
        self._known: set[tuple[str, str]] = set()

    async def attempt(self, agent_id: str, address: str) -> float:
        """See LoginGuard."""
        here, known = f"{agent_id}@{address}", (agent_id, address) in self._known
        wait = self._here.wait(here) or (0.0 if known else self._elsewhere.wait(agent_id))
        if wait == 0:
            self._here.add(here)
            if not known:
                self._elsewhere.add(agent_id)
        return wait

    async def succeeded(self, agent_id: str, address: str) -> None:
        """See LoginGuard."""
        self._here.forget(f"{agent_id}@{address}")
        if (agent_id, address) not in self._known:
            self._elsewhere.take_back(agent_id)
        self._known.add((agent_id, address))

    async def undecided(self, agent_id: str, address: str) -> None:
        """See LoginGuard."""
        self._here.take_back(f"{agent_id}@{address}")
        if (agent_id, address) not in self._known:
            self._elsewhere.take_back(agent_id)


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


# KEYS: failures at the address, failures elsewhere, the address is known. Answers ms to wait, 0 for none.
_ATTEMPT = """
local known = redis.call('EXISTS', KEYS[3]) == 1
for i = 1, known and 1 or 2 do
  local count = tonumber(redis.call('GET', KEYS[i]) or '0')
  if count >= tonumber(ARGV[2 * i - 1]) then return math.max(1, redis.call('PTTL', KEYS[i])) end
end
for i = 1, known and 1 or 2 do
  local count = redis.call('INCR', KEYS[i])
  if count == 1 or count == tonumber(ARGV[2 * i - 1]) then redis.call('PEXPIRE', KEYS[i], ARGV[2 * i]) end
end
return 0
"""
_UNDECIDED = """
for i = 1, redis.call('EXISTS', KEYS[3]) == 1 and 1 or 2 do
  if redis.call('EXISTS', KEYS[i]) == 1 then redis.call('DECR', KEYS[i]) end
end
return 0
"""
_SUCCEEDED = """
redis.call('DEL', KEYS[1])
if redis.call('EXISTS', KEYS[3]) == 0 and redis.call('EXISTS', KEYS[2]) == 1 then
  redis.call('DECR', KEYS[2])
end
redis.call('SET', KEYS[3], '1', 'PX', ARGV[1])
return 0
"""


class RedisLoginGuard:
    """LoginGuard of all servers on one Redis; each step is one script, so that parallel attempts count."""

    def __init__(
        self,
        redis: Redis,
        max_failures: int = MAX_FAILURES,
        lock_seconds: float = LOCK_SECONDS,
        elsewhere: tuple[int, float] = (MAX_ELSEWHERE, LOCK_ELSEWHERE),
        prefix: str = "cti:auth:",
    ) -> None:
        self._redis, self._prefix = redis, prefix
        limits = ((max_failures, lock_seconds), elsewhere)
        self._limits = [text for most, lock in limits for text in (str(most), _milliseconds(lock))]

    async def attempt(self, agent_id: str, address: str) -> float:
        """See LoginGuard."""
        return float(await self._run(_ATTEMPT, agent_id, address, *self._limits)) / 1000

    async def succeeded(self, agent_id: str, address: str) -> None:
        """See LoginGuard."""
        await self._run(_SUCCEEDED, agent_id, address, _milliseconds(KNOWN_FOR))

    async def undecided(self, agent_id: str, address: str) -> None:
        """See LoginGuard."""
        await self._run(_UNDECIDED, agent_id, address)

    async def _run(self, script: str, agent_id: str, address: str, *arguments: str) -> int:
        keys = (f"failures:{agent_id}@{address}", f"failures:{agent_id}", f"known:{agent_id}@{address}")
        named = [self._prefix + key for key in keys]
        return int(await _reached(self._redis.eval(script, len(named), *named, *arguments)))


def _milliseconds(seconds: float) -> str:
    return str(round(seconds * 1000))
