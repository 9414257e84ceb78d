"""Errors over HTTP: RFC 9457 problem documents with our stable code, for each error there is."""

from __future__ import annotations

from typing import Any

import orjson
from starlette.responses import Response

from cti_server.api.messages import Language, specific, title
from cti_server.errors import CtiError

MEDIA_TYPE = "application/problem+json"
STATUS = {
    "parse_error": 400,
    "bad_http_request": 400,
    "invalid_cursor": 400,
    "unsupported_subprotocol": 400,
    "invalid_credentials": 401,
    "invalid_token": 401,
    "wrong_role": 403,
    "not_your_contact": 403,
    "range_too_long": 422,
    "range_reversed": 422,
    "origin_not_allowed": 403,
    "unknown_path": 404,
    "unknown_contact": 404,
    "unknown_agent": 404,
    "unknown_setting": 404,
    "unknown_version": 404,
    "unknown_campaign": 404,
    "unknown_voicemail": 404,
    "voicemail_audio_missing": 404,
    "voicemail_of_another_group": 403,
    "voicemail_taken": 409,
    "unknown_import": 404,
    "unknown_record": 404,
    "not_listed": 404,
    "not_your_group": 403,
    "campaign_state": 409,
    "campaign_not_preview": 409,
    "region_in_use": 409,
    "import_given_up": 503,
    "end_in_the_past": 422,
    "not_signed_in": 409,
    "contact_in_progress": 409,
    "operation_pending": 409,
    "action_not_allowed": 409,
    "station_no_answer": 409,
    "pbx_refused": 502,
    "outcome_unknown": 504,
    "already_supervising": 409,
    "station_not_registered": 409,
    "agent_cap_reached": 429,
    "centre_cap_reached": 429,
    "pbx_unavailable": 503,
    "nothing_to_call": 409,
    "caller_id_not_allowed": 422,
    "empty_list": 422,
    "missing_column": 422,
    "not_a_number": 422,
    "medium_not_set_up": 409,
    "request_id_reused": 409,
    "unknown_message": 404,
    "bad_address": 422,
    "number_not_allowed": 422,
    "method_not_allowed": 405,
    "request_timeout": 408,
    "version_conflict": 412,
    "body_too_large": 413,
    "unsupported_media_type": 415,
    "invalid_params": 422,
    "control_characters": 422,
    "settings_refused": 422,
    "no_groups": 422,
    "number_without_target": 422,
    "unknown_group": 422,
    "agent_not_in_directory": 422,
    "overflow_without_target": 422,
    "overflow_loop": 422,
    "invalid_group_id": 422,
    "invalid_announcements": 422,
    "invalid_hours": 422,
    "invalid_menu": 422,
    "invalid_holiday": 422,
    "precondition_required": 428,
    "account_locked": 429,
    "rate_limited": 429,
    "auth_store_unavailable": 503,
    "database_unavailable": 503,
    "database_schema_outdated": 503,
    "journal_unavailable": 503,
    "not_leader": 503,
    "not_ready": 503,
    "overloaded": 503,
    "server_stopping": 503,
}
"""Every other code is a fault of ours: 500."""
RETRY_SECONDS = 1


def problem(error: CtiError, language: Language, status: int | None = None) -> dict[str, Any]:
    """The problem document."""
    body: dict[str, Any] = {
        "type": f"urn:cti:error:{error.code}",
        "title": title(error.code, language),
        "status": status or STATUS.get(error.code, 500),
        "code": error.code,
        "retryable": error.retryable,
    }
    detail = specific(error, language)
    if detail:
        body["detail"] = detail
    return body | error.detail


def problem_response(error: CtiError, language: Language, status: int | None = None) -> Response:
    """The problem document as a response, with the headers that its status asks for."""
    body = problem(error, language, status)
    headers: dict[str, str] = {"Content-Language": language}
    if body["status"] == 401:  # noqa: PLR2004  # RFC 9110 11.6.1 asks for the header there
        headers["WWW-Authenticate"] = "Bearer"
    if "retry_after" in error.detail:
        headers["Retry-After"] = str(error.detail["retry_after"])
    elif body["status"] == 503:  # noqa: PLR2004  # likewise, RFC 9110 15.6.4
        headers["Retry-After"] = str(RETRY_SECONDS)
    return Response(orjson.dumps(body), body["status"], headers, MEDIA_TYPE)
