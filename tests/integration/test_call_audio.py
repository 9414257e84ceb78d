"""Mute, DTMF and the recording's pause on real phones: heard, not heard, and read from the recording."""

from itertools import pairwise

import pytest

from cti_server.client import CtiRequestError
from tests.support.audio import (
    AGENT_TONE,
    CUSTOMER_TONE,
    MOSTLY,
    RECORDED,
    Sound,
    loudness,
    read_wav,
    tone_share,
)
from tests.support.centre import TestCentre, eventually
from tests.support.seats import SHARED_IN_EACH_MODE, Mode, seat
from tests.support.whole_centre import shared_centre

pytestmark = SHARED_IN_EACH_MODE
centre = shared_centre()


async def test_muted_nobody_hears_the_agent(centre: TestCentre, mode: Mode) -> None:
    async with seat(centre, "1001", mode) as agent, centre.customer() as customer:
        await customer.dial("4000")
        contact_id = await agent.next_contact()
        await customer.hears(AGENT_TONE)
        view = await agent.client.mute(contact_id)
        assert [leg["muted"] for leg in view["legs"]] == [False, True]
        await customer.stops_hearing(AGENT_TONE)
        await customer.does_not_hear(AGENT_TONE, 0.8)
        assert await agent.phone.hears(CUSTOMER_TONE) >= MOSTLY
        await agent.client.hold(contact_id)
        await customer.hears_music()
        await agent.client.retrieve(contact_id)
        await agent.phone.hears(CUSTOMER_TONE)
        await customer.does_not_hear(AGENT_TONE, 0.8)
        await agent.client.unmute(contact_id)
        assert await customer.hears(AGENT_TONE) >= MOSTLY
        await agent.client.mute(contact_id)
        await agent.client.hang_up(contact_id)
        await agent.wrap_up(contact_id)
        await customer.event("CALL_CLOSED")
        await customer.dial("4000")
        await agent.next_contact()
        assert await customer.hears(AGENT_TONE) >= MOSTLY


async def test_keys_reach_the_customers_phone_in_order(centre: TestCentre, mode: Mode) -> None:
    async with seat(centre, "1001", mode) as agent, centre.customer() as customer:
        await customer.dial("4000")
        contact_id = await agent.next_contact()
        await customer.hears(AGENT_TONE)
        await agent.client.send_dtmf(contact_id, "4711#*0D")
        assert [(await customer.event("CALL_DTMF_START")).detail for _ in "4711#*0D"] == list("4711#*0D")
        with pytest.raises(CtiRequestError) as refused:
            await agent.client.send_dtmf(contact_id, "12x")
        assert refused.value.code == "invalid_params"
        assert await customer.hears(AGENT_TONE) >= MOSTLY
        assert "4711#" not in str(await centre.rows("contact_events", contact_id=contact_id))
    for name in ("server", "redis"):
        log = centre.centre.plan.log(name)
        assert "4711#" not in (log.read_text(errors="replace") if log.exists() else "")


async def test_a_paused_recording_keeps_its_timeline(centre: TestCentre, mode: Mode) -> None:
    async with seat(centre, "1001", mode) as agent, centre.customer() as customer:
        await customer.dial("4000")
        contact_id = await agent.next_contact()
        await customer.hears(AGENT_TONE)
        await agent.told("recording.started", contact_id)
        paused = await agent.client.pause_recording(contact_id)
        assert paused["recording"] == {"state": "paused"}
        await agent.told("recording.paused", contact_id)
        await customer.does_not_hear(1234, 1.6)  # two sides talk meanwhile
        assert await agent.phone.hears(CUSTOMER_TONE) >= MOSTLY
        await agent.client.resume_recording(contact_id)
        await agent.told("recording.resumed", contact_id)
        await customer.does_not_hear(1234, 1.0)
        await agent.client.hang_up(contact_id)
        await agent.wrap_up(contact_id)
    rows = await eventually(
        lambda: centre.rows("recordings", contact_id=contact_id), lambda found: len(found) == 1, "recorded"
    )
    contact = await centre.logged(contact_id, state="ended")
    talked = (contact["ended_at"] - contact["connected_at"]).total_seconds()
    assert abs(rows[0]["duration_s"] - talked) < 0.5, "the timeline is kept"
    path = centre.centre.plan.var / "recordings" / rows[0]["path"]
    for side, hz in ((read_wav(path, 0), CUSTOMER_TONE), (read_wav(path, 1), AGENT_TONE)):
        silent = _silent(side)
        assert 1.5 < max(silent) < 3.0, silent
        spoken = side.samples[-side.rate // 2 :]
        assert tone_share(spoken, side.rate, hz) > RECORDED


def _silent(side: Sound) -> list[float]:
    """Lengths in seconds of stretches without sound, by slices of 50 ms."""
    step = side.rate // 20
    loud = [
        place
        for place in range(0, len(side.samples) - step, step)
        if loudness(Sound(side.samples[place : place + step], side.rate)) > -40
    ]
    return [(after - before) / side.rate for before, after in pairwise(loud)]
