"""Messages over HTTP, on the real store."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from cti_server.bootstrap.outgoing import MessageDesk
from cti_server.messaging.model import Medium
from cti_server.store.database import Database
from cti_server.store.messages import StoredMessages
from cti_server.store.schema import upgrade
from tests.contract.test_http import refused, row
from tests.fakes.centre import FakeCentre
from tests.support.edge import Edge, serving_edge

SMS = {"request_id": "r1", "medium": "sms", "to": "+86 138 0013 8000", "body": "hello"}


@pytest.fixture
async def edge(sqlite_url: str) -> AsyncIterator[Edge]:
    await upgrade(sqlite_url)
    database, centre = Database(sqlite_url, deadline=15), FakeCentre()
    desk = MessageDesk(StoredMessages(database), frozenset(Medium), lambda: centre.world.state.outside)
    async with serving_edge(centre, messages=desk) as served:
        served.log.rows = [row("c1", "1001"), row("c2", "1002"), row("c3", "1003", "vtm")]
        yield served
    await database.close()


async def test_the_example_of_the_docs_and_what_became_of_it(edge: Edge) -> None:
    page = (Path(__file__).parents[2] / "docs/messages.md").read_text(encoding="utf-8")
    body = json.loads(re.search(r"```json\n(.*?)```", page, re.DOTALL)[1])  # type: ignore[index]  # it is there
    async with edge.http("1001") as http, edge.http("1002") as other:
        answer = await http.post("/api/v1/messages", json=body)
        assert answer.status_code == 202, answer.text
        view = answer.json()
        assert (view["state"], view["to"], view["attempts"]) == ("waiting", "z***@bank.example", 0)
        again = await http.post("/api/v1/messages", json=body)
        assert again.json()["message_id"] == view["message_id"]
        refused(await http.post("/api/v1/messages", json=body | {"body": "other"}), 409, "request_id_reused")
        assert (await http.get(f"/api/v1/messages/{view['message_id']}")).json() == view
        refused(await other.get(f"/api/v1/messages/{view['message_id']}"), 404, "unknown_message")


async def test_messages_of_a_contact(edge: Edge) -> None:
    async with edge.http("1001") as http, edge.http("2001") as leader:
        refused(await http.post("/api/v1/messages", json=SMS | {"contact_id": "c2"}), 403, "not_your_contact")
        refused(await http.post("/api/v1/messages", json=SMS | {"contact_id": "c9"}), 404, "unknown_contact")
        sent = await http.post("/api/v1/messages", json=SMS | {"contact_id": "c1"})
        assert sent.json()["to"] == "138****8000"
        for person in (http, leader):
            found = (await person.get("/api/v1/contacts/c1/messages")).json()["messages"]
            assert [one["message_id"] for one in found] == [sent.json()["message_id"]]
        refused(await leader.get("/api/v1/contacts/c3/messages"), 403, "not_your_group")
        message = f"/api/v1/messages/{sent.json()['message_id']}"
        assert (await leader.get(message)).status_code == 200
        async with edge.http("1003") as elsewhere, edge.http("4001") as manager:
            sent = await elsewhere.post(
                "/api/v1/messages", json=SMS | {"contact_id": "c3", "request_id": "r3"}
            )
            message = f"/api/v1/messages/{sent.json()['message_id']}"
            refused(await leader.get(message), 404, "unknown_message")
            assert (await manager.get(message)).status_code == 200
        refused(await http.get("/api/v1/contacts/c2/messages"), 403, "not_your_contact")


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"to": "hello"}, 422, "bad_address"),
        ({"to": "120"}, 422, "number_not_allowed"),
        ({"medium": "email", "to": "a@b"}, 422, "bad_address"),
        ({"medium": "email", "to": "a@bank.example\nBcc: x@bank.example"}, 422, "bad_address"),
        ({"medium": "email", "to": "a@bank.example", "subject": "x\r\nBcc: y"}, 422, "control_characters"),
        ({"body": "\x00"}, 422, "control_characters"),
        ({"body": ""}, 422, "invalid_params"),
        ({"medium": "fax"}, 422, "invalid_params"),
    ],
)
async def test_what_is_refused(edge: Edge, change: dict[str, Any], status: int, code: str) -> None:
    async with edge.http("1001") as http:
        refused(await http.post("/api/v1/messages", json=SMS | change), status, code)


async def test_a_medium_that_is_not_set_up(edge: Edge) -> None:
    edge.app.state.services.messages._media = frozenset({Medium.EMAIL})
    async with edge.http("1001") as http:
        refused(await http.post("/api/v1/messages", json=SMS), 409, "medium_not_set_up")
