"""What can go wrong with recordings."""

# ruff: noqa: N818 (as in cti_server.errors: the names say what happened)

from typing import ClassVar

from cti_server.errors import CtiError, LocalFault


class InvalidContactId(LocalFault):
    """A contact id that must not become part of a path."""

    code: ClassVar[str] = "invalid_contact_id"


class RecordingMissing(CtiError):
    """Neither the spool nor the store has a recording of this contact."""

    code: ClassVar[str] = "recording_missing"


class RecordingBusy(CtiError):
    """The PBX is still writing the file."""

    code: ClassVar[str] = "recording_busy"
    retryable: ClassVar[bool] = True


class RecordingStoreUnavailable(CtiError):
    """The store or the spool cannot be read or written. The spool's file is kept."""

    code: ClassVar[str] = "recording_store_unavailable"
    retryable: ClassVar[bool] = True


class RecordingDiskFull(RecordingStoreUnavailable):
    """There is no room in the store. The spool's file is kept."""

    code: ClassVar[str] = "recording_disk_full"
