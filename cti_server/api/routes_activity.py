"""Own and everybody's activity (A7) and the monthly scorecard (F4), by role."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from cti_server.api.access import Having, Known
from cti_server.api.errors import RoleMissing, UnknownPerson
from cti_server.api.models.fields import Word
from cti_server.api.models.reports import ActivityView, ScorecardView, StretchView
from cti_server.api.openapi import problems
from cti_server.api.routes_contacts import Moment
from cti_server.api.routes_reports import Format, answer, asked_range, only, written
from cti_server.domain.views import timestamp
from cti_server.reports.activity import Activity, Deeds, Stretch, as_it_is
from cti_server.reports.report import By, Question, Report, Row
from cti_server.reports.resolution import Resolution
from cti_server.reports.scorecard import with_resolution

router = APIRouter(prefix="/api/v1", tags=["reports"])


class ActivityQuery(BaseModel):
    """Whose and when. Without: one's own, today so far."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    agent_id: Word | None = None
    since: Moment | None = None
    until: Moment | None = None
    utc_offset: int = Field(default=480, ge=-720, le=840, description="Minutes local time is ahead of UTC.")


class ScorecardQuery(BaseModel):
    """Which month."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    month: str | None = Field(
        default=None,
        pattern=r"^20[0-9]{2}-(0[1-9]|1[0-2])$",
        description="Like `2026-11`; without: this month.",
    )
    resolved_within: int = Field(default=7, ge=1, le=30, description="Days without another contact.")
    utc_offset: int = Field(default=480, ge=-720, le=840, description="Minutes local time is ahead of UTC.")
    format: Format = "json"


def _at(moment: datetime | None) -> str | None:
    return timestamp(moment.timestamp()) if moment else None


def _stretch(one: Stretch) -> StretchView:
    return StretchView.model_validate(
        {
            "state": one.state,
            "reason": one.reason,
            "begin": _at(one.begin),
            "end": _at(one.end),
            "seconds": one.seconds,
            "contact_ids": list(one.contact_ids),
        }
    )


def _view(agent_id: str, start: datetime, until: datetime, found: Activity) -> ActivityView:
    return ActivityView.model_validate(
        {
            "agent_id": agent_id,
            "since": _at(start),
            "until": _at(until),
            "timeline": [_stretch(one) for one in found.stretches],
            "by_state": found.by_state,
            "by_reason": found.by_reason,
        }
    )


@router.get(
    "/activity",
    response_model=ActivityView,
    responses=problems(401, 403, 404, 422, 503),
    summary="What somebody did, and when",
)
async def somebodys_activity(
    having: Having, known: Known, asked: Annotated[ActivityQuery, Query()]
) -> ActivityView:
    """An agent sees itself, a team leader the team, operations everybody."""
    agent_id = asked.agent_id or known.agent_id
    seen = only(having, known, By.AGENT)
    if seen is not None and agent_id not in seen:
        raise RoleMissing("somebody else's activity")
    now = datetime.now(UTC)
    start, until = asked_range(asked.since, asked.until, asked.utc_offset, now)
    found = await having.reports.worked_out(Deeds(agent_id, start, until, now), as_it_is)
    if not found.stretches and not having.reports.knows(agent_id):
        raise UnknownPerson
    return _view(agent_id, start, until, found)


def _month(asked: ScorecardQuery, now: datetime) -> tuple[str, datetime, datetime]:
    local = timezone(timedelta(minutes=asked.utc_offset))
    name = asked.month or now.astimezone(local).strftime("%Y-%m")
    year, month = map(int, name.split("-"))
    start = datetime(year, month, 1, tzinfo=local)
    return name, start, (start + timedelta(days=32)).replace(day=1)


def _scorecard(
    rows: list[Row], found: Mapping[str, Resolution], kind: Format, around: Mapping[str, Any]
) -> bytes:
    return written(with_resolution(rows, found), kind, around)


@router.get(
    "/reports/scorecard",
    response_model=ScorecardView,
    responses=problems(401, 403, 422, 503),
    summary="A month of each agent",
)
async def month_of_each_agent(
    having: Having, known: Known, asked: Annotated[ScorecardQuery, Query()]
) -> Response:
    """An agent sees itself, a team leader the team, operations everybody."""
    now = datetime.now(UTC)
    month, start, until = _month(asked, now)
    within = timedelta(days=asked.resolved_within)
    seen = only(having, known, By.AGENT)
    question = Question(By.AGENT, start, until, utc_offset=asked.utc_offset, only=seen)
    resolved = await having.reports.resolved(start, until, within, now)
    around = {"month": month, "resolved_within": asked.resolved_within}
    shown = partial(_scorecard, found=resolved, kind=asked.format, around=around)
    body = await having.reports.worked_out(Report(question, now), shown)
    return answer(body, asked.format, f"scorecard-{month}")
