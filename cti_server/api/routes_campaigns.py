"""Outbound campaigns (REQUIREMENTS A5): driven by operations, and by team leaders for their groups."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

import msgspec
from fastapi import APIRouter, Depends, Path, Request, Response

from cti_server.api.access import Caller, Having, Services, allowed, json_only, reach
from cti_server.api.errors import UnsupportedMediaType
from cti_server.api.etag import tag
from cti_server.api.models.campaigns import (
    AuditEntry,
    AuditList,
    CampaignList,
    CampaignView,
    ImportList,
    ImportView,
    NewCampaign,
)
from cti_server.api.models.fields import Identifier
from cti_server.api.openapi import problems
from cti_server.campaigns.editing import require_to_come
from cti_server.campaigns.errors import CallerIdNotAllowed, CampaignGroup, CampaignOfAnotherTeam
from cti_server.campaigns.kept import Campaign, Counts, Import
from cti_server.campaigns.model import Change, Settings
from cti_server.domain.audience import Matter

router = APIRouter(prefix="/api/v1", tags=["campaigns"])

CSV_TYPE = "text/csv; charset=utf-8"
CSV_BODY = {"requestBody": {"content": {"text/csv": {"schema": {"type": "string", "format": "binary"}}}}}


def instant(at: datetime) -> str:
    """RFC 3339 in UTC with milliseconds."""
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


campaigner = allowed(Matter.CAMPAIGNS)
"""Somebody who may have to do with campaigns."""


def csv_only(request: Request) -> None:
    """Raises UnsupportedMediaType for a body that is no CSV."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "text/csv":
        raise UnsupportedMediaType("send text/csv")


Campaigner = Annotated[Caller, Depends(campaigner)]
CampaignId = Annotated[Identifier, Path()]
ImportId = Annotated[Identifier, Path()]
JSON = [Depends(campaigner), Depends(json_only)]
CSV = [Depends(campaigner), Depends(csv_only)]


def led(having: Services, known: Caller) -> frozenset[str] | None:
    """The groups whose campaigns are the person's business; None for all."""
    return reach(having, known, Matter.CAMPAIGNS).groups


async def own(having: Services, known: Caller, campaign_id: str) -> Campaign:
    """The campaign. Raises UnknownCampaign, CampaignOfAnotherTeam."""
    found = await having.campaigns.campaign(campaign_id)
    groups = led(having, known)
    if groups is not None and found.settings.group_id not in groups:
        raise CampaignOfAnotherTeam
    return found


def shown_settings(settings: Settings) -> dict[str, Any]:
    """The settings as they go over the wire."""
    ends_at = settings.ends_at
    end = None if ends_at is None else instant(datetime.fromtimestamp(ends_at, UTC))
    return {**msgspec.to_builtins(settings), "ends_at": end}


def settings_from(given: dict[str, Any]) -> Settings:
    """Settings out of valid fields; `ends_at` as a client gives it, or as it is kept."""
    ends_at = given.get("ends_at")
    if isinstance(ends_at, str):
        given = {**given, "ends_at": datetime.fromisoformat(ends_at).timestamp()}
    return msgspec.convert(given, Settings)


def shown(found: Campaign, counts: Counts | None = None) -> CampaignView:
    """The view of a campaign."""
    return CampaignView(
        campaign_id=found.campaign_id,
        name=found.name,
        state=found.state.value,
        version=found.version,
        settings=shown_settings(found.settings),
        created_by=found.created_by,
        created_at=instant(found.created_at),
        updated_at=instant(found.updated_at),
        records=dict(counts.records) if counts else None,
        closed=dict(counts.closed) if counts else None,
        outcomes=dict(counts.outcomes) if counts else None,
    )


def shown_import(found: Import) -> ImportView:
    """The view of an import."""
    return ImportView.model_validate(
        {
            "import_id": found.import_id,
            "state": found.state,
            "encoding": found.encoding,
            "rows": found.rows,
            "accepted": found.accepted,
            "refused": dict(found.refused),
            "created_by": found.created_by,
            "started_at": instant(found.started_at),
            "ended_at": instant(found.ended_at) if found.ended_at else None,
        }
    )


def refused_file(content: bytes, import_id: str) -> Response:
    """The report of refused rows as a file."""
    name = {"Content-Disposition": f'attachment; filename="refused-{import_id}.csv"'}
    return Response(content, media_type=CSV_TYPE, headers=name)


@router.post(
    "/campaigns",
    status_code=201,
    dependencies=JSON,
    responses=problems(400, 401, 403, 413, 415, 422, 503),
    summary="A new campaign",
)
async def create(having: Having, known: Campaigner, body: NewCampaign) -> CampaignView:
    """It calls nobody before it is started. The group is one that the person leads; operations have all."""
    if body.group_id not in having.campaigns.groups():
        raise CampaignGroup
    groups = led(having, known)
    if groups is not None and body.group_id not in groups:
        raise CampaignOfAnotherTeam
    if body.caller_id and body.caller_id not in having.campaigns.caller_ids():
        raise CallerIdNotAllowed
    settings = settings_from(body.model_dump(exclude={"name"}, exclude_none=True))
    require_to_come(settings, datetime.now(UTC).timestamp())
    return shown(await having.campaigns.create(body.name, settings, known.agent_id))


@router.get("/campaigns", responses=problems(401, 403, 503), summary="Campaigns, the newest first")
async def campaigns(having: Having, known: Campaigner) -> CampaignList:
    """A team leader sees those of the own groups."""
    found = await having.campaigns.all(led(having, known))
    return CampaignList(campaigns=[shown(one) for one in found])


@router.get(
    "/campaigns/{campaign_id}",
    responses=problems(401, 403, 404, 422, 503),
    summary="A campaign and how far it is",
)
async def campaign(
    having: Having, known: Campaigner, campaign_id: CampaignId, response: Response
) -> CampaignView:
    """Records by state, closed records by why, attempts by outcome."""
    found = await own(having, known, campaign_id)
    tag(response, found.version)
    return shown(found, await having.campaigns.counts(campaign_id))


@router.get(
    "/campaigns/{campaign_id}/audit",
    responses=problems(401, 403, 404, 422, 503),
    summary="Who did what to the campaign",
)
async def audited(having: Having, known: Campaigner, campaign_id: CampaignId) -> AuditList:
    """The newest first."""
    await own(having, known, campaign_id)
    rows = await having.campaigns.audited(campaign_id)
    return AuditList(
        entries=[
            AuditEntry(
                at=instant(row["at"]),
                actor=row["actor"],
                action=row["action"],
                object_id=row["object_id"],
                data=row["data"],
            )
            for row in rows
        ]
    )


@router.post(
    "/campaigns/{campaign_id}/imports",
    status_code=201,
    dependencies=CSV,
    openapi_extra=CSV_BODY,
    responses=problems(401, 403, 404, 408, 409, 413, 415, 422, 503),
    summary="Import a list of numbers as CSV",
)
async def import_list(
    having: Having, known: Campaigner, request: Request, campaign_id: CampaignId
) -> ImportView:
    """Read as it comes. Rows that cannot be called are refused one by one, each with its code."""
    await own(having, known, campaign_id)
    return shown_import(await having.campaigns.import_list(campaign_id, request.stream(), known.agent_id))


@router.get(
    "/campaigns/{campaign_id}/imports",
    responses=problems(401, 403, 404, 422, 503),
    summary="Imports of a campaign, with their progress",
)
async def imports(having: Having, known: Campaigner, campaign_id: CampaignId) -> ImportList:
    """The newest first; one that is `running` counts up."""
    await own(having, known, campaign_id)
    found = await having.campaigns.imports(campaign_id)
    return ImportList(imports=[shown_import(one) for one in found])


@router.get(
    "/campaigns/{campaign_id}/imports/{import_id}/refused.csv",
    response_class=Response,
    responses=problems(401, 403, 404, 422, 503),
    summary="The refused rows of an import",
)
async def refused(
    having: Having, known: Campaigner, campaign_id: CampaignId, import_id: ImportId
) -> Response:
    """Row number, code, and the row's own content."""
    await own(having, known, campaign_id)
    return refused_file(await having.campaigns.refused(campaign_id, import_id), import_id)


@router.post(
    "/campaigns/{campaign_id}/{change}",
    responses=problems(401, 403, 404, 409, 422, 503),
    summary="Start, pause or stop",
)
async def change(
    having: Having,
    known: Campaigner,
    campaign_id: CampaignId,
    change: Annotated[Literal["start", "pause", "stop"], Path()],
) -> CampaignView:
    """Calls under way go on; a stopped campaign never starts again."""
    await own(having, known, campaign_id)
    return shown(await having.campaigns.change(campaign_id, Change(change), known.agent_id))
