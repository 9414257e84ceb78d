"""What the edge refuses of changed settings: those that cannot be, and changes made from another version."""

# ruff: noqa: N818 (as in cti_server.errors: the names say what happened)

from __future__ import annotations

from cti_server.api.errors import ApiError


class SettingsRefused(ApiError):
    """Settings that cannot be; nothing was changed. `detail["faults"]` lists all that is wrong, and where."""

    code = "settings_refused"


class NoGroups(SettingsRefused):
    """No group would be left."""

    code = "no_groups"


class NumberWithoutTarget(SettingsRefused):
    """A service number's group is not among the groups, or no number would be left."""

    code = "number_without_target"


class UnknownGroupNamed(SettingsRefused):
    """The settings name a group that is not among the groups."""

    code = "unknown_group"


class AgentNotInDirectory(SettingsRefused):
    """The settings name somebody who is not in the directory."""

    code = "agent_not_in_directory"


class OverflowWithoutTarget(SettingsRefused):
    """A queue is to overflow after a time or past a length, to no group."""

    code = "overflow_without_target"


class OverflowLoop(SettingsRefused):
    """Groups overflow to each other in a circle."""

    code = "overflow_loop"


class InvalidGroupId(SettingsRefused):
    """A group's id is none that a PBX node can keep, or the word that stands for the voicemail."""

    code = "invalid_group_id"


class InvalidAnnouncements(SettingsRefused):
    """Announcements less than a second apart, or a call-back that nobody would ever be offered."""

    code = "invalid_announcements"


class InvalidHours(SettingsRefused):
    """Hours that close before they open, lie outside a day or overlap."""

    code = "invalid_hours"


class InvalidMenu(SettingsRefused):
    """A menu with an unknown group or menu, a key twice, or an option that leads nowhere."""

    code = "invalid_menu"


class InvalidHoliday(SettingsRefused):
    """A holiday is no day like `2026-10-01`."""

    code = "invalid_holiday"


FAULTS: dict[str, type[SettingsRefused]] = {cls.code: cls for cls in SettingsRefused.__subclasses__()}
"""By the codes of `cti_server.domain.settings.Fault`."""


class PreconditionRequired(ApiError):
    """A change must name the version it was made from: `If-Match: "7"`, as the `ETag` had it."""

    code = "precondition_required"


class UnknownSetting(ApiError):
    """The settings have no such group, number or agent."""

    code = "unknown_setting"


class UnknownVersion(ApiError):
    """No such version was ever saved."""

    code = "unknown_version"
