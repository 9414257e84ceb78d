"""What the edge itself refuses. Each code is stable; `messages` has its text in both languages."""

# ruff: noqa: N818 (as in cti_server.errors: the names say what happened)

from __future__ import annotations

from typing import ClassVar

from cti_server.errors import CtiError


class ApiError(CtiError):
    """Base of the refusals of the edge: nothing was done."""


# --- the envelope ------------------------------------------------------------------------------------------


class ParseError(ApiError):
    """What came is no JSON."""

    code = "parse_error"


class InvalidRequest(ApiError):
    """JSON, and no JSON-RPC 2.0 request."""

    code = "invalid_request"


class BatchNotSupported(ApiError):
    """An array of requests; one object per frame is the contract."""

    code = "batch_not_supported"


class BinaryFrame(ApiError):
    """A binary frame; requests are text."""

    code = "binary_frame"


class InvalidRequestId(ApiError):
    """The id is no string of 1 to 64 printable characters."""

    code = "invalid_request_id"


class MessageTooLarge(ApiError):
    """More than 64 KiB in one message."""

    code = "message_too_large"


class UnknownMethod(ApiError):
    """No such method."""

    code = "unknown_method"


class InvalidParams(ApiError):
    """Missing, unknown or wrongly typed fields. `detail["fields"]` names them and never holds a value."""

    code = "invalid_params"


class ControlCharacters(InvalidParams):
    """A text field holds a control character (C0, DEL or C1, line breaks included)."""

    code = "control_characters"


# --- the session -------------------------------------------------------------------------------------------


class SessionNotOpen(ApiError):
    """A request before `session.open` succeeded."""

    code = "session_not_open"


class SessionAlreadyOpen(ApiError):
    """A second `session.open` on one socket."""

    code = "session_already_open"


class RateLimited(ApiError):
    """More than 20 requests a second."""

    code = "rate_limited"
    retryable = True


class TooManyRequests(ApiError):
    """Too many requests of the session wait for their outcome."""

    code = "too_many_requests"
    retryable = True


class TooManySessions(ApiError):
    """The agent has too many sockets open."""

    code = "too_many_sessions"
    retryable = True


class SeatTaken(ApiError):
    """Another live session holds the agent's seat; `take_over` moves it."""

    code = "already_signed_in"


class CommandTimedOut(ApiError):
    """The centre did not answer in time: it may or may not have been done."""

    code = "outcome_unknown"


class ServerStopping(ApiError):
    """This server is being stopped and takes no new sockets."""

    code = "server_stopping"
    retryable = True


class OriginNotAllowed(ApiError):
    """A page from an origin that is not on the allow-list."""

    code = "origin_not_allowed"


class UnsupportedSubprotocol(ApiError):
    """The client offers subprotocols, and `cti.v1` is not among them."""

    code = "unsupported_subprotocol"


# --- who it is ---------------------------------------------------------------------------------------------


class InvalidCredentials(ApiError):
    """Unknown agent or wrong password; which of them is not told."""

    code = "invalid_credentials"


class AccountLocked(ApiError):
    """Too many failures. `detail["retry_after"]` is in seconds."""

    code = "account_locked"
    retryable = True


class InvalidToken(ApiError):
    """No token, or not ours, or expired, or used. `detail["reason"]` says which."""

    code = "invalid_token"


class RoleMissing(ApiError):
    """None of the person's roles allows it."""

    code = "wrong_role"


class RangeTooLong(ApiError):
    """A report over more days than one request may ask for."""

    code = "range_too_long"


class RangeReversed(ApiError):
    """A report that ends before it begins."""

    code = "range_reversed"


class UnknownPerson(ApiError):
    """Nobody in the directory has that id, and nobody had it in the time asked for."""

    code = "unknown_agent"


class AuthStoreUnavailable(ApiError):
    """What counts failures and used tokens is out of reach: nobody can be let in safely."""

    code = "auth_store_unavailable"
    retryable = True


# --- HTTP --------------------------------------------------------------------------------------------------


class UnknownPath(ApiError):
    """No such resource."""

    code = "unknown_path"


class MethodNotAllowed(ApiError):
    """The resource does not have this HTTP method."""

    code = "method_not_allowed"


class BodyTooLarge(ApiError):
    """A request body over the limit."""

    code = "body_too_large"


class RequestTimeout(ApiError):
    """A request that does not come to its end."""

    code = "request_timeout"
    retryable = True


class UnsupportedMediaType(ApiError):
    """A request body that is not `application/json`."""

    code = "unsupported_media_type"


class HttpFault(ApiError):
    """An HTTP request that is refused for a reason of HTTP's own."""

    code = "bad_http_request"


class ContactNotFound(ApiError):
    """The interaction log has no such contact."""

    code = "unknown_contact"


class ContactOfAnother(ApiError):
    """The contact is another agent's, and the role does not see all."""

    code = "not_your_contact"


class ContactOfAnotherGroup(ApiError):
    """The contact is of none of the groups that the person leads, and the person had no part in it."""

    code = "not_your_group"


class UnknownVoicemail(ApiError):
    """No customer left a message in that contact."""

    code = "unknown_voicemail"


class VoicemailAudioMissing(ApiError):
    """The message's recording was not taken in yet."""

    code = "voicemail_audio_missing"
    retryable = True


class VoicemailOfAnotherGroup(ApiError):
    """The message was left for a group that is not yours, or the agent is not of your team."""

    code = "voicemail_of_another_group"


class VoicemailTaken(ApiError):
    """Another agent works on the message, or it is done with."""

    code = "voicemail_taken"


class NotReady(ApiError):
    """A dependency that is needed is not there. `detail["dependencies"]` lists all."""

    code: ClassVar[str] = "not_ready"
    retryable: ClassVar[bool] = True
