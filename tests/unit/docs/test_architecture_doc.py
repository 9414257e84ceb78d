"""docs/architecture.md names every rule and every folder there is, and no other."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[3]
TEXT = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")


def test_every_rule() -> None:
    told = TEXT.partition("a file for a concern:")[2].partition("States and transitions")[0]
    there = {path.stem for path in (ROOT / "cti_server/domain/rules").glob("[!_]*.py")}
    assert set(re.findall(r"`(\w+)`", told)) == there


def test_every_folder() -> None:
    table = TEXT.partition("## Where things are")[2]
    packages = {str(path.parent.relative_to(ROOT)) for path in ROOT.glob("cti_server/*/__init__.py")}
    packages |= {path.parent.name for path in ROOT.glob("[!.]*/__init__.py")} - {"cti_server"}
    assert set(re.findall(r"^\| `([\w/]+)` \|", table, re.MULTILINE)) == packages


def test_every_kind_of_test() -> None:
    row = re.search(r"^\| `tests` \|(.*)$", TEXT, re.MULTILINE)
    assert row
    there = {path.parent.name for path in ROOT.glob("tests/*/__init__.py")}
    assert set(re.findall(r"`(\w+)`", row[1])) == there
