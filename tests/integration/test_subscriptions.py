"""A team leader and an operations manager watch a real call: agents, queues and contacts, live."""

import httpx
import pytest

from cti_server.client import AgentClient, CtiRequestError, Event
from tests.support.centre import TestCentre
from tests.support.seats import seat
from tests.support.whole_centre import SHARED, shared_centre

pytestmark = SHARED
centre = shared_centre()


def session(centre: TestCentre, agent_id: str) -> AgentClient:
    """A session with no seat."""
    return AgentClient(centre.http, centre.ws, agent_id, centre.person(agent_id)["password"])


async def test_a_call_as_those_who_lead_see_it(centre: TestCentre) -> None:
    async with (
        session(centre, "2001") as leader,
        session(centre, "2002") as stranger,
        session(centre, "4001") as manager,
        centre.customer() as customer,
    ):
        now = await leader.subscribe("agents", "queues", "contacts")
        assert {queue["queue"] for queue in now["queues"]} == {"general", "elder"}
        assert now["contacts"] == []
        await stranger.subscribe("contacts")
        assert len((await manager.subscribe("queues"))["queues"]) == 4
        async with seat(centre, "1001", "persistent") as agent:
            await leader.wait_for("agent.signed_in", where=lambda e: e.agent["agent_id"] == "1001")
            await customer.dial("4000")
            contact_id = await agent.next_contact()
            seen = (await leader.wait_for("contact.connected")).contact
            assert (seen["contact_id"], seen["state"], seen["allowed_actions"]) == (contact_id, "active", [])
            assert seen["customer"]["number"] == "138****8000"
            await leader.wait_for("queue.changed", where=lambda e: e.queue["agents"]["talking"] == 1)
            await manager.wait_for("queue.changed", where=lambda e: e.queue["agents"]["talking"] == 1)
            centre.kill_server()
            await leader.ping()
            await agent.client.hang_up(contact_id)
            await leader.wait_for("contact.ended")
            await agent.wrap_up(contact_id)
            assert leader.ledger.intact
            assert leader.contacts == {}
            assert leader.view["agent_id"] == "2001"
            with pytest.raises(TimeoutError):
                await stranger.wait_for("contact.queued", 0.5)
            assert await leader.unsubscribe("agents", "queues", "contacts") == {"topics": []}


async def test_who_may_watch(centre: TestCentre) -> None:
    async with session(centre, "1001") as agent, session(centre, "3001") as inspector:
        with pytest.raises(CtiRequestError) as refused:
            await agent.subscribe("agents")
        assert refused.value.code == "wrong_role"
        with pytest.raises(CtiRequestError) as refused:
            await inspector.subscribe("queues")
        assert refused.value.code == "wrong_role"
        assert (await inspector.subscribe("agents", "contacts"))["topics"] == ["agents", "contacts"]


async def test_the_wallboard_tells_what_the_reports_tell(centre: TestCentre) -> None:
    async with session(centre, "4001") as manager, session(centre, "2002") as leader:
        assert "wallboard" in (await manager.subscribe("wallboard"))["topics"]
        await leader.subscribe("wallboard")
        own = await leader.wait_for("wallboard.changed")
        assert [queue["queue"] for queue in own.params["wallboard"]["queues"]] == ["credit_card", "vtm"]
        async with seat(centre, "1003", "persistent") as agent, centre.customer() as customer:
            before = (await manager.wait_for("wallboard.changed")).params["wallboard"]["centre"]["today"]
            await customer.dial("4000")
            contact_id = await agent.next_contact()
            await manager.wait_for("wallboard.changed", where=lambda e: _talking(e) == 1)
            await agent.client.hang_up(contact_id)
            await agent.wrap_up(contact_id)

            def over(event: Event) -> bool:
                board = event.params["wallboard"]["centre"]
                return bool(
                    board["today"]["answered"] == before["answered"] + 1
                    and not board["agents"].get("talking")
                    and not board["agents"].get("wrap_up")
                )

            shown = (await manager.wait_for("wallboard.changed", where=over)).params["wallboard"]
        async with httpx.AsyncClient(base_url=centre.http, timeout=10) as http:
            credentials = {"agent_id": "4001", "password": centre.person("4001")["password"]}
            token = (await http.post("/api/v1/auth/token", json=credentials)).json()["access_token"]
            http.headers["Authorization"] = f"Bearer {token}"
            rows = (await http.get("/api/v1/reports/queue")).raise_for_status().json()["rows"]
            board = (await http.get("/api/v1/wallboard")).raise_for_status().json()
        of_report = {row["key"]: row["values"] for row in rows}
        assert of_report["*"] == pytest.approx(shown["centre"]["today"])
        assert of_report["general"] == pytest.approx(
            next(queue["today"] for queue in board["queues"] if queue["queue"] == "general")
        )
        centre.kill_server()
        await manager.ping()
        await manager.unsubscribe("wallboard")
        async with session(centre, "4001") as other:
            await other.subscribe("wallboard")
            again = (await other.wait_for("wallboard.changed")).params["wallboard"]["centre"]["today"]
        assert again == pytest.approx(shown["centre"]["today"]), "the next server knows the day so far"


def _talking(event: Event) -> int:
    return int(event.params["wallboard"]["centre"]["agents"].get("talking", 0))
