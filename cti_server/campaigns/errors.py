"""What campaigns refuse. Each code is stable and reaches the client as it is."""

# ruff: noqa: N818 (as in cti_server.errors: the names say what happened)

from __future__ import annotations

from cti_server.errors import CtiError


class CampaignError(CtiError):
    """Base of the refusals of campaigns: nothing was changed."""


class UnknownCampaign(CampaignError):
    """No such campaign."""

    code = "unknown_campaign"


class CampaignState(CampaignError):
    """The campaign's state does not allow it. `detail["state"]` says which it is in."""

    code = "campaign_state"


class CampaignGroup(CampaignError):
    """No such group in the directory."""

    code = "unknown_group"


class CampaignOfAnotherTeam(CampaignError):
    """The campaign's group is none that the person leads or works in."""

    code = "not_your_group"


class CallerIdNotAllowed(CampaignError):
    """The caller id is none of the centre's own numbers."""

    code = "caller_id_not_allowed"


class EndInThePast(CampaignError):
    """The campaign's end is over."""

    code = "end_in_the_past"


class RegionInUse(CampaignError):
    """Records that may still be called are of regions that would have no hours: `detail["regions"]`."""

    code = "region_in_use"


class UnknownImport(CampaignError):
    """The campaign has no such import."""

    code = "unknown_import"


class ImportGivenUp(CampaignError):
    """The import was taken for dead: nothing was heard of it for too long."""

    code = "import_given_up"
    retryable = True


class EmptyList(CampaignError):
    """The file has no line of column names."""

    code = "empty_list"


class MissingColumn(CampaignError):
    """The file's first line names no column for the number."""

    code = "missing_column"


class NotANumber(CampaignError):
    """What was given is no telephone number."""

    code = "not_a_number"


class NotListed(CampaignError):
    """The number is not on the do-not-call list."""

    code = "not_listed"


class NotPreview(CampaignError):
    """The campaign is not running, or its agents do not begin the calls."""

    code = "campaign_not_preview"


class NoSeat(CampaignError):
    """The agent is at no phone."""

    code = "not_signed_in"


class UnknownRecord(CampaignError):
    """The campaign has no such record in the agent's hands."""

    code = "unknown_record"


class NothingToCall(CampaignError):
    """No record of the campaign may be called now."""

    code = "nothing_to_call"
    retryable = True
