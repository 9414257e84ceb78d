"""Reports over HTTP: by role, as JSON, CSV and XLSX."""

from __future__ import annotations

import csv
import io
import zipfile
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from tests.support.edge import Edge
from tests.unit.reports.test_example import FACTS

RANGE = {"since": "2026-11-21T00:00:00+08:00", "until": "2026-11-22T00:00:00+08:00"}
SHEET = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"


@pytest.fixture(autouse=True)
def known(edge: Edge) -> None:
    edge.reports.known = list(FACTS)


async def rows(edge: Edge, person: str, by: str, **more: str) -> dict[str, dict[str, Any]]:
    async with edge.http(person) as http:
        answer = await http.get(f"/api/v1/reports/{by}", params={**RANGE, **more})
    assert answer.status_code == 200, answer.text
    return {row["key"]: row["values"] for row in answer.json()["rows"]}


async def test_an_agent_sees_itself(edge: Edge) -> None:
    found = await rows(edge, "1001", "agent")
    assert list(found) == ["1001"]
    assert found["1001"]["occupancy"] == 0.4
    assert await rows(edge, "1002", "agent") == {}
    async with edge.http("1001") as http:
        answer = await http.get("/api/v1/reports/queue", params=RANGE)
    assert (answer.status_code, answer.json()["code"]) == (403, "wrong_role")


async def test_a_team_leader_sees_the_team(edge: Edge) -> None:
    assert list(await rows(edge, "2001", "agent")) == ["1001"]
    assert list(await rows(edge, "2001", "queue")) == ["*", "general"]
    assert list(await rows(edge, "2001", "number")) == ["*", "4000"]
    assert (await rows(edge, "2001", "queue", short_abandon="0"))["general"]["asked"] == 4


async def test_csv_has_every_figure(edge: Edge) -> None:
    async with edge.http("2001") as http:
        answer = await http.get("/api/v1/reports/queue", params={**RANGE, "format": "csv"})
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert "report-queue.csv" in answer.headers["content-disposition"]
    lines = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
    expected = await rows(edge, "2001", "queue")
    for line in lines:
        figures = {name: float(text) for name, text in line.items() if name not in ("begin", "end", "key")}
        assert figures == expected[line["key"]]


async def test_xlsx_has_every_figure(edge: Edge) -> None:
    async with edge.http("2001") as http:
        answer = await http.get("/api/v1/reports/queue", params={**RANGE, "format": "xlsx"})
    with zipfile.ZipFile(io.BytesIO(answer.content)) as book:
        sheet = ET.fromstring(book.read("xl/worksheets/sheet1.xml"))
    lines = [
        [cell.findtext(f"{SHEET}v") for cell in line if cell.get("t") != "s"]
        for line in sheet.iter(f"{SHEET}row")
    ]
    expected = await rows(edge, "2001", "queue")
    assert [[float(text or "nan") for text in line] for line in lines[1:]] == [
        pytest.approx(list(figures.values())) for figures in expected.values()
    ]


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("since=2026-01-01T00:00:00Z&until=2026-03-01T00:00:00Z", "range_too_long"),
        ("since=2026-01-02T00:00:00Z&until=2026-01-01T00:00:00Z", "range_reversed"),
        ("since=0001-01-01T00:00:00Z&until=0001-01-02T00:00:00Z", "invalid_params"),
        ("since=9999-12-31T00:00:00Z&until=9999-12-31T23:00:00Z", "invalid_params"),
        ("each=fortnight", "invalid_params"),
        ("since=yesterday", "invalid_params"),
        ("answer_within=0", "invalid_params"),
        ("colour=red", "invalid_params"),
    ],
)
async def test_what_is_refused(edge: Edge, query: str, code: str) -> None:
    async with edge.http("2001") as http:
        answer = await http.get(f"/api/v1/reports/queue?{query}")
        assert (answer.status_code, answer.json()["code"]) == (422, code)
        unknown = await http.get("/api/v1/reports/weather")
    assert unknown.status_code == 422


async def test_without_a_range_it_is_today_so_far(edge: Edge) -> None:
    async with edge.http("2001") as http:
        answer = await http.get("/api/v1/reports/agent")
    assert answer.json()["rows"] == []
    since, until = edge.reports.asked[-1]
    assert (until - since).days in (2, 3)
