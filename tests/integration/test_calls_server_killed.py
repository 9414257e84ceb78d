"""The server is killed or frozen in the middle of calls: nobody is cut off, nothing is lost or told twice."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
import pytest_asyncio

from cti_server.asterisk import cel_files
from cti_server.client import CtiRequestError
from tests.support.audio import COLLEAGUE_TONE, CUSTOMER_TONE, LEADER_TONE
from tests.support.callers import SippCallers
from tests.support.centre import Row, TestCentre, eventually
from tests.support.figures import figures_agree
from tests.support.phones import BaresipPhone
from tests.support.seats import Seat, crew, seat, work_off
from tests.support.story import Story, cel_calls
from tests.support.whole_centre import SORRY_TONE, whole_centre

pytestmark = [pytest.mark.asterisk, pytest.mark.asyncio(loop_scope="module")]
CALLS = 30
AGENTS = [str(number) for number in range(1001, 1008)]
RESCUED = 5.0
"""Seconds in which every waiting caller has to be at the fallback."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def centre(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[TestCentre]:
    """Its logs are put aside whenever a server begins to lead, and more often."""
    settings = {"log_rotate_bytes": 1024}
    async with whole_centre(tmp_path_factory.mktemp("centre"), settings=settings) as running:
        yield running
        rendered = running.centre.rendered
        assert len(cel_files.set_aside(rendered.cel_file)) >= 3


async def back(seats: list[Seat], resumes: int = 1) -> list[float]:
    """Wait until all programs have resumed; seconds each took, in order."""
    began = time.monotonic()

    async def resumed(it: Seat) -> float:
        async def look() -> tuple[int, int]:
            return it.client.ledger.resumes, len(it.client.ledger.snapshots)

        await eventually(look, lambda times: sum(times) > resumes, f"{it.agent_id} back", 20)
        return time.monotonic() - began

    return sorted(await asyncio.gather(*(resumed(it) for it in seats)))


async def test_killed_in_the_middle_of_thirty_calls(centre: TestCentre) -> None:
    story = await Story.begin(centre)
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        seats = await enter(crew(centre, AGENTS[:4], "persistent"))
        seats += await enter(crew(centre, AGENTS[4:], "on_demand"))
        callers = await enter(SippCallers(centre.sip, "4000", calls=CALLS, rate=20, talk_ms=None))
        await callers.all_answered()
        connected = await asyncio.gather(*(it.next_contact() for it in seats))
        await seats[0].client.hold(connected[0])
        seats.append(await enter(seat(centre, "1008", answermode="manual")))
        offered = await seats[-1].offered()
        await seats[-1].phone.event("CALL_INCOMING")
        before = [(it.view["state"], it.view["contact_ids"]) for it in seats]
        assert [state for state, _ in before] == ["talking"] * len(connected) + ["reserved"]

        centre.kill_server()
        took = await back(seats)
        print(f"back after kill -9: {took[0]:.2f} to {took[-1]:.2f} s")
        assert [(it.view["state"], it.view["contact_ids"]) for it in seats] == before
        stats = callers.stats()
        assert (stats.current, stats.failed, stats.ended_by_centre) == (CALLS, 0, 0)

        cel_files.put_aside(centre.centre.rendered.cel_file, time.time())  # if the new server has not
        await _retrieved(seats[0], connected[0])
        accepting = asyncio.create_task(seats[-1].client.accept(offered))
        await seats[-1].phone.accept()
        await accepting
        for it, contact_id in zip(seats, [*connected, offered], strict=True):
            await it.client.hang_up(contact_id)
            await it.wrap_up(contact_id, "ready" if it is not seats[-1] else "not_ready")
        served = [offered, *connected, *await work_off(seats[:-1], CALLS - len(seats))]
        stats = await callers.finished()
        assert (stats.answered, stats.failed, stats.ended_by_centre) == (CALLS, 0, CALLS)
        await centre.empty(stations=4)
        await _all_tell_the_same(centre, story, seats, served)


async def _retrieved(it: Seat, contact_id: str) -> None:
    """Three seconds without a server bring the customer back by itself: perhaps it is there already."""
    try:
        await it.client.retrieve(contact_id)
    except CtiRequestError as refused:
        if refused.code != "action_not_allowed":
            raise


async def _all_tell_the_same(centre: TestCentre, story: Story, seats: list[Seat], served: list[str]) -> None:
    await story.go_on()
    story.assert_programs_agree(seats)
    story.assert_nothing_left()
    await story.assert_database_agrees()
    await figures_agree(centre)
    calls = cel_calls(centre)
    assert len(served) == len(set(served)) == len(calls)
    for contact_id in served:
        row = await centre.logged(contact_id, state="ended", end_reason="agent_hung_up", recovered=False)
        assert calls[contact_id].stations == [row["agent_id"]]


async def test_command_under_way_is_answered_by_the_next_server(centre: TestCentre) -> None:
    async with seat(centre, "1001", "persistent", answermode="manual", state="signed_out") as agent:
        signing_in = asyncio.create_task(agent.sign_in())
        await agent.phone.event("CALL_INCOMING", 20)
        centre.kill_server()
        await back([agent])
        assert not signing_in.done()
        await agent.phone.accept()
        await signing_in
        await agent.in_state("not_ready")
        assert agent.phone.happened("CALL_INCOMING") == 1
        await agent.client.sign_out()
    await centre.empty()


async def test_calls_that_came_and_went_while_no_server_lived(centre: TestCentre) -> None:
    async with (
        seat(centre, "1001", state="not_ready") as agent,
        centre.customer("13800000001") as served,
        centre.customer("13800000002") as impatient,
    ):
        with centre.server_restart:
            killed_at = time.time()
            centre.kill_server()
            await served.dial("4000")  # the AGI port refuses, and no beat is missed yet
            entered = (await centre.reaches("CTI_UNSERVED", killed_at))[0]
            assert float(entered["eventtime"]) - killed_at < 2
            await served.hears(SORRY_TONE)
            await served.hears(agent.phone.tone_hz, 20)
            await agent.phone.hears(served.tone_hz)
            assert cel_files.put_aside(centre.centre.rendered.cel_file, time.time())
            await impatient.dial("4000")
            lost = (await centre.reaches("CTI_UNSERVED", killed_at, 2))[1]
            await impatient.hears(SORRY_TONE)
            await impatient.hang_up()
            await served.hang_up()
            await _ended(centre, entered, lost)
            assert await centre.rows("contacts", contact_id=entered["uniqueid"]) == []
        await back([agent])
        row = await centre.logged(entered["uniqueid"], state="ended", recovered=True, agent_id="1001")
        assert (row["end_reason"], row["customer_number"]) == ("answered_unserved", "13800000001")
        cel = cel_calls(centre)[entered["uniqueid"]]
        assert cel.connected
        assert cel.ended
        assert row["arrived_at"].timestamp() == pytest.approx(cel.began, abs=0.01)
        assert row["connected_at"].timestamp() == pytest.approx(cel.connected, abs=0.5)
        assert row["ended_at"].timestamp() == pytest.approx(cel.ended, abs=0.01)
        row = await centre.logged(lost["uniqueid"], state="ended", recovered=True, agent_id=None)
        assert (row["end_reason"], row["customer_number"]) == ("abandoned", "13800000002")
        await figures_agree(centre, since=killed_at)
        assert agent.view["state"] == "not_ready"
        assert agent.client.ledger.intact


async def _ended(centre: TestCentre, *calls: Row) -> None:
    async def look() -> list[float | None]:
        return [cel_calls(centre)[call["uniqueid"]].ended for call in calls]

    await eventually(look, all, "both calls over in CEL")


async def test_conversation_outlives_the_server_and_its_end_is_seen_later(centre: TestCentre) -> None:
    """It began with a server and ended without one."""
    async with seat(centre, "1001") as agent, centre.customer() as customer:
        await customer.dial("4000")
        contact_id = await agent.next_contact()
        with centre.server_restart:
            centre.kill_server()
            await customer.hears(agent.phone.tone_hz)
            await agent.phone.hears(customer.tone_hz)
            await customer.hang_up()
            await agent.phone.event("CALL_CLOSED")
            queue = "cti-fallback-general"
            await centre.console(f"queue remove member Local/1001@cti-fallback-agent from {queue}")
            await centre.console(f"queue add member Local/1009@cti-fallback-agent to {queue}")
        await back([agent])
        await eventually(
            lambda: centre.console(f"queue show {queue}"),
            lambda lines: "Local/1001@" in "".join(lines) and "Local/1009@" not in "".join(lines),
            "who is signed in rings from the fallback queue, nobody else",
        )
        ended = (await agent.told("contact.ended", contact_id)).contact
        assert ended["state"] == "wrap_up"
        await agent.in_state("wrap_up")
        await agent.wrap_up(contact_id)
        await agent.in_state("ready")
        row = await centre.logged(contact_id, state="ended", agent_id="1001")
        cel = cel_calls(centre)[contact_id]
        assert cel.ended
        assert row["ended_at"].timestamp() == pytest.approx(cel.ended, abs=0.01)


