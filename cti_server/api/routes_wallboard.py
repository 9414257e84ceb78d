"""The wallboard over HTTP: as it is now, by role (REQUIREMENTS F4)."""

from __future__ import annotations

from fastapi import APIRouter

from cti_server.api.access import Having, Known
from cti_server.api.models.wallboard import WallboardView
from cti_server.api.openapi import problems

router = APIRouter(prefix="/api/v1", tags=["reports"])

WATCHES = frozenset({"team_leader", "operations_manager", "data_analyst"})


@router.get(
    "/wallboard",
    response_model=WallboardView,
    responses=problems(401, 403, 503),
    summary="Live figures of each queue and of the centre",
)
async def wallboard(having: Having, known: Known) -> WallboardView:
    """A team leader sees the own groups, operations all. Live: subscribe to `wallboard` on the socket."""
    known.require(WATCHES)
    return WallboardView.model_validate(await having.wallboard.view(known.agent_id))
