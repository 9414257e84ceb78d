"""Tokens, and who the caller is."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Request

from cti_server.api.access import Having, Known, json_only
from cti_server.api.models.http import LogIn, Me, TokenGrant
from cti_server.api.openapi import problems
from cti_server.api.tokens import Issued

router = APIRouter(prefix="/api/v1", tags=["who it is"])


def _grant(issued: Issued) -> TokenGrant:
    return TokenGrant(access_token=issued.token, expires_in=issued.expires_in)


@router.post(
    "/auth/token",
    dependencies=[Depends(json_only)],
    responses=problems(400, 401, 413, 415, 422, 429, 503),
    summary="Agent id and password for an access token",
)
async def log_in(having: Having, body: LogIn, request: Request) -> TokenGrant:
    """The token authorises HTTP until it expires; within 60 s it may also open one socket, once.

    A wrong password and an unknown agent get the same answer. After repeated failures: `account_locked`.
    """
    address = request.client.host if request.client else ""
    return _grant(await having.auth.log_in(body.agent_id, body.password, address))


@router.post(
    "/auth/socket-token",
    responses=problems(401, 403, 503),
    summary="A token that opens one socket",
)
async def socket_token(having: Having, known: Known) -> TokenGrant:
    """Valid for 60 s and for one `session.open`; for programs that reconnect without the password."""
    return _grant(having.auth.socket_token(known.agent_id))


@router.get("/agents/me", responses=problems(401, 403), summary="Whom the token speaks for")
async def me(having: Having, known: Known) -> Me:
    """Roles of right now, and the number of the last notification."""
    epoch, seq = having.centre.sequence(known.agent_id)
    return Me(agent_id=known.agent_id, roles=sorted(known.roles), epoch=epoch, seq=seq)
