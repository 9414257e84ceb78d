"""What can go wrong with keeping things."""

# ruff: noqa: N818 (as in cti_server.errors: the names say what happened)

from typing import ClassVar

from cti_server.errors import CtiError, LocalFault


class StoreUnavailable(CtiError):
    """The database is away, too slow, or refuses service. Whether a write was done is then unknown."""

    code: ClassVar[str] = "database_unavailable"
    retryable: ClassVar[bool] = True


class SchemaOutdated(StoreUnavailable):
    """The database answers but lacks our tables or columns: the migrations have not run."""

    code: ClassVar[str] = "database_schema_outdated"
    retryable: ClassVar[bool] = False


class ContentRefused(CtiError):
    """The database refuses a row for what is in it; the same row will be refused again.

    `detail["why"]` is the SQLSTATE or the class of the refusal, never the content.
    """

    code: ClassVar[str] = "record_refused"


class VersionConflict(CtiError):
    """The settings were changed by somebody else meanwhile. `detail["version"]` is the one in force."""

    code: ClassVar[str] = "version_conflict"


class OutboxUnavailable(CtiError):
    """The local journal cannot be written (disk full, I/O error): nothing was acknowledged. May recover."""

    code: ClassVar[str] = "outbox_unavailable"
    retryable: ClassVar[bool] = True


class OutboxLocked(CtiError):
    """Another process writes this outbox folder already."""

    code: ClassVar[str] = "outbox_locked"


class InvalidCursor(CtiError):
    """A paging cursor that was not made by us."""

    code: ClassVar[str] = "invalid_cursor"


class RecordNotSerialisable(LocalFault):
    """A record's data holds something that is no JSON value. `detail["record_id"]` names it."""

    code: ClassVar[str] = "record_not_serialisable"
