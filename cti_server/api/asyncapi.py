"""AsyncAPI 3.0 of the agent socket, made from the models that validate and the table that dispatches."""

from __future__ import annotations

from functools import cache
from typing import Any

from pydantic.json_schema import models_json_schema

from cti_server.api.messages import MESSAGES
from cti_server.api.models.fields import Model
from cti_server.api.models.methods import METHODS, Method
from cti_server.api.models.notifications import NOTIFICATIONS

SCHEMA = "#/components/schemas/"
CHANNEL = "#/channels/agent"
ERROR = "error"
_ID = {
    "type": "string",
    "minLength": 1,
    "maxLength": 64,
    "description": "Unique per agent for 24 h (a UUID).",
}
_VERSION = {"const": "2.0"}


@cache
def document(version: str) -> dict[str, Any]:
    """The document of `/asyncapi.json`."""
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Agent socket",
            "version": version,
            "description": "JSON-RPC 2.0 over WebSocket, subprotocol `cti.v1`, one object per text frame.",
        },
        "defaultContentType": "application/json",
        "channels": {
            "agent": {"address": "/ws", "messages": _messages(), "bindings": {"ws": {"method": "GET"}}}
        },
        "operations": _operations(),
        "components": {"schemas": _schemas()},
    }


def _messages() -> dict[str, Any]:
    messages: dict[str, Any] = {ERROR: {"name": ERROR, "payload": _error_payload()}}
    for method in METHODS.values():
        messages[method.name] = {
            "name": method.name,
            "summary": method.does,
            "payload": _request_payload(method),
            "examples": [{"payload": example} for example in examples(method)],
        }
        messages[_result_key(method)] = {
            "name": _result_key(method),
            "payload": _envelope({"id": _ID, "result": _ref(method.result)}),
        }
    for name, model in NOTIFICATIONS.items():
        payload = _envelope({"method": {"const": str(name)}, "params": _ref(model)})
        messages[str(name)] = {"name": str(name), "payload": payload}
    return messages


def examples(method: Method) -> list[dict[str, Any]]:
    """Whole requests, as a client sends them."""
    params = method.params.model_json_schema().get("examples", [])
    return [
        {"jsonrpc": "2.0", "id": f"example-{method.name}-{number}", "method": method.name, "params": value}
        for number, value in enumerate(params)
    ]


def _operations() -> dict[str, Any]:
    operations: dict[str, Any] = {}
    for method in METHODS.values():
        operations[method.name] = {
            "action": "receive",
            "channel": {"$ref": CHANNEL},
            "summary": method.does,
            "x-roles": sorted(method.roles),
            "messages": [_message(method.name)],
            "reply": {
                "channel": {"$ref": CHANNEL},
                "messages": [_message(_result_key(method)), _message(ERROR)],
            },
        }
    for name in NOTIFICATIONS:
        operations[f"on.{name}"] = {
            "action": "send",
            "channel": {"$ref": CHANNEL},
            "messages": [_message(str(name))],
        }
    return operations


def _request_payload(method: Method) -> dict[str, Any]:
    payload = _envelope({"id": _ID, "method": {"const": method.name}, "params": _ref(method.params)})
    if not any(field.is_required() for field in method.params.model_fields.values()):
        payload["required"].remove("params")
    return payload


def _error_payload() -> dict[str, Any]:
    data = {
        "type": "object",
        "required": ["code", "retryable"],
        "properties": {
            "code": {"type": "string", "description": "Stable.", "examples": sorted(MESSAGES)},
            "retryable": {"type": "boolean"},
            "detail": {"type": "object"},
        },
    }
    error = {
        "type": "object",
        "required": ["code", "message", "data"],
        "properties": {"code": {"type": "integer"}, "message": {"type": "string"}, "data": data},
    }
    return _envelope({"id": {"type": ["string", "null"]}, "error": error})


def _envelope(properties: dict[str, Any]) -> dict[str, Any]:
    members = {"jsonrpc": _VERSION, **properties}
    return {"type": "object", "required": list(members), "properties": members, "additionalProperties": False}


def _result_key(method: Method) -> str:
    return f"{method.name}.result"


def _message(key: str) -> dict[str, str]:
    return {"$ref": f"{CHANNEL}/messages/{key}"}


def _ref(model: type[Model]) -> dict[str, str]:
    return {"$ref": f"{SCHEMA}{model.__name__}"}


def _schemas() -> dict[str, Any]:
    taken = {method.params for method in METHODS.values()}
    given = {method.result for method in METHODS.values()} | set(NOTIFICATIONS.values())
    ordered = sorted(taken | given, key=lambda model: model.__name__)
    _, schema = models_json_schema(
        [(model, "validation") for model in ordered], ref_template=SCHEMA + "{model}"
    )
    return dict(schema["$defs"])
