"""What keeps a simulation from being run."""

# ruff: noqa: N818 (says what is, like its siblings in cti_server.errors)

from cti_server.errors import CtiError


class NoCentre(CtiError):
    """No centre runs where we were told to look; the message says what to do."""

    code = "no_centre"


class NotEnoughAgents(CtiError):
    """The centre's directory has fewer agents with a phone than asked for."""

    code = "not_enough_agents"


class SippMissing(CtiError):
    """SIPp is not installed, or ended at once; the message has its last words."""

    code = "sipp_unavailable"
