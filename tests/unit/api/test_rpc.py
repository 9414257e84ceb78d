"""The JSON-RPC parser: never raises, never takes what it must not."""

from __future__ import annotations

import json
from typing import Any

import orjson
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cti_server.api import errors, rpc
from cti_server.api.errors import ApiError
from cti_server.api.models.methods import METHODS
from cti_server.api.validation import validated

LIMIT = 64 * 1024
scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
names = st.sampled_from(["jsonrpc", "id", "method", "params", "x"])
words = st.sampled_from(["2.0", "session.open", "contact.hold", "", "\n", "\ud800", "a" * 65])
nearly = st.dictionaries(names, words | values, max_size=5).map(json.dumps)


@settings(max_examples=600, deadline=None)
@given(st.text() | values.map(json.dumps) | nearly)
@example('{"jsonrpc":"2.0","id":"\\ud800","method":"m"}')
@example("\ud800")
@example("[" * 2000 + "]" * 2000)
@example('{"id":' * 1000)
@example("1e999")
@example(f'{{"jsonrpc":"2.0","id":"1","method":"m","params":{{"n":{2**70}}}}}')
def test_never_raises(text: str) -> None:
    item = rpc.parse(text, LIMIT)
    if isinstance(item, rpc.Refused):
        frame = rpc.error_frame(item.request_id, item.error, "zh-CN")
        assert orjson.loads(frame)["id"] == item.request_id
    else:
        assert 1 <= len(item.request_id) <= 64
        orjson.dumps(item.params)


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(sorted(METHODS)), values)
@example("contact.set_data", {"contact_id": "c", "data": {"n": 2**64 - 1}})
@example("contact.set_data", {"contact_id": "c", "data": {"n": float("nan")}})
def test_parameters_are_taken_or_refused(method: str, params: Any) -> None:
    refused = None
    try:
        validated(METHODS[method].params, params)
    except errors.InvalidParams as error:
        refused = error
    if refused:
        assert refused.code in ("invalid_params", "control_characters")
        assert refused.detail["fields"]


@given(st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=64))
def test_any_printable_id_is_taken_as_it_is(request_id: str) -> None:
    text = json.dumps({"jsonrpc": "2.0", "id": request_id, "method": "m"})
    item = rpc.parse(text, LIMIT)
    assert item == rpc.Call(request_id, "m", {})
    assert orjson.loads(rpc.result_frame(request_id, {}))["id"] == request_id


def test_the_limit_counts_bytes_not_characters() -> None:
    text = json.dumps("é" * 20, ensure_ascii=False)
    exact = len(text.encode())
    for limit, refused in ((exact, errors.InvalidRequest), (exact - 1, errors.MessageTooLarge)):
        item = rpc.parse(text, limit)
        assert isinstance(item, rpc.Refused)
        assert isinstance(item.error, refused)


def test_errors_carry_code_retryable_and_detail() -> None:
    error: ApiError = errors.InvalidParams("station (missing)", detail={"fields": []})
    assert orjson.loads(rpc.error_frame("1", error, "en")) == {
        "jsonrpc": "2.0",
        "id": "1",
        "error": {
            "code": -32602,
            "message": "station (missing)",
            "data": {"code": "invalid_params", "retryable": False, "detail": {"fields": []}},
        },
    }
    assert orjson.loads(rpc.error_frame(None, errors.RateLimited(), "zh-CN"))["error"] == {
        "code": -32000,
        "message": "请求过于频繁",
        "data": {"code": "rate_limited", "retryable": True},
    }
