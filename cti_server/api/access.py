"""Who calls over HTTP, and whether the role allows it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, cast

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from cti_server.api.auth import Authenticator
from cti_server.api.errors import (
    ContactOfAnother,
    ContactOfAnotherGroup,
    InvalidToken,
    RoleMissing,
    UnsupportedMediaType,
)
from cti_server.api.hub import Hub
from cti_server.api.outbound_ports import Campaigns, Messages
from cti_server.api.ports import InteractionLog, PastContacts, Reports, Routing, Voicemails, Wallboard
from cti_server.domain.audience import Matter, Reach, Topic, roles_for
from cti_server.domain.audience import reach as reach_of
from cti_server.engine.port import Centre


@dataclass(frozen=True, slots=True)
class Services:
    """What routes work with; `app.state.services`."""

    centre: Centre
    auth: Authenticator
    log: InteractionLog
    past: PastContacts
    hub: Hub
    reports: Reports
    routing: Routing
    wallboard: Wallboard
    campaigns: Campaigns
    messages: Messages
    voicemails: Voicemails


def services(request: Request) -> Services:
    """The services of the app that serves the request."""
    return cast("Services", request.app.state.services)


@dataclass(frozen=True, slots=True)
class Caller:
    """The person a request speaks for, with the roles of right now."""

    agent_id: str
    roles: frozenset[str]

    def require(self, allowed: frozenset[str]) -> None:
        """Raises RoleMissing unless the caller has one of the roles."""
        if not allowed & self.roles:
            raise RoleMissing(f"this needs one of the roles {', '.join(sorted(allowed))}")


_bearer = HTTPBearer(auto_error=False, description="The access token of `POST /api/v1/auth/token`.")


def caller(
    having: Annotated[Services, Depends(services)],
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
) -> Caller:
    """The caller of a protected route. Raises InvalidToken, and RoleMissing for somebody who has left."""
    if credentials is None:
        raise InvalidToken("no bearer token", detail={"reason": "missing"})
    agent_id = having.auth.tokens.authorise(credentials.credentials)
    roles = frozenset(having.centre.roles(agent_id))
    if not roles:
        raise RoleMissing("the person has no role")
    return Caller(agent_id, roles)


Having = Annotated[Services, Depends(services)]
Known = Annotated[Caller, Depends(caller)]


def reach(having: Services, known: Caller, matter: Matter | Topic) -> Reach:
    """What of the matter the caller may see. Raises RoleMissing for nothing at all."""
    known.require(roles_for(matter))
    groups = having.reports.team(known.agent_id).groups
    found = reach_of(known.agent_id, known.roles, groups, matter)
    assert found is not None  # noqa: S101  # a role for it is there
    return found


def require_covered(seen: Reach, group_id: str | None, agent_id: str | None) -> None:
    """Raises ContactOfAnotherGroup for who leads others, ContactOfAnother for who sees its own only."""
    if not seen.covers(group_id, agent_id):
        raise ContactOfAnotherGroup if seen.groups else ContactOfAnother


def allowed(*matters: Matter | Topic) -> Callable[[Caller], Caller]:
    """A dependency: the caller, who sees something of one of these. Raises RoleMissing."""
    roles = roles_for(*matters)

    def checked(known: Known) -> Caller:
        known.require(roles)
        return known

    return checked


def json_only(request: Request) -> None:
    """Raises UnsupportedMediaType for a body that is no JSON."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise UnsupportedMediaType
