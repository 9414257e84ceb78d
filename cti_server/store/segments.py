"""The outbox's files: numbered segments of lines, each a CRC-32 in 8 hex digits, a space, a record as JSON.

JSON text holds no newline, so the end of a write that was cut short shows as a line without its newline
(torn), and a line that was altered later shows by its CRC (damaged).
"""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zlib import crc32

import orjson
import structlog

from cti_server.domain.records import Record
from cti_server.store.errors import RecordNotSerialisable

DAMAGED = "the line's check-sum is wrong"
"""Why a line that is no record is set aside."""
_CRC_DIGITS = 8
_ODD = "outbox_record_approximated"

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A place in the outbox: the segment's number and the byte offset in it."""

    segment: int
    offset: int


@dataclass(frozen=True, slots=True)
class Batch:
    """Lines read from one segment, as they stand (`decode_line`), and where to read on."""

    lines: tuple[bytes, ...]
    end: Position

    def __len__(self) -> int:
        return len(self.lines)

    def first_at(self, unknown: float) -> float:
        """When the first line's record came about; `unknown` where there is none, or a damaged one."""
        first = decode_line(self.lines[0]) if self.lines else None
        return first.at if first else unknown


def encode_line(record: Record) -> bytes:
    """One line of a segment.

    What JSON as we keep it cannot say (integers of more than 64 bits, half surrogate pairs, foreign types) is
    kept as well as it can be: a fact must not be lost, nor the server fall, for an odd value in its data.
    Raises RecordNotSerialisable for keys that are no text.
    """
    content = {"id": record.id, "kind": record.kind, "at": record.at, "data": record.data}
    try:
        payload = orjson.dumps(content)
    except TypeError as error:
        log.error(_ODD, record_id=record.id, kind=record.kind, why=str(error))  # noqa: TRY400 (no bug in itself)
        payload = _approximate(content)
    return b"%08x %s\n" % (crc32(payload), payload)


def _approximate(content: dict[str, Any]) -> bytes:
    try:
        return json.dumps(content, default=repr, ensure_ascii=False).encode(errors="replace")
    except (TypeError, ValueError) as error:
        detail = {"record_id": content["id"]}
        raise RecordNotSerialisable(f"record {content['id']} is no JSON: {error}", detail=detail) from error


def decode_line(line: bytes) -> Record | None:
    """The record of one line (with its newline); None for a damaged one."""
    if not line.endswith(b"\n"):
        return None
    payload = line[_CRC_DIGITS + 1 : -1]
    if line[: _CRC_DIGITS + 1] != b"%08x " % crc32(payload):
        return None
    try:
        return Record(**orjson.loads(payload))
    except (ValueError, TypeError):
        return None  # the CRC is right, the content is not ours


def segment_path(folder: Path, number: int) -> Path:
    """File of a segment."""
    return folder / f"{number:012d}.log"


def segment_numbers(folder: Path) -> list[int]:
    """Numbers of the segments there are, oldest first."""
    return sorted(int(path.stem) for path in folder.glob("[0-9]*.log"))


def read_lines(folder: Path, start: Position, size: int, limit: int) -> Batch:
    """Read at most `limit` lines from `start` up to byte `size` of its segment.

    A rest without newline (its block could not be taken back from a full disk) counts as a damaged line.
    """
    lines: list[bytes] = []
    offset = start.offset
    with segment_path(folder, start.segment).open("rb") as file:
        file.seek(offset)
        while len(lines) < limit and offset < size:
            lines.append(file.readline(size - offset))
            offset += len(lines[-1])
    return Batch(tuple(lines), Position(start.segment, offset))


def cut_torn_tail(path: Path) -> int:
    """Remove what stands behind the last newline; return how many bytes that was."""
    content = path.read_bytes()
    whole = content.rfind(b"\n") + 1
    torn = len(content) - whole
    if torn:
        with path.open("r+b") as file:
            file.truncate(whole)
            os.fsync(file.fileno())
    return torn


def count_lines(path: Path, offset: int) -> int:
    """Whole lines from byte `offset` on."""
    with path.open("rb") as file:
        file.seek(offset)
        return file.read().count(b"\n")


def sync_folder(folder: Path) -> None:
    """Make created, renamed and removed names in `folder` survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class SegmentWriter:
    """Appends blocks of lines durably; blocking, for use in one thread.

    `end` is the durable end: what stands before it survives `kill -9` and a power cut.
    """

    def __init__(self, folder: Path, end: Position, segment_bytes: int) -> None:
        self.end = end
        self._folder = folder
        self._segment_bytes = segment_bytes
        self._descriptor: int | None = None

    def write(self, block: bytes) -> None:
        """Write and fsync. Raises OSError, and then takes back what was written, if that can be done."""
        if self._descriptor is None or self.end.offset >= self._segment_bytes:
            self._next_segment()
        assert self._descriptor is not None  # noqa: S101 (for the type checker: _next_segment opened it)
        try:
            _write_all(self._descriptor, block)
            os.fdatasync(self._descriptor)
        except OSError:
            self._take_back(self._descriptor)
            raise
        self.end = Position(self.end.segment, self.end.offset + len(block))

    def close(self) -> None:
        """Close the current segment."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _next_segment(self) -> None:
        number = self.end.segment + 1
        flags = os.O_CREAT | os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC
        descriptor = os.open(segment_path(self._folder, number), flags, 0o600)
        try:
            sync_folder(self._folder)
        except OSError:
            os.close(descriptor)  # tried again with the same, still empty file
            raise
        self.close()
        self._descriptor = descriptor
        self.end = Position(number, 0)

    def _take_back(self, descriptor: int) -> None:
        """Remove a half-written block; when even that fails, leave it behind in a closed segment."""
        try:
            os.ftruncate(descriptor, self.end.offset)
        except OSError:
            self.close()


def _write_all(descriptor: int, block: bytes) -> None:
    view = memoryview(block)
    while view:
        view = view[os.write(descriptor, view) :]
