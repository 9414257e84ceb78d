"""Messages to customers (REQUIREMENTS A5): e-mail and SMS, kept at once and sent in the background."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path

from cti_server.api.access import Caller, Having, Services, allowed, json_only, reach, require_covered
from cti_server.api.errors import ContactNotFound
from cti_server.api.models.fields import Identifier
from cti_server.api.models.messages import MessageList, MessageView, NewMessage
from cti_server.api.openapi import problems
from cti_server.api.routes_campaigns import instant
from cti_server.campaigns.numbers import normal_number
from cti_server.domain.audience import Matter, Scope, scope
from cti_server.domain.views import masked
from cti_server.messaging.errors import BadAddress, MediumNotSetUp, MessageNumberNotAllowed, UnknownMessage
from cti_server.messaging.model import Medium, Message, email_address, masked_address

router = APIRouter(prefix="/api/v1", tags=["messages"])

writer = allowed(Matter.MESSAGES)
"""Somebody who may send messages."""
Writer = Annotated[Caller, Depends(writer)]
ContactId = Annotated[Identifier, Path()]
MessageId = Annotated[Identifier, Path()]


def shown(message: Message) -> MessageView:
    """The view of a message."""
    mask = masked_address if message.medium is Medium.EMAIL else masked
    return MessageView(
        message_id=message.message_id,
        medium=message.medium.value,
        to=mask(message.address),
        contact_id=message.contact_id or None,
        state=message.state.value,
        attempts=message.attempts,
        why=message.why,
        created_by=message.created_by,
        created_at=instant(message.created_at),
        sent_at=instant(message.sent_at) if message.sent_at else None,
    )


def _address(having: Services, medium: Medium, text: str) -> str:
    """Raises BadAddress, MessageNumberNotAllowed."""
    address = email_address(text) if medium is Medium.EMAIL else normal_number(text)
    if not address:
        raise BadAddress
    if medium is Medium.SMS and not having.messages.allows(address):
        raise MessageNumberNotAllowed
    return address


async def _theirs(having: Services, known: Caller, contact_id: str) -> None:
    """Raises ContactNotFound; ContactOfAnother, ContactOfAnotherGroup for whose business it is not."""
    row = await having.log.contact(contact_id)
    if row is None:
        raise ContactNotFound
    require_covered(reach(having, known, Matter.MESSAGES), row.get("group_id"), row.get("agent_id"))


@router.post(
    "/messages",
    status_code=202,
    dependencies=[Depends(writer), Depends(json_only)],
    responses=problems(400, 401, 403, 404, 409, 413, 415, 422, 503),
    summary="Send an e-mail or an SMS",
)
async def send(having: Having, known: Writer, body: NewMessage) -> MessageView:
    """Kept when this answers; `GET` tells when it was sent. An agent's contact is one of its own."""
    medium = Medium(body.medium)
    if medium not in having.messages.media():
        raise MediumNotSetUp
    address = _address(having, medium, body.to)
    if body.contact_id:
        await _theirs(having, known, body.contact_id)
    wanted = {
        "medium": medium.value,
        "address": address,
        "subject": body.subject,
        "body": body.body,
        "contact_id": body.contact_id or "",
    }
    return shown(await having.messages.keep(wanted, known.agent_id, body.request_id))


@router.get(
    "/messages/{message_id}",
    responses=problems(401, 403, 404, 422, 503),
    summary="What became of a message",
)
async def message(having: Having, known: Writer, message_id: MessageId) -> MessageView:
    """An agent sees its own, a team leader the team's."""
    found = await having.messages.message(message_id)
    if not reach(having, known, Matter.MESSAGES).covers(None, found.created_by):
        team = having.reports.team(known.agent_id).agents
        if scope(known.roles, Matter.MESSAGES) is Scope.OWN or found.created_by not in team:
            raise UnknownMessage
    return shown(found)


@router.get(
    "/contacts/{contact_id}/messages",
    responses=problems(401, 403, 404, 422, 503),
    summary="Messages that belong to a contact",
)
async def of_contact(having: Having, known: Writer, contact_id: ContactId) -> MessageList:
    """Oldest first; an agent asks about its own contacts."""
    await _theirs(having, known, contact_id)
    return MessageList(messages=[shown(one) for one in await having.messages.of_contact(contact_id)])
