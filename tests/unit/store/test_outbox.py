"""The outbox by itself: durable order, groups, reopening, a disk that fills up, one owner."""

import asyncio
import errno
import os
from pathlib import Path
from typing import Any

import pytest

from cti_server.domain.records import Record
from cti_server.store import segments
from cti_server.store.errors import OutboxLocked, OutboxUnavailable, RecordNotSerialisable
from cti_server.store.outbox import Outbox
from cti_server.store.segments import decode_line, encode_line, segment_numbers


def record(number: int) -> Record:
    return Record(f"e{number}", "contact_event", float(number), {"contact_id": "pbx-a-1.1", "n": number})


def ids_of(lines: tuple[bytes, ...]) -> list[str]:
    return [found.id for found in map(decode_line, lines) if found]


async def ids(outbox: Outbox, count: int) -> list[str]:
    """Read and advance until `count` records have come."""
    found: list[str] = []
    while len(found) < count:
        async with asyncio.timeout(10):
            batch = await outbox.read(7)
        found += ids_of(batch.lines)
        await outbox.advance(batch)
    return found


async def test_everything_comes_out_once_in_order(tmp_path: Path) -> None:
    outbox = await Outbox.open(tmp_path, segment_bytes=500)
    for start in range(0, 100, 10):
        await outbox.append([record(number) for number in range(start, start + 10)])
    assert outbox.backlog == 100
    assert await ids(outbox, 100) == [f"e{number}" for number in range(100)]
    assert outbox.backlog == 0
    await asyncio.wait_for(outbox.drained(), 1)
    await outbox.close()


async def test_finished_segments_are_deleted(tmp_path: Path) -> None:
    outbox = await Outbox.open(tmp_path, segment_bytes=500)
    for number in range(50):
        await outbox.append([record(number)])
    assert len(segment_numbers(tmp_path)) > 5
    await ids(outbox, 50)
    assert len(segment_numbers(tmp_path)) == 1
    await outbox.close()


async def test_reading_without_advancing_gives_the_same_again(tmp_path: Path) -> None:
    outbox = await Outbox.open(tmp_path)
    await outbox.append([record(1), record(2)])
    assert await outbox.read(10) == await outbox.read(10)
    await outbox.close()


async def test_reader_waits_for_the_next_record(tmp_path: Path) -> None:
    outbox = await Outbox.open(tmp_path)
    reader = asyncio.create_task(outbox.read(10))
    await asyncio.sleep(0)
    await outbox.append([record(1)])
    assert (await asyncio.wait_for(reader, 5)).lines == (encode_line(record(1)),)
    await outbox.close()


async def test_reopening_goes_on_where_it_was(tmp_path: Path) -> None:
    for start in range(0, 30, 3):
        outbox = await Outbox.open(tmp_path, segment_bytes=200)
        assert outbox.backlog == start - start // 3 * 2
        await outbox.append([record(number) for number in range(start, start + 3)])
        expected = start // 3 * 2
        batch = await outbox.read(2)
        await outbox.advance(batch)
        while len(batch) < 2:  # a batch ends with its segment
            more = await outbox.read(2 - len(batch))
            await outbox.advance(more)
            batch = segments.Batch(batch.lines + more.lines, more.end)
        assert ids_of(batch.lines) == [f"e{expected}", f"e{expected + 1}"]
        await outbox.close()


@pytest.mark.parametrize("note", [b"", b"{", b'{"segment":999,"offset":5}', b'{"segment":1,"offset":99999}'])
async def test_a_lost_or_senseless_note_only_repeats(tmp_path: Path, note: bytes) -> None:
    outbox = await Outbox.open(tmp_path)
    await outbox.append([record(1), record(2)])
    await ids(outbox, 2)
    await outbox.close()
    (tmp_path / "position.json").write_bytes(note)
    outbox = await Outbox.open(tmp_path)
    assert outbox.backlog == 2
    await outbox.append([record(3)])
    assert await ids(outbox, 3) == ["e1", "e2", "e3"]
    await outbox.close()


