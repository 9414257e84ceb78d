"""Routing settings over HTTP: who may, how they are read, how a change becomes a version.

A change names the version it was made from (`If-Match`): of two people who change at once, the second is
told.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from fastapi import APIRouter, Depends, Request, Response

from cti_server.api.access import Caller, Having, Known, Services, json_only
from cti_server.api.etag import Expected, tag
from cti_server.api.messages import Language, preferred, title
from cti_server.api.models import routing as m
from cti_server.api.models.fields import Model
from cti_server.api.openapi import problems
from cti_server.api.ports import RoutingVersion
from cti_server.api.settings_errors import FAULTS, UnknownSetting
from cti_server.domain.doubts import doubts, sounds, unheard
from cti_server.domain.settings import Change, RoutingSettings, faults
from cti_server.domain.views import timestamp

MAY = frozenset({"administrator", "operations_manager"})
READ = problems(401, 403, 404, 422, 503)
T = TypeVar("T")
M = TypeVar("M", bound=Model)
Part = Literal["groups", "numbers", "agents"]
"""Of the settings, by key."""


def _operator(known: Known) -> Caller:
    known.require(MAY)
    return known


Operator = Annotated[Caller, Depends(_operator)]


def routing_router() -> APIRouter:
    """For routes that only operators see."""
    return APIRouter(
        prefix="/api/v1/admin/routing", tags=["routing settings"], dependencies=[Depends(_operator)]
    )


def domain_of(kind: type[T], model: Model) -> T:
    """What was sent, as the domain has it."""
    return msgspec.convert(model.model_dump(), kind)


def model_of(kind: type[M], value: Any) -> M:
    """What the domain has, as it is shown."""
    return kind.model_validate_json(msgspec.json.encode(value))


def change_view(one: Change) -> m.ChangeView:
    """One difference."""
    before, after = msgspec.to_builtins(one.before), msgspec.to_builtins(one.after)
    return m.ChangeView(where=one.where, before=before, after=after)


def version_view(one: RoutingVersion) -> dict[str, Any]:
    """The fields of `VersionView`."""
    at = timestamp(one.at.timestamp())
    shown = {"version": one.version, "at": at, "author": one.author, "why": one.why}
    return {**shown, "changes": [change_view(change).model_dump() for change in one.changes]}


def require_known(among: Mapping[str, T], key: str) -> T:
    """Raises UnknownSetting."""
    if key not in among:
        raise UnknownSetting
    return among[key]


async def warnings_of(having: Services, settings: RoutingSettings, language: Language) -> list[m.WarningView]:
    """What is doubtful about the settings."""
    missing = await having.routing.missing({sound for _, sound in sounds(settings)})
    return [
        m.WarningView.model_validate(
            {"code": one.code.value, "where": one.where, "message": title(one.code, language)}
        )
        for one in (*doubts(settings), *unheard(settings, missing))
    ]


def language_of(request: Request) -> Language:
    """The language that the client wants its texts in."""
    return preferred(request.headers.get("accept-language"))


Spoken = Annotated[Language, Depends(language_of)]


class Reading:
    """The settings in force; the version they are of goes into the `ETag`."""

    def __init__(self, having: Having, response: Response) -> None:
        self._routing, self._response = having.routing, response

    async def current(self) -> tuple[int, RoutingSettings]:
        """Version and settings."""
        version, settings = await self._routing.current()
        tag(self._response, version)
        return version, settings

    async def one(self, kind: type[M], part: Part, key: str) -> M:
        """One of them. Raises UnknownSetting."""
        _, settings = await self.current()
        return model_of(kind, require_known(getattr(settings, part), key))


class Edit:
    """A change by somebody who may make it, from the version that was read."""

    def __init__(
        self, having: Having, who: Operator, expected: Expected, response: Response, language: Spoken
    ) -> None:
        self._having, self._routing, self._who, self._language = having, having.routing, who, language
        self._expected, self._response = expected, response

    async def save(self, why: str, edit: Callable[[RoutingSettings], RoutingSettings]) -> m.SavedView:
        """The settings in force with the edit, if nothing is wrong with them."""
        _, now = await self._routing.current()
        edited = edit(now).over(now)
        found = faults(edited, now.agents.keys())
        if found:
            detail = {"faults": [asdict(fault) for fault in found]}
            raise FAULTS[found[0].code](found[0].where, detail=detail)
        saved = await self._routing.save(self._expected, edited, author=self._who.agent_id, why=why)
        tag(self._response, saved.version.version)
        warnings = await warnings_of(self._having, edited, self._language)
        return m.SavedView.model_validate(
            {**version_view(saved.version), "in_effect": saved.in_effect, "warnings": warnings}
        )

    async def put(self, why: str, part: Part, key: str, value: Any, *, known: bool = False) -> m.SavedView:
        """One of them anew. Raises UnknownSetting when it is to be `known` and is not."""

        def edit(now: RoutingSettings) -> RoutingSettings:
            before: dict[str, Any] = getattr(now, part)
            if known:
                require_known(before, key)
            after: dict[str, Any] = {part: {**before, key: value}}
            return replace(now, **after)

        return await self.save(why, edit)


Read = Annotated[Reading, Depends(Reading)]
Editing = Annotated[Edit, Depends(Edit)]
WRITE: dict[str, Any] = {
    "response_model": m.SavedView,
    "responses": problems(401, 403, 404, 412, 415, 422, 428, 503),
    "dependencies": [Depends(json_only)],
}
"""What all routes that change something have in common."""
