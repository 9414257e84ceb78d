"""Used tokens and failed logins, in memory and on a real Redis."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from redis.asyncio import Redis

from cti_server.api.errors import AuthStoreUnavailable
from cti_server.api.guards import (
    MemoryLoginGuard,
    MemoryOneTimeStore,
    RedisLoginGuard,
    RedisOneTimeStore,
)
from cti_server.api.ports import LoginGuard, OneTimeStore
from tests.support.redis import RedisServer

LOCK = 0.4
HERE = "192.0.2.1"


@pytest.fixture(params=["memory", "redis"])
async def stores(request: pytest.FixtureRequest) -> AsyncIterator[tuple[OneTimeStore, LoginGuard]]:
    if request.param == "memory":
        yield MemoryOneTimeStore(), MemoryLoginGuard(3, LOCK, (8, LOCK))
        return
    redis = Redis.from_url(request.getfixturevalue("redis_url"))
    yield RedisOneTimeStore(redis), RedisLoginGuard(redis, 3, LOCK, (8, LOCK))
    await redis.aclose()


async def eventually(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(5):
        while not await condition():  # noqa: ASYNC110  # time itself is what is waited for
            await asyncio.sleep(0.02)


async def test_once(stores: tuple[OneTimeStore, LoginGuard]) -> None:
    store, _ = stores
    assert [await store.use("a", 60) for _ in range(3)] == [True, False, False]
    assert await store.use("b", 60)


async def test_once_also_at_the_same_time(stores: tuple[OneTimeStore, LoginGuard]) -> None:
    store, _ = stores
    assert sum(await asyncio.gather(*(store.use("same", 60) for _ in range(20)))) == 1


async def test_forgotten_after_its_lifetime(stores: tuple[OneTimeStore, LoginGuard]) -> None:
    store, _ = stores
    assert await store.use("a", 0.05)
    await eventually(lambda: store.use("a", 0.05))


async def test_locked_after_failures_and_open_again(stores: tuple[OneTimeStore, LoginGuard]) -> None:
    _, guard = stores
    assert [await guard.attempt("1001", HERE) for _ in range(3)] == [0, 0, 0]
    waits = [await guard.attempt("1001", HERE) for _ in range(3)]
    assert all(0 < wait <= LOCK for wait in waits)
    assert await guard.attempt("1002", HERE) == 0

    async def open_again() -> bool:
        return await guard.attempt("1001", HERE) == 0

    await eventually(open_again)


async def test_success_and_undecided_do_not_count(stores: tuple[OneTimeStore, LoginGuard]) -> None:
    _, guard = stores
    for _ in range(3):
        assert [await guard.attempt("1001", HERE) for _ in range(2)] == [0, 0]
        await guard.succeeded("1001", HERE)
    for _ in range(5):
        assert await guard.attempt("1001", HERE) == 0
        await guard.undecided("1001", HERE)
    await guard.undecided("nobody", HERE)
    assert [await guard.attempt("nobody", HERE) for _ in range(3)] == [0, 0, 0]
    assert await guard.attempt("nobody", HERE) > 0


async def test_parallel_guesses(stores: tuple[OneTimeStore, LoginGuard]) -> None:
    _, guard = stores
    waits = await asyncio.gather(*(guard.attempt("1001", HERE) for _ in range(50)))
    assert waits.count(0) == 3


async def test_redis_away(redis_server: RedisServer) -> None:
    redis = Redis.from_url(redis_server.url, socket_timeout=0.3, socket_connect_timeout=0.3)
    store, guard = RedisOneTimeStore(redis), RedisLoginGuard(redis)
    assert await store.use("a", 60)
    for hurt in (redis_server.freeze, redis_server.kill9):
        hurt()
        for attempt in (
            store.use("secret-token-id", 60),
            guard.attempt("1001", HERE),
            guard.succeeded("1001", HERE),
        ):
            with pytest.raises(AuthStoreUnavailable) as refused:
                await attempt
            assert refused.value.retryable
            assert "secret" not in str(refused.value)
    redis_server.start()
    assert await guard.attempt("1001", HERE) == 0
    await redis.aclose()


async def test_redis_keeps_nothing_for_ever(redis_url: str) -> None:
    redis = Redis.from_url(redis_url)
    store, guard = RedisOneTimeStore(redis), RedisLoginGuard(redis)
    await store.use("a", 60)
    for _ in range(6):
        await guard.attempt("1001", HERE)
    await guard.attempt("1002", HERE)
    await guard.undecided("1002", HERE)
    keys = await redis.keys("*")
    assert len(keys) == 5
    for key in keys:
        assert 0 < await redis.pttl(key) <= 300_000
    await redis.aclose()


async def test_a_stranger_elsewhere_keeps_nobody_out(stores: tuple[OneTimeStore, LoginGuard]) -> None:
    _, guard = stores
    assert await guard.attempt("1001", HERE) == 0
    await guard.succeeded("1001", HERE)
    strangers = [f"198.51.100.{n}" for n in range(1, 4)]
    waits = [await guard.attempt("1001", address) for address in strangers for _ in range(3)]
    assert waits[:8] == [0] * 8  # three at each address, and eight at all of them together
    assert waits[8] > 0
    assert await guard.attempt("1001", "198.51.100.9") > 0
    assert await guard.attempt("1001", HERE) == 0
    assert await guard.attempt("1002", "198.51.100.9") == 0


async def test_right_passwords_from_everywhere(
    stores: tuple[OneTimeStore, LoginGuard],
) -> None:
    _, guard = stores
    for n in range(20):
        assert await guard.attempt("1001", f"192.0.2.{n}") == 0
        await guard.succeeded("1001", f"192.0.2.{n}")
