"""Routing settings at run time (REQUIREMENTS B): read, changed as a whole or in part, versions, roll-back.

A change names the version it was made from (`If-Match`): of two people who change at once, the second is
told.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Annotated, Any, TypeVar

import msgspec
from fastapi import APIRouter, Depends, Path, Query, Response

from cti_server.api.access import Caller, Having, Known, json_only
from cti_server.api.errors import FAULTS, UnknownSetting, UnknownVersion
from cti_server.api.etag import Expected, tag
from cti_server.api.models import routing as m
from cti_server.api.models.fields import Model
from cti_server.api.openapi import problems
from cti_server.api.ports import RoutingVersion
from cti_server.domain.policy import Priorities
from cti_server.domain.settings import (
    AgentSkills,
    Change,
    GroupSettings,
    NumberSettings,
    RoutingSettings,
    changes,
    faults,
)
from cti_server.domain.views import timestamp

MAY = frozenset({"administrator", "operations_manager"})
READ = problems(401, 403, 404, 422, 503)
WRITE = problems(401, 403, 404, 412, 415, 422, 428, 503)
T = TypeVar("T")
M = TypeVar("M", bound=Model)


def _operator(known: Known) -> Caller:
    known.require(MAY)
    return known


Operator = Annotated[Caller, Depends(_operator)]
GroupId = Annotated[m.Key, Path()]
ServiceNumber = Annotated[m.Number, Path()]
AgentId = Annotated[str, Path(max_length=128)]
Version = Annotated[int, Path(ge=0, le=999_999_999)]

router = APIRouter(
    prefix="/api/v1/admin/routing", tags=["routing settings"], dependencies=[Depends(_operator)]
)


def _domain(kind: type[T], model: Model) -> T:
    return msgspec.convert(model.model_dump(), kind)


def _model(kind: type[M], value: Any) -> M:
    return kind.model_validate_json(msgspec.json.encode(value))


def _change(one: Change) -> m.ChangeView:
    return m.ChangeView(where=one.where, before=_plain(one.before), after=_plain(one.after))


def _plain(value: Any) -> Any:
    return msgspec.to_builtins(value)


def _version(one: RoutingVersion) -> dict[str, Any]:
    at = timestamp(one.at.timestamp())
    shown = {"version": one.version, "at": at, "author": one.author, "why": one.why}
    return {**shown, "changes": [_change(change).model_dump() for change in one.changes]}


def _found(among: dict[str, T], key: str) -> T:
    """Raises UnknownSetting."""
    if key not in among:
        raise UnknownSetting
    return among[key]


class Edit:
    """A change by somebody who may make it, from the version that was read."""

    def __init__(self, having: Having, who: Operator, expected: Expected, response: Response) -> None:
        self._routing, self._who = having.routing, who
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
        return m.SavedView.model_validate({**_version(saved.version), "in_effect": saved.in_effect})


Editing = Annotated[Edit, Depends(Edit)]
Body = [Depends(json_only)]


@router.get("", response_model=m.RoutingView, responses=READ, summary="The settings in force")
async def all_settings(having: Having, response: Response) -> m.RoutingView:
    """Groups, numbers, agents' skills, holidays, priorities; the version is the `ETag` too."""
    version, settings = await having.routing.current()
    tag(response, version)
    return m.RoutingView(version=version, settings=_model(m.SettingsModel, settings))


@router.put("", response_model=m.SavedView, responses=WRITE, dependencies=Body, summary="All settings anew")
async def put_all(editing: Editing, body: m.RoutingChange) -> m.SavedView:
    """Groups and numbers that are left out are taken away; agents that are left out keep what they have."""
    settings = _domain(RoutingSettings, body.settings)
    return await editing.save(body.why, lambda _: settings)


@router.get("/groups/{group_id}", response_model=m.GroupModel, responses=READ, summary="One group")
async def group(having: Having, group_id: GroupId, response: Response) -> m.GroupModel:
    """With its queue's policy."""
    version, settings = await having.routing.current()
    tag(response, version)
    return _model(m.GroupModel, _found(settings.groups, group_id))


@router.put(
    "/groups/{group_id}",
    response_model=m.SavedView,
    responses=WRITE,
    dependencies=Body,
    summary="A group, anew or changed",
)
async def put_group(editing: Editing, group_id: GroupId, body: m.GroupChange) -> m.SavedView:
    """The whole group: what is left out has its default."""
    value = _domain(GroupSettings, body.value)

    def edit(now: RoutingSettings) -> RoutingSettings:
        return replace(now, groups={**now.groups, group_id: value})

    return await editing.save(body.why, edit)


@router.delete(
    "/groups/{group_id}",
    response_model=m.SavedView,
    responses=WRITE,
    dependencies=Body,
    summary="Take a group away",
)
async def delete_group(editing: Editing, group_id: GroupId, body: m.Reason) -> m.SavedView:
    """Its agents lose it; who waits in it goes to where it overflows, else to the first group."""

    def edit(now: RoutingSettings) -> RoutingSettings:
        _found(now.groups, group_id)
        agents = {
            name: AgentSkills({g: n for g, n in one.groups.items() if g != group_id}, one.skills)
            for name, one in now.agents.items()
        }
        return replace(now, groups={g: v for g, v in now.groups.items() if g != group_id}, agents=agents)

    return await editing.save(body.why, edit)


