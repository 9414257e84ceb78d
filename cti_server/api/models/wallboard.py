"""The wallboard: live figures, by the definitions of the reports (docs/figures.md)."""

from __future__ import annotations

from pydantic import Field

from cti_server.api.models.fields import Instant, Model
from cti_server.api.models.views import AgentStateName, QueueName

Figures = dict[str, float | int | None]


class WallboardQueue(Model):
    """A queue now and today so far."""

    queue: str
    name: QueueName
    waiting: int
    oldest_queued_at: Instant | None = Field(description="Of whom waits longest; null when nobody waits.")
    agents: dict[AgentStateName, int]
    today: Figures = Field(description="By name as in docs/figures.md; null where nothing to divide by.")


class WallboardCentre(Model):
    """All queues of the wallboard together; an agent of several groups counts once."""

    waiting: int
    oldest_queued_at: Instant | None
    agents: dict[AgentStateName, int]
    today: Figures


class WallboardView(Model):
    """Since local midnight, by these rules (seconds)."""

    since: Instant
    answer_within: float
    short_abandon: float
    queues: list[WallboardQueue]
    centre: WallboardCentre


class WallboardNotice(Model):
    """The wallboard as it is now. Not numbered: it is no part of what a resume brings again."""

    ts: Instant
    wallboard: WallboardView


WALLBOARD_CHANGED = "wallboard.changed"
