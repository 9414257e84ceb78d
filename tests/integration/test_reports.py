"""The same figures from live records and from the database's history, on what the pure world tells."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from cti_server.bootstrap import reporting
from cti_server.bootstrap.reporting import StoredReports
from cti_server.domain import signals as s
from cti_server.domain.agent import AgentState
from cti_server.domain.contact import ContactState
from cti_server.domain.records import Record
from cti_server.domain.target import Target, TargetKind
from cti_server.reports.facts import Fact, in_order, of_record
from cti_server.reports.figures import Rules
from cti_server.reports.live import DaySoFar, LiveFigures, as_it_is, together
from cti_server.reports.report import MARGIN, By, Each, Question, Report, Row, report
from cti_server.reports.resolution import CustomerCall, resolution
from cti_server.store import report_log
from cti_server.store.database import Database
from cti_server.store.rows import row_of, write_rows
from cti_server.store.schema import upgrade
from tests.unit.domain.centre import START, Centre
from tests.unit.domain.scenes import called, opened, pick_up, seated

DAY = datetime.fromtimestamp(START, UTC)


def an_hour_of_work(seed: int) -> Centre:
    """Calls come, are answered, held, given up, wrapped up or not, as chance will have it."""
    chance = Random(seed)
    centre = opened()
    for agent_id in ("1001", "1002", "1003"):
        seated(centre, agent_id)
    for _ in range(60):
        called(centre, chance.choice(["4000", "4001"]))
        centre.pass_time(chance.uniform(1, 25))
        for contact in list(centre.state.contacts.values()):
            _live(centre, chance, contact.contact_id)
        pick_up(centre)
        for agent_id in ("1001", "1002", "1003"):
            if centre.state.agents[agent_id].state is AgentState.NOT_READY and chance.random() < 0.7:
                centre.command(s.SetState, agent_id, "ready")
    return centre


def _live(centre: Centre, chance: Random, contact_id: str) -> None:
    """One step in a contact's life."""
    contact = centre.state.contacts.get(contact_id)
    if contact is None or chance.random() < 0.4:
        return
    agent_id = contact.agent_id or ""
    if contact.state is ContactState.OFFERED:
        centre.command(s.Accept, agent_id, contact_id)
    elif contact.state is ContactState.ACTIVE and chance.random() < 0.2:
        centre.command(s.TransferContact, agent_id, contact_id, Target(TargetKind.GROUP, "credit_card"))
    elif contact.state is ContactState.ACTIVE:
        centre.command(chance.choice([s.Hold, s.HangUp]), agent_id, contact_id)
    elif contact.state is ContactState.HELD:
        centre.command(s.Retrieve, agent_id, contact_id)
    elif contact.state is ContactState.WRAP_UP:
        centre.command(s.WrapUp, agent_id, contact_id, "done", "")
    elif contact.state is ContactState.QUEUED and chance.random() < 0.2:
        centre.pbx.hang_up(contact_id)
    for part in list(contact.wrapping):
        if chance.random() < 0.5:
            centre.command(s.WrapUp, part, contact_id, "passed_on")
    centre.settle()


def records(centre: Centre) -> list[Record]:
    return [record for outcome in centre.told for record in outcome.records]


@pytest.fixture(scope="module")
def centre() -> Centre:
    return an_hour_of_work(7)


class Told:
    """A `Work` that makes nothing of the facts."""

    of_agents, who = True, ""

    def __init__(self, since: datetime, until: datetime) -> None:
        self.since, self.until = since, until
        self.facts: list[Fact] = []

    def take(self, facts: Sequence[Fact], until: datetime) -> None:
        assert all(fact.at < until for fact in facts)
        self.facts += facts

    def again(self) -> bool:
        return False

    def made(self) -> list[Fact]:
        return self.facts


async def history(database_url: str, centre: Centre, since: datetime, until: datetime) -> list[Fact]:
    """What the database gives back of everything the world told."""
    await upgrade(database_url)
    database = Database(database_url)
    try:
        await database.write(lambda c: write_rows(c, [row_of(r) for r in records(centre)]), deadline=30)
        return await StoredReports(database, lambda: centre.state).worked_out(Told(since, until), list)
    finally:
        await database.close()


