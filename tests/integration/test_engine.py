"""The engine on a real Redis: persist before publish, recovery, resume, dedupe, leadership and fencing."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from redis.asyncio import Redis

from cti_server.domain import signals as s
from cti_server.domain.effects import RingStation
from cti_server.engine import codec
from cti_server.engine.journal import Journal, connect_redis
from cti_server.engine.news import News
from cti_server.engine.port import (
    CommandRefused,
    Joined,
    JournalUnavailable,
    NotLeader,
    RequestIdReused,
    Resume,
)
from cti_server.engine.site import Site
from cti_server.errors import CtiError
from tests.fakes.outside import FakeOutside
from tests.support.redis import RedisServer

DIRECTORY = s.DirectoryLoaded(
    at=0.0,
    agents=(
        s.AgentProfile("1001", "甲", ("agent",), {"general": 5}),
        s.AgentProfile("1002", "乙", ("agent",), {"general": 5}),
    ),
    groups=(s.GroupProfile("general", "综合", "General"),),
    service_numbers={"4000": "general"},
    stations=("1001", "1002"),
)
NODE_UP = (
    s.NodeUp(0.0, "pbx-a"),
    s.NodeSnapshot(0.0, "pbx-a", (), ("1001", "1002")),
)


@dataclass
class Server:
    """One server process's engine, and a client of agent 1001 on it."""

    site: Site
    outside: FakeOutside
    task: asyncio.Task[None]
    heard: list[News] = field(default_factory=list)

    async def until(self, condition: Callable[[], bool], deadline: float = 10) -> None:
        async with asyncio.timeout(deadline):
            while not condition():  # noqa: ASYNC110  # a condition of many kinds, with a deadline
                await asyncio.sleep(0.005)

    async def leading(self) -> None:
        await self.until(lambda: self.outside.leading and bool(self.site.world.state.agents))

    async def post(self, *signals: s.Signal) -> None:
        for signal in signals:
            await self.site.apply(signal)

    async def join(self, resume: Resume | None = None) -> Joined:
        return await self.site.join("1001", self.heard.extend, resume)

    async def sign_in(self, request_id: str = "in") -> dict[str, Any]:
        return await self.site.execute(s.SignIn(0.0, request_id, "1001", "1001", "on_demand"))

    async def crash(self) -> None:
        """As `kill -9` would: nothing is released, nothing is said."""
        self.site.lease.drop()
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)

    @property
    def told(self) -> list[tuple[int, str]]:
        return [(n.seq, n.event) for n in self.heard]


@asynccontextmanager
async def running(
    redis: RedisServer, outside: FakeOutside | None = None, clock: Callable[[], float] = time.time
) -> AsyncIterator[Server]:
    client = connect_redis(redis.url)
    outside = outside or FakeOutside()

    async def directory() -> s.DirectoryLoaded:
        return DIRECTORY

    site = Site(Journal(client, "test"), outside, directory, clock=clock)
    server = Server(site, outside, asyncio.create_task(site.run()))
    try:
        yield server
    finally:
        server.task.cancel()
        await asyncio.gather(server.task, return_exceptions=True)
        await client.aclose()


async def test_a_command_is_answered_and_told_with_gapless_numbers(redis_server: RedisServer) -> None:
    async with running(redis_server) as server:
        await server.leading()
        await server.post(*NODE_UP)
        joined = await server.join()
        result = await server.sign_in()
        await server.site.execute(s.SetState(0.0, "ready", "1001", "ready"))
        assert result["agent"]["state"] == "not_ready"
        assert server.told == [(1, "agent.signed_in"), (2, "agent.state_changed")]
        assert (joined.seq, joined.resumed) == (0, False)


async def test_ready_is_who_knows_people_and_the_state_of_a_node(redis_server: RedisServer) -> None:
    async with running(redis_server) as server:
        await server.leading()
        assert missing(server) == {"in_step"}
        await server.post(NODE_UP[0])
        assert missing(server) == {"in_step"}
        await server.post(NODE_UP[1])
        assert missing(server) == set()
        await server.post(s.NodeDown(0.0, "pbx-a", "closed_by_peer"))
        assert missing(server) == {"in_step"}


