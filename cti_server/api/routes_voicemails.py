"""Messages that customers left (REQUIREMENTS B4): listed, heard and worked off, by role and group."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path, Query
from fastapi.responses import FileResponse

from cti_server.api.access import Caller, Having, Known, Services, allowed, json_only, reach
from cti_server.api.errors import (
    UnknownVoicemail,
    VoicemailAudioMissing,
    VoicemailOfAnotherGroup,
    VoicemailTaken,
)
from cti_server.api.models.fields import Identifier
from cti_server.api.models.voicemails import Assignment, Handling, VoicemailList, VoicemailView
from cti_server.api.openapi import problems
from cti_server.domain.audience import Matter, Scope, scope
from cti_server.domain.views import masked

router = APIRouter(prefix="/api/v1", tags=["voicemails"], dependencies=[Depends(allowed(Matter.VOICEMAILS))])
WAV = "audio/wav"
ContactId = Annotated[Identifier, Path()]
State = Literal["new", "assigned", "handled"]


async def _own(
    having: Services, known: Caller, contact_id: str, matter: Matter = Matter.VOICEMAIL_WORK
) -> Mapping[str, Any]:
    """The message. Raises RoleMissing, UnknownVoicemail, VoicemailOfAnotherGroup."""
    seen = reach(having, known, matter)
    row = await having.voicemails.found(contact_id)
    if row is None:
        raise UnknownVoicemail
    if not seen.covers(row["group_id"]):
        raise VoicemailOfAnotherGroup
    return row


def _instant(at: datetime | None) -> str | None:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z") if at else None


def _view(row: Mapping[str, Any]) -> VoicemailView:
    return VoicemailView(
        contact_id=row["contact_id"],
        group_id=row["group_id"],
        service_number=row["service_number"],
        customer_number=masked(row["customer_number"]),
        language=row["language"],
        left_at=_instant(row["left_at"]) or "",
        state=row["state"],
        agent_id=row["agent_id"],
        changed_at=_instant(row["changed_at"]),
        note=row["note"],
        duration_s=row["duration_s"],
    )


async def _now(having: Services, contact_id: str) -> VoicemailView:
    row = await having.voicemails.found(contact_id)
    if row is None:
        raise UnknownVoicemail
    return _view(row)


@router.get("/voicemails", responses=problems(401, 403, 422, 503), summary="Messages, newest first")
async def voicemails(
    having: Having,
    known: Known,
    state: Annotated[State | None, Query()] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> VoicemailList:
    """Agents and team leaders see those of their groups; operations, quality and audit all."""
    groups = reach(having, known, Matter.VOICEMAILS).groups
    return VoicemailList(voicemails=[_view(r) for r in await having.voicemails.listed(groups, state, limit)])


@router.get(
    "/voicemails/{contact_id}/audio",
    response_class=FileResponse,
    responses=problems(401, 403, 404, 422, 503),
    summary="What was said, as WAV",
)
async def audio(having: Having, known: Known, contact_id: ContactId) -> FileResponse:
    """For agents and team leaders of the group, and quality inspectors. Every listening is in the story."""
    await _own(having, known, contact_id, Matter.VOICEMAIL_AUDIO)
    path = await having.voicemails.audio(contact_id, known.agent_id)
    if path is None:
        raise VoicemailAudioMissing
    return FileResponse(path, media_type=WAV, filename=f"{contact_id}.wav")


@router.post(
    "/voicemails/{contact_id}/claim",
    responses=problems(401, 403, 404, 409, 422, 503),
    summary="Take a message on",
)
async def claim(having: Having, known: Known, contact_id: ContactId) -> VoicemailView:
    """It is the caller's from now on; again does no harm."""
    await _own(having, known, contact_id)
    if not await having.voicemails.take_on(contact_id, known.agent_id, by=known.agent_id, from_others=False):
        raise VoicemailTaken
    return await _now(having, contact_id)


@router.post(
    "/voicemails/{contact_id}/assign",
    dependencies=[Depends(json_only)],
    responses=problems(401, 403, 404, 409, 415, 422, 503),
    summary="Give a message to an agent",
)
async def assign(having: Having, known: Known, contact_id: ContactId, body: Assignment) -> VoicemailView:
    """By team leaders of the group, to one of their team; also away from somebody else."""
    await _own(having, known, contact_id, Matter.LEADING)
    if body.agent_id not in having.reports.team(known.agent_id).agents:
        raise VoicemailOfAnotherGroup("the agent is not of your team")
    if not await having.voicemails.take_on(contact_id, body.agent_id, by=known.agent_id, from_others=True):
        raise VoicemailTaken
    return await _now(having, contact_id)


@router.post(
    "/voicemails/{contact_id}/handled",
    dependencies=[Depends(json_only)],
    responses=problems(401, 403, 404, 409, 415, 422, 503),
    summary="A message is done with",
)
async def handled(having: Having, known: Known, contact_id: ContactId, body: Handling) -> VoicemailView:
    """By whoever has it, or a team leader of the group; one that nobody has is the caller's by that."""
    await _own(having, known, contact_id)
    leads = scope(known.roles, Matter.LEADING) is not Scope.NONE
    if not await having.voicemails.handle(contact_id, known.agent_id, body.note, any_ones=leads):
        raise VoicemailTaken
    return await _now(having, contact_id)
