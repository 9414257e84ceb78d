"""The journal's own connection on a real Redis: in order, never twice, and faults are redis-py's own."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import NoScriptError, ResponseError

from cti_server.engine.journal import connect_redis
from cti_server.engine.redis_line import RedisLine
from tests.support.redis import RedisServer

ECHO = "return ARGV[1]"
COUNT = "return redis.call('INCR', KEYS[1])"
LIST = "return {ARGV[1], {1, 'two'}}"
WRONG = "return redis.error_reply('NOTLEADER')"


@pytest_asyncio.fixture
async def redis(redis_server: RedisServer) -> AsyncIterator[Redis]:
    client = connect_redis(redis_server.url)
    yield client
    await client.aclose()


@pytest_asyncio.fixture
async def line(redis: Redis) -> AsyncIterator[RedisLine]:
    line = RedisLine(redis)
    yield line
    line.close()


async def test_answers_come_to_who_asked_whatever_is_in_them(redis: Redis, line: RedisLine) -> None:
    sha = await redis.script_load(ECHO)
    texts = [
        b"",
        b"\r\n$3\r\n",
        b"\x00\xff" * 1000,
        *(b"%d" % number for number in range(200)),
        b"x" * 500_000,
    ]
    assert await asyncio.gather(*(line.call(sha, (), (text,)) for text in texts)) == texts
    assert await line.call(await redis.script_load(LIST), (), ("王小明", 7)) == [
        "王小明".encode(),
        [1, b"two"],
    ]


async def test_errors_are_told_and_the_line_goes_on(redis: Redis, line: RedisLine) -> None:
    with pytest.raises(ResponseError, match="NOTLEADER"):
        await line.call(await redis.script_load(WRONG), (), ())
    with pytest.raises(NoScriptError):
        await line.call("0" * 40, (), ())
    assert await line.call(await redis.script_load(ECHO), (), (b"on",)) == b"on"


async def test_who_gives_up_does_not_get_anothers_answer(redis: Redis, line: RedisLine) -> None:
    sha = await redis.script_load(ECHO)
    await line.call(sha, (), (b"0",))
    given_up = asyncio.create_task(line.call(sha, (), (b"1",)))
    await asyncio.sleep(0)
    given_up.cancel()
    assert await line.call(sha, (), (b"2",)) == b"2"


async def test_a_lost_connection_fails_what_was_asked_and_nothing_is_sent_twice(
    redis: Redis, line: RedisLine, redis_server: RedisServer
) -> None:
    sha = await redis.script_load(COUNT)
    assert await line.call(sha, ("n",), ()) == 1
    redis_server.freeze()
    asked = [asyncio.create_task(line.call(sha, ("n",), ())) for _ in range(3)]
    said = await asyncio.gather(*asked, return_exceptions=True)  # no answer in time
    assert {type(error) for error in said} == {RedisConnectionError}
    redis_server.thaw()
    assert await line.call(sha, ("n",), ()) in {2, 5}  # the three were done, or thrown away, but never again


async def test_it_connects_again_to_a_redis_that_was_killed(
    redis: Redis, line: RedisLine, redis_server: RedisServer
) -> None:
    sha = await redis.script_load(ECHO)
    await line.call(sha, (), (b"1",))
    redis_server.kill9()
    with pytest.raises((RedisConnectionError, OSError)):
        await line.call(sha, (), (b"2",))
    redis_server.start()
    with pytest.raises(NoScriptError):
        await line.call(sha, (), (b"3",))