def missing(server: Server) -> set[str]:
    health = server.site.health()
    found = {d.name for d in health.dependencies if d.name in health.required and not d.ready}
    assert health.ready == (not found)
    return found


async def test_the_first_word_of_the_pbx_finds_the_stations_known(redis_server: RedisServer) -> None:
    class Prompt(FakeOutside):
        """A PBX that answers at once."""

        def lead(self, term: int) -> None:
            super().lead(term)
            for fact in NODE_UP:
                server.site.post(fact)

    async with running(redis_server, Prompt()) as server:
        await server.until(lambda: not missing(server))
        assert server.site.world.state.stations["1001"].registered


async def test_a_repeated_request_gets_the_first_answer_and_is_not_done_again(
    redis_server: RedisServer,
) -> None:
    async with running(redis_server) as server:
        await server.leading()
        await server.post(*NODE_UP)
        first, second = await asyncio.gather(server.sign_in("same"), server.sign_in("same"))
        third = await server.sign_in("same")
        assert first == second == third
        assert server.site.world.state.agents["1001"].seq == 1


async def test_an_id_used_for_something_else_is_refused(redis_server: RedisServer) -> None:
    async with running(redis_server) as server:
        await server.leading()
        await server.post(*NODE_UP)
        await server.sign_in("q1")
        with pytest.raises(RequestIdReused):
            await server.site.execute(s.SignOut(0.0, "q1", "1001"))
        assert server.site.world.state.agents["1001"].signed_in


async def test_a_burst_of_commands_waits_its_turn(redis_server: RedisServer) -> None:
    async with running(redis_server) as server:
        await server.leading()
        await server.post(*NODE_UP)
        states = [s.SetState(0.0, f"r{number}", "1001", "busy") for number in range(500)]
        with pytest.raises(CommandRefused, match="1001"):
            await server.site.execute(states[0])  # not signed in
        answers = await asyncio.gather(*map(server.site.execute, states[1:]), return_exceptions=True)
        codes = {getattr(answer, "code", "") for answer in answers}
        busy = {"journal_unavailable", "not_leader"}  # a machine that stood still for two seconds
        assert "not_signed_in" in codes
        assert codes <= {"not_signed_in", *busy}, "none is turned away for the number of them"


async def test_a_repeated_request_is_recognised_after_a_crash(redis_server: RedisServer) -> None:
    async with running(redis_server) as first:
        await first.leading()
        await first.post(*NODE_UP)
        answer = await first.sign_in("same")
        await first.crash()
        async with running(redis_server) as second:
            await second.leading()
            assert await second.sign_in("same") == answer
            assert second.site.world.state.agents["1001"].seq == 1


async def test_in_the_first_moments_commands_wait_for_the_pbx(redis_server: RedisServer) -> None:
    async with running(redis_server) as first:
        await first.leading()
        await first.post(*NODE_UP)
        await first.crash()
        async with running(redis_server) as second:
            await second.leading()
            asked = asyncio.create_task(second.sign_in())
            await second.post(NODE_UP[0])
            assert not asked.done(), "neither done nor refused"
            await second.post(NODE_UP[1])
            assert (await asked)["agent"]["agent_id"] == "1001"


