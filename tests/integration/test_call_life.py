"""A call from the customer's dialling to its record, on real phones: who hears whom is measured."""

import hashlib
import time
from pathlib import Path

import httpx

from tests.support.audio import (
    AGENT_TONE,
    COLLEAGUE_TONE,
    CUSTOMER_TONE,
    MOSTLY,
    RECORDED,
    Sound,
    read_wav,
    tone_share,
)
from tests.support.centre import Row, TestCentre, eventually
from tests.support.phones import BaresipPhone
from tests.support.seats import SHARED_IN_EACH_MODE, Mode, Seat, seat
from tests.support.whole_centre import GREETING_TONE, shared_centre

pytestmark = SHARED_IN_EACH_MODE
STORY = [
    "contact.offered",
    "contact.connected",
    "contact.held",
    "contact.retrieved",
    "contact.data_changed",
    "contact.ended",
    "contact.wrapped_up",
]
centre = shared_centre()


async def hear_each_other(customer: BaresipPhone, agent: Seat) -> None:
    assert await customer.hears(agent.phone.tone_hz) >= MOSTLY
    assert await agent.phone.hears(customer.tone_hz) >= MOSTLY


async def hear_nothing_of_each_other(customer: BaresipPhone, agent: Seat) -> None:
    await customer.hears_music()
    await agent.phone.stops_hearing(customer.tone_hz)
    await customer.does_not_hear(agent.phone.tone_hz, 0.8)
    await agent.phone.does_not_hear(customer.tone_hz, 0.8)


async def test_from_dialling_to_ready_again(centre: TestCentre, mode: Mode) -> None:
    async with seat(centre, "1009", mode) as agent, centre.customer() as customer:
        began = time.time()
        await customer.dial("4001")
        assert await customer.hears(GREETING_TONE) >= MOSTLY
        contact_id = await agent.offered()
        connected = await agent.accept(contact_id)
        assert connected["state"] == "active"
        assert connected["customer"]["number"] == "138****8000"
        await hear_each_other(customer, agent)
        held = await agent.client.hold(contact_id)
        assert (held["state"], held["allowed_actions"]) == (
            "held",
            [
                "contact.retrieve",
                "contact.hang_up",
                "contact.mute",
                "recording.pause",
                "contact.identify",
                "contact.consult",
                "contact.transfer",
                "contact.set_data",
            ],
        )
        await hear_nothing_of_each_other(customer, agent)
        await agent.client.retrieve(contact_id)
        await hear_each_other(customer, agent)
        await agent.client.set_data(contact_id, reason="card lost")
        assert (await agent.client.hang_up(contact_id))["state"] == "wrap_up"
        await customer.event("CALL_CLOSED")
        talked = time.time() - began
        await agent.in_state("wrap_up")
        await agent.wrap_up(contact_id)
        await agent.in_state("ready")
        await _told_in_full(centre, agent, contact_id)
        await _recorded(centre, contact_id, talked)
        await customer.dial("4000")
        again = await agent.offered()
        assert again != contact_id
        assert (await _known_from_before(centre, again))[0] == (contact_id, "done", "said it all")


async def _known_from_before(centre: TestCentre, contact_id: str) -> list[tuple[str, str, str]]:
    """What 1009, whose phone rings, is told of the customer's earlier contacts."""
    credentials = {"agent_id": "1009", "password": centre.person("1009")["password"]}
    async with httpx.AsyncClient(base_url=f"{centre.http}/api/v1", timeout=10) as client:
        token = (await client.post("/auth/token", json=credentials)).json()["access_token"]
        headers = {"Authorization": f"Bearer {token}"}
        told = (await client.get(f"/contacts/{contact_id}/past", headers=headers)).json()["contacts"]
    return [(one["contact_id"], one["disposition"], one["summary"]) for one in told]


async def _told_in_full(centre: TestCentre, agent: Seat, contact_id: str) -> None:
    """The agent's program and the database have the same whole story."""
    names = [name for name in agent.names(contact_id) if not name.startswith("recording.")]
    assert names == STORY
    assert {"recording.started", "recording.stopped"} <= set(agent.names(contact_id))
    assert agent.client.ledger.intact
    assert [event.seq for event in agent.history] == [seq for _, seq in agent.client.ledger.received]
    row = await centre.logged(contact_id, state="ended", disposition="done", summary="said it all")
    assert (row["agent_id"], row["group_id"], row["service_number"]) == ("1009", "credit_card", "4001")
    assert (row["customer_number"], row["end_reason"]) == ("13800138000", "agent_hung_up")
    assert row["data"] == {"reason": "card lost"}
    times = [row[name] for name in ("arrived_at", "queued_at", "offered_at", "connected_at", "ended_at")]
    assert times == sorted(times)
    events = await centre.rows("contact_events", contact_id=contact_id)
    assert [e["kind"] for e in events if not e["kind"].startswith("recording.")] == [
        "contact.arrived",
        "contact.queued",
        *STORY,
    ]


