"""Reports over HTTP."""

from __future__ import annotations

from pydantic import Field

from cti_server.api.models.fields import Instant, Model
from cti_server.api.models.views import AgentStateName


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


class StretchView(Model):
    """Time in one work state for one reason; `end` is null while it lasts."""

    state: AgentStateName
    reason: str
    begin: Instant
    end: Instant | None
    seconds: float = Field(description="Of it within the time asked about.")
    contact_ids: list[str]


class ActivityView(Model):
    """What an agent did; sums in seconds."""

    agent_id: str
    since: Instant
    until: Instant
    timeline: list[StretchView]
    by_state: dict[AgentStateName, float]
    by_reason: dict[str, float] = Field(description="Of `not_ready` and `busy`.")


class ScorecardView(Model):
    """A month of each agent; figures as in docs/figures.md."""

    month: str
    resolved_within: int = Field(description="Days without another contact of the same customer.")
    rows: list[ReportRow]
