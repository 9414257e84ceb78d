"""A connected customer proves who it is to the machine and comes back, on the real Asterisk."""

import json
from itertools import pairwise
from pathlib import Path

import pytest

from cti_server.client import CtiRequestError
from tests.integration.test_ivr import kept
from tests.support.audio import AGENT_TONE, CUSTOMER_TONE, MOSTLY, Sound, loudness, read_wav, tone_share
from tests.support.centre import TestCentre, eventually
from tests.support.phones import BaresipPhone
from tests.support.seats import Mode, Seat, seat
from tests.support.serving import serving
from tests.support.whole_centre import SHARED, shared_centre

pytestmark = SHARED
TONES = {"type_card": 1013.0, "type_pin": 1213.0, "not_verified": 1511.0, "verified": 1709.0}
KEYS = (697.0, 770.0, 852.0, 941.0, 1209.0, 1336.0, 1477.0)
"""Hz of which the tones of a keypad are made."""
SOON = 20.0
CARD = "62000002"
centre = shared_centre(tones=TONES)


async def hears(caller: BaresipPhone, prompt: str) -> None:
    assert await caller.hears(TONES[prompt], deadline=SOON) >= MOSTLY


async def types(caller: BaresipPhone, card: str, pin: str) -> None:
    await hears(caller, "type_card")
    await caller.send_dtmf(f"{card}#")
    await hears(caller, "type_pin")
    await caller.send_dtmf(pin)


async def in_talk(agent: Seat, caller: BaresipPhone) -> str:
    await caller.dial("4000")
    contact_id = await agent.next_contact(SOON)
    await caller.hears(AGENT_TONE, SOON)
    await agent.told("recording.started", contact_id)
    return contact_id


async def comes_back(agent: Seat, contact_id: str, caller: BaresipPhone, state: str) -> None:
    """By itself, with that outcome; both hear each other again, and it is recorded."""
    await agent.until(lambda: agent.client.contacts[contact_id]["state"] == "active", "back", SOON)
    await agent.until(
        lambda: agent.client.contacts[contact_id]["recording"]["state"] == "recording", "recorded", SOON
    )
    view = agent.client.contacts[contact_id]
    assert view["identification"]["state"] == state
    assert view["customer"]["verified"] is (state == "verified")
    assert await caller.hears(AGENT_TONE, SOON) >= MOSTLY
    assert await agent.phone.hears(CUSTOMER_TONE, SOON) >= MOSTLY


def pins(centre: TestCentre) -> tuple[str, str]:
    """The right one and a wrong one."""
    path = centre.centre.plan.var / "secrets/customers.json"
    right: str = json.loads(path.read_text())[CARD]
    return right, f"{right[1:]}{(int(right[0]) + 1) % 10}" if right == right[::-1] else right[::-1]


@pytest.mark.parametrize("mode", ["persistent", "on_demand"])
async def test_card_and_pin_and_back_to_the_same_agent(centre: TestCentre, mode: Mode) -> None:
    right, wrong = pins(centre)
    async with seat(centre, "1001", mode) as agent, centre.customer("13811112222") as caller:
        contact_id = await in_talk(agent, caller)
        view = await agent.client.identify(contact_id)
        assert (view["state"], view["recording"]["state"]) == ("held", "paused")
        assert view["identification"]["asked"] == "card"
        await hears(caller, "type_card")
        await caller.send_dtmf(f"{CARD}#")
        await hears(caller, "type_pin")
        with pytest.raises(CtiRequestError) as refused:
            await agent.client.resume_recording(contact_id)
        assert refused.value.code == "identity_check_running"
        await caller.send_dtmf(wrong)
        await hears(caller, "not_verified")
        for hz in (*KEYS, CUSTOMER_TONE, TONES["type_card"]):
            await agent.phone.does_not_hear(hz, 0.2)
        await types(caller, CARD, right)
        await hears(caller, "verified")
        await comes_back(agent, contact_id, caller, "verified")
        view = agent.client.contacts[contact_id]
        assert view["customer"]["name"] == "沈桂英"
        assert view["ivr_path"][-2:] == ["identify", "verified"]

        # once more: taken back in the middle of the PIN; what is still typed reaches nobody
        await agent.client.identify(contact_id)
        await hears(caller, "type_card")
        await caller.send_dtmf(f"{CARD}#")
        await hears(caller, "type_pin")
        await caller.send_dtmf(right[:3])
        assert (await agent.client.retrieve(contact_id))["state"] == "active"
        assert agent.client.contacts[contact_id]["identification"]["state"] == "cancelled"
        assert await caller.hears(AGENT_TONE, SOON) >= MOSTLY
        assert await agent.phone.hears(CUSTOMER_TONE, SOON) >= MOSTLY
        await agent.client.hang_up(contact_id)
        await agent.wrap_up(contact_id)
    await centre.empty()
    await _recording_has_no_keys(centre, contact_id)
    for typed in (right, wrong):
        assert await kept(centre, typed) == []


