"""Which record is called next, on both databases: hours, do-not-call, call-backs, one attempt at a time."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import pytest

from cti_server.campaigns.errors import ImportGivenUp, NothingToCall, UnknownRecord
from cti_server.campaigns.kept import Campaign
from cti_server.campaigns.lists import Row
from cti_server.campaigns.model import Calling, Change, Disposition, Mode, Outcome, Settings, Then
from cti_server.dialler.dialler import Dialler, new_attempt
from cti_server.domain import signals as s
from cti_server.domain.policy import Opening
from cti_server.domain.records import Record as Told
from cti_server.engine.port import Overloaded
from cti_server.store import campaign_lists, campaign_settings, campaigns, dialling, do_not_call, previews
from cti_server.store.database import Database
from cti_server.store.rows import row_of, write_rows
from cti_server.store.schema import upgrade
from tests.unit.domain.scenes import opened, seated

EVERY_DAY = tuple(Opening(day, 0, 1440) for day in range(1, 8))
SETTINGS = Settings(
    "general",
    Mode.PROGRESSIVE,
    hours={"": Calling(EVERY_DAY), "monday": Calling((Opening(1, 540, 1200),))},
    dispositions=(Disposition("later", Then.CALL_BACK), Disposition("never", Then.DO_NOT_CALL)),
)
NOW = datetime(2030, 11, 23, 4, 0, tzinfo=UTC).timestamp()  # a Saturday, after everything was imported


@dataclass
class Book:
    """A running campaign with a list."""

    database: Database
    campaign: Campaign

    async def take(self, count: int, now: float = NOW) -> list[str]:
        ids = [new_attempt("pbx-a") for _ in range(count)]
        found = await dialling.take(self.database, self.campaign, ids, "pbx-a", now)
        return [f"{attempt_id}:{record.number}" for attempt_id, record in found]

    async def settle(self, taken: str, outcome: Outcome, now: float = NOW, **more: Any) -> bool:
        result = dialling.Result(taken.partition(":")[0], outcome, now, **more)
        return await dialling.settle(self.database, result)


@pytest.fixture
async def book(database_url: str) -> AsyncIterator[Book]:
    await upgrade(database_url)
    database = Database(database_url, deadline=15)
    campaign = await campaigns.create(database, "k", SETTINGS, "4001")
    to = await campaign_lists.begin(database, campaign.campaign_id, "4001")
    regions = {"13900000001": "", "13900000002": "", "13900000003": "monday"}
    rows = [Row(n, number, "", where, {}, (number,)) for n, (number, where) in enumerate(regions.items(), 2)]
    await campaign_lists.add(database, to, rows, "utf-8", ("number", "region"))
    await campaigns.change(database, campaign.campaign_id, Change.START, "4001")
    yield Book(database, campaign)
    await database.close()


def numbers(taken: Sequence[str]) -> list[str]:
    return [one.partition(":")[2] for one in taken]


async def test_hours_do_not_call_and_never_twice(book: Book) -> None:
    await do_not_call.forbid(book.database, "13900000001", "asked", "4001")
    first = await book.take(5)
    assert numbers(first) == ["13900000002"]
    assert await book.take(5) == []
    assert numbers(await book.take(5, NOW + 2 * 86_400)) == ["13900000003"]
    counts = await campaigns.counts(book.database, book.campaign.campaign_id)
    assert (counts.closed, counts.records["dialling"]) == ({"do_not_call": 1}, 2)


async def test_an_import_that_failed_tells_of_a_batch_that_only_seemed_to_fail(book: Book) -> None:
    """The database was lost between the commit and its answer."""
    (kept,) = await campaign_lists.imports(book.database, book.campaign.campaign_id)
    before = replace(kept, rows=0, accepted=0)
    ended = await campaign_lists.finish(book.database, before, "failed")
    assert (ended.state, ended.rows, ended.accepted) == ("failed", 3, 3)
    assert await campaign_lists.imports(book.database, book.campaign.campaign_id) == [ended]
    with pytest.raises(ImportGivenUp):
        await campaign_lists.finish(book.database, before, "done")


async def test_an_attempt_ends_once(book: Book) -> None:
    taken = await book.take(2)
    assert await book.settle(taken[0], Outcome.BUSY)
    assert not await book.settle(taken[0], Outcome.ANSWERED)
    assert not await book.settle("pbx-a-cam-other", Outcome.BUSY)
    assert await book.take(5, NOW + 599) == []
    assert numbers(await book.take(5, NOW + 600)) == numbers(taken[:1])


async def test_what_agents_decide(book: Book) -> None:
    one, two = await book.take(2)
    await book.settle(one, Outcome.ANSWERED, disposition="later", call_back_at=NOW + 60, agent_id="1001")
    await book.settle(two, Outcome.ANSWERED, disposition="never", agent_id="1001")
    assert await do_not_call.forbidden(book.database, two.partition(":")[2])
    assert await book.take(5, NOW + 59) == []
    assert numbers(await book.take(5, NOW + 60)) == numbers([one])
    actions = [e["action"] for e in await campaigns.audited(book.database, book.campaign.campaign_id)]
    assert "do_not_call.added" in actions


async def test_a_paused_campaign_calls_nobody(book: Book) -> None:
    await campaigns.change(book.database, book.campaign.campaign_id, Change.PAUSE, "4001")
    assert await book.take(5) == []


async def test_figures_of_the_window(book: Book) -> None:
    one, two = await book.take(2)
    await book.settle(one, Outcome.ANSWERED, NOW + 100, person_at=NOW + 10, disposition="")
    await book.settle(two, Outcome.ABANDONED, NOW + 14, person_at=NOW + 12)
    found = await dialling.measured(book.database, book.campaign.campaign_id, NOW + 200)
    assert (found.persons, found.abandoned) == (2, 1)
    assert sorted(attempt.took for attempt in found.attempts) == [10, 12]
    assert list(found.handle_times) == [90]
    assert (await dialling.measured(book.database, book.campaign.campaign_id, NOW + 90_000)).persons == 0


async def test_preview_gives_a_record_to_one_agent(book: Book) -> None:
    mine = await previews.hold(book.database, book.campaign, "1001", NOW)
    assert (await previews.hold(book.database, book.campaign, "1001", NOW)).record_id == mine.record_id
    other = await previews.hold(book.database, book.campaign, "1002", NOW)
    assert other.record_id != mine.record_id
    with pytest.raises(NothingToCall):
        await previews.hold(book.database, book.campaign, "1003", NOW)
    with pytest.raises(UnknownRecord):
        await previews.skip(book.database, book.campaign, mine.record_id, "1002", NOW)
    await do_not_call.forbid(book.database, mine.number, "asked", "4001")
    with pytest.raises(NothingToCall):
        await previews.begin_held(book.database, book.campaign, mine.record_id, "1001", ("a", "pbx-a", NOW))
    await previews.skip(book.database, book.campaign, other.record_id, "1002", NOW)
    with pytest.raises(NothingToCall):
        await previews.hold(book.database, book.campaign, "1003", NOW + 3599)
    await previews.hold(book.database, book.campaign, "1003", NOW + 3600)
    assert await previews.give_back(book.database, lambda agent_id: agent_id != "1003") == 1


# --- the dialler over world and fake PBX -----------------------------------------------------------------


async def test_a_call_that_nobody_saw_end_is_found_in_the_log_or_unknown(book: Book) -> None:
    centre, now = opened(), NOW

    async def apply(_signal: s.Signal) -> None:
        return

    dialler = Dialler(book.database, lambda: centre.state, apply, lambda: now)
    logged, lost = await book.take(2)
    row: Mapping[str, Any] = {
        **dict.fromkeys(("service_number", "agent_id", "queued_at", "offered_at", "connected_at")),
        "contact_id": logged.partition(":")[0],
        "version": 3,
        "medium": "voice",
        "direction": "outbound",
        "state": "ended",
        "arrived_at": NOW,
        "ended_at": NOW + 9,
        "end_reason": "machine",
        "data": {},
    }
    record = Told("r1", "contact", NOW, dict(row))
    await book.database.write(lambda c: write_rows(c, [row_of(record)]))
    now = NOW + 299
    await dialler.look()
    assert (await campaigns.counts(book.database, book.campaign.campaign_id)).outcomes == {"machine": 1}
    now = NOW + 330
    await dialler.look()
    found = await campaigns.counts(book.database, book.campaign.campaign_id)
    assert found.outcomes == {"machine": 1, "unknown": 1}
    assert numbers(await book.take(5, NOW + 330 + 3600)) == numbers([lost])


@pytest.mark.parametrize("overloaded", [False, True])
async def test_one_call_for_each_free_agent(book: Book, *, overloaded: bool) -> None:
    centre = opened()
    seated(centre, "1001")
    applied: list[s.Signal] = []

    async def apply(signal: s.Signal) -> None:
        if overloaded:
            raise Overloaded
        applied.append(signal)
        centre.apply(signal)
        centre.settle()

    dialler = Dialler(book.database, lambda: centre.state, apply, lambda: NOW)
    await dialler.look()
    if overloaded:
        counts = await campaigns.counts(book.database, book.campaign.campaign_id)
        assert counts.outcomes == {"failed": 1}
        return
    await dialler.look()
    (call,) = applied
    assert isinstance(call, s.CampaignCall)
    assert call.number == "13900000001"
    assert call.data["campaign"]["attempt"] == 1


async def test_after_its_end_nobody_is_called(book: Book) -> None:
    """Until the end is moved on; and records that agents look at come back when nobody looks any more."""

    async def become(version: int, **fields: Any) -> None:
        await campaign_settings.edit(
            book.database,
            book.campaign.campaign_id,
            version,
            lambda now: (now.name, replace(now.settings, **fields)),
            author="4001",
            why="",
            now=datetime.fromtimestamp(NOW - 60, UTC),
        )

    await become(1, ends_at=NOW, mode=Mode.PREVIEW)
    assert await book.take(5) == []
    await become(2, ends_at=NOW + 60)
    campaign = await campaigns.campaign(book.database, book.campaign.campaign_id)
    held = await previews.hold(book.database, campaign, "1001", NOW)
    await become(3, mode=Mode.PROGRESSIVE)
    assert held.number in numbers(await book.take(5))
