"""The outbox: a local, durable, append-only journal of records on their way to the database.

`append` returns when the records are on disk; one fsync serves all appends that wait for it. Nothing but the
disk bounds it. One process at a time owns the folder. A record may be delivered twice (a crash between the
database's commit and the note of it), so whoever drains must be idempotent.
"""

import asyncio
import fcntl
import os
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import orjson
import structlog

from cti_server.domain.records import Record
from cti_server.store.errors import OutboxLocked, OutboxUnavailable
from cti_server.store.segments import (
    Batch,
    Position,
    SegmentWriter,
    count_lines,
    cut_torn_tail,
    encode_line,
    read_lines,
    segment_numbers,
    segment_path,
)

SEGMENT_BYTES = 16 * 1024 * 1024
WAITING_BYTES = 64 * 1024 * 1024
"""Bytes that may wait for the disk; more are refused, for the memory's sake."""

_TORN = "outbox_torn_tail_cut"
_NOT_NOTED = "outbox_position_not_noted"
_UNWRITABLE = "outbox_unwritable"
_WRITABLE = "outbox_writable_again"

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Waiting:
    block: bytes
    records: int
    at: float
    done: asyncio.Future[None]


class Outbox:
    """The open outbox. Made by `Outbox.open`, ended by `close`; used from one event loop."""

    def __init__(self, folder: Path, lock: int, found: "_Found", segment_bytes: int) -> None:
        """Use `Outbox.open`."""
        self.folder = folder
        self.backlog = found.backlog
        self._lock = lock
        self._position = found.position
        self._oldest_at = found.oldest_at
        self._writer = SegmentWriter(folder, found.end, segment_bytes)
        self._end = found.end
        self._thread = ThreadPoolExecutor(1, "outbox")
        self._waiting: list[_Waiting] = []
        self._waiting_bytes = 0
        self._flusher: asyncio.Task[None] | None = None
        self._more = asyncio.Event()
        self._drained = asyncio.Event()
        self._closed = False
        self.writable = True
        self._note_backlog(0)

    @classmethod
    async def open(cls, folder: Path, *, segment_bytes: int = SEGMENT_BYTES) -> "Outbox":
        """Open (or make) the outbox in `folder`, cutting a torn tail off.

        Raises:
            OutboxLocked: another process has it open.
            OutboxUnavailable: the folder cannot be read or made.
        """
        try:
            lock, found = await asyncio.to_thread(_open_folder, folder)
        except OSError as error:
            raise OutboxUnavailable(f"the outbox cannot be opened: {error.strerror}") from error
        return cls(folder, lock, found, segment_bytes)

    async def append(self, records: Sequence[Record]) -> None:
        """Return when all the records are on disk.

        Raises:
            OutboxUnavailable: they are not acknowledged (disk full, I/O error, closed). A later append works
                again when there is room. In rare cases some may be delivered all the same.
            RecordNotSerialisable: a bug of the caller; none was written.
        """
        if not records:
            return
        block = b"".join(map(encode_line, records))
        if self._closed or self._waiting_bytes + len(block) > WAITING_BYTES:
            raise OutboxUnavailable("the outbox is closed" if self._closed else "too much waits for the disk")
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(block, len(records), records[0].at, done))
        self._waiting_bytes += len(block)
        if self._flusher is None:
            self._flusher = asyncio.create_task(self._flush())
        await done

    async def read(self, limit: int) -> Batch:
        """Return the next lines (1 to `limit`), waiting for them; the same ones until `advance`.

        Raises OSError when the disk does not give them.
        """
        while True:
            if self._position >= self._end:
                self._more.clear()
                await self._more.wait()
            batch = await asyncio.to_thread(_read, self.folder, self._position, self._end, limit)
            if len(batch):
                self._oldest_at = batch.first_at(self._oldest_at)
                return batch
            self._position = batch.end  # an empty segment, or one whose torn rest could not be cut

    async def advance(self, batch: Batch) -> None:
        """Note that the batch has arrived; finished segments are deleted."""
        await asyncio.to_thread(_advance, self.folder, batch.end)
        self._position = batch.end
        self._note_backlog(-len(batch))

    async def drained(self) -> None:
        """Return once everything appended has arrived."""
        await self._drained.wait()

    def oldest_age(self) -> float:
        """Seconds since the oldest record that has not arrived came about; 0 when there is none."""
        return max(0.0, time.time() - self._oldest_at) if self.backlog else 0.0

    async def close(self) -> None:
        """Finish the appends under way, then let go of the folder."""
        if self._closed:
            return
        self._closed = True
        if self._flusher is not None:
            await self._flusher
        self._thread.shutdown()
        self._writer.close()
        os.close(self._lock)

    async def _flush(self) -> None:
        """Write whatever waits, in groups, until nothing waits."""
        loop = asyncio.get_running_loop()
        try:
            while self._waiting:
                group, self._waiting, self._waiting_bytes = self._waiting, [], 0
                block = b"".join(each.block for each in group)
                try:
                    await loop.run_in_executor(self._thread, self._writer.write, block)
                except OSError as error:
                    self._refuse(group, error)
                else:
                    self._acknowledge(group)
        finally:
            self._flusher = None

    def _acknowledge(self, group: list[_Waiting]) -> None:
        if not self.writable:
            log.warning(_WRITABLE)
            self.writable = True
        if not self.backlog:
            self._oldest_at = group[0].at
        self._end = self._writer.end
        self._note_backlog(sum(each.records for each in group))
        self._more.set()
        for each in group:
            if not each.done.done():  # its caller may have been cancelled meanwhile
                each.done.set_result(None)

    def _refuse(self, group: list[_Waiting], error: OSError) -> None:
        if self.writable:
            log.critical(_UNWRITABLE, errno=error.errno, why=error.strerror)
            self.writable = False
        for each in group:
            if not each.done.done():
                refusal = OutboxUnavailable(f"the outbox cannot be written: {error.strerror}")
                refusal.__cause__ = error
                each.done.set_exception(refusal)

    def _note_backlog(self, change: int) -> None:
        """Count, but never contradict the positions: what a full disk left half-written was not counted."""
        if self._position >= self._end:
            self.backlog = 0
            self._drained.set()
        else:
            self.backlog = max(1, self.backlog + change)
            self._drained.clear()


