"""Routing settings at run time (REQUIREMENTS B): read, changed as a whole or in part."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

from fastapi import Path

from cti_server.api.access import Having
from cti_server.api.models import routing as m
from cti_server.api.routing_edits import (
    READ,
    WRITE,
    Editing,
    Read,
    Spoken,
    domain_of,
    model_of,
    require_known,
    routing_router,
    warnings_of,
)
from cti_server.domain.policy import Priorities
from cti_server.domain.settings import AgentSkills, GroupSettings, NumberSettings, RoutingSettings

GroupId = Annotated[m.Key, Path()]
ServiceNumber = Annotated[m.Number, Path()]
AgentId = Annotated[str, Path(max_length=128)]

router = routing_router()


@router.get("", response_model=m.RoutingView, responses=READ, summary="The settings in force")
async def all_settings(having: Having, reading: Read, language: Spoken) -> m.RoutingView:
    """Groups, numbers, agents' skills, holidays, priorities; the version is the `ETag` too."""
    version, settings = await reading.current()
    warnings = await warnings_of(having, settings, language)
    return m.RoutingView(version=version, settings=model_of(m.SettingsModel, settings), warnings=warnings)


@router.put("", **WRITE, summary="All settings anew")
async def put_all(editing: Editing, body: m.RoutingChange) -> m.SavedView:
    """Groups and numbers that are left out are taken away; agents that are left out keep what they have."""
    settings = domain_of(RoutingSettings, body.settings)
    return await editing.save(body.why, lambda _: settings)


@router.get("/groups/{group_id}", response_model=m.GroupModel, responses=READ, summary="One group")
async def group(reading: Read, group_id: GroupId) -> m.GroupModel:
    """With its queue's policy."""
    return await reading.one(m.GroupModel, "groups", group_id)


@router.put("/groups/{group_id}", **WRITE, summary="A group, anew or changed")
async def put_group(editing: Editing, group_id: GroupId, body: m.GroupChange) -> m.SavedView:
    """The whole group: what is left out has its default."""
    return await editing.put(body.why, "groups", group_id, domain_of(GroupSettings, body.value))


@router.delete("/groups/{group_id}", **WRITE, summary="Take a group away")
async def delete_group(editing: Editing, group_id: GroupId, body: m.Reason) -> m.SavedView:
    """Its agents lose it; who waits in it goes to where it overflows, else to the first group."""

    def edit(now: RoutingSettings) -> RoutingSettings:
        require_known(now.groups, group_id)
        agents = {
            name: AgentSkills({g: n for g, n in one.groups.items() if g != group_id}, one.skills)
            for name, one in now.agents.items()
        }
        return replace(now, groups={g: v for g, v in now.groups.items() if g != group_id}, agents=agents)

    return await editing.save(body.why, edit)


@router.get("/numbers/{number}", response_model=m.NumberModel, responses=READ, summary="One service number")
async def number(reading: Read, number: ServiceNumber) -> m.NumberModel:
    """With its target."""
    return await reading.one(m.NumberModel, "numbers", number)


@router.put("/numbers/{number}", **WRITE, summary="A service number's target and greeting")
async def put_number(editing: Editing, number: ServiceNumber, body: m.NumberChange) -> m.SavedView:
    """For calls from now on; the PBX nodes know it when this is answered."""
    return await editing.put(body.why, "numbers", number, domain_of(NumberSettings, body.value))


@router.delete("/numbers/{number}", **WRITE, summary="Take a service number away")
async def delete_number(editing: Editing, number: ServiceNumber, body: m.Reason) -> m.SavedView:
    """Who calls it from now on is told that it is not in service."""

    def edit(now: RoutingSettings) -> RoutingSettings:
        require_known(now.numbers, number)
        return replace(now, numbers={n: v for n, v in now.numbers.items() if n != number})

    return await editing.save(body.why, edit)


@router.get("/agents/{agent_id}", response_model=m.AgentModel, responses=READ, summary="One agent's skills")
async def agent(reading: Read, agent_id: AgentId) -> m.AgentModel:
    """Groups and skills with their levels."""
    return await reading.one(m.AgentModel, "agents", agent_id)


@router.put("/agents/{agent_id}", **WRITE, summary="An agent's groups and skills")
async def put_agent(editing: Editing, agent_id: AgentId, body: m.AgentChange) -> m.SavedView:
    """At once: a ready agent is offered who waits for it."""
    skills = domain_of(AgentSkills, body.value)
    return await editing.put(body.why, "agents", agent_id, skills, known=True)


@router.put("/holidays", **WRITE, summary="All holidays anew")
async def put_holidays(editing: Editing, body: m.HolidaysChange) -> m.SavedView:
    """Local day like `2026-10-01` to its name."""
    days = dict(body.value)
    return await editing.save(body.why, lambda now: replace(now, holidays=days))


@router.put("/priorities", **WRITE, summary="Priorities and ageing")
async def put_priorities(editing: Editing, body: m.PrioritiesChange) -> m.SavedView:
    """Of those who wait, too."""
    value = domain_of(Priorities, body.value)
    return await editing.save(body.why, lambda now: replace(now, priorities=value))
