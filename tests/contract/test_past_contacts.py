"""What the agent whose phone rings is told of the customer's earlier contacts (A10), on both databases."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import pytest

from cti_server.bootstrap.past_contacts import StoredPastContacts
from cti_server.store.database import Database
from cti_server.store.rows import row_of, write_rows
from cti_server.store.schema import upgrade
from tests.fakes.centre import FakeCentre
from tests.support.edge import Edge, serving_edge
from tests.support.records import contact_record


@pytest.fixture
async def edge(database_url: str) -> AsyncIterator[Edge]:
    await upgrade(database_url)
    database, centre = Database(database_url, deadline=15), FakeCentre()
    earlier = [contact_record(n, 2, summary=f"call {n}", disposition="done") for n in range(3)]
    stranger = contact_record(7, 2, customer_number="13900000001", agent_id="1003")
    withheld = contact_record(8, 2, customer_number="", agent_id="1003")
    elsewhere = contact_record(9, 2, customer_number="13900000001", agent_id="1002", group_id="vtm")
    rows = [row_of(record) for record in (*earlier, stranger, withheld, elsewhere)]
    await database.write(partial(write_rows, rows=rows))
    past = StoredPastContacts(database, lambda: centre.world.state)
    async with serving_edge(centre, past=past) as served:
        yield served
    await database.close()


async def asked(edge: Edge, person: str, contact_id: str, query: str = "") -> Any:
    async with edge.http(person) as http:
        answer = await http.get(f"/api/v1/contacts/{contact_id}/past{query}")
    assert "13800138000" not in answer.text
    told = answer.json()
    return told["contacts"] if answer.status_code == 200 else (answer.status_code, told["code"])


async def test_with_the_offer_and_to_nobody_else(edge: Edge) -> None:
    async with edge.session("1001") as peer:
        await peer.result("agent.sign_in", station="1001", station_mode="on_demand")
        await peer.result("agent.set_state", state="ready")
        contact_id = edge.centre.call()
        await peer.event("contact.offered")
        told = await asked(edge, "1001", contact_id)
        assert [one["summary"] for one in told] == ["call 2", "call 1", "call 0"]
        assert (told[0]["contact_id"], told[0]["disposition"]) == ("pbx-a-2.1", "done")
        assert len(await asked(edge, "1001", contact_id, "?limit=1")) == 1
        assert await asked(edge, "1001", contact_id, "?limit=0") == (422, "invalid_params")
        assert await asked(edge, "1002", contact_id) == (403, "not_your_contact")
        assert len(await asked(edge, "2001", contact_id)) == 3
        assert len(await asked(edge, "3001", contact_id)) == 3
        assert await asked(edge, "9001", contact_id) == (403, "wrong_role")


async def test_of_a_contact_in_the_log(edge: Edge) -> None:
    assert [one["contact_id"] for one in await asked(edge, "2001", "pbx-a-1.1")] == ["pbx-a-0.1"]
    assert await asked(edge, "1003", "pbx-a-7.1") == []
    assert await asked(edge, "1003", "pbx-a-8.1") == []
    assert await asked(edge, "1003", "pbx-a-1.1") == (403, "not_your_contact")
    assert await asked(edge, "2001", "nowhere") == (404, "unknown_contact")
    assert await asked(edge, "2001", "pbx-a-9.1") == (403, "not_your_group")
    assert [one["contact_id"] for one in await asked(edge, "5001", "pbx-a-9.1")] == ["pbx-a-7.1"]
