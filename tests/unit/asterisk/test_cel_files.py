"""A log that is put aside while it is written and read tells the same as one that is not."""

from pathlib import Path

import pytest

from asterisk_config.surface import CEL_COLUMNS
from cti_server.asterisk import cel, cel_files
from tests.unit.asterisk.test_cel import STORY, WHOLE, told_of

NOW = 1_795_348_800.0


def write(path: Path, *lines: str) -> None:
    """As Asterisk does: opened for each row."""
    with path.open("a") as file:
        file.writelines(f"{line}\n" for line in lines)


def events(path: Path, **options: float) -> list[str]:
    return [row["eventtype"] for row in cel.rows(path, CEL_COLUMNS, **options)]  # type: ignore[arg-type]


@pytest.mark.parametrize("cuts", [[1], [3], [1, 2, 3, 4, 5]])
def test_a_call_told_by_several_files(tmp_path: Path, cuts: list[int]) -> None:
    path = tmp_path / "cel.csv"
    assert cel_files.put_aside(path, NOW) is None
    for number, line in enumerate(STORY, 1):
        write(path, line)
        if number in cuts:
            cel_files.put_aside(path, NOW + number)
    assert told_of(path) == [WHOLE]
    assert len(cel_files.set_aside(path)) == len(cuts)


def test_put_aside_while_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "cel.csv"
    write(path, *STORY[:2])
    cel_files.put_aside(path, NOW)
    write(path, *STORY[2:4])
    with cel_files.whole_log(path) as files:
        cel_files.put_aside(path, NOW + 1)
        write(path, STORY[4])
        rows = [row for file in files for row in cel.rows_of(file, CEL_COLUMNS)]
    assert [row["eventtype"] for row in rows] == events(path)[:4]
    assert len(events(path)) == len(STORY)


def test_a_torn_last_row_stays_alone(tmp_path: Path) -> None:
    path = tmp_path / "cel.csv"
    write(path, *STORY[:4])
    with path.open("a") as file:
        file.write(STORY[4][:20])
    cel_files.put_aside(path, NOW)
    write(path, STORY[4])
    assert told_of(path) == [WHOLE]


def test_the_tail_goes_over_files(tmp_path: Path) -> None:
    path = tmp_path / "cel.csv"
    for number, line in enumerate(STORY):
        write(path, line)
        cel_files.put_aside(path, NOW + number)
    last = len(STORY[4]) + 1
    assert events(path, tail=last) == ["CHAN_END"]
    assert events(path, tail=last + 1) == ["CHAN_END"], "half a row is none"
    assert events(path, tail=10_000) == events(path)


def test_old_files_are_not_read(tmp_path: Path) -> None:
    path = tmp_path / "cel.csv"
    write(path, *STORY[:2])
    aside = cel_files.put_aside(path, NOW)
    assert aside
    write(path, *STORY[2:])
    written = aside.stat().st_mtime
    assert len(events(path, since=written)) == len(STORY)
    assert len(events(path, since=written + 3600)) == len(STORY) - 2
