"""docs/campaigns.md names what there is, with its defaults."""

from __future__ import annotations

import re
from pathlib import Path

from cti_server.campaigns import pacing
from cti_server.campaigns.lists import LONGEST_VALUE, RowRefusal
from cti_server.campaigns.model import RETRIES, Outcome, Settings

TEXT = (Path(__file__).parents[3] / "docs/campaigns.md").read_text(encoding="utf-8")


def rows(heading: str) -> dict[str, list[str]]:
    """First cell, without its quotes, to the others, of the first table after a line that holds `heading`."""
    table = TEXT.split(heading, 1)[1].split("\n\n", 1)[0]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()[2:]]
    return {row[0].strip("`"): row[1:] for row in cells}


def test_every_outcome_and_its_retry() -> None:
    told = rows("| outcome | means | again by default |")
    told.pop("---", None)
    assert told.keys() == {outcome.value for outcome in Outcome}
    for outcome in Outcome:
        rule = RETRIES.get(outcome)
        times = f"after {rule.after:g} s, {rule.times} time{'s' * (rule.times > 1)}" if rule else "no"
        assert told[outcome.value][-1] == times


def test_every_reason_to_refuse_a_row() -> None:
    told = rows("| code | the row |")
    told.pop("---", None)
    assert told.keys() == {code.value for code in RowRefusal}
    assert f"more than {LONGEST_VALUE} characters" in TEXT


def test_every_setting() -> None:
    told = rows("| setting | default | meaning |")
    told.pop("---", None)
    assert told.keys() == set(Settings.__dataclass_fields__) - {"group_id"}


def test_the_numbers_are_those_of_the_code() -> None:
    assert f"below {pacing.AIM:.0%} of the cap".replace("%", " %") in TEXT
    assert f"below {pacing.BORNE:.0%} of the cap".replace("%", " %") in TEXT
    assert f"within {pacing.PATIENCE:g} s" in TEXT
    assert f"first {pacing.LEARNING} calls" in TEXT
    assert pacing.WINDOW == 24 * 3600
    assert re.search(r"last 24 hours", TEXT)