async def test_torn_tail_is_cut_at_opening(tmp_path: Path) -> None:
    outbox = await Outbox.open(tmp_path)
    await outbox.append([record(1)])
    await outbox.close()
    with segments.segment_path(tmp_path, 1).open("ab") as file:
        file.write(segments.encode_line(record(2))[:-5])
    outbox = await Outbox.open(tmp_path)
    assert outbox.backlog == 1
    await outbox.append([record(3)])
    assert await ids(outbox, 2) == ["e1", "e3"]
    await outbox.close()


async def test_appends_that_wait_share_one_fsync(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    syncs = 0
    really = os.fdatasync

    def counted(descriptor: int) -> None:
        nonlocal syncs
        syncs += 1
        really(descriptor)

    monkeypatch.setattr(os, "fdatasync", counted)
    outbox = await Outbox.open(tmp_path)
    await asyncio.gather(*(outbox.append([record(number)]) for number in range(500)))
    assert syncs <= 3
    assert await ids(outbox, 500) == [f"e{number}" for number in range(500)]
    await outbox.close()


async def test_cancelled_append_harms_nobody(tmp_path: Path) -> None:
    outbox = await Outbox.open(tmp_path)
    first = asyncio.create_task(outbox.append([record(1)]))
    second = asyncio.create_task(outbox.append([record(2)]))
    await asyncio.sleep(0)
    first.cancel()
    await second
    assert "e2" in await ids(outbox, 2)
    await outbox.close()


class FullDisk:
    """Takes a few bytes of each block, then says that there is no room, until it is emptied."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, truncates: bool = True) -> None:
        self.full = True
        self._write = os.write
        monkeypatch.setattr(os, "write", self.write)
        if not truncates:
            monkeypatch.setattr(os, "ftruncate", self.fail)

    def write(self, descriptor: int, block: Any) -> int:
        if not self.full:
            return self._write(descriptor, block)
        if len(block) < 20:
            raise self.error()
        return self._write(descriptor, block[: len(block) - 10])

    def fail(self, *_: object) -> None:
        raise self.error()

    @staticmethod
    def error() -> OSError:
        return OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("truncates", [True, False])
async def test_full_disk_is_told_and_recovers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, truncates: bool
) -> None:
    outbox = await Outbox.open(tmp_path)
    await outbox.append([record(1)])
    disk = FullDisk(monkeypatch, truncates=truncates)
    for _ in range(3):
        with pytest.raises(OutboxUnavailable) as refusal:
            await outbox.append([record(2)])
        assert refusal.value.code == "outbox_unavailable"
        assert refusal.value.retryable
    assert not outbox.writable
    disk.full = False
    await outbox.append([record(3)])
    assert outbox.writable
    assert await ids(outbox, 2) == ["e1", "e3"]
    assert outbox.backlog == 0
    await asyncio.wait_for(outbox.drained(), 1)
    await outbox.close()
    outbox = await Outbox.open(tmp_path)
    assert outbox.backlog == 0
    await outbox.close()


async def test_no_json_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    outbox = await Outbox.open(tmp_path)
    with pytest.raises(RecordNotSerialisable):
        await outbox.append([record(1), Record("bad", "contact", 1.0, {"x": {b"raw": 1}})])
    assert outbox.backlog == 0
    await outbox.close()


async def test_only_one_may_have_it_open(tmp_path: Path) -> None:
    outbox = await Outbox.open(tmp_path)
    with pytest.raises(OutboxLocked):
        await Outbox.open(tmp_path)
    await outbox.close()
    await (await Outbox.open(tmp_path)).close()


async def test_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutboxUnavailable):
        await Outbox.open(tmp_path / "file" / "outbox")


async def test_closed_outbox_refuses_and_finishes_what_was_under_way(tmp_path: Path) -> None:
    outbox = await Outbox.open(tmp_path)
    under_way = asyncio.create_task(outbox.append([record(1)]))
    await asyncio.sleep(0)
    await outbox.close()
    await under_way
    with pytest.raises(OutboxUnavailable):
        await outbox.append([record(2)])
