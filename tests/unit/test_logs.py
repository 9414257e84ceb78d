"""A log that cannot be written stops nobody; it says later how much is missing."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from cti_server.logs import LogFile


class Disk:
    """A log file whose disk can be full: its descriptor then leads to the kernel's full device."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self._file, self._full = os.dup(self.descriptor), os.open("/dev/full", os.O_WRONLY)

    def fill(self) -> None:
        os.dup2(self._full, self.descriptor)

    def free(self) -> None:
        os.dup2(self._file, self.descriptor)

    def lines(self) -> list[str]:
        return self._path.read_text().splitlines()

    def close(self) -> None:
        for descriptor in (self.descriptor, self._file, self._full):
            os.close(descriptor)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    opened = Disk(tmp_path / "log")
    yield opened
    opened.close()


def test_lines_are_lost_while_the_disk_is_full_and_counted(disk: Disk) -> None:
    log = LogFile(disk.descriptor)
    log.write("first\n")
    disk.fill()
    for _ in range(3):
        log.write("nowhere\n")
    assert (log.lost, disk.lines()) == (3, ["first"])
    disk.free()
    log.write("last\n")
    first, missing, last = disk.lines()
    assert (first, last) == ("first", "last")
    told = json.loads(missing)
    assert (told["event"], told["count"], told["level"]) == ("log.lines_lost", 3, "error")
    log.write("more\n")
    assert disk.lines()[3:] == ["more"]
    assert log.lost == 3


def test_a_line_of_which_half_was_written_spoils_no_other(
    disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = LogFile(disk.descriptor)
    write = os.write

    def half(descriptor: int, data: memoryview) -> int:
        monkeypatch.setattr(os, "write", write)
        written = write(descriptor, data[:4])
        disk.fill()
        return written

    monkeypatch.setattr(os, "write", half)
    log.write("half of it\n")
    disk.free()
    log.write("whole\n")
    half_line, missing, whole = disk.lines()
    assert (half_line, json.loads(missing)["count"], whole) == ("half", 1, "whole")


def test_a_reader_that_is_gone_harms_nobody() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    log = LogFile(writing)
    log.write("to nobody\n")
    assert log.lost == 1
    os.close(writing)


def test_the_standard_librarys_log_writes_by_the_same_way(disk: Disk) -> None:
    log = LogFile(disk.descriptor)
    handler = logging.StreamHandler(log)
    disk.fill()
    handler.emit(logging.makeLogRecord({"msg": "lost"}))
    disk.free()
    handler.emit(logging.makeLogRecord({"msg": "kept"}))
    assert (log.lost, disk.lines()[-1]) == (1, "kept")
