"""The bounds that every field has."""

from __future__ import annotations

import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from cti_server.api.models import fields
from cti_server.api.models.http import LogIn, TokenGrant
from cti_server.api.models.methods import METHODS
from cti_server.api.models.notifications import NOTIFICATIONS
from cti_server.api.models.params import OpenParams

word: TypeAdapter[str] = TypeAdapter(fields.Word)
data: TypeAdapter[dict[str, Any]] = TypeAdapter(fields.JsonData)


@given(st.characters())
def test_exactly_the_control_characters_are_refused(character: str) -> None:
    try:
        word.validate_python(f"a{character}b", strict=True)
        taken = True
    except ValidationError as error:
        taken = False
        kind = error.errors()[0]["type"]
        assert kind in ("control_characters", "string_unicode")
    assert taken == (unicodedata.category(character) not in ("Cc", "Cs"))


def nested(depth: int) -> dict[str, Any]:
    inner: dict[str, Any] = {}
    for _ in range(depth - 1):
        inner = {"a": inner}
    return inner


@pytest.mark.parametrize(
    ("value", "taken"),
    [
        ({}, True),
        ({"a": None, "b": [1, 2.5, True, "字"]}, True),
        (nested(fields.MAX_DEPTH), True),
        (nested(fields.MAX_DEPTH + 1), False),
        (nested(100_000), False),
        ({"a": list(range(fields.MAX_NODES - 2))}, True),
        ({"a": list(range(fields.MAX_NODES - 1))}, False),
        ({"a": "x" * fields.MAX_DATA_TEXT}, True),
        ({"a": "x" * (fields.MAX_DATA_TEXT + 1)}, False),
        ({"k" * fields.MAX_DATA_KEY: 1}, True),
        ({"k" * (fields.MAX_DATA_KEY + 1): 1}, False),
        ({str(n): "x" * 4000 for n in range(5)}, False),
        ({"a": {"b": "line\nbreak"}}, False),
        ({"a": {"b\0": 1}}, False),
    ],
)
def test_attached_data(value: dict[str, Any], taken: bool) -> None:
    if taken:
        assert data.validate_python(value) == value
    else:
        with pytest.raises(ValidationError):
            data.validate_python(value)


def test_every_text_from_a_client_is_bounded_and_clean() -> None:
    """A model with a bare `str` in it would let anything through."""
    models: list[type[fields.Model]] = [*(method.params for method in METHODS.values()), LogIn]
    for model in models:
        for name, schema in model.model_json_schema()["properties"].items() if model.model_fields else ():
            if schema.get("type") == "string" and "enum" not in schema:
                assert schema["maxLength"] <= 4000, (model, name)
                closed = schema["pattern"] in (r"^[0-9*#A-D]+$", r"^[+]?[0-9]+$")
                assert closed or schema["pattern"].startswith("^[^"), (model, name)


def test_models_are_closed_and_strict() -> None:
    models = {m.params for m in METHODS.values()} | {m.result for m in METHODS.values()}
    for model in models | set(NOTIFICATIONS.values()):
        assert model.model_config["extra"] == "forbid", model
        assert model.model_config["strict"] is True, model


def test_secrets_are_not_shown() -> None:
    for model in (
        OpenParams(token="secret"),
        LogIn(agent_id="1001", password="secret"),
        TokenGrant(access_token="secret", expires_in=1),
    ):
        assert "secret" not in repr(model)
