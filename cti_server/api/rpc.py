"""JSON-RPC 2.0, one object per text frame, without I/O: text in, a call or its refusal out."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import orjson

from cti_server.api import errors
from cti_server.api.messages import Language, text_of
from cti_server.errors import CtiError

VERSION = "2.0"
MEMBERS = frozenset({"jsonrpc", "id", "method", "params"})
APPLICATION_ERROR = -32000
"""The one integer of all errors that are not JSON-RPC's own; `data.code` says which."""
_INTEGERS = {
    "parse_error": -32700,
    "invalid_request": -32600,
    "batch_not_supported": -32600,
    "binary_frame": -32600,
    "invalid_request_id": -32600,
    "message_too_large": -32600,
    "unknown_method": -32601,
    "invalid_params": -32602,
    "control_characters": -32602,
    "internal_error": -32603,
}
_ID = re.compile(r"[^\x00-\x1f\x7f-\x9f]{1,64}")


@dataclass(frozen=True, slots=True)
class Call:
    """A well-formed request; method and parameters are not looked at yet."""

    request_id: str
    method: str
    params: Any


@dataclass(frozen=True, slots=True)
class Refused:
    """What came is no request; `request_id` is known only if it could be read."""

    request_id: str | None
    error: errors.ApiError


def parse(text: str, limit: int) -> Call | Refused:
    """Read one message. Never raises: whatever is wrong comes back as Refused."""
    if len(text) > limit or len(text.encode(errors="surrogatepass")) > limit:
        return Refused(None, errors.MessageTooLarge(f"more than {limit} bytes"))
    try:
        message = orjson.loads(text)
    except (orjson.JSONDecodeError, UnicodeEncodeError):
        return Refused(None, errors.ParseError())
    if isinstance(message, list):
        return Refused(None, errors.BatchNotSupported())
    if not isinstance(message, dict):
        return Refused(None, errors.InvalidRequest())
    return _request(message)


def _request(message: dict[str, Any]) -> Call | Refused:
    request_id = message.get("id")
    if not isinstance(request_id, str) or not _ID.fullmatch(request_id):
        return Refused(None, errors.InvalidRequestId())
    method, params = message.get("method"), message.get("params", {})
    well_formed = message.get("jsonrpc") == VERSION and isinstance(method, str) and message.keys() <= MEMBERS
    if not isinstance(method, str) or not well_formed:
        return Refused(request_id, errors.InvalidRequest())
    return Call(request_id, method, params)


def result_frame(request_id: str, result: dict[str, Any]) -> bytes:
    """The answer to a call."""
    return orjson.dumps({"jsonrpc": VERSION, "id": request_id, "result": result})


def error_frame(request_id: str | None, error: CtiError, language: Language) -> bytes:
    """The answer to a call that was refused."""
    data: dict[str, Any] = {"code": error.code, "retryable": error.retryable}
    if error.detail:
        data["detail"] = error.detail
    body = {
        "code": _INTEGERS.get(error.code, APPLICATION_ERROR),
        "message": text_of(error, language),
        "data": data,
    }
    return orjson.dumps({"jsonrpc": VERSION, "id": request_id, "error": body})


def notification_frame(method: str, params: dict[str, Any]) -> bytes:
    """A notification."""
    return encoded_notification_frame(method, orjson.dumps(params))


def encoded_notification_frame(method: str, params: bytes) -> bytes:
    """A notification whose parameters are JSON already."""
    return b'{"jsonrpc":"2.0","method":"%b","params":%b}' % (method.encode(), params)
