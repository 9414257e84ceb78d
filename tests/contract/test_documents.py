"""The published documents say what the server does."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from cti_server.api.asyncapi import document, examples
from cti_server.api.http import VERSION
from cti_server.api.messages import MESSAGES
from cti_server.api.models.methods import METHODS
from cti_server.api.models.notifications import NOTIFICATIONS, SESSION_CLOSED
from cti_server.api.models.wallboard import WALLBOARD_CHANGED
from cti_server.api.validation import validated
from cti_server.domain.events import Event
from tests.support.edge import Edge, Peer


def references(node: Any) -> list[str]:
    if isinstance(node, dict):
        own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
        return own + [ref for value in node.values() for ref in references(value)]
    if isinstance(node, list):
        return [ref for value in node for ref in references(value)]
    return []


def resolved(root: Any, reference: str) -> Any:
    assert reference.startswith("#/"), reference
    node = root
    for part in reference[2:].split("/"):
        node = node[part]
    return node


@pytest.fixture
async def asyncapi(edge: Edge) -> dict[str, Any]:
    async with edge.http() as http:
        return (await http.get("/asyncapi.json")).json()  # type: ignore[no-any-return]  # JSON


@pytest.fixture
async def openapi(edge: Edge) -> dict[str, Any]:
    async with edge.http() as http:
        return (await http.get("/openapi.json")).json()  # type: ignore[no-any-return]  # JSON


async def test_every_reference_resolves(asyncapi: dict[str, Any], openapi: dict[str, Any]) -> None:
    for root in (asyncapi, openapi):
        found = references(root)
        assert found
        for reference in found:
            assert resolved(root, reference) is not None


async def test_asyncapi_has_the_structure_of_3_0(asyncapi: dict[str, Any]) -> None:
    assert asyncapi["asyncapi"] == "3.0.0"
    assert {"title", "version"} <= asyncapi["info"].keys()
    assert set(asyncapi) <= {"asyncapi", "info", "defaultContentType", "channels", "operations", "components"}
    channel = asyncapi["channels"]["agent"]
    assert channel["address"] == "/ws"
    for operation in asyncapi["operations"].values():
        assert operation["action"] in ("send", "receive")
        assert operation["channel"] == {"$ref": "#/channels/agent"}
        replies = operation.get("reply", {}).get("messages", [])
        for message in operation["messages"] + replies:
            assert re.fullmatch(r"#/channels/agent/messages/[\w.]+", message["$ref"])
    for message in channel["messages"].values():
        assert message["payload"]["type"] == "object"


async def test_asyncapi_is_the_table_of_methods_and_the_events(asyncapi: dict[str, Any]) -> None:
    operations = asyncapi["operations"]
    received = {name for name, o in operations.items() if o["action"] == "receive"}
    sent = {name.removeprefix("on.") for name, o in operations.items() if o["action"] == "send"}
    assert received == set(METHODS)
    assert (
        sent == set(NOTIFICATIONS) == {event.value for event in Event} | {SESSION_CLOSED, WALLBOARD_CHANGED}
    )
    for name, method in METHODS.items():
        assert operations[name]["x-roles"] == sorted(method.roles)
        schema = asyncapi["components"]["schemas"][method.params.__name__]
        assert schema["additionalProperties"] is False
        assert set(schema["properties"] if method.params.model_fields else {}) == set(
            method.params.model_fields
        )
    codes = asyncapi["channels"]["agent"]["messages"]["error"]["payload"]["properties"]["error"]
    assert codes["properties"]["data"]["properties"]["code"]["examples"] == sorted(MESSAGES)


async def test_every_example_is_taken_by_the_server(edge: Edge, asyncapi: dict[str, Any]) -> None:
    async with edge.session() as peer:
        for name, method in METHODS.items():
            published = [e["payload"] for e in asyncapi["channels"]["agent"]["messages"][name]["examples"]]
            assert published == examples(method) != []
            for example in published:
                validated(method.params, example["params"])
                await peer.raw(example)
                answer = await peer.answer(example["id"])
                code = answer.get("error", {}).get("data", {}).get("code", "ok")
                assert code not in ("invalid_params", "invalid_request", "unknown_method"), (name, code)


async def test_what_the_schema_forbids_the_server_refuses(edge: Edge, asyncapi: dict[str, Any]) -> None:
    """For each bound that the schema publishes: one step over it."""
    schemas = asyncapi["components"]["schemas"]
    tried = 0
    async with edge.session() as peer:
        for name, method in METHODS.items():
            schema = schemas[method.params.__name__]
            good = schema["examples"][0]
            for field, wrong in oversteps(schema["properties"] if good else {}):
                data = await peer.refusal(name, **{**good, field: wrong})
                if data["code"] == "rate_limited":
                    data = await peer.refusal(name, **{**good, field: wrong})
                assert data["code"] in ("invalid_params", "control_characters"), (name, field, data)
                tried += 1
    assert tried > 30


def oversteps(properties: dict[str, Any]) -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for field, schema in properties.items():
        found.append((field, 4.5))
        if "maxLength" in schema:
            found.append((field, "x" * (schema["maxLength"] + 1)))
        if schema.get("minLength"):
            found.append((field, ""))
        if "pattern" in schema:
            assert not re.search(schema["pattern"], "a\nb")
            assert re.search(schema["pattern"], "一 b") or re.search(schema["pattern"], "1")
            found.append((field, "a\nb"))
        if "enum" in schema:
            found.append((field, "no such word"))
    return found


async def whole_contact(edge: Edge, peer: Peer) -> None:
    await peer.result("agent.sign_in", station="1001", station_mode="persistent")
    await peer.result("agent.set_state", state="ready")
    contact_id = edge.centre.call()
    for method in ("contact.accept", "contact.hold", "contact.retrieve", "contact.hang_up"):
        await peer.result(method, contact_id=contact_id)
    await peer.result("contact.wrap_up", contact_id=contact_id, disposition="d", next_state="ready")
    edge.centre.customer_hangs_up(edge.centre.call())
    rejected = edge.centre.call()
    await peer.result("contact.reject", contact_id=rejected)
    await peer.result("agent.sign_out")


async def test_what_the_server_sends_is_what_it_publishes(edge: Edge) -> None:
    async with edge.session() as peer:
        sent: dict[str, str] = {}
        send = peer.send

        async def noted(method: str, request_id: str | None = None, **params: Any) -> str:
            request_id = await send(method, request_id, **params)
            sent[request_id] = method
            return request_id

        peer.send = noted  # type: ignore[method-assign]  # the test looks over its shoulder
        await whole_contact(edge, peer)
        await peer.result("session.ping")
    METHODS["session.open"].result.model_validate(peer.opened)
    names = set()
    for message in peer.received:
        if "method" in message:
            NOTIFICATIONS[message["method"]].model_validate(message["params"])
            names.add(message["method"])
        elif message["id"] in sent:
            METHODS[sent[message["id"]]].result.model_validate(message["result"])
    assert {"contact.offered", "contact.held", "contact.ended", "agent.signed_out"} <= names


async def test_openapi_documents_errors_as_they_are(openapi: dict[str, Any]) -> None:
    assert openapi["openapi"].startswith("3.1")
    assert "HTTPValidationError" not in openapi["components"]["schemas"]
    for verbs in openapi["paths"].values():
        for operation in verbs.values():
            for status, response in operation["responses"].items():
                if int(status) >= 400:
                    assert list(response["content"]) == ["application/problem+json"]
    assert openapi["paths"]["/api/v1/contacts"]["get"]["security"] == [{"HTTPBearer": []}]
    assert "security" not in openapi["paths"]["/api/v1/auth/token"]["post"]


async def test_the_page_needs_nothing_from_elsewhere(edge: Edge) -> None:
    async with edge.http() as http:
        answer = await http.get("/docs")
    assert answer.headers["content-type"].startswith("text/html")
    assert "<script" not in answer.text
    assert not re.search(r"(src|href)=[\"']?(https?:)?//", answer.text)
    for word in (*METHODS, "contact.offered", "/api/v1/auth/token", "not_your_contact", "该联络属于其他坐席"):
        assert word in answer.text
    assert json.dumps(document(VERSION))
