"""Validation errors of pydantic as our own: field names and stable words, never a value."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from cti_server.api.errors import ControlCharacters, InvalidParams
from cti_server.api.models.fields import CONTROL_CHARACTERS

M = TypeVar("M", bound=BaseModel)
MAX_FIELDS = 16
_NAME = re.compile(r"[A-Za-z0-9_]{1,64}")
_WORDS = {
    "missing": "missing",
    "extra_forbidden": "unknown_field",
    "string_too_short": "too_short",
    "string_too_long": "too_long",
    "literal_error": "not_allowed",
    "enum": "not_allowed",
    "string_pattern_mismatch": "wrong_form",
    "moment": "wrong_form",
    "data_too_large": "too_large",
    CONTROL_CHARACTERS: CONTROL_CHARACTERS,
    "greater_than_equal": "out_of_range",
    "less_than_equal": "out_of_range",
}
"""Types of pydantic's errors; every other one is a `wrong_type`."""


def refusal(errors: Iterable[Mapping[str, Any]]) -> InvalidParams:
    """The refusal for errors as `ValidationError.errors()` gives them."""
    fields = [
        {"field": _name(error["loc"]), "problem": _WORDS.get(error["type"], "wrong_type")} for error in errors
    ][:MAX_FIELDS]
    control = any(field["problem"] == CONTROL_CHARACTERS for field in fields)
    names = ", ".join(f"{field['field']} ({field['problem']})" for field in fields)
    return (ControlCharacters if control else InvalidParams)(names, detail={"fields": fields})


def _name(location: tuple[int | str, ...]) -> str:
    """A dotted path; a name that the client made up is shown only when it is harmless."""
    parts = [str(part) for part in location if part not in ("body", "query", "path")]
    return ".".join(part if _NAME.fullmatch(part) else "?" for part in parts) or "params"


def validated(model: type[M], data: object) -> M:
    """The model of `data`. Raises InvalidParams or ControlCharacters."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise refusal(error.errors(include_url=False, include_context=False, include_input=False)) from None
