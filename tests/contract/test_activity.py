"""Activity and scorecard over HTTP, by role; the examples of the document."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path
from typing import Any

import pytest

from tests.support.edge import Edge
from tests.unit.reports.test_example import FACTS
from tests.unit.reports.test_scorecard import CALLS

RANGE = {"since": "2026-11-21T00:00:00+08:00", "until": "2026-11-22T00:00:00+08:00"}


@pytest.fixture(autouse=True)
def known(edge: Edge) -> None:
    edge.reports.known, edge.reports.customers = list(FACTS), list(CALLS)


async def get(edge: Edge, person: str, path: str, **more: str) -> Any:
    async with edge.http(person) as http:
        answer = await http.get(f"/api/v1/{path}", params=more)
    return answer.json() if answer.status_code == 200 else (answer.status_code, answer.json()["code"])


@pytest.mark.parametrize(
    ("person", "of", "seen"),
    [
        ("1001", "", True),
        ("1001", "1001", True),
        ("1001", "1002", False),
        ("2001", "1001", True),
        ("2001", "2001", True),
        ("2001", "1002", False),
        ("4001", "1002", True),
        ("5001", "1001", False),
    ],
)
async def test_whose_activity(edge: Edge, person: str, of: str, seen: bool) -> None:
    found = await get(edge, person, "activity", **RANGE, **({"agent_id": of} if of else {}))
    assert (found == (403, "wrong_role")) is not seen
    if seen:
        assert found["agent_id"] == (of or person)


async def test_the_day(edge: Edge) -> None:
    found = await get(edge, "1001", "activity", **RANGE)
    assert found["by_state"]["talking"] == 300
    assert found["timeline"][3] == {
        "state": "talking",
        "reason": "",
        "begin": "2026-11-21T01:00:10.000Z",
        "end": "2026-11-21T01:03:10.000Z",
        "seconds": 180.0,
        "contact_ids": ["C1"],
    }
    long = {"since": "2026-01-01T00:00:00Z", "until": "2026-03-01T00:00:00Z"}
    assert await get(edge, "1001", "activity", **long) == (422, "range_too_long")
    turned = {"since": RANGE["until"], "until": RANGE["since"]}
    assert await get(edge, "1001", "activity", **turned) == (422, "range_reversed")
    assert await get(edge, "4001", "activity", **RANGE, agent_id="nobody") == (404, "unknown_agent")


async def test_the_scorecard_by_role_and_as_csv(edge: Edge) -> None:
    november = {"month": "2026-11"}
    assert [row["key"] for row in (await get(edge, "1001", "reports/scorecard", **november))["rows"]] == [
        "1001"
    ]
    rows = (await get(edge, "4001", "reports/scorecard", **november))["rows"]
    assert rows[0]["values"]["contacts"] == 2
    assert rows[0]["begin"] == "2026-10-31T16:00:00.000Z"
    assert (await get(edge, "1002", "reports/scorecard", **november))["rows"] == []
    assert await get(edge, "5001", "reports/scorecard", **november) == (403, "wrong_role")
    assert await get(edge, "4001", "reports/scorecard", month="2026-13") == (422, "invalid_params")
    async with edge.http("4001") as http:
        answer = await http.get("/api/v1/reports/scorecard", params={**november, "format": "csv"})
    assert "scorecard-2026-11.csv" in answer.headers["content-disposition"]
    lines = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert (lines[0]["key"], lines[0]["transfer_rate"]) == ("1001", "0.5")


async def test_the_examples_of_the_document(edge: Edge) -> None:
    text = (Path(__file__).parents[2] / "docs/figures.md").read_text(encoding="utf-8")
    examples = re.findall(r"```http\n(.*?)```", text, re.DOTALL)[0].splitlines()
    assert len(examples) >= 6
    async with edge.http("4001") as http:
        for line in examples:
            verb, path = line.split(" ", 1)
            answer = await http.request(verb, path)
            assert answer.status_code == 200, (line, answer.text)
