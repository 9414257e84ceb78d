"""Preview campaigns: an agent is given a record, looks at it, and calls or skips it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path

from cti_server.api.access import Caller, Having, Known, Services, json_only
from cti_server.api.models.campaigns import DialRecord, DispositionRule, Previewed, RecordDialled
from cti_server.api.models.fields import Identifier
from cti_server.api.openapi import problems
from cti_server.api.routes_campaigns import CampaignId
from cti_server.campaigns.errors import CampaignOfAnotherTeam, NotPreview
from cti_server.campaigns.kept import Campaign
from cti_server.campaigns.model import Mode, State
from cti_server.domain.views import masked

router = APIRouter(prefix="/api/v1/campaigns/{campaign_id}/preview", tags=["campaigns"])
CALLERS = frozenset({"agent", "team_leader"})
_REFUSED = problems(400, 401, 403, 404, 409, 413, 415, 422, 429, 503)


def previewer(known: Known) -> Caller:
    """Somebody who calls. Raises RoleMissing."""
    known.require(CALLERS)
    return known


Previewer = Annotated[Caller, Depends(previewer)]
RecordId = Annotated[Identifier, Path()]


async def _campaign(having: Services, known: Caller, campaign_id: str) -> Campaign:
    """Raises UnknownCampaign, CampaignOfAnotherTeam, NotPreview."""
    found = await having.campaigns.campaign(campaign_id)
    if found.settings.group_id not in having.reports.team(known.agent_id).groups:
        raise CampaignOfAnotherTeam
    if found.settings.mode is not Mode.PREVIEW or found.state is not State.RUNNING:
        raise NotPreview
    return found


@router.post("/next", responses=_REFUSED, summary="The next record to look at")
async def give(having: Having, known: Previewer, campaign_id: CampaignId) -> Previewed:
    """The one that the agent has in hand already, if any. Hours and the do-not-call list are kept."""
    campaign = await _campaign(having, known, campaign_id)
    record = await having.campaigns.preview(campaign, known.agent_id)
    rules = [
        DispositionRule(code=d.code, then=d.then.value, name_zh=d.name_zh, name_en=d.name_en)
        for d in campaign.settings.dispositions
    ]
    return Previewed(
        record_id=record.record_id,
        number=masked(record.number),
        name=record.name,
        region=record.region,
        data=dict(record.data),
        attempts=record.progress.attempts,
        call_back=record.progress.call_back,
        script=campaign.settings.script,
        dispositions=rules,
    )


@router.post(
    "/{record_id}/dial",
    dependencies=[Depends(previewer), Depends(json_only)],
    responses=_REFUSED,
    summary="Call the record",
)
async def dial(
    having: Having, known: Previewer, campaign_id: CampaignId, record_id: RecordId, body: DialRecord
) -> RecordDialled:
    """As `contact.dial`: the agent's phone first. Hours and the do-not-call list are looked at once more."""
    campaign = await _campaign(having, known, campaign_id)
    contact_id = await having.campaigns.dial(campaign, record_id, known.agent_id, body.request_id)
    return RecordDialled(contact_id=contact_id)


@router.post("/{record_id}/skip", status_code=204, responses=_REFUSED, summary="Do not call the record now")
async def skip(having: Having, known: Previewer, campaign_id: CampaignId, record_id: RecordId) -> None:
    """It comes again as the campaign's rule for `skipped` says."""
    campaign = await _campaign(having, known, campaign_id)
    await having.campaigns.skip(campaign, record_id, known.agent_id)
