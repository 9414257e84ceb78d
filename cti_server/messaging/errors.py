"""What messages refuse, and what may go wrong on the way out."""

# ruff: noqa: N818 (as in cti_server.errors: the names say what happened)

from __future__ import annotations

from cti_server.errors import CtiError


class MediumNotSetUp(CtiError):
    """This centre has no provider for the medium."""

    code = "medium_not_set_up"


class BadAddress(CtiError):
    """No e-mail address, or no telephone number."""

    code = "bad_address"


class MessageNumberNotAllowed(CtiError):
    """The number is outside the allow-list."""

    code = "number_not_allowed"


class UnknownMessage(CtiError):
    """No such message, or another person's."""

    code = "unknown_message"


class MessageRepeated(CtiError):
    """The request id was used for another message."""

    code = "request_id_reused"


class NotSent(CtiError):
    """The provider did not take it, and may do so later. `detail["why"]`: a code, never a text of theirs."""

    code = "message_not_sent"
    retryable = True

    def __init__(self, why: str) -> None:
        super().__init__(why, detail={"why": why})


class Rejected(CtiError):
    """The provider will never take it. `detail["why"]` as above."""

    code = "message_rejected"

    def __init__(self, why: str) -> None:
        super().__init__(why, detail={"why": why})


class PerhapsSent(CtiError):
    """The link broke while it was handed over: it may have arrived."""

    code = "message_perhaps_sent"

    def __init__(self, why: str) -> None:
        super().__init__(why, detail={"why": why})
