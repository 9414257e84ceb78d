"""The wallboard over HTTP: as it is now, by role (REQUIREMENTS F4)."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends

from cti_server.api.access import Caller, Having, allowed
from cti_server.api.models.wallboard import WallboardView
from cti_server.api.openapi import problems
from cti_server.domain.audience import Topic

Watching = Annotated[Caller, Depends(allowed(Topic.WALLBOARD))]

router = APIRouter(prefix="/api/v1", tags=["reports"])


@router.get(
    "/wallboard",
    response_model=WallboardView,
    responses=problems(401, 403, 503),
    summary="Live figures of each queue and of the centre",
)
async def wallboard(having: Having, known: Watching) -> WallboardView:
    """A team leader sees the own groups, operations all. Live: subscribe to `wallboard` on the socket."""
    return WallboardView.model_validate(await having.wallboard.view(known.agent_id))