@dataclass(frozen=True, slots=True)
class _Found:
    """What stood in the folder at opening."""

    position: Position
    end: Position
    backlog: int
    oldest_at: float


def _open_folder(folder: Path) -> tuple[int, _Found]:
    """Lock the folder and look through it; blocking."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    lock = os.open(folder / "lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return lock, _look_through(folder)
    except BlockingIOError as error:
        os.close(lock)
        raise OutboxLocked(f"another process has the outbox {folder.name} open") from error
    except BaseException:
        os.close(lock)
        raise


def _look_through(folder: Path) -> _Found:
    numbers = segment_numbers(folder)
    noted = _noted_position(folder)
    if not numbers:
        end = Position(noted.segment, 0)
        return _Found(end, end, 0, 0.0)
    torn = cut_torn_tail(segment_path(folder, numbers[-1]))
    if torn:
        log.warning(_TORN, segment=numbers[-1], bytes=torn)
    end = Position(numbers[-1], segment_path(folder, numbers[-1]).stat().st_size)
    position = _valid_position(folder, noted, numbers)
    left = [number for number in numbers if number >= position.segment]
    backlog = sum(
        count_lines(segment_path(folder, number), position.offset if number == position.segment else 0)
        for number in left
    )
    oldest_at = _read(folder, position, end, 1).first_at(time.time())
    return _Found(position, end, backlog, oldest_at)


def _valid_position(folder: Path, noted: Position, numbers: list[int]) -> Position:
    """The noted position, or the next thing that exists (reading twice does no harm, skipping would)."""
    if noted.segment in numbers:
        size = segment_path(folder, noted.segment).stat().st_size
        return noted if noted.offset <= size else Position(noted.segment, 0)
    later = [number for number in numbers if number > noted.segment]
    return Position(later[0] if later else numbers[0], 0)


def _noted_position(folder: Path) -> Position:
    try:
        noted = orjson.loads((folder / "position.json").read_bytes())
        return Position(int(noted["segment"]), int(noted["offset"]))
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return Position(0, 0)  # a new outbox, or a note lost in a power cut: begin at the oldest segment


def _read(folder: Path, position: Position, end: Position, limit: int) -> Batch:
    """Read on from `position`; blocking. An empty batch says by its end where the next segment begins."""
    if position.segment not in (numbers := segment_numbers(folder)):
        return Batch((), _following(numbers, position, end))
    last = position.segment == end.segment
    size = end.offset if last else segment_path(folder, position.segment).stat().st_size
    batch = read_lines(folder, position, size, limit)
    if last or (len(batch) and batch.end.offset < size):
        return batch
    return replace(batch, end=_following(numbers, position, end))


def _following(numbers: list[int], position: Position, end: Position) -> Position:
    return Position(next((number for number in numbers if number > position.segment), end.segment), 0)


def _advance(folder: Path, position: Position) -> None:
    """Delete what lies before the position and note it; blocking.

    Deleting comes first: on a full disk it makes the room the note needs. The note is neither fsynced nor
    essential: losing it costs a second delivery, nothing else.
    """
    note = folder / "position.json.new"
    try:
        for number in segment_numbers(folder):
            if number < position.segment:
                segment_path(folder, number).unlink(missing_ok=True)
        note.write_bytes(orjson.dumps({"segment": position.segment, "offset": position.offset}))
        note.replace(folder / "position.json")
    except OSError as error:
        log.warning(_NOT_NOTED, errno=error.errno, why=error.strerror)
