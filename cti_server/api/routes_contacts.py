"""The interaction log (REQUIREMENTS G4), by role, customers' numbers masked."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field

from cti_server.api.access import Caller, Having, Known, Services, reach, require_covered
from cti_server.api.errors import ContactNotFound, ContactOfAnother, ContactOfAnotherGroup
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
from cti_server.domain.audience import Matter, Reach
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


def _seen(having: Services, known: Caller) -> Reach:
    return reach(having, known, Matter.LOG)


@router.get("/contacts", responses=problems(400, 401, 403, 422, 503), summary="Contacts, newest first")
async def contacts(having: Having, known: Known, asked: Annotated[ContactFilter, Query()]) -> ContactList:
    """Agents see contacts that they had a part in, team leaders those of their groups too, others all."""
    seen = _seen(having, known)
    if asked.group_id and seen.groups and asked.group_id not in seen.groups:
        raise ContactOfAnotherGroup
    if seen.groups == frozenset() and asked.agent_id not in (None, known.agent_id):
        raise ContactOfAnother("the role sees its own contacts only")
    page = await having.log.contacts(ContactQuery(**asked.model_dump(), seen=seen))
    return ContactList(contacts=[_logged(row) for row in page.rows], next_cursor=page.next_cursor)


@router.get(
    "/contacts/{contact_id}",
    responses=problems(401, 403, 404, 422, 503),
    summary="A contact and its whole story",
)
async def contact(having: Having, known: Known, contact_id: Annotated[Identifier, Path()]) -> ContactStory:
    """What happened to the contact, oldest first."""
    seen = _seen(having, known)
    row = await having.log.contact(contact_id)
    if row is None:
        raise ContactNotFound
    story = await having.log.contact_story(contact_id)
    if not any(entry.get("agent_id") == known.agent_id for entry in story):
        require_covered(seen, row.get("group_id"), row.get("agent_id"))
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
    """For the agent who is offered the contact or has it, and for who sees the contact in the log.

    Of that customer all contacts are told, whichever group they were of.
    """
    seen = _seen(having, known)
    rows = await having.past.past(contact_id, seen, limit)
    return PastContacts(contacts=[_past(row) for row in rows])


def _past(row: dict[str, Any]) -> PastContact:
    known = {name: row.get(name) for name in PastContact.model_fields}
    instants = {name: _instant(value) for name, value in known.items() if isinstance(value, datetime)}
    return PastContact.model_validate({**known, **instants})
