"""Reports (REQUIREMENTS F1-F4, A7): figures by queue, number and agent, today or in the past."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime, timedelta, timezone
from functools import partial
from typing import Annotated, Any, Literal

import orjson
from fastapi import APIRouter, Path, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from cti_server.api.access import Caller, Having, Known, Services, reach
from cti_server.api.errors import RangeReversed, RangeTooLong
from cti_server.api.models.reports import ReportView
from cti_server.api.openapi import problems
from cti_server.api.routes_contacts import Moment
from cti_server.domain.audience import Matter
from cti_server.domain.views import timestamp
from cti_server.reports.export import CSV_TYPE, XLSX_TYPE, as_csv, as_xlsx
from cti_server.reports.figures import Rules
from cti_server.reports.report import By, Each, Question, Report, Row

router = APIRouter(prefix="/api/v1", tags=["reports"])

Format = Literal["json", "csv", "xlsx"]
LONGEST = timedelta(days=32)
"""A report reads every event of its range."""


class ReportQuery(BaseModel):
    """Which report. Without a range: today so far."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    since: Moment | None = None
    until: Moment | None = None
    each: Each = Each.RANGE
    answer_within: float = Field(default=20.0, gt=0, le=3600)
    short_abandon: float = Field(default=5.0, ge=0, le=60)
    utc_offset: int = Field(default=480, ge=-720, le=840, description="Minutes local time is ahead of UTC.")
    format: Format = "json"


def only(having: Services, known: Caller, by: By) -> frozenset[str] | None:
    """The keys the caller may see; None for all. Raises RoleMissing when there is nothing for the role."""
    matter = Matter.ACTIVITY if by is By.AGENT else Matter.FIGURES
    seen = reach(having, known, matter)
    if seen.groups is None:
        return None
    if not seen.groups:
        return frozenset({known.agent_id}) if by is By.AGENT else frozenset()
    team = having.reports.team(known.agent_id)
    return {By.AGENT: team.agents | {known.agent_id}, By.QUEUE: team.groups, By.NUMBER: team.numbers}[by]


def asked_range(
    since: datetime | None, until: datetime | None, utc_offset: int, now: datetime
) -> tuple[datetime, datetime]:
    """From when to when; without either: today so far. Raises RangeTooLong, RangeReversed."""
    local = now.astimezone(timezone(timedelta(minutes=utc_offset)))
    start = since or local.replace(hour=0, minute=0, second=0, microsecond=0)
    end = until or now
    if end - start > LONGEST:
        raise RangeTooLong(f"at most {LONGEST.days} days at once")
    if end < start:
        raise RangeReversed
    return start, end


def _question(asked: ReportQuery, by: By, only: frozenset[str] | None, now: datetime) -> Question:
    """Raises RangeTooLong, RangeReversed."""
    start, until = asked_range(asked.since, asked.until, asked.utc_offset, now)
    rules = Rules(asked.answer_within, asked.short_abandon)
    return Question(by, start, until, asked.each, rules, asked.utc_offset, only)


def _view(row: Row) -> dict[str, Any]:
    """As `ReportRow` has it."""
    begin, end = timestamp(row.begin.timestamp()), timestamp(row.end.timestamp())
    return {"begin": begin, "end": end, "key": row.key, "values": row.values}


def written(rows: list[Row], kind: Format, around: Mapping[str, Any]) -> bytes:
    """The rows as a file, or as JSON in that view; done where the rows were made, for they may be many."""
    if kind == "csv":
        return as_csv(rows)
    if kind == "xlsx":
        return as_xlsx(rows)
    return orjson.dumps({**around, "rows": [_view(row) for row in rows]})


def answer(body: bytes, kind: Format, name: str) -> Response:
    """What was `written`, the files to be saved under that name."""
    types = {"json": "application/json", "csv": CSV_TYPE, "xlsx": XLSX_TYPE}
    headers = {} if kind == "json" else {"Content-Disposition": f'attachment; filename="{name}.{kind}"'}
    return Response(body, media_type=types[kind], headers=headers)


@router.get(
    "/reports/{by}",
    response_model=ReportView,
    responses=problems(401, 403, 422, 503),
    summary="Figures by queue, number or agent",
)
async def figures(
    having: Having, known: Known, by: Annotated[By, Path()], asked: Annotated[ReportQuery, Query()]
) -> Response:
    """An agent sees itself, a team leader the team, operations everything. CSV and XLSX on demand."""
    now = datetime.now(UTC)
    question = _question(asked, by, only(having, known, by), now)
    shown = partial(written, kind=asked.format, around=asdict(question.rules))
    body = await having.reports.worked_out(Report(question, now), shown)
    return answer(body, asked.format, f"report-{by.value}")
