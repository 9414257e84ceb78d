"""The lease on a real Redis: who may take it, and who is fenced off."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from redis.asyncio import Redis

from cti_server.domain import signals as s
from cti_server.engine.journal import Journal, connect_redis
from cti_server.engine.port import NotLeader
from tests.support.redis import RedisServer

LONG = 60_000
"""ms: no test waits for a lease to run out."""


@pytest_asyncio.fixture
async def redis(redis_server: RedisServer) -> AsyncIterator[Redis]:
    client = connect_redis(redis_server.url)
    yield client
    await client.aclose()


async def test_a_lease_is_left_to_its_holder_without_proof_of_its_death(redis: Redis) -> None:
    journal = Journal(redis, "test")
    assert await journal.acquire(LONG, 0, "first") == 1
    assert await journal.acquire(LONG, 0, "second") == 0
    assert await journal.acquire(LONG, 0, "second", ("other", "another")) == 0


async def test_the_lease_of_a_dead_process_is_taken_at_once_and_the_dead_is_fenced_off(redis: Redis) -> None:
    journal = Journal(redis, "test")
    await journal.acquire(LONG, 0, "first")
    assert await journal.acquire(LONG, 0, "second", ("earlier", "first")) == 2
    assert not await journal.renew(1, LONG)
    with pytest.raises(NotLeader):
        await journal.append(1, [s.LeaderStarted(0.0, 1)])
    assert await journal.renew(2, LONG)


async def test_proof_is_of_the_holder_not_of_a_holder_before_it(redis: Redis) -> None:
    """Also when the lease was taken by a version that does not say which process it is."""
    journal = Journal(redis, "test")
    await journal.acquire(LONG, 0, "first")
    await journal.release(1)
    await journal.acquire(LONG, 0, "elsewhere")
    assert await journal.acquire(LONG, 0, "second", ("first",)) == 0
    await redis.set("cti:{test}:lease", "3")
    assert await journal.acquire(LONG, 0, "second", ("first", "elsewhere")) == 0
