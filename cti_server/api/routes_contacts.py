"""The interaction log (REQUIREMENTS G4), by role, customers' numbers masked."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field

from cti_server.api.access import SEES_ALL, SEES_OWN, Caller, Having, Known
from cti_server.api.errors import ContactNotFound, ContactOfAnother
from cti_server.api.models.fields import Identifier, Word
from cti_server.api.models.http import (
    ContactList,
    ContactStory,
    LoggedContact,
    PastContact,
    PastContacts,
    StoryEntry,
)
from cti_server.api.models.views import ContactStateName
from cti_server.api.openapi import problems
from cti_server.api.ports import ContactQuery
from cti_server.domain.views import masked

router = APIRouter(prefix="/api/v1", tags=["interaction log"])


def _rfc_3339(value: str) -> str:
    """Refuses what pydantic would take for seconds since 1970, or for a day, and years out of all reason."""
    if not re.match(r"[12]\d{3}-\d\d-\d\d[Tt ]", value):
        raise ValueError("not RFC 3339")
    return value


Moment = Annotated[AwareDatetime, BeforeValidator(_rfc_3339, json_schema_input_type=str)]


class ContactFilter(BaseModel):
    """Which contacts; an agent gets its own whatever it asks."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    agent_id: Word | None = None
    group_id: Word | None = None
    state: ContactStateName | None = None
    arrived_from: Moment | None = None
    arrived_to: Moment | None = None
    limit: int = Field(default=50, ge=1, le=200)
    cursor: Annotated[str, Field(max_length=512)] | None = None


def _instant(at: datetime | None) -> str | None:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z") if at else None


def _logged(row: dict[str, Any]) -> LoggedContact:
    known = {name: row.get(name) for name in LoggedContact.model_fields}
    instants = {name: _instant(value) for name, value in known.items() if isinstance(value, datetime)}
    return LoggedContact.model_validate(
        {**known, **instants, "customer_number": masked(row.get("customer_number") or "")}
    )


def _entry(row: dict[str, Any]) -> StoryEntry:
    known = {name: row.get(name) for name in StoryEntry.model_fields}
    return StoryEntry.model_validate({**known, "at": _instant(row["at"])})


def _whose(known: Caller, asked: str | None) -> str | None:
    """The agent whose contacts the caller may see: None for everybody's."""
    known.require(SEES_ALL | SEES_OWN)
    if known.roles & SEES_ALL:
        return asked
    if asked not in (None, known.agent_id):
        raise ContactOfAnother("the role sees its own contacts only")
    return known.agent_id


@router.get("/contacts", responses=problems(400, 401, 403, 422, 503), summary="Contacts, newest first")
async def contacts(having: Having, known: Known, asked: Annotated[ContactFilter, Query()]) -> ContactList:
    """An agent sees its own contacts; team leaders and auditors see all."""
    query = ContactQuery(**{**asked.model_dump(), "agent_id": _whose(known, asked.agent_id)})
    page = await having.log.contacts(query)
    return ContactList(contacts=[_logged(row) for row in page.rows], next_cursor=page.next_cursor)


@router.get(
    "/contacts/{contact_id}",
    responses=problems(401, 403, 404, 422, 503),
    summary="A contact and its whole story",
)
async def contact(having: Having, known: Known, contact_id: Annotated[Identifier, Path()]) -> ContactStory:
    """What happened to the contact, oldest first."""
    whose = _whose(known, None)
    row = await having.log.contact(contact_id)
    if row is None:
        raise ContactNotFound
    if whose is not None and row.get("agent_id") != whose:
        raise ContactOfAnother
    story = await having.log.contact_story(contact_id)
    return ContactStory(contact=_logged(row), story=[_entry(entry) for entry in story])


@router.get(
    "/contacts/{contact_id}/past",
    responses=problems(401, 403, 404, 422, 503),
    summary="Earlier contacts of the same customer",
)
async def past(
    having: Having,
    known: Known,
    contact_id: Annotated[Identifier, Path()],
    limit: Annotated[int, Query(ge=1, le=50)] = 10,
) -> PastContacts:
    """For the agent who is offered the contact or has it, and for who sees all."""
    whose = _whose(known, None)
    rows = await having.past.past(contact_id, whose, limit)
    return PastContacts(contacts=[_past(row) for row in rows])


def _past(row: dict[str, Any]) -> PastContact:
    known = {name: row.get(name) for name in PastContact.model_fields}
    instants = {name: _instant(value) for name, value in known.items() if isinstance(value, datetime)}
    return PastContact.model_validate({**known, **instants})
