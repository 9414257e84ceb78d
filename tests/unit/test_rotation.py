"""Logs are put aside when large or of another day; a program that appends goes on in the emptied file."""

import os
from pathlib import Path

from structlog.testing import capture_logs

from cti_server import rotation

NOON = 1_795_348_800.0
MOST = 1000


def test_what_is_due(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    assert not rotation.is_due(log, MOST, NOON), "there is none"
    log.touch()
    assert not rotation.is_due(log, 0, NOON), "empty"
    log.write_text("[2026-11-22 07:00:00.001] NOTICE")
    assert not rotation.is_due(log, MOST, NOON)
    assert not rotation.is_due(log, MOST, NOON + rotation.A_DAY), "perhaps today elsewhere"
    assert rotation.is_due(log, MOST, NOON + 2 * rotation.A_DAY), "of another day"
    log.write_text("1:M 22 Nov: no day that we know" * 40)
    assert rotation.is_due(log, MOST, NOON), "large"


def test_the_program_goes_on_in_the_same_file(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    with log.open("ab", buffering=0) as program:
        log.chmod(0o600)
        program.write(b"one\n")
        aside = rotation.copy_and_empty(log)
        program.write(b"two\n")
        again = rotation.copy_and_empty(log)  # perhaps in the same second
        program.write(b"three\n")
    told = b"".join(path.read_bytes() for path in sorted({aside, again}))
    assert (told, log.read_bytes()) == (b"one\ntwo\n", b"three\n")
    assert aside.stat().st_mode & 0o777 == 0o600


def test_old_ones_are_removed(tmp_path: Path) -> None:
    log, old, young, other = (tmp_path / name for name in ("a.log", "a.log.0", "a.log.1", "b.log.0"))
    for path, age in ((log, 99), (old, 31), (young, 29), (other, 31)):
        path.touch()
        os.utime(path, (NOON, NOON - age * rotation.A_DAY))
    assert rotation.remove_old(log, 0, NOON) == []
    rotation.tend(log, MOST, 30, NOON)
    assert sorted(tmp_path.iterdir()) == [log, young, other]


def test_what_fails_is_said(tmp_path: Path) -> None:
    folder = tmp_path / "a.log"
    folder.mkdir()
    (folder / "x").touch()
    with capture_logs() as told:
        rotation.tend(folder, 1, 30, NOON)
    assert [(entry["event"], entry["file"]) for entry in told] == [("log.not_rotated", "a.log")]