async def test_commands_stand_in_what_they_caused(centre: TestCentre, mode: Mode) -> None:
    async with seat(centre, "1001", mode) as agent, centre.customer() as customer:
        await customer.dial("4000")
        contact_id = await agent.next_contact()
        await agent.client.hold(contact_id)
        await agent.client.retrieve(contact_id)
        await agent.client.hang_up(contact_id)
        await agent.wrap_up(contact_id)
        await agent.told("contact.wrapped_up", contact_id)
    caused = {event.name: event.params.get("request_id") for event in agent.history if event.contact}
    assert caused["contact.offered"] is None
    ids = [caused[f"contact.{what}"] for what in ("held", "retrieved", "ended", "wrapped_up")]
    assert all(ids)
    assert len(set(ids)) == len(ids)


async def _recorded(centre: TestCentre, contact_id: str, at_most: float) -> None:
    """In stereo, the customer left and the agent right, complete and unaltered."""
    found: list[Row] = await eventually(
        lambda: centre.rows("recordings", contact_id=contact_id), lambda rows: len(rows) == 1, "recorded"
    )
    row = found[0]
    path: Path = centre.centre.plan.var / "recordings" / row["path"]
    assert _sha256(path) == row["sha256"]
    assert (row["channels"], row["sample_rate"], row["format"]) == (2, 8000, "wav")
    left, right = read_wav(path, 0), read_wav(path, 1)
    assert abs(left.seconds - row["duration_s"]) < 0.05
    contact = await centre.logged(contact_id)
    talked = (contact["ended_at"] - contact["connected_at"]).total_seconds()
    assert talked - 0.5 < row["duration_s"] < min(talked + 0.5, at_most)
    assert _spoken_at_the_start(left, CUSTOMER_TONE) > RECORDED
    assert _spoken_at_the_start(right, AGENT_TONE) > RECORDED


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _spoken_at_the_start(side: Sound, hz: int) -> float:
    """The tone's share soon after the connection was made; it goes on for half a second at least."""
    return tone_share(side.samples[side.rate // 10 : side.rate // 2], side.rate, hz)


async def test_customer_hangs_up(centre: TestCentre, mode: Mode) -> None:
    async with seat(centre, "1001", mode) as agent, centre.customer() as customer:
        await customer.dial("4000")
        contact_id = await agent.next_contact()
        await hear_each_other(customer, agent)
        await customer.hang_up()
        ended = (await agent.told("contact.ended", contact_id)).contact
        assert (ended["state"], ended["end_reason"]) == ("wrap_up", "customer_hung_up")
        await agent.phone.stops_hearing(customer.tone_hz)
        await agent.wrap_up(contact_id)
        await customer.dial("4000")
        again = await agent.next_contact()
        await hear_each_other(customer, agent)
        assert again != contact_id


async def test_customer_hangs_up_on_hold(centre: TestCentre, mode: Mode) -> None:
    async with seat(centre, "1001", mode) as agent, centre.customer() as customer:
        await customer.dial("4000")
        contact_id = await agent.next_contact()
        await agent.client.hold(contact_id)
        await customer.hang_up()
        ended = (await agent.told("contact.ended", contact_id)).contact
        assert (ended["state"], ended["end_reason"]) == ("wrap_up", "customer_hung_up")
        await agent.wrap_up(contact_id)
        await agent.in_state("ready")


async def test_agents_phone_hangs_up(centre: TestCentre, mode: Mode) -> None:
    async with seat(centre, "1001", mode) as agent, centre.customer() as customer:
        await customer.dial("4000")
        contact_id = await agent.next_contact()
        await hear_each_other(customer, agent)
        await agent.phone.hang_up()
        await customer.event("CALL_CLOSED")
        ended = (await agent.told("contact.ended", contact_id)).contact
        assert (ended["state"], ended["end_reason"]) == ("wrap_up", "agent_hung_up")
        await agent.wrap_up(contact_id)
        if mode == "persistent":
            await agent.in_state("not_ready", "station_lost")
            await agent.client.ready()  # rings the phone anew
        await agent.in_state("ready")
        await customer.dial("4000")
        await agent.next_contact()
        await hear_each_other(customer, agent)


async def test_longest_idle_agent_first_and_first_caller_first(centre: TestCentre, mode: Mode) -> None:
    async with (
        seat(centre, "1001", mode) as second,
        seat(centre, "1002", mode, tone_hz=COLLEAGUE_TONE) as first,
        centre.customer("13800000001") as early,
        centre.customer("13800000002") as late,
    ):
        await second.client.not_ready()
        await second.client.ready()  # idle since now, and 1002 for longer
        await early.dial("4000")
        early_id = await first.next_contact()
        await late.dial("4000")
        late_id = await second.next_contact()
        await early.hears(COLLEAGUE_TONE)
        await late.hears(AGENT_TONE)
        assert first.client.contacts[early_id]["customer"]["number"] == "138****0001"
        assert second.client.contacts[late_id]["customer"]["number"] == "138****0002"
        assert "contact.offered" not in first.names(late_id)


async def test_who_waits_longest_is_next(centre: TestCentre, mode: Mode) -> None:
    async with (
        seat(centre, "1001", mode, state="not_ready") as agent,
        centre.customer("13800000001") as early,
        centre.customer("13800000002") as late,
    ):
        await early.dial("4000")
        await early.hears_music()
        await late.dial("4000")
        await late.hears_music()
        await agent.client.ready()
        contact_id = await agent.next_contact()
        await early.hears(AGENT_TONE)
        await agent.client.hang_up(contact_id)
        await agent.wrap_up(contact_id)
        await agent.next_contact()
        await late.hears(AGENT_TONE)
