"""Disks that fill: told in time, told once, and what was written meanwhile is marked."""

from __future__ import annotations

from pathlib import Path

import pytest
from structlog.testing import capture_logs

from cti_server.bootstrap.disks import LOOK_EVERY, Disks

GIGABYTE = 1 << 30


class Machine:
    """A disk of 100 GB, and a clock, for `Disks`."""

    def __init__(self, folder: Path) -> None:
        self.free, self.now = 50 * GIGABYTE, 1_000.0
        self.broken = False
        self.disks = Disks({"spool pbx-a": folder}, lambda: self.now, self._usage)

    def _usage(self, _: Path) -> tuple[int, int, int]:
        if self.broken:
            raise OSError(5, "Input/output error")
        return 100 * GIGABYTE, 100 * GIGABYTE - self.free, self.free

    def after(self, seconds: float, free: float) -> list[str]:
        """Look then, with so many gigabytes free; the names of what is logged."""
        self.now += seconds
        self.free = int(free * GIGABYTE)
        with capture_logs() as told:
            self.disks.look()
        return [line["event"] for line in told]

    @property
    def alarm(self) -> str:
        found = self.disks.dependency()
        assert found.ready == (not found.detail)
        return found.detail


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path / "not yet there" / "spool")


def test_an_alarm_at_four_fifths_told_once_and_over_with_some_room_to_spare(machine: Machine) -> None:
    assert machine.after(0, 30) == []
    assert machine.after(4000, 20) == ["disk.filling"]
    assert machine.alarm == "spool pbx-a 80% used"
    assert machine.after(LOOK_EVERY, 19.9) == []
    assert machine.after(4000, 21) == []
    assert machine.after(4000, 30) == ["disk.has_room"]
    assert machine.alarm == ""


def test_an_alarm_half_an_hour_before_the_disk_is_full(machine: Machine) -> None:
    """Two gigabytes a minute: told when 60 are left, though more than half of the disk is free."""
    told = {free: machine.after(60, free) for free in range(70, 50, -2)}
    assert [free for free, events in told.items() if events] == [58]
    assert told[58] == ["disk.filling"]
    assert machine.after(300, 58) == ["disk.has_room"]


def test_one_large_file_is_no_trend_yet(machine: Machine) -> None:
    machine.after(0, 50)
    assert machine.after(LOOK_EVERY, 40) == []


def test_a_full_disk_and_what_was_written_meanwhile(machine: Machine) -> None:
    machine.after(0, 30)
    before = machine.now
    assert machine.after(100, 0) == ["disk.full"]
    full = machine.now
    assert machine.after(LOOK_EVERY, 0) == []
    assert machine.disks.doubts("spool pbx-a", full - 50, full + 1) == ("disk_was_full",)
    assert machine.after(100, 30) == ["disk.has_room"]
    assert machine.after(1000, 30) == []
    for since, until, doubt in (
        (before - 20, before, False),
        (full - 50, full - 20, False),
        (full - 50, full - 2, True),  # it was full before we saw it
        (full + 20, full + 30, True),
        (full + 103, full + 200, True),
        (full + 130, full + 200, False),
    ):
        assert bool(machine.disks.doubts("spool pbx-a", since, until)) == doubt, (since - full, until - full)


def test_figures_and_a_disk_that_cannot_be_seen(machine: Machine) -> None:
    machine.after(0, 10)
    figures = {(f.name, f.labels): f.value for f in machine.disks.figures()}
    label = (("folder", "spool pbx-a"),)
    assert figures == {("cti_disk_free_bytes", label): 10 * GIGABYTE, ("cti_disk_used_share", label): 0.9}
    machine.broken = True
    assert machine.after(LOOK_EVERY, 50) == ["disk.not_seen"]
    assert machine.alarm == "spool pbx-a 90% used"
