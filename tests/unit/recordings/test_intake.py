"""The intake: right sides, nothing lost, nothing stored twice, no way out of the folder."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import json
import os
import struct
import time
import wave
from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cti_server.domain.records import Record
from cti_server.store.rows import row_of
from recordings import files as files_module
from recordings.errors import InvalidContactId, RecordingBusy, RecordingDiskFull, RecordingMissing
from recordings.intake import Intake

CONTACT = "pbx-a-1795282224.12"
BEGAN = 1_795_282_230.0  # 2026-11-21 17:30:30 UTC
LEFT, RIGHT = 1000, -2000


class Site:
    """A spool, a store, an intake."""

    def __init__(self, folder: Path, **options: object) -> None:
        self.spool, self.store = folder / "spool", folder / "store"
        self.spool.mkdir(exist_ok=True)
        self.intake = Intake(self.spool, self.store, "pbx-a", quiet=0, **options)  # type: ignore[arg-type]  # as given

    def raw(self, frames: int, extra: bytes = b"", contact: str = CONTACT, age: float = 60) -> Path:
        path = self.spool / f"{contact}.raw"
        path.write_bytes(struct.pack("<hh", LEFT, RIGHT) * frames + extra)
        os.utime(path, (time.time() - age,) * 2)
        return path

    def side(self, name: str, sample: int, frames: int, *, torn: bool = False) -> Path:
        path = self.spool / f"{CONTACT}-{name}.wav"
        with wave.open(str(path), "wb") as file:
            file.setparams((1, 2, 8000, 0, "NONE", ""))
            file.writeframes(array("h", [sample] * frames).tobytes())
        if torn:  # a killed writer leaves lengths of zero
            content = bytearray(path.read_bytes())
            content[4:8] = content[40:44] = bytes(4)
            path.write_bytes(content)
        return path

    def sound(self, recording: dict[str, Any]) -> array[int]:
        with wave.open(str(self.store / recording["path"])) as file:
            assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (2, 2, 8000)
            samples = array("h", file.readframes(file.getnframes()))
        assert len(samples) == 2 * round(recording["duration_s"] * 8000)
        return samples


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path)
    yield made
    made.intake.close()


async def test_raw_becomes_stereo_by_day_with_sidecar(site: Site) -> None:
    spooled = site.raw(200_000)
    recording = await site.intake.finish(CONTACT, started_at=BEGAN, ended_at=BEGAN + 25)
    path = site.store / f"2026/11/21/{CONTACT}.wav"
    assert recording == {
        "recording_id": CONTACT,
        "contact_id": CONTACT,
        "node": "pbx-a",
        "path": f"2026/11/21/{CONTACT}.wav",
        "format": "wav",
        "channels": 2,
        "sample_rate": 8000,
        "duration_s": 25.0,
        "size": path.stat().st_size,
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "started_at": BEGAN,
        "ended_at": BEGAN + 25,
        "state": "stored",
        "data": {"repairs": []},
    }
    samples = site.sound(recording)
    assert set(samples[0::2]) == {LEFT}
    assert set(samples[1::2]) == {RIGHT}
    assert json.loads(path.with_suffix(".json").read_text())["recording"] == recording
    assert not spooled.exists()
    assert len(list(path.parent.iterdir())) == 2


async def test_sides_may_be_swapped(tmp_path: Path) -> None:
    site = Site(tmp_path, swap=True)
    site.raw(70_000)
    samples = site.sound(await site.intake.finish(CONTACT))
    assert set(samples[0::2]) == {RIGHT}
    assert set(samples[1::2]) == {LEFT}
    site.intake.close()


@pytest.mark.parametrize("torn", [False, True])
@pytest.mark.parametrize("frames", [(8000, 8000), (200_000, 65_536), (0, 100), (65_537, 131_073)])
async def test_pair_is_woven_and_filled_up(site: Site, frames: tuple[int, int], torn: bool) -> None:
    site.side("rx", LEFT, frames[0], torn=torn)
    site.side("tx", RIGHT, frames[1], torn=torn)
    recording = await site.intake.finish(CONTACT)
    samples = site.sound(recording)
    longest = max(frames)
    assert samples[0::2].tolist() == [LEFT] * frames[0] + [0] * (longest - frames[0])
    assert samples[1::2].tolist() == [RIGHT] * frames[1] + [0] * (longest - frames[1])
    shorter = [name for name, own in zip(("left", "right"), frames, strict=True) if own < longest]
    assert recording["data"]["repairs"] == [f"{name}_padded" for name in shorter]
    assert not list(site.spool.iterdir())


async def test_one_side_alone(site: Site) -> None:
    site.side("tx", RIGHT, 80)
    recording = await site.intake.finish(CONTACT)
    assert recording["data"]["repairs"] == ["left_missing"]
    assert set(site.sound(recording)[0::2]) == {0}


@pytest.mark.parametrize("extra", [1, 2, 3])
async def test_torn_raw_is_repaired_and_said_so(site: Site, extra: int) -> None:
    site.raw(80, b"\x01" * extra)
    recording = await site.intake.finish(CONTACT)
    assert recording["duration_s"] == 0.01
    assert recording["data"]["repairs"] == ["incomplete_last_frame"]
    assert len(site.sound(recording)) == 160


async def test_empty_recording_is_kept_and_said_so(site: Site) -> None:
    site.raw(0)
    recording = await site.intake.finish(CONTACT)
    assert (recording["duration_s"], recording["data"]["repairs"]) == (0.0, ["empty"])


async def test_only_an_empty_recording_is_discarded(site: Site) -> None:
    written = site.raw(0)
    await site.intake.discard_empty(CONTACT)
    assert not written.exists()
    kept = site.raw(10)
    await site.intake.discard_empty(CONTACT)
    assert kept.exists()
    await site.intake.discard_empty("pbx-a-1.1")


async def test_what_else_is_known_of_it_stands_among_its_repairs(tmp_path: Path) -> None:
    asked: list[tuple[float, float]] = []

    def doubts(since: float, until: float) -> tuple[str, ...]:
        asked.append((since, until))
        return ("disk_was_full",)

    site = Site(tmp_path, doubts=doubts)
    site.raw(8000)
    recording = await site.intake.finish(CONTACT)
    assert recording["data"]["repairs"] == ["disk_was_full"]
    assert asked == [(recording["started_at"], recording["ended_at"])]
    site.intake.close()


async def test_finishing_again_gives_the_same(site: Site) -> None:
    site.raw(80)
    first = await site.intake.finish(CONTACT, started_at=BEGAN)
    assert await site.intake.finish(CONTACT) == first


async def test_recorded_again_is_kept_beside_the_first(site: Site) -> None:
    site.raw(80)
    first = await site.intake.finish(CONTACT, started_at=BEGAN)
    site.raw(160)
    second = await site.intake.finish(CONTACT, started_at=BEGAN + 86_400)
    assert (first["recording_id"], second["recording_id"]) == (CONTACT, f"{CONTACT}_2")
    assert second["path"] == f"2026/11/22/{CONTACT}_2.wav"
    assert first["duration_s"] * 2 == second["duration_s"]
    assert (site.store / first["path"]).exists()


@pytest.mark.parametrize("moment", ["before_sidecar", "before_removal", "between_removals"])
async def test_crash_at_any_moment_is_mended_by_the_sweep(
    site: Site, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    """The crash is an exception of a kind nobody catches, which leaves the files as a kill would."""

    class PowerCut(BaseException):
        pass

    def cut(*_: object, **__: object) -> None:
        raise PowerCut

    for name, sample in (("rx", LEFT), ("tx", RIGHT)):
        os.utime(site.side(name, sample, 80), (BEGAN,) * 2)
    unlink = Path.unlink
    with monkeypatch.context() as patch:
        if moment == "before_sidecar":
            patch.setattr(files_module.StoreFiles, "write_sidecar", cut)
        else:
            patch.setattr(
                Path,
                "unlink",
                lambda path, **options: (
                    cut() if moment == "before_removal" or "-tx" in path.name else unlink(path, **options)
                ),
            )
        with pytest.raises(PowerCut):
            site.intake._take_in(CONTACT, BEGAN - 86_400, None)  # a day the sweep could not guess
    (recording,) = await site.intake.sweep(())
    assert recording["recording_id"] == CONTACT
    assert recording["path"] == f"2026/11/20/{CONTACT}.wav"
    assert set(site.sound(recording)[0::2]) == {LEFT}
    assert not list(site.spool.iterdir())
    assert len(list(site.store.rglob("*.wav"))) == 1


async def test_sweep_takes_orphans_and_leaves_the_living(site: Site) -> None:
    for number in range(5):
        site.raw(80, contact=f"pbx-a-1.{number}")
    site.raw(80, contact="pbx-a-1.9", age=0)  # written to a moment ago
    (site.spool / "notes.txt").write_text("not ours")
    taken = await site.intake.sweep({"pbx-a-1.1", "pbx-a-1.3"})
    assert [each["contact_id"] for each in taken] == ["pbx-a-1.0", "pbx-a-1.2", "pbx-a-1.4"]
    assert sorted(path.name for path in site.spool.iterdir()) == [
        "notes.txt",
        "pbx-a-1.1.raw",
        "pbx-a-1.3.raw",
        "pbx-a-1.9.raw",
    ]


async def test_sweep_of_no_folder(tmp_path: Path) -> None:
    intake = Intake(tmp_path / "none", tmp_path / "store", "pbx-a")
    assert await intake.sweep(()) == []
    intake.close()


@pytest.mark.parametrize(
    "contact",
    ["", "../x", "a/b", "/etc/passwd", ".hidden", "a\0b", "a\n", "*", "x" * 129, "客户", "a b", ".."],
)
async def test_names_that_lead_elsewhere_are_refused(site: Site, contact: str) -> None:
    with pytest.raises(InvalidContactId):
        await site.intake.finish(contact)


async def test_unknown_contact(site: Site) -> None:
    with pytest.raises(RecordingMissing):
        await site.intake.finish("pbx-a-1.99")


async def test_full_disk_keeps_the_spool_and_recovers(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    spooled = site.raw(80)

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(RecordingDiskFull) as refusal:
            await site.intake.finish(CONTACT)
        assert (refusal.value.code, refusal.value.retryable) == ("recording_disk_full", True)
        assert await site.intake.sweep(()) == []
    assert spooled.exists()
    assert not [path for path in site.store.rglob("*") if path.is_file()]
    assert len(site.sound(await site.intake.finish(CONTACT))) == 160


async def test_a_file_still_growing_is_waited_for(tmp_path: Path) -> None:
    site = Site(tmp_path)
    patient = Intake(site.spool, site.store, "pbx-a", quiet=0.3)
    site.raw(80, age=0)
    finishing = asyncio.create_task(patient.finish(CONTACT))
    done, _ = await asyncio.wait({finishing}, timeout=0.1)
    assert not done
    site.raw(160, age=0)
    assert len(site.sound(await finishing)) == 320
    site.raw(80, age=-60)  # a clock ahead of ours: never old enough
    with pytest.raises(RecordingBusy):
        await patient.finish(CONTACT)
    patient.close()
    site.intake.close()


async def test_the_event_loop_goes_on_meanwhile(site: Site) -> None:
    site.raw(8000 * 1200)  # twenty minutes, 38 MB
    finishing = asyncio.create_task(site.intake.finish(CONTACT))
    longest, last = 0.0, time.perf_counter()
    while not finishing.done():
        await asyncio.sleep(0.001)
        now = time.perf_counter()
        longest, last = max(longest, now - last), now
    print(f"longest pause of the event loop {longest * 1000:.1f} ms")
    assert longest < 0.25
    assert (await finishing)["duration_s"] == 1200


async def test_what_it_returns_is_a_row_of_the_database(site: Site) -> None:
    site.raw(80)
    recording = await site.intake.finish(CONTACT)
    row = row_of(Record("recording:1", "recording", BEGAN, recording))
    assert row.values["data"] == {"repairs": []}
    assert row.values["sha256"] == recording["sha256"]


@pytest.mark.parametrize("contact", [CONTACT, "pbx-a-early"])
async def test_a_recording_of_another_day_is_found_again(site: Site, contact: str) -> None:
    """Whether or not its id says when the call began."""
    site.raw(8_000, contact=contact)
    first = await site.intake.finish(contact, started_at=BEGAN + 86_400, ended_at=BEGAN + 86_401)
    assert first["path"] == f"2026/11/22/{contact}.wav"
    assert await site.intake.finish(contact) == first
    site.raw(16_000, contact=contact)
    assert await site.intake.spooled(contact)
    assert (await site.intake.finish(contact))["recording_id"] == f"{contact}_2"
    assert not await site.intake.spooled(contact)