@router.get("/numbers/{number}", response_model=m.NumberModel, responses=READ, summary="One service number")
async def number(having: Having, number: ServiceNumber, response: Response) -> m.NumberModel:
    """With its target."""
    version, settings = await having.routing.current()
    tag(response, version)
    return _model(m.NumberModel, _found(settings.numbers, number))


@router.put(
    "/numbers/{number}",
    response_model=m.SavedView,
    responses=WRITE,
    dependencies=Body,
    summary="A service number's target and greeting",
)
async def put_number(editing: Editing, number: ServiceNumber, body: m.NumberChange) -> m.SavedView:
    """For calls from now on; the PBX nodes know it when this is answered."""
    value = _domain(NumberSettings, body.value)

    def edit(now: RoutingSettings) -> RoutingSettings:
        return replace(now, numbers={**now.numbers, number: value})

    return await editing.save(body.why, edit)


@router.delete(
    "/numbers/{number}",
    response_model=m.SavedView,
    responses=WRITE,
    dependencies=Body,
    summary="Take a service number away",
)
async def delete_number(editing: Editing, number: ServiceNumber, body: m.Reason) -> m.SavedView:
    """Who calls it from now on is told that it is not in service."""

    def edit(now: RoutingSettings) -> RoutingSettings:
        _found(now.numbers, number)
        return replace(now, numbers={n: v for n, v in now.numbers.items() if n != number})

    return await editing.save(body.why, edit)


@router.get("/agents/{agent_id}", response_model=m.AgentModel, responses=READ, summary="One agent's skills")
async def agent(having: Having, agent_id: AgentId, response: Response) -> m.AgentModel:
    """Groups and skills with their levels."""
    version, settings = await having.routing.current()
    tag(response, version)
    return _model(m.AgentModel, _found(settings.agents, agent_id))


@router.put(
    "/agents/{agent_id}",
    response_model=m.SavedView,
    responses=WRITE,
    dependencies=Body,
    summary="An agent's groups and skills",
)
async def put_agent(editing: Editing, agent_id: AgentId, body: m.AgentChange) -> m.SavedView:
    """At once: a ready agent is offered who waits for it."""
    value = _domain(AgentSkills, body.value)

    def edit(now: RoutingSettings) -> RoutingSettings:
        _found(now.agents, agent_id)
        return replace(now, agents={**now.agents, agent_id: value})

    return await editing.save(body.why, edit)


@router.put(
    "/holidays", response_model=m.SavedView, responses=WRITE, dependencies=Body, summary="All holidays anew"
)
async def put_holidays(editing: Editing, body: m.HolidaysChange) -> m.SavedView:
    """Local day like `2026-10-01` to its name."""
    days = dict(body.value)
    return await editing.save(body.why, lambda now: replace(now, holidays=days))


@router.put(
    "/priorities",
    response_model=m.SavedView,
    responses=WRITE,
    dependencies=Body,
    summary="Priorities and ageing",
)
async def put_priorities(editing: Editing, body: m.PrioritiesChange) -> m.SavedView:
    """Of those who wait, too."""
    value = _domain(Priorities, body.value)
    return await editing.save(body.why, lambda now: replace(now, priorities=value))


# --- versions ---------------------------------------------------------------------------------------------


@router.get(
    "/versions", response_model=m.VersionList, responses=READ, summary="Who changed what, when and why"
)
async def versions(
    having: Having,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    before: Annotated[int | None, Query(ge=1, le=999_999_999)] = None,
) -> m.VersionList:
    """The newest first."""
    found = await having.routing.versions(limit, before)
    shown = [m.VersionView.model_validate(_version(one)) for one in found]
    return m.VersionList(versions=shown, next_before=found[-1].version if len(found) == limit else None)


async def _settings_of(having: Having, version: int) -> RoutingSettings:
    """Raises UnknownVersion."""
    settings = await having.routing.settings_of(version)
    if settings is None:
        raise UnknownVersion
    return settings


@router.get("/versions/{version}", response_model=m.RoutingView, responses=READ, summary="An earlier version")
async def earlier(having: Having, version: Version) -> m.RoutingView:
    """As it was saved."""
    return m.RoutingView(
        version=version, settings=_model(m.SettingsModel, await _settings_of(having, version))
    )


@router.get(
    "/versions/{version}/changes",
    response_model=m.Differences,
    responses=READ,
    summary="What differs between two versions",
)
async def differences(
    having: Having, version: Version, since: Annotated[int, Query(ge=0, le=999_999_999)]
) -> m.Differences:
    """From `since` to `version`."""
    old, new = await _settings_of(having, since), await _settings_of(having, version)
    return m.Differences(changes=[_change(one) for one in changes(old, new)])


@router.post(
    "/versions/{version}/restore",
    response_model=m.SavedView,
    responses=WRITE,
    dependencies=Body,
    summary="Roll back to a version",
)
async def restore(having: Having, editing: Editing, version: Version, body: m.Reason) -> m.SavedView:
    """As a new version. Agents who have left since are passed over."""
    settings = await _settings_of(having, version)

    def edit(now: RoutingSettings) -> RoutingSettings:
        return replace(settings, agents={a: v for a, v in settings.agents.items() if a in now.agents})

    return await editing.save(body.why, edit)