async def test_live_and_history_tell_the_same(database_url: str, centre: Centre) -> None:
    stored = await history(database_url, centre, DAY - MARGIN, DAY + MARGIN)
    live = [fact for record in records(centre) if (fact := of_record(record))]
    now = datetime.fromtimestamp(centre.now, UTC)
    for by in By:
        for each in Each:
            question = Question(by, DAY - timedelta(hours=1), DAY + timedelta(hours=2), each)
            expected = report(live, question, now)
            assert expected, (by, each)
            assert report(stored, question, now) == expected
            assert report([*stored, *live[-50:]], question, now) == expected, "some stored, some on their way"


def test_the_figures_agree_with_what_the_world_knows(centre: Centre) -> None:
    """Counted once more from the contacts' rows, which no figure is made of."""
    live = [fact for record in records(centre) if (fact := of_record(record))]
    question = Question(By.QUEUE, DAY - timedelta(hours=1), DAY + timedelta(hours=2))
    figures = next(row.values for row in report(live, question, datetime.fromtimestamp(centre.now, UTC)))
    latest = {r.data["contact_id"]: r.data for r in records(centre) if r.kind == "contact"}
    queued = [row for row in latest.values() if row["queued_at"] is not None]
    answered = [row for row in queued if row["connected_at"] is not None]
    gone = [row for row in queued if row["connected_at"] is None and row["ended_at"] is not None]
    short = [row for row in gone if row["ended_at"] - row["queued_at"] < 5]
    waits = [row["connected_at"] - row["queued_at"] for row in answered]
    assert len(answered) > 10
    assert figures["asked"] == len(queued) - len(short)
    assert figures["answered"] == len(answered)
    assert figures["abandoned"] == len(gone) - len(short)
    told = [r for r in records(centre) if r.data.get("kind") == "contact.transferred"]
    assert figures["transfers"] == len(told) > 0
    agents = report(live, replace(question, by=By.AGENT), datetime.fromtimestamp(centre.now, UTC))
    assert sum(row.values["transfers"] or 0 for row in agents) == len(told)
    assert figures["answered_in_time"] == sum(wait <= 20 for wait in waits)
    assert figures["speed_of_answer"] == pytest.approx(sum(waits) / len(waits), abs=1e-4)


