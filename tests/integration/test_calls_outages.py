"""Redis, the database or Asterisk is away in the middle of a call: said by its code, and made good later."""

import asyncio
import contextlib
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from cti_server.client import AgentClient, CtiRequestError
from tests.support.audio import COLLEAGUE_TONE
from tests.support.centre import TestCentre, eventually
from tests.support.databases import PostgresServer
from tests.support.phones import BaresipPhone
from tests.support.seats import MODES, Mode, Seat, seat
from tests.support.whole_centre import SHARED, shared_centre, whole_centre

pytestmark = SHARED
both_modes = pytest.mark.parametrize("mode", MODES)
centre = shared_centre()


@contextmanager
def refused(code: str, *, retryable: bool = True) -> Iterator[None]:
    with pytest.raises(CtiRequestError) as refusal:
        yield
    assert (refusal.value.code, refusal.value.retryable) == (code, retryable)


async def hear_each_other(customer: BaresipPhone, agent: Seat) -> None:
    await customer.hears(agent.phone.tone_hz)
    await agent.phone.hears(customer.tone_hz)


async def ready(centre: TestCentre, *dependencies: str, are: bool = True) -> None:
    """Wait until `/health/ready` says so of these dependencies."""

    async def look() -> dict[str, bool]:
        health = await centre.health()
        return {d["name"]: d["ready"] for d in health["dependencies"]}

    await eventually(
        look, lambda seen: all(seen[d] is are for d in dependencies), f"{dependencies} {are}", 20
    )


# --- Redis ------------------------------------------------------------------------------------------------


async def test_redis_away_in_the_middle_of_a_call(centre: TestCentre) -> None:
    async with (
        seat(centre, "1001") as agent,
        seat(centre, "1002", tone_hz=COLLEAGUE_TONE) as colleague,
        centre.customer("13800000001") as customer,
        centre.customer("13800000002") as newcomer,
    ):
        await customer.dial("4000")
        contact_id = await agent.next_contact()
        with centre.redis_restart:
            since = time.time()
            centre.kill_redis()
            await ready(centre, "redis", are=False)
            with refused("journal_unavailable"):
                await agent.client.hold(contact_id)
            with refused("journal_unavailable"):
                await colleague.client.not_ready("break")
            assert (await agent.client.ping())["seq"] == agent.history[-1].seq  # the socket is usable
            await hear_each_other(customer, agent)
            await newcomer.dial("4000")  # no journal, no routing: the dialplan serves
            rescued = (await centre.reaches("CTI_UNSERVED", since))[0]["uniqueid"]
            await newcomer.hears(colleague.phone.tone_hz, 20)
        await ready(centre, "redis", "leader", "pbx")
        assert (await colleague.told("contact.connected", rescued)).contact["state"] == "active"
        await agent.client.hold(contact_id)
        await customer.hears_music()
        await agent.client.retrieve(contact_id)
        await hear_each_other(customer, agent)
        for it, contact in ((agent, contact_id), (colleague, rescued)):
            await it.client.hang_up(contact)
            await it.wrap_up(contact)
            await centre.logged(contact, state="ended", end_reason="agent_hung_up", agent_id=it.agent_id)
            assert not it.client.ledger.gaps
            assert not it.client.ledger.doubles
    await centre.empty()


# --- the database -----------------------------------------------------------------------------------------


async def test_database_locked_during_a_whole_call(centre: TestCentre) -> None:
    """An operator's program holds SQLite's write lock."""
    async with seat(centre, "1001") as agent, centre.customer() as customer:
        with _locked(centre):
            await customer.dial("4000")
            contact_id = await agent.next_contact()
            await hear_each_other(customer, agent)
            await ready(centre, "database", are=False)
            required = {d["name"]: d["required"] for d in (await centre.health())["dependencies"]}
            assert not required["database"]  # calls need none: the server counts as ready
            await agent.client.hang_up(contact_id)
            await agent.wrap_up(contact_id)
            assert await centre.figure("cti_records_waiting_for_database") > 0
            assert await centre.rows("contacts", contact_id=contact_id) == []
        await _whole_story(centre, contact_id)
        await ready(centre, "database")


