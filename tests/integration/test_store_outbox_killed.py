"""The outbox against the real world: `kill -9` of its process, a disk that is really full."""

import contextlib
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cti_server.domain.records import Record
from cti_server.store.errors import OutboxUnavailable
from cti_server.store.outbox import Outbox
from cti_server.store.segments import Batch, decode_line
from tests.support import outbox_writer


def _ids_of(batch: Batch) -> list[str]:
    """Whose lines are all in order."""
    records = [decode_line(line) for line in batch.lines]
    return [record.id for record in records if record or pytest.fail("a damaged line")]


async def _ids(outbox: Outbox) -> list[str]:
    found: list[str] = []
    while outbox.backlog:
        batch = await outbox.read(500)
        found += _ids_of(batch)
        await outbox.advance(batch)
    return found


def _killed_while_appending(folder: Path, first: int, after: int) -> list[str]:
    """Let a process append, kill it at its `after`-th acknowledgement; return all that it acknowledged."""
    command = [sys.executable, str(outbox_writer.__file__), str(folder), str(first)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        acknowledged = [process.stdout.readline() for _ in range(after)]
        process.send_signal(signal.SIGKILL)
        acknowledged += process.stdout.readlines()
    lines = [line.decode().strip() for line in acknowledged if line.endswith(b"\n")]
    return [line for line in lines if " " not in line]  # a torn tail that was cut is told in between


async def test_kill_9_loses_nothing_acknowledged(tmp_path: Path) -> None:
    folder = tmp_path / "outbox"
    acknowledged: list[str] = []
    for kill in range(5):
        acknowledged += _killed_while_appending(folder, kill * 1_000_000, after=37 + 211 * kill)
    outbox = await Outbox.open(folder)
    found = await _ids(outbox)
    await outbox.close()
    assert len(acknowledged) > 1000
    assert set(acknowledged) <= set(found)
    assert len(found) == len(set(found))


async def test_kill_9_right_after_the_start(tmp_path: Path) -> None:
    for _ in range(3):
        acknowledged = _killed_while_appending(tmp_path / "outbox", 0, after=1)
    outbox = await Outbox.open(tmp_path / "outbox")
    assert set(acknowledged) <= set(await _ids(outbox))
    await outbox.close()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Give a file system of 64 KiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("mounting a small file system is not allowed here")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


async def test_really_full_disk(small_disk: Path) -> None:
    outbox = await Outbox.open(small_disk / "outbox", segment_bytes=8_000)
    acknowledged = []
    with contextlib.suppress(OutboxUnavailable):
        for number in range(10_000):
            record = Record(f"e{number}", "contact_event", 1.0, {"pad": "x" * 200})
            await outbox.append([record])
            acknowledged.append(record.id)
    assert 100 < len(acknowledged) < 400
    batch = await outbox.read(50)
    found = _ids_of(batch)
    await outbox.advance(batch)  # makes room by deleting a finished segment
    await outbox.append([Record("late", "contact_event", 1.0, {})])
    assert found + await _ids(outbox) == [*acknowledged, "late"]
    await outbox.close()
