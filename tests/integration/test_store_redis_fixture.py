"""The Redis that other tests lean on really persists, dies and freezes when told to."""

import pytest
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from tests.support.redis import RedisServer


async def test_data_survives_stop_and_start(redis_server: RedisServer) -> None:
    async with Redis.from_url(redis_server.url) as client:
        await client.set("k", "v")
    redis_server.stop()
    redis_server.start()
    async with Redis.from_url(redis_server.url) as client:
        assert await client.get("k") == b"v"


async def test_killed_server_refuses(redis_server: RedisServer) -> None:
    redis_server.kill9()
    async with Redis.from_url(redis_server.url, retry=None) as client:
        with pytest.raises(RedisConnectionError):
            await client.ping()


async def test_frozen_server_answers_nothing_and_goes_on(redis_server: RedisServer) -> None:
    async with Redis.from_url(redis_server.url, socket_timeout=0.2, retry=None) as client:
        redis_server.freeze()
        with pytest.raises(RedisTimeoutError):
            await client.ping()
        redis_server.thaw()
        assert await client.ping()


async def test_shared_server_is_empty(redis_url: str) -> None:
    async with Redis.from_url(redis_url) as client:
        assert await client.dbsize() == 0
