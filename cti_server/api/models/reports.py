"""Reports over HTTP."""

from __future__ import annotations

from pydantic import Field

from cti_server.api.models.fields import Instant, Model


class ReportRow(Model):
    """Figures of one queue, number or agent in one period; null where there is nothing to divide by."""

    begin: Instant
    end: Instant
    key: str = Field(description="Group id, service number or agent id; `*` for all of them together.")
    values: dict[str, float | int | None] = Field(
        description="By name as in docs/figures.md; seconds, 0 to 1."
    )


class ReportView(Model):
    """Rows by period and key, and the rules they were counted by (seconds)."""

    answer_within: float
    short_abandon: float
    rows: list[ReportRow]