async def test_a_report_is_worked_out_beside_the_loop(database_url: str, centre: Centre) -> None:
    """What is stored, and what is still on its way; whatever fails there is told."""
    told, question = records(centre), Question(By.QUEUE, DAY - timedelta(hours=1), DAY + timedelta(hours=2))
    now = datetime.fromtimestamp(centre.now, UTC)
    await history(database_url, centre, DAY - MARGIN, DAY + MARGIN)
    database = Database(database_url)
    threads: list[int] = []

    def shown(rows: list[Row]) -> list[Row]:
        threads.append(threading.get_ident())
        return rows

    try:
        reports = StoredReports(database, lambda: centre.state)
        reports.kept(told[-50:])
        found = await reports.worked_out(Report(question, now), shown)
        with pytest.raises(ZeroDivisionError):
            await reports.worked_out(Told(DAY, DAY), lambda facts: len(facts) // 0)
    finally:
        await database.close()
    assert found == report([fact for record in told if (fact := of_record(record))], question, now)
    assert threading.get_ident() not in threads


def test_periods_together_are_the_whole(centre: Centre) -> None:
    """Counts of quarters of an hour, summed, are those of the range; nobody is counted twice or left out."""
    facts = [fact for record in records(centre) if (fact := of_record(record))]
    now = datetime.fromtimestamp(centre.now, UTC)
    for by, names in ((By.QUEUE, ("asked", "answered", "transfers")), (By.AGENT, ("contacts", "transfers"))):
        question = Question(by, DAY, DAY + timedelta(minutes=13))
        whole = report(facts, question, now)
        parts = report(facts, replace(question, each=Each.INTERVAL), now)
        assert whole
        assert len({(row.begin, row.end) for row in parts}) == 2
        for row in whole:
            for name in names:
                assert row.values[name] == sum(p.values[name] or 0 for p in parts if p.key == row.key), name


async def test_the_wallboard_of_a_new_leader_is_the_report_of_the_day(
    database_url: str, centre: Centre, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Read portion by portion, the end still on its way to the database."""
    told, now = records(centre), datetime.fromtimestamp(centre.now, UTC)
    await history(database_url, centre, DAY - MARGIN, DAY + MARGIN)
    database = Database(database_url)
    monkeypatch.setattr(reporting, "SLICE", timedelta(minutes=2))
    try:
        reports = StoredReports(database, lambda: centre.state)
        reports.kept(told[-80:])
        live = await reports.worked_out(DaySoFar(Rules(), 480, now), as_it_is)
    finally:
        await database.close()
    list(live.work(now))
    since = live.since(now)
    day = Question(By.QUEUE, since, since + timedelta(days=1))
    facts = [fact for record in told if (fact := of_record(record))]
    expected = {row.key: row.values for row in report(facts, day, now)}
    found = {name: one.values() for name, one in together(live.figures, None).items()}
    assert found.keys() == expected.keys() | {"*"}
    for name, values in expected.items():
        assert found[name] == pytest.approx(values, abs=1e-6), name


async def test_customers_calls_are_the_contacts_that_are_over(database_url: str, centre: Centre) -> None:
    await history(database_url, centre, DAY - MARGIN, DAY + MARGIN)
    database = Database(database_url)
    try:
        calls = await report_log.customers_calls(database, DAY, DAY + MARGIN, CustomerCall)
        week, later = timedelta(days=7), DAY + timedelta(days=30)
        found = await StoredReports(database, lambda: centre.state).resolved(DAY, DAY + MARGIN, week, later)
    finally:
        await database.close()
    assert found == resolution(calls, DAY, DAY + MARGIN, week, later) != {}
    latest = {r.data["contact_id"]: r.data for r in records(centre) if r.kind == "contact"}
    over = {name: row for name, row in latest.items() if row["ended_at"] is not None}
    assert {call.contact_id for call in calls} == set(over)
    assert {call.contact_id for call in calls if call.agent_id} == {
        name for name, row in over.items() if row["connected_at"] is not None and row["agent_id"]
    }
    assert {call.customer for call in calls} == {"13800138000"}


def test_the_wallboard_is_the_report_whenever_one_looks(centre: Centre) -> None:
    """Facts as they come, some twice, in portions of any size; forgotten stories are not missed."""
    chance = Random(3)
    known = [fact for record in records(centre) if (fact := of_record(record))]
    live = LiveFigures(Rules(), 480)
    day = Question(By.QUEUE, live.since(known[0].at), live.since(known[0].at) + timedelta(days=1))
    done = 0
    while done < len(known):
        portion = chance.randint(1, 400)
        live.add([*known[max(done - 20, 0) : done + portion]])
        done += portion
        now = known[min(done, len(known)) - 1].at
        list(live.work(now))
        expected = {row.key: row.values for row in report(known[:done], day, now)}
        found = {name: one.values() for name, one in together(live.figures, None).items()}
        assert found.keys() == expected.keys() | {"*"}
        for name, values in expected.items():
            assert found[name] == pytest.approx(values, abs=1e-6), name
    later = known[-1].at + timedelta(minutes=5)
    list(live.work(later))
    assert len(live._stories) < len({fact.contact_id for fact in known}) / 2, "what is over is forgotten"
    tomorrow = known[-1].at + timedelta(days=1)
    list(live.work(tomorrow))
    assert live.figures == {}


async def test_what_is_on_its_way_to_the_database_is_told_until_it_has_arrived(
    database_url: str, centre: Centre
) -> None:
    await upgrade(database_url)
    database = Database(database_url)
    told = records(centre)
    try:
        reports = StoredReports(database, lambda: centre.state)
        reports.kept(told)
        on_their_way = await reports.worked_out(Told(DAY - MARGIN, DAY + MARGIN), list)
        await database.write(lambda c: write_rows(c, [row_of(r) for r in told]), deadline=30)
        reports.delivered([record.id for record in told])
        arrived = await reports.worked_out(Told(DAY - MARGIN, DAY + MARGIN), list)
    finally:
        await database.close()
    assert in_order(on_their_way) == in_order(arrived)
    assert len(arrived) == len({fact.id for fact in arrived})
