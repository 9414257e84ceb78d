"""A message left on the real Asterisk while the server is dead; found, heard and worked off afterwards."""

import io
import wave
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import numpy as np

from tests.support.audio import CUSTOMER_TONE, MOSTLY, RECORDED, tone_share
from tests.support.centre import Row, TestCentre, eventually
from tests.support.figures import figures_agree
from tests.support.serving import serving
from tests.support.whole_centre import SHARED, shared_centre

pytestmark = SHARED
SPEAK, KEPT, NOT_KEPT = 1511.0, 1709.0, 1907.0
TONES = {"leave_message": SPEAK, "message_kept": KEPT, "message_not_kept": NOT_KEPT}
POLICIES: dict[str, Row] = {
    "general": {"overflow_to": "voicemail", "overflow_after": 2.0},
    "credit_card": {"overflow_to": "voicemail", "hours": [{"weekday": 1, "opens": 0, "closes": 0}]},
}
SOON = 25.0
centre = shared_centre(policies=POLICIES, tones=TONES)


@asynccontextmanager
async def asking(centre: TestCentre, who: str) -> AsyncIterator[httpx.AsyncClient]:
    """A client that speaks for that person."""
    credentials = {"agent_id": who, "password": centre.person(who)["password"]}
    async with httpx.AsyncClient(base_url=f"{centre.http}/api/v1", timeout=10) as client:
        token = (await client.post("/auth/token", json=credentials)).json()["access_token"]
        client.headers["Authorization"] = f"Bearer {token}"
        yield client


async def test_left_while_no_server_lived_and_worked_off(centre: TestCentre) -> None:
    before = _spooled(centre)
    async with centre.customer() as caller:
        await caller.dial("4000")
        assert await caller.hears(SPEAK, deadline=SOON) >= MOSTLY
        with centre.server_restart:
            centre.kill_server()
            await _speaks(centre, before)
            await caller.send_dtmf("#")
            assert await caller.hears(KEPT, deadline=SOON) >= MOSTLY
            await caller.event("CALL_CLOSED", SOON)
    await serving(centre, SOON)
    contact_id = (await _messages(centre, 1))[0]["contact_id"]
    await centre.logged(contact_id, SOON, state="ended", end_reason="voicemail")
    async with asking(centre, "2001") as leader, asking(centre, "1001") as agent:
        (told,) = (await leader.get("/voicemails?state=new")).json()["voicemails"]
        assert (told["contact_id"], told["customer_number"]) == (contact_id, "138****8000")
        heard = await eventually(
            lambda: agent.get(f"/voicemails/{contact_id}/audio"), lambda a: a.status_code == 200, "heard", 90
        )
        with wave.open(io.BytesIO(heard.content)) as sound:
            rate, both = sound.getframerate(), np.frombuffer(sound.readframes(-1), dtype="<i2")
        assert tone_share(both[::2][: rate // 2].astype(np.float64), rate, CUSTOMER_TONE) > RECORDED
        claimed = await agent.post(f"/voicemails/{contact_id}/claim")
        assert (claimed.json()["state"], claimed.json()["agent_id"]) == ("assigned", "1001")
        done = await agent.post(f"/voicemails/{contact_id}/handled", json={"note": "called back"})
        assert (done.json()["state"], done.json()["note"]) == ("handled", "called back")
        again = await leader.post(f"/voicemails/{contact_id}/assign", json={"agent_id": "1002"})
        assert (again.status_code, again.json()["code"]) == (409, "voicemail_taken")
    await centre.story(contact_id, "voicemail.handled")
    kinds = [row["kind"] for row in await centre.rows("contact_events", contact_id=contact_id)]
    assert kinds[-3:] == ["voicemail.heard", "voicemail.assigned", "voicemail.handled"]
    await centre.empty()


def _spooled(centre: TestCentre) -> set[Path]:
    return set(centre.centre.rendered.recording_dir.glob("*.raw"))


async def _speaks(centre: TestCentre, before: set[Path]) -> None:
    """Return once the PBX has written some seconds of a message that was not there before."""

    async def look() -> int:
        return sum(path.stat().st_size for path in _spooled(centre) - before)

    await eventually(look, lambda size: size > 2 * 2 * 8000 * 2, "two seconds written", SOON)


async def _messages(centre: TestCentre, count: int) -> list[dict[str, str]]:
    return await eventually(
        lambda: centre.rows("voicemails"), lambda rows: len(rows) == count, f"{count} messages", SOON
    )


async def test_what_cannot_be_written_is_said_and_the_call_noted(centre: TestCentre) -> None:
    """A folder stands where the recording belongs, so that the PBX cannot write it."""
    async with centre.customer("13800000006") as caller:
        await caller.dial("4000")
        (channel,) = await eventually(centre.channels, bool, "on the line")
        spooled = centre.centre.rendered.recording_dir / f"{channel.rsplit('!', 1)[1]}.raw"
        spooled.mkdir()
        assert await caller.hears(SPEAK, deadline=SOON) >= MOSTLY
        await caller.does_not_hear(KEPT, for_seconds=5)  # it speaks meanwhile
        await caller.send_dtmf("#")
        assert await caller.hears(NOT_KEPT, deadline=SOON) >= MOSTLY
        await caller.event("CALL_CLOSED", SOON)
    spooled.rmdir()
    messages = await _messages(centre, 2)
    assert messages[-1]["customer_number"] == "13800000006"
    await centre.empty()


async def test_after_hours_and_not_for_who_says_nothing(centre: TestCentre) -> None:
    async with centre.customer("13800000007") as caller:
        await caller.dial("4001")
        assert await caller.hears(SPEAK, deadline=SOON) >= MOSTLY
        await caller.hang_up()
    await centre.empty()
    before = _spooled(centre)
    async with centre.customer("13800000008") as caller:
        await caller.dial("4001")
        await caller.hears(SPEAK, deadline=SOON)
        await _speaks(centre, before)
        await caller.hang_up()
    messages = await _messages(centre, 3)
    new = next(row for row in messages if row["customer_number"] == "13800000008")
    assert (new["group_id"], new["state"]) == ("credit_card", "new")
    async with asking(centre, "2001") as stranger:
        refused = await stranger.get(f"/voicemails/{new['contact_id']}/audio")
        assert (refused.status_code, refused.json()["code"]) == (403, "voicemail_of_another_group")
    await centre.empty()
    await figures_agree(centre, tolerance=6.0)  # one left while nobody looked: its end was seen late
