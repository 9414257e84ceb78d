"""The benchmarks' report: a failing section loses nothing, one alone replaces itself."""

from pathlib import Path

import pytest

from tests.bench.__main__ import REPORT, measured
from tests.bench.report import Section, replaced


def run(name: str) -> Section:
    if name == "broken":
        raise RuntimeError("no Asterisk here")
    return Section(f"Title of {name}", f"{name} figures\n\n| a |\n| --- |", name != "missed")


def test_each_is_written_when_measured_and_a_failing_one_leaves_what_was_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = tmp_path / "benchmarks.md"
    report.write_text(replaced("", "broken", Section("Title of broken", "as it was", passed=True)))
    assert measured(["first", "broken", "second"], run, report) == 1
    text = report.read_text()
    titles = [line for line in text.splitlines() if line.startswith("## ")]
    assert titles == ["## Title of broken", "## Title of first", "## Title of second"]
    assert "as it was" in text
    assert text.count("\nMeasured ") == 3
    told = capsys.readouterr()
    assert "no Asterisk here" in told.err
    assert "failed: broken" in told.err


def test_one_alone_replaces_itself(tmp_path: Path) -> None:
    report = tmp_path / "benchmarks.md"
    assert measured(["first", "second"], run, report) == 0
    before = report.read_text()
    assert replaced(before, "second", run("second")) == before
    changed = replaced(before, "first", Section("Another title", "new", passed=True))
    assert changed.split("<!-- bench: second -->")[1] == before.split("<!-- bench: second -->")[1]
    assert "first figures" not in changed


def test_a_missed_bar_and_nothing_written(capsys: pytest.CaptureFixture[str]) -> None:
    assert measured(["missed"], run, None) == 1
    assert "bar missed: Title of missed" in capsys.readouterr().err


def test_the_report_has_every_benchmark() -> None:
    text = REPORT.read_text(encoding="utf-8")
    modules = {
        path.stem.removeprefix("bench_") for path in (REPORT.parents[1] / "tests/bench").glob("bench_*.py")
    }
    assert {name for name in modules if f"<!-- bench: {name} -->\n## " in text} == modules
