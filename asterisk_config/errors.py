"""What can go wrong around a PBX node, each with a stable code and what to do about it."""

from __future__ import annotations


class PbxError(Exception):
    """Base of this package's errors.

    ``code`` is stable and meant for programs, ``str(error)`` says what happened, ``remedy`` says to a person
    what to do about it.
    """

    code = "pbx_error"

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.remedy = remedy


class NotRootError(PbxError):
    """Installing needs root."""

    code = "pbx_install_not_root"


class NoAptSourcesError(PbxError):
    """This machine's apt configuration names no Debian archive."""

    code = "pbx_install_no_apt_sources"


class NoDevicesError(PbxError):
    """The sandbox allows neither mounts nor device nodes, so no root folder can be made to work."""

    code = "pbx_install_no_devices"


class DownloadFailedError(PbxError):
    """apt or mmdebstrap failed, most often because the archive cannot be reached."""

    code = "pbx_install_download_failed"


class TooOldError(PbxError):
    """The Asterisk that was found or installed is older than the minimum."""

    code = "pbx_install_too_old"


class PromptError(PbxError):
    """A prompt could not be made."""

    code = "pbx_prompt_failed"


class ConfigError(PbxError):
    """A node's configuration holds a value that must not reach a configuration file."""

    code = "pbx_config_invalid"


class UnreachablePathError(PbxError):
    """A path of the host does not exist inside the installation's root."""

    code = "pbx_path_unreachable"


class NodeStartError(PbxError):
    """A node did not start, or ended before it was ready."""

    code = "pbx_node_start_failed"


class NodeNotReadyError(PbxError):
    """A node runs but did not answer on AMI and SIP in time."""

    code = "pbx_node_not_ready"