@contextmanager
def _locked(centre: TestCentre) -> Iterator[None]:
    connection = sqlite3.connect(centre.database_url.removeprefix("sqlite:///"), isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        connection.rollback()
        connection.close()


async def _whole_story(centre: TestCentre, contact_id: str) -> None:
    await centre.logged(contact_id, 20, state="ended", disposition="done", end_reason="agent_hung_up")
    told = [
        event["kind"].removeprefix("contact.")
        for event in await centre.rows("contact_events", contact_id=contact_id)
        if event["kind"].startswith("contact.")
    ]
    assert told == ["arrived", "queued", "offered", "connected", "ended", "wrapped_up"]
    recorded = await eventually(
        lambda: centre.rows("recordings", contact_id=contact_id), bool, "the recording is known", 20
    )
    assert recorded[0]["state"] == "stored"


# --- Asterisk ---------------------------------------------------------------------------------------------


@both_modes
async def test_asterisk_killed_in_the_middle_of_calls(centre: TestCentre, mode: Mode) -> None:
    """Its calls are lost and end in the books; nobody is stuck, and the next call is served."""
    async with (
        seat(centre, "1001", mode) as talker,
        seat(centre, "1002", mode, tone_hz=COLLEAGUE_TONE) as holder,
        centre.customer("13800000001") as first,
        centre.customer("13800000002") as second,
        centre.customer("13800000003") as waiting,
    ):
        talking, held = await _two_conversations(talker, holder, first, second)
        await holder.client.hold(held)
        await waiting.dial("4000")
        await waiting.hears_music()
        with centre.asterisk_restart:
            centre.kill_asterisk()
            await ready(centre, "pbx", are=False)
            gone = (await talker.told("system.status")).params["system"]
            assert [node["in_reach"] for node in gone["nodes"]] == [False]
            assert talker.client.system == gone
            async with AgentClient(
                centre.http, centre.ws, "1003", centre.person("1003")["password"]
            ) as newcomer:
                assert newcomer.system == gone
            with refused("pbx_unavailable"):
                await talker.client.hang_up(talking)
            with refused("pbx_unavailable"):
                await holder.client.retrieve(held)
            await talker.client.set_data(talking, note="cut off")  # what needs no PBX goes on
        await ready(centre, "pbx")
        there = (await talker.told("system.status")).params["system"]
        assert [node["in_reach"] for node in there["nodes"]] == [True]
        for it, contact in ((talker, talking), (holder, held)):
            ended = (await it.told("contact.ended", contact)).contact
            assert (ended["state"], ended["end_reason"]) == ("wrap_up", "gone_unseen")
            await it.wrap_up(contact)
            await _is_free(it)
        lost = await eventually(
            lambda: centre.rows("contacts", customer_number="13800000003"),
            lambda rows: bool(rows) and rows[-1]["state"] == "ended",
            "the waiting caller's end is known",
        )
        assert lost[-1]["end_reason"] == "abandoned"
        assert await centre.figure("cti_contacts") == 0
    await _next_call_is_served(centre, mode)


@both_modes
async def test_manager_link_cut_while_a_consultation_is_completed(centre: TestCentre, mode: Mode) -> None:
    """Done or not done, and told which: never half of it."""
    async with (
        seat(centre, "1001", mode) as agent,
        seat(centre, "1002", mode, tone_hz=COLLEAGUE_TONE, state="not_ready") as colleague,
        centre.customer() as customer,
    ):
        await customer.dial("4000")
        contact_id = await agent.next_contact()
        await colleague.client.ready()
        asked = asyncio.create_task(agent.client.consult(contact_id, agent_id="1002"))
        await colleague.told("contact.offered", contact_id)
        await colleague.accept(contact_id)
        await asked
        await agent.told("contact.consult_connected", contact_id)
        cutting = asyncio.create_task(centre.cut_manager(await centre.manager_session()))
        with contextlib.suppress(CtiRequestError):
            await agent.client.complete_transfer(contact_id)
        await cutting
        await centre.serving()
        if agent.client.contacts[contact_id]["state"] == "consulting":
            await agent.client.complete_transfer(contact_id)
        await customer.hears(COLLEAGUE_TONE)
        await colleague.phone.hears(customer.tone_hz)
        await agent.wrap_up(contact_id)
        await colleague.until(
            lambda: colleague.client.contacts[contact_id]["state"] == "active", "alone with it"
        )
        await colleague.client.hang_up(contact_id)
        await colleague.wrap_up(contact_id)
        await centre.logged(contact_id, state="ended", agent_id="1002")
        for it in (agent, colleague):
            assert not it.client.ledger.gaps
            assert not it.client.ledger.doubles
    await centre.empty()


async def _is_free(it: Seat) -> None:
    """Not stuck: not ready while the phone is lost (a registered one may be back already), and obeying."""
    view = await it.until(lambda: it.view["state"] in ("ready", "not_ready"), "free")
    assert (view["state"], view["reason"]) in (("ready", ""), ("not_ready", "station_lost"))
    if it.mode == "persistent":
        assert view["state"] == "not_ready"
    await it.client.not_ready("break")


async def _two_conversations(
    one: Seat, other: Seat, first: BaresipPhone, second: BaresipPhone
) -> tuple[str, str]:
    await first.dial("4000")
    longest_idle = await one.next_contact()
    await second.dial("4000")
    return longest_idle, await other.next_contact()


async def _next_call_is_served(centre: TestCentre, mode: Mode) -> None:
    async with seat(centre, "1003", mode) as agent, centre.customer() as customer:
        await customer.dial("4000")
        await agent.next_contact()
        await hear_each_other(customer, agent)


# --- PostgreSQL -------------------------------------------------------------------------------------------


@pytest.mark.asyncio(loop_scope="module")
async def test_on_postgresql_and_without_it(
    own_postgres: PostgresServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = await asyncio.to_thread(own_postgres.create, "cti")
    monkeypatch.setenv("CTI_DATABASE_URL", url)
    async with whole_centre(tmp_path) as centre:
        assert centre.database_url == url
        async with seat(centre, "1001") as agent, centre.customer() as customer:
            await customer.dial("4000")
            with_it = await agent.next_contact()
            await hear_each_other(customer, agent)
            await agent.client.hang_up(with_it)
            await agent.wrap_up(with_it)
            await _whole_story(centre, with_it)
            token = await _access_token(centre, "1001")
            await asyncio.to_thread(own_postgres.stop)
            await customer.dial("4000")
            without_it = await agent.next_contact()
            await hear_each_other(customer, agent)
            await agent.client.hang_up(without_it)
            await agent.wrap_up(without_it)
            assert await _log_says(centre, token) == "database_unavailable"
            await asyncio.to_thread(own_postgres.start)
            await _whole_story(centre, without_it)


async def _access_token(centre: TestCentre, agent_id: str) -> str:
    person = {"agent_id": agent_id, "password": centre.person(agent_id)["password"]}
    async with httpx.AsyncClient(base_url=centre.http) as client:
        return str((await client.post("/api/v1/auth/token", json=person)).json()["access_token"])


async def _log_says(centre: TestCentre, token: str) -> str:
    """The code with which the interaction log is refused."""
    async with httpx.AsyncClient(base_url=centre.http, timeout=15) as client:
        answer = await client.get("/api/v1/contacts", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 503
    return str(answer.json()["code"])