async def test_a_phone_that_holds_without_a_server_is_seen_later(centre: TestCentre) -> None:
    async with seat(centre, "1001") as agent, centre.customer() as customer:
        await customer.dial("4000")
        contact_id = await agent.next_contact()
        await customer.hears(agent.phone.tone_hz)
        with centre.server_restart:
            centre.kill_server()
            await agent.phone.hold()
            await customer.hears_music()
        await back([agent])
        view = (await agent.told("contact.held", contact_id)).contact
        assert (view["state"], "contact.retrieve" in view["allowed_actions"]) == ("held", False)
        with centre.server_restart:
            centre.kill_server()
            await agent.phone.resume()
            await customer.hears(agent.phone.tone_hz)
        await back([agent])
        assert (await agent.told("contact.retrieved", contact_id)).contact["state"] == "active"
        await agent.client.hang_up(contact_id)
        await agent.wrap_up(contact_id)


async def _rings_in_the_fallback(centre: TestCentre, address: str) -> None:
    """Signing in is answered before Asterisk has added the phone."""

    async def look() -> list[str]:
        return await centre.console("queue show cti-fallback-general")

    await eventually(look, lambda lines: f"Local/{address}@" in "".join(lines), f"{address} a member")


async def test_frozen_server(centre: TestCentre) -> None:
    """Callers are rescued; thawed, the server adopts what happened and does nothing it meant to do before."""
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        talker = await enter(seat(centre, "1001"))
        ringing = await enter(seat(centre, "1002", tone_hz=COLLEAGUE_TONE, answermode="manual"))
        talking = await enter(centre.customer("13800000001"))
        await talking.dial("4000")
        conversation = await talker.next_contact()
        callers = await enter(
            SippCallers(centre.sip, "4000", calls=6, rate=20, talk_ms=None, tone_hz=CUSTOMER_TONE)
        )
        await callers.all_answered()
        offered = await ringing.offered()
        rescuer = await enter(seat(centre, "1003", tone_hz=LEADER_TONE, state="not_ready"))
        await _rings_in_the_fallback(centre, "1003")

        frozen_at = time.time()
        with centre.server_frozen():
            late = await enter(centre.customer("13800000002"))
            await late.dial("4000")  # its question is taken by a server that says nothing
            stale = asyncio.create_task(ringing.client.accept(offered))
            rescued = await centre.reaches("CTI_UNSERVED", frozen_at, 7)
            waits = sorted(float(row["eventtime"]) - frozen_at for row in rescued)
            print(f"at the fallback after {waits[0]:.2f} to {waits[-1]:.2f} s")
            assert waits[-1] < RESCUED
            await rescuer.phone.event("CALL_ESTABLISHED", 20)
            await rescuer.phone.hears(CUSTOMER_TONE)
            await talking.hears(talker.phone.tone_hz)  # all the time
        adopted = (await rescuer.told("contact.connected", deadline=20)).contact["contact_id"]
        await rescuer.in_state("talking")
        with pytest.raises(CtiRequestError):
            await stale
        await _nothing_stale_was_done(centre, talker, conversation, talking)
        stats = callers.stats()
        assert (stats.current, stats.failed, stats.ended_by_centre) == (6, 0, 0)
        await rescuer.client.hang_up(adopted)
        await rescuer.in_state("wrap_up")
        await rescuer.wrap_up(adopted, "ready")
        await _rest_is_served(centre, [rescuer], {adopted}, {row["uniqueid"] for row in rescued})


async def _nothing_stale_was_done(
    centre: TestCentre, talker: Seat, conversation: str, customer: BaresipPhone
) -> None:
    assert talker.view["state"] == "talking"
    await customer.hears(talker.phone.tone_hz)
    await talker.phone.hears(customer.tone_hz)
    assert talker.client.contacts[conversation]["state"] == "active"
    assert any(line["event"] == "leader.lost" for line in centre.server_log())


async def _rest_is_served(centre: TestCentre, seats: list[Seat], done: set[str], rescued: set[str]) -> None:
    """The callers in the fallback come back to the queue, and to an agent."""
    served = set(await work_off(seats, len(rescued - done)))
    assert served == rescued - done
    for contact_id in served:
        await centre.logged(contact_id, state="ended", end_reason="agent_hung_up")