async def _recording_has_no_keys(centre: TestCentre, contact_id: str) -> None:
    """Both sides: speech, silence while the customer was with the machine, speech; no tone of a keypad."""
    rows = await eventually(
        lambda: centre.rows("recordings", contact_id=contact_id), lambda found: len(found) == 1, "recorded"
    )
    contact = await centre.logged(contact_id, state="ended")
    talked = (contact["ended_at"] - contact["connected_at"]).total_seconds()
    assert abs(rows[0]["duration_s"] - talked) < 1.0, "the timeline is kept"
    path: Path = centre.centre.plan.var / "recordings" / rows[0]["path"]
    for side, hz in ((read_wav(path, 0), CUSTOMER_TONE), (read_wav(path, 1), AGENT_TONE)):
        step = side.rate // 20
        slices = [
            Sound(side.samples[at : at + step], side.rate) for at in range(0, len(side.samples) - step, step)
        ]
        loud = [at for at, one in enumerate(slices) if loudness(one) > -40]
        gaps = [after - before for before, after in pairwise(loud) if after - before > 20]
        assert len(gaps) == 2, gaps
        spoken = [slices[at] for at in loud]
        strange = [one for one in spoken if tone_share(one.samples, one.rate, hz) < 0.5]
        keyed = [one for one in strange if max(tone_share(one.samples, one.rate, key) for key in KEYS) > 0.3]
        assert keyed == []


async def test_the_server_killed_in_it(centre: TestCentre) -> None:
    """Back before the next key: it goes on. Not back: the dialplan brings the two together."""
    right, _ = pins(centre)
    async with seat(centre, "1001", "persistent") as agent, centre.customer("13811114444") as caller:
        contact_id = await in_talk(agent, caller)
        await agent.client.identify(contact_id)
        await hears(caller, "type_card")
        centre.kill_server()
        await serving(centre, SOON)
        await caller.send_dtmf(f"{CARD}#")
        await hears(caller, "type_pin")
        await caller.send_dtmf(right)
        await comes_back(agent, contact_id, caller, "verified")

        await agent.client.identify(contact_id)
        await hears(caller, "type_card")
        with centre.server_restart:
            centre.kill_server()
            await caller.send_dtmf(f"{CARD}#")
            await agent.phone.does_not_hear(
                CUSTOMER_TONE, 1.0
            )  # no tone of before is taken for the one of after
            assert await agent.phone.hears(CUSTOMER_TONE, 30) >= MOSTLY
            assert await caller.hears(AGENT_TONE, 30) >= MOSTLY
        await agent.until(
            lambda: (
                agent.client.contacts[contact_id]["state"] == "active"
                and agent.client.contacts[contact_id]["identification"]["state"] == "not_checked"
                and agent.client.contacts[contact_id]["recording"]["state"] == "recording"
            ),
            "together",
            SOON,
        )
        await agent.client.hang_up(contact_id)
        await agent.wrap_up(contact_id)
    await centre.empty()
