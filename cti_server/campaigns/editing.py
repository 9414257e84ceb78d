"""What of a campaign may be changed once it is made: everything but its group, if it makes sense."""

from __future__ import annotations

from collections.abc import Set as AbstractSet

from cti_server.campaigns.errors import CampaignState, EndInThePast, RegionInUse
from cti_server.campaigns.kept import Campaign
from cti_server.campaigns.model import Settings, State


def require_sensible(
    before: Campaign, settings: Settings, now: float, regions: AbstractSet[str], *, importing: bool
) -> None:
    """Raises CampaignState, EndInThePast, RegionInUse.

    `regions` are those of records not closed yet; `importing`: a list is being read, whose rows may be of
    any region that had hours when it began.
    """
    if before.state is State.STOPPED:
        raise CampaignState("a campaign that is stopped is not changed", detail={"state": "stopped"})
    if settings.ends_at is not None and settings.ends_at != before.settings.ends_at:
        require_to_come(settings, now)
    missing = (regions | (before.settings.hours.keys() if importing else set())) - settings.hours.keys()
    if missing:
        raise RegionInUse(detail={"regions": sorted(missing)})


def require_to_come(settings: Settings, now: float) -> None:
    """Raises EndInThePast when the campaign's end is over."""
    if settings.ends_at is not None and settings.ends_at <= now:
        raise EndInThePast
