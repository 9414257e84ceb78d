"""Versions of the routing settings (REQUIREMENTS B): who changed what, when and why; roll-back."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

from fastapi import Path, Query

from cti_server.api.access import Having
from cti_server.api.models import routing as m
from cti_server.api.routing_edits import (
    READ,
    WRITE,
    Editing,
    change_view,
    model_of,
    routing_router,
    version_view,
)
from cti_server.api.settings_errors import UnknownVersion
from cti_server.domain.settings import RoutingSettings, changes

Version = Annotated[int, Path(ge=0, le=999_999_999)]

router = routing_router()


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
    shown = [m.VersionView.model_validate(version_view(one)) for one in found]
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
    settings = await _settings_of(having, version)
    return m.RoutingView(version=version, settings=model_of(m.SettingsModel, settings))


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
    return m.Differences(changes=[change_view(one) for one in changes(old, new)])


@router.post("/versions/{version}/restore", **WRITE, summary="Roll back to a version")
async def restore(having: Having, editing: Editing, version: Version, body: m.Reason) -> m.SavedView:
    """As a new version. Agents who have left since are passed over."""
    settings = await _settings_of(having, version)

    def edit(now: RoutingSettings) -> RoutingSettings:
        return replace(settings, agents={a: v for a, v in settings.agents.items() if a in now.agents})

    return await editing.save(body.why, edit)
