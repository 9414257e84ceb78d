"""A campaign changed while it goes on: in part, from the version that was read; versions, roll-back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import msgspec
from fastapi import APIRouter, Depends, Path, Response

from cti_server.api.access import Having, Services
from cti_server.api.etag import Expected, tag
from cti_server.api.models.campaigns import (
    CampaignEdit,
    CampaignVersions,
    CampaignVersionView,
    CampaignView,
)
from cti_server.api.models.routing import ChangeView, Reason
from cti_server.api.openapi import problems
from cti_server.api.routes_campaigns import (
    JSON,
    Campaigner,
    CampaignId,
    instant,
    own,
    settings_from,
    shown,
)
from cti_server.api.settings_errors import UnknownVersion
from cti_server.campaigns.errors import CallerIdNotAllowed
from cti_server.campaigns.kept import Campaign
from cti_server.campaigns.model import Settings

router = APIRouter(prefix="/api/v1/campaigns/{campaign_id}", tags=["campaigns"])
_REFUSED = problems(401, 403, 404, 409, 412, 413, 415, 422, 428, 503)
_CLEARABLE = frozenset({"ends_at"})
"""Fields for which null says something; for the others it is as if they were left out."""


class Edit:
    """A change by somebody whose campaign it is, from the version that was read."""

    def __init__(
        self,
        having: Having,
        known: Campaigner,
        campaign_id: CampaignId,
        expected: Expected,
        response: Response,
    ) -> None:
        self._having, self._known, self._campaign_id = having, known, campaign_id
        self._expected, self._response = expected, response

    async def save(self, why: str, wished: Callable[[Campaign], tuple[str, Settings]]) -> CampaignView:
        """The campaign with what is wished. Raises UnknownCampaign, CampaignOfAnotherTeam and more."""
        await own(self._having, self._known, self._campaign_id)
        saved = await self._having.campaigns.edit(
            self._campaign_id, self._expected, wished, author=self._known.agent_id, why=why
        )
        tag(self._response, saved.version)
        return shown(saved)


Editing = Annotated[Edit, Depends(Edit)]


@router.patch("", dependencies=JSON, responses=_REFUSED, summary="Change a campaign, running or not")
async def edit(having: Having, editing: Editing, body: CampaignEdit) -> CampaignView:
    """In force within 2 s, for calls that begin from then on. What is left out stays as it is."""
    given = body.model_dump(exclude={"why", "name"}, exclude_unset=True)
    given = {name: value for name, value in given.items() if value is not None or name in _CLEARABLE}
    require_caller_id(having, given.get("caller_id", ""))

    def wished(now: Campaign) -> tuple[str, Settings]:
        return body.name or now.name, settings_from({**msgspec.to_builtins(now.settings), **given})

    return await editing.save(body.why, wished)


@router.get("/versions", responses=problems(401, 403, 404, 422, 503), summary="Who changed what and why")
async def versions(having: Having, known: Campaigner, campaign_id: CampaignId) -> CampaignVersions:
    """The newest first; version 1 is the campaign as it was made."""
    await own(having, known, campaign_id)
    found = await having.campaigns.versions(campaign_id)
    return CampaignVersions(
        versions=[
            CampaignVersionView(
                version=one.version,
                at=instant(one.at),
                author=one.author,
                why=one.why,
                changes=[ChangeView(where=c.where, before=c.before, after=c.after) for c in one.changes],
            )
            for one in found
        ]
    )


@router.post(
    "/versions/{version}/restore", dependencies=JSON, responses=_REFUSED, summary="Roll back to a version"
)
async def restore(
    having: Having,
    editing: Editing,
    campaign_id: CampaignId,
    version: Annotated[int, Path(ge=1, le=999_999_999)],
    body: Reason,
) -> CampaignView:
    """As a new version, if it still makes sense."""
    found = await having.campaigns.version_of(campaign_id, version)
    if found is None:
        raise UnknownVersion
    require_caller_id(having, found[1].caller_id)
    return await editing.save(body.why, lambda _: found)


def require_caller_id(having: Services, number: str) -> None:
    """Raises CallerIdNotAllowed."""
    if number and number not in having.campaigns.caller_ids():
        raise CallerIdNotAllowed
