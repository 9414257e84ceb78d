"""The menu on the real Asterisk: keys as RFC 4733 events, a PIN that nothing keeps, servers that die."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from tests.support.audio import AGENT_TONE, COLLEAGUE_TONE, MOSTLY
from tests.support.centre import Row, TestCentre, eventually
from tests.support.phones import BaresipPhone
from tests.support.seats import seat
from tests.support.serving import serving
from tests.support.whole_centre import SHARED, SORRY_TONE, shared_centre

pytestmark = SHARED
TONES = {
    "choose_zh_1": 613.0,
    "for_general": 797.0,
    "type_card": 1013.0,
    "type_pin": 1213.0,
    "not_verified": 1511.0,
    "verified": 1709.0,
    "wrong_key": 1907.0,
    "connecting": 2213.0,
}
SOON = 20.0
CARD, CUSTOMER = "62000002", "13900000002"
centre = shared_centre(tones=TONES)


async def hears(caller: BaresipPhone, prompt: str) -> None:
    assert await caller.hears(TONES[prompt], deadline=SOON) >= MOSTLY


async def at_the_menu(caller: BaresipPhone) -> None:
    """Call the number with the menu, choose Chinese; hears the menu."""
    await caller.dial("4005")
    await hears(caller, "choose_zh_1")
    await caller.send_dtmf("1")
    await hears(caller, "for_general")


async def in_state(centre: TestCentre, state: str) -> Row:
    """The newest contact's row once it has that state."""
    rows = await eventually(
        lambda: centre.rows("contacts"), lambda rows: bool(rows) and rows[-1]["state"] == state, state, SOON
    )
    return rows[-1]


async def test_by_menu_card_and_pin_to_an_agent_who_sees_all_but_the_pin(centre: TestCentre) -> None:
    pins: dict[str, str] = json.loads(clear_pins(centre).read_text())
    right = pins[CARD]
    wrong = right[::-1] if right != right[::-1] else f"{right[1:]}{(int(right[0]) + 1) % 10}"
    async with (
        seat(centre, "1013", "persistent", tone_hz=COLLEAGUE_TONE) as agent,  # credit cards only
        centre.customer("13811112222") as caller,
    ):
        await at_the_menu(caller)
        await caller.send_dtmf("2")
        await hears(caller, "type_card")
        await caller.send_dtmf(f"{CARD}#")
        await hears(caller, "type_pin")
        await caller.send_dtmf(wrong)
        await hears(caller, "not_verified")
        await hears(caller, "type_card")
        await caller.send_dtmf(f"{CARD}#")
        await hears(caller, "type_pin")
        await caller.send_dtmf(right)
        await hears(caller, "verified")
        contact_id = await agent.offered(SOON)
        view = agent.client.contacts[contact_id]
        assert view["ivr_path"] == ["4005", "language:zh", "main:2", "verified"]
        assert view["customer"] == {
            "number": "138****2222",
            "name": "沈桂英",
            "tier": "",
            "elder": True,
            "verified": True,
        }
        assert (view["queue"], view["service_number"]) == ("credit_card", "4005")
        await agent.accept(contact_id)
        await caller.hears(COLLEAGUE_TONE)
        await agent.client.hang_up(contact_id)
        await agent.wrap_up(contact_id)
    await centre.logged(contact_id, state="ended")
    await centre.empty()
    for typed in (right, wrong):
        assert await kept(centre, typed) == []


def clear_pins(centre: TestCentre) -> Path:
    """Where the demo itself keeps its customers' PINs for whoever tries it."""
    return centre.centre.plan.var / "secrets/customers.json"


async def kept(centre: TestCentre, pin: str) -> list[str]:
    """Every file and Redis key of the centre's that has these digits, not as a part of a longer number."""
    found = re.compile(rb"(?<![0-9.])" + pin.encode() + rb"(?![0-9])")
    folders = (centre.centre.plan.var, centre.centre.rendered.home)
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    assert {"cel.csv", "centre.db", "messages.log"} <= {path.name for path in files}
    kept = [str(path) for path in files if path != clear_pins(centre) and found.search(_content(path))]
    redis = Redis.from_url(centre.centre.plan.redis_url)
    try:
        keys = [key async for key in redis.scan_iter()]
        assert b"stream" in [await redis.type(key) for key in keys]
        kept += [key.decode() for key in keys if found.search(await _value(redis, key))]
    finally:
        await redis.aclose()
    return kept


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:  # a database's own journal comes and goes
        return b""


async def _value(redis: Redis, key: bytes) -> bytes:
    if await redis.type(key) == b"stream":
        entries: Any = await redis.xrange(key)
        return b"\n".join(value for _, fields in entries for value in fields.values())
    return (await redis.dump(key)) or b""


async def test_wrong_keys_lead_to_a_person_and_key_zero_at_once(centre: TestCentre) -> None:
    async with centre.customer() as caller:
        await caller.dial("4005")
        for _ in range(2):
            await hears(caller, "choose_zh_1")
            await caller.send_dtmf("7")
            await hears(caller, "wrong_key")
        await caller.send_dtmf("9")
        await hears(caller, "connecting")
        await caller.hears_music(SOON)
        row = await in_state(centre, "queued")
        assert row["group_id"] == "general"
        await caller.hang_up()
    await centre.logged(row["contact_id"], state="ended", end_reason="abandoned")
    async with seat(centre, "1001", "persistent") as agent, centre.customer() as caller:
        await at_the_menu(caller)
        await caller.send_dtmf("0")
        contact_id = await agent.next_contact(SOON)
        assert agent.client.contacts[contact_id]["ivr_path"] == ["4005", "language:zh", "main:0"]
        await caller.hears(AGENT_TONE)
    await centre.empty()


async def test_an_elderly_customer_meets_no_menu(centre: TestCentre) -> None:
    async with centre.customer(CUSTOMER) as caller:
        await caller.dial("4005")
        await caller.hears_music(SOON)
        row = await in_state(centre, "queued")
        assert row["group_id"] == "elder"
    await centre.empty()


async def test_killed_in_the_menu_the_server_goes_on_where_it_was(centre: TestCentre) -> None:
    async with seat(centre, "1001", "persistent") as agent, centre.customer() as caller:
        await at_the_menu(caller)
        centre.kill_server()
        await serving(centre, SOON)
        await caller.send_dtmf("1")
        contact_id = await agent.next_contact(SOON)
        path = agent.client.contacts[contact_id]["ivr_path"]
        assert path == ["4005", "language:zh", "main:1"]
        await caller.hears(AGENT_TONE)
        await agent.client.hang_up(contact_id)
        await agent.wrap_up(contact_id)
    await centre.empty()


@pytest.mark.parametrize("fault", ["dead", "frozen"])
async def test_with_no_server_the_caller_goes_from_the_menu_to_a_person(
    centre: TestCentre, fault: str
) -> None:
    async with seat(centre, "1001", "on_demand") as agent, centre.customer() as caller:
        await at_the_menu(caller)
        with centre.server_restart if fault == "dead" else centre.server_frozen():
            if fault == "dead":
                centre.kill_server()
            await caller.send_dtmf("2")
            await caller.hears(SORRY_TONE, deadline=SOON)
            await caller.hears(AGENT_TONE, deadline=SOON)
        await agent.until(lambda: bool(agent.client.contacts), "its own", SOON)
        (contact,) = agent.client.contacts.values()
        assert contact["ivr_path"] == ["4005", "language:zh", "unserved"]
    await centre.empty()