async def test_a_pbx_that_stays_away_is_waited_for_no_longer(
    redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cti_server.engine.settling.PATIENCE", 0.1)
    async with running(redis_server) as first:
        await first.leading()
        await first.post(*NODE_UP)
        await first.crash()
        async with running(redis_server) as second:
            await second.leading()
            with pytest.raises(CommandRefused) as refused:
                await second.site.execute(s.SignIn(0.0, "in", "1001", "1001", "persistent"))
            assert refused.value.code == "pbx_unavailable"


async def long_ago(redis_server: RedisServer, server: Server) -> None:
    """The server has crashed; its successor will begin after all that happened, and replay nothing."""
    await server.until(lambda: not server.site._answers.unsaved)
    await server.crash()
    client = Redis.from_url(redis_server.url)
    snapshot = codec.Snapshot(server.site._position, 0.0, server.site.world.state)
    await client.delete("cti:{test}:snapshots")
    await client.lpush("cti:{test}:snapshots", codec.encode_snapshot(snapshot))
    await client.aclose()


async def test_an_answer_of_long_ago_is_given_again_beside_new_ones(redis_server: RedisServer) -> None:
    async with running(redis_server) as first:
        await first.leading()
        await first.post(*NODE_UP)
        answer = await first.sign_in("same")
        await long_ago(redis_server, first)
    async with running(redis_server) as second:
        await second.leading()
        new = second.site.execute(s.SetState(0.0, "new", "1001", "busy"))
        again, state = await asyncio.gather(second.sign_in("same"), new)
        assert again == answer
        assert state["agent"]["state"] == "busy"


async def test_what_was_asked_by_an_id_is_known_to_the_next_server(redis_server: RedisServer) -> None:
    async with running(redis_server) as first:
        await first.leading()
        await first.post(*NODE_UP)
        await first.sign_in("same")
        await long_ago(redis_server, first)
    async with running(redis_server) as second:
        await second.leading()
        with pytest.raises(RequestIdReused):
            await second.site.execute(s.SignOut(0.0, "same", "1001"))
        assert second.site.world.state.agents["1001"].signed_in
        await second.crash()
        async with running(redis_server) as third:  # by replay this time
            await third.leading()
            with pytest.raises(RequestIdReused):
                await third.site.execute(s.SignOut(0.0, "same", "1001"))


async def test_after_a_crash_the_next_server_knows_everything(redis_server: RedisServer) -> None:
    async with running(redis_server) as first:
        await first.leading()
        await first.post(*NODE_UP)
        await first.join()
        await first.sign_in()
        await first.site.execute(s.SetState(0.0, "r", "1001", "busy", "training"))
        await first.post(s.ContactArrived(0.0, "pbx-a", "pbx-a-1.1", "4000", "13800138000"))
        before = first.site.world.state
        await first.crash()
        async with running(redis_server) as second:
            await second.leading()
            after = second.site.world.state
            assert after.epoch == before.epoch
            assert after.contacts == before.contacts
            agent = after.agents["1001"]
            assert (agent.state, agent.reason, agent.seq) == ("busy", "training", 2)


async def test_a_client_resumes_with_exactly_what_it_missed(redis_server: RedisServer) -> None:
    async with running(redis_server) as first:
        await first.leading()
        await first.post(*NODE_UP)
        epoch = (await first.join()).epoch
        await first.sign_in()
        await first.site.execute(s.SetState(0.0, "a", "1001", "busy"))
        await first.site.execute(s.SetState(0.0, "b", "1001", "ready"))
        told = first.told
        await first.crash()
        async with running(redis_server) as second:
            await second.leading()
            joined = await second.join(Resume(epoch, 1))
            assert joined.resumed
            assert [(n.seq, n.event) for n in joined.missed] == told[1:]
            assert second.told == []


@pytest.mark.parametrize("resume", [Resume(1, 1), None])
async def test_a_client_that_cannot_be_resumed_gets_a_snapshot(
    redis_server: RedisServer, resume: Resume | None
) -> None:
    async with running(redis_server) as server:
        await server.leading()
        await server.post(*NODE_UP)
        await server.sign_in()
        joined = await server.join(resume)
        assert not joined.resumed
        assert joined.missed == ()
        assert (joined.agent["state"], joined.seq) == ("not_ready", 1)


async def test_a_client_ahead_of_us_is_not_resumed(redis_server: RedisServer) -> None:
    async with running(redis_server) as server:
        await server.leading()
        joined = await server.join(Resume(server.site.world.state.epoch, 7))
        assert not joined.resumed


async def test_the_second_server_waits_until_the_first_is_gone(redis_server: RedisServer) -> None:
    async with running(redis_server) as first:
        await first.leading()
        async with running(redis_server) as second:
            await second.until(lambda: second.site.lease.reachable)
            with pytest.raises(NotLeader):
                await second.sign_in()
            assert not second.outside.leading
            await first.crash()
            await second.leading()
            assert second.site.lease.term > first.site.lease.term


async def test_a_leader_that_slept_cannot_write_any_more(redis_server: RedisServer) -> None:
    async with running(redis_server) as first:
        await first.leading()
        old_term = first.site.lease.term
        await first.crash()
        async with running(redis_server) as second:
            await second.leading()
            journal = Journal(Redis.from_url(redis_server.url), "test")
            with pytest.raises(NotLeader):
                await journal.append(old_term, [s.NodeUp(0.0, "pbx-a")])
            assert not await journal.renew(old_term, 2000)


async def test_a_graceful_end_hands_the_lease_over_at_once(redis_server: RedisServer) -> None:
    async with running(redis_server) as first:
        await first.leading()
        async with running(redis_server) as second:
            first.task.cancel()
            await asyncio.gather(first.task, return_exceptions=True)
            async with asyncio.timeout(1):
                await second.leading()


async def test_without_redis_commands_are_refused_and_nothing_is_told(redis_server: RedisServer) -> None:
    async with running(redis_server) as server:
        await server.leading()
        await server.post(*NODE_UP)
        await server.join()
        redis_server.kill9()
        with pytest.raises(JournalUnavailable) as refused:
            await server.sign_in()
        assert refused.value.retryable
        assert server.heard == []
        await server.until(lambda: not server.outside.leading)
        with pytest.raises(JournalUnavailable):
            await server.sign_in()


async def test_a_frozen_redis_is_noticed_before_the_lease_runs_out(redis_server: RedisServer) -> None:
    async with running(redis_server) as server:
        await server.leading()
        redis_server.freeze()
        async with asyncio.timeout(4):
            await server.until(lambda: not server.outside.leading)
        redis_server.thaw()
        await server.leading()


async def test_when_redis_comes_back_with_its_data_the_history_goes_on(redis_server: RedisServer) -> None:
    async with running(redis_server) as server:
        await server.leading()
        await server.post(*NODE_UP)
        await server.join()
        await server.sign_in()
        epoch = server.site.world.state.epoch
        redis_server.stop()
        await server.until(lambda: not server.outside.leading)
        redis_server.start()
        await server.leading()
        await server.site.execute(s.SetState(0.0, "r", "1001", "busy"))
        assert server.site.world.state.epoch == epoch
        assert server.told[-1] == (2, "agent.state_changed")


async def test_when_redis_lost_everything_our_memory_is_the_truth_in_a_new_history(
    redis_server: RedisServer,
) -> None:
    async with running(redis_server) as server:
        epoch = await _begun(server)
        await _lose_everything(redis_server)
        await server.until(lambda: server.site.world.state.epoch != epoch)
        await server.leading()
        joined = await server.join(Resume(epoch, 1))
        assert not joined.resumed
        assert joined.agent["state"] == "not_ready"
        await server.crash()
        async with running(redis_server) as second:
            await second.leading()
            assert second.site.world.state.agents["1001"].state == "not_ready"


async def test_a_new_history_whose_first_write_failed_begins_with_what_we_remember(
    redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Redis lost what we had written and has no room yet."""
    async with running(redis_server) as server:
        epoch = await _begun(server)
        monkeypatch.setattr(Journal, "append", _refused_once(Journal.append))
        await _lose_everything(redis_server)
        await server.until(lambda: server.site.world.state.epoch != epoch)
        await server.leading()
        joined = await server.join(Resume(epoch, 1))
        assert not joined.resumed
        assert joined.agent["state"] == "not_ready"


async def test_a_fresh_server_whose_first_write_failed_begins_a_new_history_all_the_same(
    redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(redis_server) as first:
        epoch = await _begun(first)
        await first.crash()
    redis_server.stop()
    redis_server.start()
    refuse = _refused_once(Journal.append)
    monkeypatch.setattr(Journal, "append", refuse)
    async with running(redis_server) as second:
        await second.leading()
        assert second.site.world.state.epoch > epoch


async def _begun(server: Server) -> int:
    """It leads, and an agent is signed in; its epoch."""
    await server.leading()
    await server.post(*NODE_UP)
    await server.sign_in()
    return server.site.world.state.epoch


async def _lose_everything(redis_server: RedisServer) -> None:
    client = Redis.from_url(redis_server.url)
    await client.flushall()
    await client.aclose()


def _refused_once(append: Any) -> Any:
    """The journal's `append`, whose next first batch of a leadership is refused."""
    refused = False

    async def refusing(journal: Journal, term: int, batch: Sequence[s.Signal], replies: Any = ()) -> Any:
        nonlocal refused
        if not refused and any(isinstance(signal, s.LeaderStarted) for signal in batch):
            refused = True
            raise JournalUnavailable("no room")
        return await append(journal, term, batch, replies)

    return refusing


async def test_a_fresh_server_on_another_redis_process_begins_a_new_history(
    redis_server: RedisServer,
) -> None:
    async with running(redis_server) as first:
        epoch = await _begun(first)
        await first.crash()
    redis_server.stop()
    redis_server.start()
    async with running(redis_server) as second:
        await second.leading()
        state = second.site.world.state
        assert state.epoch > epoch
        assert state.agents["1001"].state == "not_ready"


async def test_records_of_a_crashed_leader_are_produced_again_under_the_same_ids(
    redis_server: RedisServer,
) -> None:
    async with running(redis_server) as first:
        await first.leading()
        await first.post(*NODE_UP)
        await first.sign_in()
        await first.post(s.ContactArrived(0.0, "pbx-a", "pbx-a-1.1", "4000", "13800138000"))
        kept = {record.id: record for record in first.outside.records}
        await first.crash()
        async with running(redis_server) as second:
            await second.leading()
            again = {record.id: record for record in second.outside.records if record.id in kept}
            assert again == kept


async def test_servers_that_die_young_leave_the_next_one_no_more_to_replay(redis_server: RedisServer) -> None:
    async with running(redis_server) as first:
        await first.leading()
        await first.crash()
    redis = connect_redis(redis_server.url)
    try:
        assert await redis.llen("cti:{test}:snapshots") == 1
        async with running(redis_server, clock=lambda: time.time() + 60) as second:
            await second.leading()
            async with asyncio.timeout(10):  # long before this server is as old as snapshots are apart
                while await redis.llen("cti:{test}:snapshots") < 2:  # noqa: ASYNC110  # Redis tells nobody
                    await asyncio.sleep(0.05)
    finally:
        await redis.aclose()


async def test_timers_go_on_after_a_crash(redis_server: RedisServer) -> None:
    async with running(redis_server) as first:
        await first.leading()
        await first.post(*NODE_UP)
        # a persistent station that never answers: its timer must still refuse the sign-in later
        waiting = asyncio.create_task(first.site.execute(s.SignIn(0.0, "slow", "1001", "1001", "persistent")))
        await first.until(lambda: any(isinstance(effect, RingStation) for effect in first.outside.effects))
        await first.crash()
        with pytest.raises(CtiError):
            await waiting
        async with running(redis_server) as second:
            await second.leading()
            state = second.site.world.state
            assert "station:1001" in state.timers
            state.timers["station:1001"] = state.last_at
            with pytest.raises(CommandRefused) as refused:
                await second.site.execute(s.SignIn(0.0, "slow", "1001", "1001", "persistent"))
            assert refused.value.code == "station_no_answer"
