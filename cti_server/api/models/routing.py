"""Routing settings over HTTP: the document of `cti_server.domain.settings`, field by field."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from cti_server.api.models.fields import Identifier, Instant, Model, OptionalWord, Sentence

Level = Annotated[int, Field(ge=1, le=10)]
Skills = Annotated[dict[Identifier, Level], Field(default_factory=dict, max_length=200)]
Seconds = Annotated[float, Field(ge=0, le=86_400, allow_inf_nan=False)]
Key = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_-]+$")]
"""Of a group: it becomes a part of a dialplan variable."""
Number = Annotated[str, Field(min_length=1, max_length=20, pattern=r"^[0-9]+$")]
Why = Annotated[Sentence, Field(min_length=1, max_length=500)]


class OpeningModel(Model):
    """Open on a weekday, 1 Monday to 7 Sunday; minutes of the local day."""

    weekday: int
    opens: int
    closes: int


class PolicyModel(Model):
    """How a group's queue is served (docs/routing.md); times in seconds."""

    strategy: Literal["longest_idle", "most_skilled"] = "longest_idle"
    requires: Skills
    preference_time: Seconds = 0.0
    last_agent_within: Annotated[float, Field(ge=0, le=604_800, allow_inf_nan=False)] = 0.0
    ring_ahead: bool = False
    overflow_to: OptionalWord = ""
    overflow_after: Seconds = 0.0
    overflow_length: int = Field(default=0, ge=0, le=10_000)
    announce_every: Annotated[float, Field(ge=0, le=3600, allow_inf_nan=False)] = 0.0
    callback: bool = False
    callback_tries: int = Field(default=3, ge=1, le=20)
    callback_retry: Annotated[float, Field(ge=1, le=86_400, allow_inf_nan=False)] = 300.0
    callback_expires: Annotated[float, Field(ge=1, le=604_800, allow_inf_nan=False)] = 14_400.0
    hours: list[OpeningModel] = Field(default=[], max_length=100)
    caller_id: str = Field(default="", max_length=20, pattern=r"^([+]?[0-9]+)?$")
    utc_offset: int = Field(default=480, ge=-720, le=840)


class GroupModel(Model):
    """A group with its queue; times in seconds."""

    name_zh: OptionalWord
    name_en: OptionalWord
    ring_timeout: float = Field(default=20.0, ge=3, le=120)
    wrap_up_time: float = Field(default=60.0, ge=0, le=3600)
    policy: PolicyModel = Field(default_factory=lambda: PolicyModel.model_validate({}))


class AgentModel(Model):
    """What an agent serves, with levels from 1 (low) to 10."""

    groups: Skills
    skills: Skills


class OptionModel(Model):
    """What a key of a menu leads to: one of a group, another menu, an identity check."""

    key: str = Field(pattern=r"^[1-9]$")
    prompt: str = Field(min_length=1, max_length=48, pattern=r"^[a-z][a-z0-9_]*$")
    group: OptionalWord = ""
    menu: OptionalWord = ""
    identify: bool = False


class MenuModel(Model):
    """The menu of a service number (docs/ivr.md)."""

    menus: dict[Key, list[OptionModel]] = Field(default={}, max_length=50)
    languages: list[Literal["zh", "en"]] = Field(default=[], max_length=2)
    elder_direct: bool = True
    elder_group: OptionalWord = ""
    tries: int = Field(default=3, ge=1, le=10)
    input_time: float = Field(default=5.0, ge=1, le=30)
    identity_tries: int = Field(default=3, ge=1, le=10)


class NumberModel(Model):
    """A service number: the group that takes its calls, what callers hear first."""

    group: OptionalWord
    language: str = Field(default="zh", pattern=r"^(zh|en)(-[A-Z]{2})?$")
    greeting: str = Field(default="welcome", max_length=64, pattern=r"^[a-z0-9_]*$")
    name: OptionalWord = ""
    menu: MenuModel | None = None


class PrioritiesModel(Model):
    """Steps of priority, and the seconds of waiting that one is worth."""

    elder: int = Field(default=2, ge=0, le=100)
    vip: int = Field(default=1, ge=0, le=100)
    ageing: float = Field(default=300.0, ge=1, le=86_400)


class SettingsModel(Model):
    """All of it. Agents that are not in it keep what they have."""

    groups: dict[Key, GroupModel] = Field(max_length=1000)
    numbers: dict[Number, NumberModel] = Field(max_length=1000)
    agents: dict[Identifier, AgentModel] = Field(default={}, max_length=10_000)
    holidays: dict[Annotated[str, Field(max_length=10)], OptionalWord] = Field(default={}, max_length=1000)
    priorities: PrioritiesModel = PrioritiesModel()


class WarningView(Model):
    """What the settings say that leaves callers waiting or in silence. It may be meant: not refused."""

    code: Literal["group_without_agents", "skill_nobody_has", "sound_missing", "ring_ahead_without_effect"]
    where: str = Field(description="In the document of all settings.")
    message: str = Field(description="For people, in the language of `Accept-Language`.")


class RoutingView(Model):
    """The settings in force, or of an earlier version."""

    version: int
    settings: SettingsModel
    warnings: list[WarningView] = Field(default=[], description="Of those in force only.")


class RoutingChange(Model):
    """All settings anew."""

    why: Why
    settings: SettingsModel


class GroupChange(Model):
    """One group anew."""

    why: Why
    value: GroupModel


class AgentChange(Model):
    """One agent's groups and skills anew."""

    why: Why
    value: AgentModel


class NumberChange(Model):
    """One service number anew."""

    why: Why
    value: NumberModel


class HolidaysChange(Model):
    """All holidays anew."""

    why: Why
    value: dict[Annotated[str, Field(max_length=10)], OptionalWord] = Field(max_length=1000)


class PrioritiesChange(Model):
    """The priorities anew."""

    why: Why
    value: PrioritiesModel


class Reason(Model):
    """Why something is taken away or restored."""

    why: Why


class ChangeView(Model):
    """One difference; null where there was, or is, nothing."""

    where: str
    before: Any
    after: Any


class VersionView(Model):
    """A version: who made it, when and why, and what it changed."""

    version: int
    at: Instant
    author: str
    why: str
    changes: list[ChangeView]


class SavedView(VersionView):
    """What was saved. Not `in_effect` yet: it will be as soon as the journal is back."""

    in_effect: bool
    warnings: list[WarningView] = Field(description="Of all settings as they are now.")


class VersionList(Model):
    """The newest first; `next_before` asks for the next page."""

    versions: list[VersionView]
    next_before: int | None


class Differences(Model):
    """From one version to another."""

    changes: list[ChangeView]
