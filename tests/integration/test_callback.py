"""Called back instead of waiting, on the real Asterisk; the server killed in between."""

from tests.support.audio import AGENT_TONE, MOSTLY
from tests.support.centre import Row, TestCentre, eventually
from tests.support.figures import figures_agree
from tests.support.seats import seat
from tests.support.serving import serving
from tests.support.whole_centre import SHARED, shared_centre

pytestmark = SHARED
OFFER, AT, AGREED = 1511.0, 1709.0, 2213.0
TONES = {"callback_offer": OFFER, "callback_at": AT, "callback_agreed": AGREED}
POLICIES = {"general": {"announce_every": 2.0, "callback": True, "callback_retry": 1.0}}
NUMBER = "13900000009"
SOON = 25.0
centre = shared_centre(policies=POLICIES, tones=TONES)


async def test_called_back_in_its_turn_though_the_server_died(centre: TestCentre) -> None:
    async with centre.customer(NUMBER) as caller:
        await caller.dial("4000")
        assert await caller.hears(OFFER, deadline=SOON) >= MOSTLY
        await caller.send_dtmf("1")
        assert await caller.hears(AT, deadline=SOON) >= MOSTLY
        await caller.send_dtmf("1")
        assert await caller.hears(AGREED, deadline=SOON) >= MOSTLY
        await caller.event("CALL_CLOSED", SOON)
    wished = await _ended(centre)
    assert (wished["end_reason"], wished["connected_at"]) == ("callback", None)
    centre.kill_server()
    await serving(centre, SOON)
    async with centre.customer("13900000008") as later:
        await later.dial("4000")
        await later.hears_music(SOON)
        async with (
            centre.outside_phone(NUMBER, answermode="manual") as customer,
            seat(centre, "1001", "persistent") as agent,
        ):
            first = await agent.offered(SOON)
            view = agent.client.contacts[first]
            assert view["callback"]["wish_id"] == wished["contact_id"], "its place was kept"
            assert (view["direction"], view["customer"]["number"]) == ("outbound", "139****0009")
            assert view["ivr_path"] == ["4000", "callback"]
            view = await agent.accept(first)
            assert view["state"] == "dialling"
            await customer.event("CALL_INCOMING", SOON)
            await customer.hang_up()  # not now
            ended = (await agent.told("contact.ended", first, SOON)).contact
            assert ended["end_reason"] in ("busy", "rejected")
            await agent.client.not_ready("the other one first")
            await agent.wrap_up(first)
            await agent.in_state("not_ready")
            await _again(centre, first)
            await agent.client.ready()
            second = await agent.offered(SOON)
            assert agent.client.contacts[second]["callback"]["tries"] == 1
            await agent.accept(second)
            await customer.event("CALL_INCOMING", SOON)
            await customer.accept()
            await agent.told("contact.connected", second, SOON)
            assert await customer.hears(AGENT_TONE) >= MOSTLY
            assert await agent.phone.hears(customer.tone_hz) >= MOSTLY
            await agent.client.hang_up(second)
            await agent.wrap_up(second)
            third = await agent.next_contact(SOON)
            await later.hears(AGENT_TONE)
            await agent.client.hang_up(third)
            await agent.wrap_up(third)
    await centre.logged(second, state="ended", direction="outbound")
    await centre.empty()
    await figures_agree(centre)


async def _ended(centre: TestCentre) -> Row:
    rows = await eventually(
        lambda: centre.rows("contacts", state="ended"), lambda found: len(found) == 1, "ended", SOON
    )
    return rows[0]


async def _again(centre: TestCentre, first: str) -> None:
    """The call-back is back in the queue, as another contact than `first`."""
    await eventually(
        lambda: centre.rows("contacts", state="queued", direction="outbound"),
        lambda found: any(row["contact_id"] != first for row in found),
        "queued again",
        SOON,
    )
