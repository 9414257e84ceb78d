"""Building blocks of the models: strict, closed, bounded, and free of control characters."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Any

import orjson
from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError

CONTROL_CHARACTERS = "control_characters"
"""Type of the validation error, and the code that the client gets."""
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_NO_CONTROL = {"pattern": r"^[^\u0000-\u001f\u007f-\u009f]*$"}

MAX_DEPTH = 8
MAX_NODES = 512
MAX_DATA_KEY = 64
MAX_DATA_TEXT = 4096
MAX_DATA_BYTES = 16 * 1024


class Model(BaseModel):
    """Base of all models: no coercion, no unknown fields, never changed."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


def no_control_characters(value: str) -> str:
    """The text, or the error `control_characters` (C0, DEL, C1; line breaks included)."""
    if _CONTROL.search(value):
        raise PydanticCustomError(CONTROL_CHARACTERS, "control characters are not allowed")
    return value


_clean = AfterValidator(no_control_characters)

Word = Annotated[str, Field(min_length=1, max_length=64, json_schema_extra=_NO_CONTROL), _clean]
"""A code or a name: 1 to 64 characters."""
OptionalWord = Annotated[str, Field(max_length=64, json_schema_extra=_NO_CONTROL), _clean]
"""Like Word; may be empty."""
Identifier = Annotated[str, Field(min_length=1, max_length=128, json_schema_extra=_NO_CONTROL), _clean]
"""An id of ours."""
Digits = Annotated[str, Field(min_length=1, max_length=32, pattern=r"^[0-9*#A-D]+$")]
"""DTMF key presses."""
DialNumber = Annotated[str, Field(min_length=2, max_length=20, pattern=r"^[+]?[0-9]+$")]
"""A number that can be dialled; pydantic's `$` is the very end, never before a line break."""
_LINES_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def only_lines(value: str) -> str:
    """The text, or the error `control_characters`; line feeds and tabs are allowed."""
    if _LINES_CONTROL.search(value.replace("\r\n", "\n")):
        raise PydanticCustomError(CONTROL_CHARACTERS, "control characters are not allowed")
    return value


WrittenNumber = Annotated[str, Field(min_length=1, max_length=40, json_schema_extra=_NO_CONTROL), _clean]
"""A telephone number as people write it."""
Sentence = Annotated[str, Field(max_length=4000, json_schema_extra=_NO_CONTROL), _clean]
"""Free text on one line, may be empty."""
TokenText = Annotated[str, Field(min_length=1, max_length=2048, json_schema_extra=_NO_CONTROL), _clean]
"""A token as we issued it."""
Password = Annotated[str, Field(min_length=1, max_length=256, json_schema_extra=_NO_CONTROL), _clean]
"""A password as typed."""


def _refuse(why: str) -> PydanticCustomError:
    return PydanticCustomError("data_too_large", "too large: {why}", {"why": why})


def _check_text(text: str, limit: int, what: str) -> None:
    if len(text) > limit:
        raise _refuse(what)
    no_control_characters(text)


def bounded_json(data: dict[str, Any]) -> dict[str, Any]:
    """The object, when its depth, number of values, texts and size are within bounds, else an error.

    Only JSON values are accepted; the walk is a loop, so depth cannot exhaust the stack.
    """
    pending: list[tuple[Any, int]] = [(data, 1)]
    seen = 0
    while pending:
        value, depth = pending.pop()
        seen += 1
        if depth > MAX_DEPTH or seen > MAX_NODES:
            raise _refuse("depth" if depth > MAX_DEPTH else "values")
        if isinstance(value, str):
            _check_text(value, MAX_DATA_TEXT, "text")
        elif isinstance(value, dict):
            for key in value:
                _check_text(key, MAX_DATA_KEY, "key")
            pending += [(item, depth + 1) for item in value.values()]
        elif isinstance(value, list):
            pending += [(item, depth + 1) for item in value]
    if len(orjson.dumps(data)) > MAX_DATA_BYTES:
        raise _refuse("bytes")
    return data


JsonData = Annotated[
    dict[str, Any],
    AfterValidator(bounded_json),
    Field(
        description=f"Any JSON object: at most {MAX_DATA_BYTES} bytes, {MAX_DEPTH} deep, {MAX_NODES} values."
    ),
]
"""Attached data from a client."""


def _moment(value: str) -> str:
    """An RFC 3339 time with its offset."""
    try:
        at = datetime.fromisoformat(value)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None or len(value) < 20:  # noqa: PLR2004  # a day alone is no time
        raise PydanticCustomError("moment", "not RFC 3339")
    return value


Later = Annotated[
    str, AfterValidator(_moment), Field(max_length=40, json_schema_extra={"format": "date-time"})
]
"""A moment as a client gives it."""
Instant = Annotated[str, Field(json_schema_extra={"format": "date-time"})]
"""RFC 3339 in UTC with milliseconds."""
