"""Checks of what keeps things: Redis, the database, the outbox between them."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
from redis.asyncio import Redis
from redis.exceptions import RedisError
from sqlalchemy.engine import URL

from cti_server.doctor.finding import Check, NotThere, Text, Wrong
from cti_server.doctor.machine import MINIMUM_REDIS, dotted, numbers
from cti_server.doctor.patient import Patient
from cti_server.store.database import normal_url
from cti_server.store.dead_letters import DeadLetters
from cti_server.store.errors import SchemaOutdated, StoreUnavailable
from cti_server.store.schema import revision
from cti_server.store.segments import Position, count_lines, read_lines, segment_numbers, segment_path

REDIS_TIMEOUT = 2.0
SLOW_REDIS = 0.1
"""Seconds for one write: each signal waits for one, and a lease lasts two seconds."""
ROUND_TRIPS = 5
OLD_RECORD = 60.0
"""Seconds a record may wait for the database before somebody should look."""


def checks(patient: Patient) -> list[Check]:
    """Redis, database, outbox."""
    redis, look = _RedisLook(patient), _Look(patient)
    return [
        Check("redis_reachable", Text("Redis 可达", "Redis reachable"), redis.reachable),
        Check("redis_persistence", Text("Redis 持久化", "Redis persistence"), redis.persistence),
        Check("redis_round_trip", Text("Redis 往返时间", "Redis round trip"), redis.round_trip),
        Check("database_schema", Text("数据库与版本", "database and its revision"), look.database),
        Check("outbox_backlog", Text("发件箱积压", "outbox backlog"), look.backlog),
        Check("outbox_dead_letters", Text("发件箱死信", "outbox dead letters"), look.dead_letters),
    ]


@dataclass(frozen=True, slots=True)
class _RedisLook:
    patient: Patient

    async def reachable(self) -> str:
        """It answers, and is new enough."""
        try:
            info = await self._ask(lambda redis: redis.info("server"))
        except (RedisError, OSError) as error:
            place = self.patient.needs().redis_url.rpartition("@")[2]
            raise Wrong(
                f"{place.removeprefix('redis://')}: {type(error).__name__}",
                Text(
                    "启动 Redis,或更正 redis_url", "start Redis, or correct redis_url; calls go on meanwhile"
                ),
            ) from None
        version = numbers(str(info["redis_version"]))
        if version < MINIMUM_REDIS:
            raise Wrong(
                f"{dotted(version)} < {dotted(MINIMUM_REDIS)}",
                Text("升级到 Redis 7 或更新版本", "upgrade to Redis 7 or newer"),
            )
        return f"{dotted(version)}, up for {info['uptime_in_seconds']} s"

    async def persistence(self) -> str:
        """What was acknowledged is on disk, and nothing is thrown away when memory runs short."""
        info = await self._asked(lambda redis: redis.info())
        policy = info.get("maxmemory_policy", "?")
        if policy != "noeviction":
            raise Wrong(
                f"maxmemory-policy {policy}: the journal may be evicted",
                Text("设置 maxmemory-policy noeviction", "set maxmemory-policy noeviction"),
            )
        if not info.get("aof_enabled"):
            raise Wrong(
                "appendonly no: a restart loses the live state",
                Text(
                    "设置 appendonly yes(CONFIG SET 后写入配置)",
                    "set appendonly yes (CONFIG SET, then in its file)",
                ),
            )
        if info.get("aof_last_write_status", "ok") != "ok":
            raise Wrong(
                "the last write of the append-only file failed",
                Text("检查 Redis 的磁盘与日志", "look at Redis' disk and log"),
            )
        return "appendonly yes, noeviction"

    async def round_trip(self) -> str:
        """A write is quick."""

        async def measure(redis: Redis) -> list[float]:
            taken = []
            for _ in range(ROUND_TRIPS):
                began = time.perf_counter()
                await redis.set("cti:doctor", "1", ex=10)
                taken.append(time.perf_counter() - began)
            return sorted(taken)

        taken = await self._asked(measure)
        middle = taken[ROUND_TRIPS // 2]
        if middle > SLOW_REDIS:
            raise Wrong(
                f"{middle * 1000:.0f} ms",
                Text(
                    "让 Redis 靠近服务器,或减轻其磁盘负载",
                    "bring Redis nearer to the server, or relieve its disk",
                ),
            )
        return f"{middle * 1000:.1f} ms (median of {ROUND_TRIPS} writes)"

    async def _asked(self, question: Any) -> Any:
        try:
            return await self._ask(question)
        except (RedisError, OSError):
            raise NotThere("Redis is not reachable, see above 见上") from None

    async def _ask(self, question: Any) -> Any:
        """`question`: what to do with a connection of our own."""
        url = self.patient.needs().redis_url
        redis = Redis.from_url(url, socket_timeout=REDIS_TIMEOUT, socket_connect_timeout=REDIS_TIMEOUT)
        try:
            return await question(redis)
        finally:
            await redis.aclose()


@dataclass(frozen=True, slots=True)
class _Look:
    patient: Patient

    async def database(self) -> str:
        """It answers, and has the tables of this version."""
        url = self.patient.needs().database_url
        migrate = Text("执行 make up,它会升级数据库", "run make up, which brings the tables up to date")
        try:
            kind = normal_url(url)
            if _lacks_file(kind):  # connecting would make an empty one
                raise Wrong(f"{kind.database} does not exist", migrate)
            current, head = await revision(url)
        except SchemaOutdated as error:
            raise Wrong(str(error), migrate) from None
        except StoreUnavailable as error:
            raise Wrong(
                str(error),
                Text(
                    "启动数据库,或更正 database_url",
                    "start it, or correct database_url; records wait in the outbox",
                ),
            ) from None
        except ValueError as error:
            raise Wrong(str(error), Text("更正 database_url", "correct database_url")) from None
        if current != head:
            raise Wrong(f"revision {current or 'none'}, this version needs {head}", migrate)
        return f"{kind.get_backend_name()}, revision {current}"

    async def backlog(self) -> str:
        """Records do not wait long for the database."""
        folder = self._outbox()
        count, oldest = _waiting(folder)
        age = time.time() - oldest if count else 0.0
        if age > OLD_RECORD:
            raise Wrong(
                f"{count} records wait, the oldest for {age:.0f} s",
                Text(
                    "检查数据库;恢复后会自动送达",
                    "look at the database; they are delivered by themselves then",
                ),
            )
        return f"{count} records waiting"

    async def dead_letters(self) -> str:
        """The database took every record."""
        letters = DeadLetters(self._outbox())
        if letters.count:
            raise Wrong(
                f"{letters.count} records in {letters.path}",
                Text(
                    "逐条查看 why 字段,处理后移走该文件并重启",
                    "see each line's why; when dealt with, move the file away and restart the server",
                ),
            )
        return "none 无"

    def _outbox(self) -> Path:
        folder = self.patient.needs().outbox_dir
        if not folder.exists():
            raise NotThere(f"{folder}: made at the first start 首次启动时生成")
        return folder


def _lacks_file(url: URL) -> bool:
    return url.get_backend_name() == "sqlite" and not Path(str(url.database)).exists()


def _waiting(folder: Path) -> tuple[int, float]:
    """How many records stand behind the noted position, and when the oldest came about; reads only."""
    try:
        noted = orjson.loads((folder / "position.json").read_bytes())
        position = Position(int(noted["segment"]), int(noted["offset"]))
    except (OSError, ValueError, KeyError, TypeError):
        position = Position(0, 0)
    count, oldest = 0, 0.0
    for number in segment_numbers(folder):
        start = Position(number, position.offset if number == position.segment else 0)
        if start < position:
            continue
        with contextlib.suppress(FileNotFoundError):  # delivered and deleted while we look
            lines, at = _in_segment(folder, start)
            oldest = oldest or at
            count += lines
    return count, oldest


def _in_segment(folder: Path, start: Position) -> tuple[int, float]:
    path = segment_path(folder, start.segment)
    lines = count_lines(path, start.offset)
    return lines, read_lines(folder, start, path.stat().st_size, 1).first_at(0.0) if lines else 0.0
