"""From a password to a finished contact, on the wire."""

from cti_server.api.models.http import TokenGrant
from tests.support.edge import PASSWORD, Edge


async def test_token_open_sign_in_and_a_whole_contact(edge: Edge) -> None:
    async with edge.http() as http:
        answer = await http.post("/api/v1/auth/token", json={"agent_id": "1001", "password": PASSWORD})
    assert answer.status_code == 200
    grant = TokenGrant.model_validate(answer.json())
    async with edge.socket() as peer:
        opened = await peer.result("session.open", token=grant.access_token)
        assert (opened["resumed"], opened["agent"]["state"], opened["contacts"]) == (False, "signed_out", [])
        signed = await peer.result("agent.sign_in", station="1001", station_mode="on_demand")
        assert signed["agent"]["state"] == "not_ready"
        await peer.result("agent.set_state", state="ready")
        contact_id = edge.centre.call()
        offered = await peer.event("contact.offered")
        assert offered["contact"]["contact_id"] == contact_id
        assert offered["contact"]["customer"]["number"] == "138****8000"
        assert (await peer.result("contact.accept", contact_id=contact_id))["contact"]["state"] == "active"
        assert (await peer.result("contact.hold", contact_id=contact_id))["contact"]["state"] == "held"
        assert (await peer.result("contact.retrieve", contact_id=contact_id))["contact"]["state"] == "active"
        data = (await peer.result("contact.set_data", contact_id=contact_id, data={"card": "credit"}))[
            "contact"
        ]
        assert data["data"] == {"card": "credit"}
        assert (await peer.result("contact.hang_up", contact_id=contact_id))["contact"]["state"] == "wrap_up"
        wrapped = await peer.result("contact.wrap_up", contact_id=contact_id, disposition="resolved")
        assert (wrapped["contact"]["state"], wrapped["agent"]["state"]) == ("ended", "ready")
        seqs = [m["params"]["seq"] for m in peer.received if "method" in m]
        assert seqs == list(range(seqs[0], seqs[0] + len(seqs)))
