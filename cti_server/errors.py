"""The error tree of everything outside the domain.

Each error has a `code`, a stable snake_case text that clients may rely on, and `retryable`, which says
whether the same request may succeed later *without having done anything yet*. The message is English, for
people, and never holds a customer's name or number. Each transport maps these to its own form in one place.

Three branches: `LocalFault` is a bug of ours (or input that should have been refused earlier), `PeerFault`
is a peer that breaks its protocol, everything else is a legitimate outcome.
"""

# ruff: noqa: N818 (the names say what happened; that they are errors is plain from the base)

from collections.abc import Mapping
from typing import ClassVar


class CtiError(Exception):
    """Base of all our errors.

    `detail` holds structured facts for the client or the log: plain JSON values, no personal data.
    """

    code: ClassVar[str] = "internal_error"
    retryable: ClassVar[bool] = False

    def __init__(self, message: str = "", *, detail: Mapping[str, object] | None = None) -> None:
        super().__init__(message or self.code)
        self.detail: dict[str, object] = dict(detail or {})


class LocalFault(CtiError):
    """We handed an adapter something that it must not pass on."""


class PeerFault(CtiError):
    """The other side broke its protocol."""

    code = "peer_fault"


# --- AMI ---------------------------------------------------------------------------------------------------


class AmiInvalidField(LocalFault):
    """A field of an action holds what would break the AMI framing. `detail["field"]` names it; no value."""

    code = "invalid_field"

    def __init__(self, field: str, why: str) -> None:
        super().__init__(f"AMI field {field}: {why}", detail={"field": field})


class AmiUnavailable(CtiError):
    """Nothing was written, or what was written only reads: no link to Asterisk, or it is congested."""

    code = "pbx_unavailable"
    retryable = True


class AmiTimeout(CtiError):
    """The action was written and no answer came: it may or may not have been done.

    `detail["cause"]` is `deadline` or `link_lost`. Settle it by a snapshot, never by doing it again.
    """

    code = "outcome_unknown"


class AmiRefused(CtiError):
    """Asterisk answered `Response: Error`; the message is Asterisk's own."""

    code = "pbx_refused"


class AmiLoginRefused(CtiError):
    """Asterisk does not know our login, or does not accept its secret or its address."""

    code = "pbx_login_refused"


class AmiProtocolError(PeerFault):
    """What came from the peer is not AMI, or is too large to be."""

    code = "pbx_protocol_error"


# --- AGI ---------------------------------------------------------------------------------------------------


class AgiInvalidArgument(LocalFault):
    """An argument of an AGI command holds what would break its framing. `detail["argument"]` names it."""

    code = "invalid_field"

    def __init__(self, argument: str, why: str) -> None:
        super().__init__(f"AGI argument {argument}: {why}", detail={"argument": argument})


class AgiHangup(CtiError):
    """The channel is gone, or Asterisk closed the session."""

    code = "agi_hangup"


class AgiCommandFailed(CtiError):
    """Asterisk answered an AGI command with a failure. `detail["status"]` is its status (200, 510, 520)."""

    code = "agi_command_failed"


class AgiProtocolError(PeerFault):
    """What came from the peer is not AGI, or is too large to be."""

    code = "agi_protocol_error"
