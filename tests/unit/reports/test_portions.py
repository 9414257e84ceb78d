"""A report counted in portions, as a busy centre's has to be, is the one counted in one piece."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from cti_server.reports.courses import QUIET, ContactCourses
from cti_server.reports.facts import Fact
from cti_server.reports.figures import Rules
from cti_server.reports.live import DaySoFar, together
from cti_server.reports.report import By, Each, Question, Report, Row, report
from cti_server.reports.resolution import CustomerCall, Resolving, resolution
from cti_server.reports.stories import ContactStory, stories
from tests.support.busy_past import Past, facts

BEGIN = datetime(2026, 11, 20, 16, tzinfo=UTC)
PAST = Past(BEGIN, contacts_a_day=150, agents=6, odd=0.04)
TOLD = [fact for day in range(2) for fact in facts(PAST.day(day))]
LATER = BEGIN + timedelta(days=4)
PORTION = timedelta(minutes=15)


def in_portions(told: list[Fact], at: datetime, until: datetime) -> Iterator[tuple[list[Fact], datetime]]:
    """In time's order, within each portion in any order, some twice."""
    chance, ordered = Random(1), sorted(told, key=lambda fact: fact.at)
    place = 0
    while at < until:
        at, first = at + PORTION, place
        while place < len(ordered) and ordered[place].at < at:
            place += 1
        own = ordered[first:place]
        yield chance.sample(own, len(own)) + own[::7], at


def streamed(told: list[Fact], question: Question, now: datetime) -> tuple[list[Row], int]:
    """The rows, and how many times everything was told."""
    work, times = Report(question, now), 1
    while True:
        for portion, until in in_portions(told, work.since, work.until):
            work.take(portion, until)
        if not work.again():
            return work.made(), times
        times += 1


@pytest.mark.parametrize("each", Each)
@pytest.mark.parametrize("by", By)
def test_in_portions_and_in_one_piece(by: By, each: Each) -> None:
    question = Question(by, BEGIN, BEGIN + timedelta(days=2), each)
    expected = report(TOLD, question, LATER)
    assert streamed(TOLD, question, LATER) == (expected, 2), "some went on after they seemed over"
    some = replace(question, only=frozenset({"10001", "general", "4000"}))
    assert streamed(TOLD, some, LATER)[0] == report(TOLD, some, LATER)
    assert len(expected) > 2


@pytest.mark.parametrize("by", By)
def test_while_the_day_goes_on(by: By) -> None:
    now = BEGIN + timedelta(hours=14)
    known = [fact for fact in TOLD if fact.at < now]
    question = Question(by, BEGIN, now)
    assert streamed(known, question, now)[0] == report(known, question, now) != []


def test_what_is_over_is_told_and_forgotten() -> None:
    usual = facts(replace(PAST, odd=0.0).day(0))
    told: list[ContactStory] = []
    courses, most = ContactCourses(told.append), 0
    for portion, until in in_portions(usual, BEGIN, BEGIN + timedelta(days=1)):
        courses.take(portion, until)
        most = max(most, len(courses._facts))
    assert (len(told), courses.late) == (150, set())
    assert most < 150 * QUIET / timedelta(hours=4)
    courses.finish()
    assert sorted(told, key=lambda story: story.contact_id) == stories(usual)


def test_the_wallboard_of_a_new_leader() -> None:
    """Nothing of what the wallboard forgets goes on here: that is in the reports only."""
    now = BEGIN + timedelta(hours=14)
    usual = [fact for fact in facts(replace(PAST, odd=0.0).day(0)) if fact.at < now]
    work = DaySoFar(Rules(), 480, now)
    for portion, until in in_portions(usual, work.since, work.until):
        work.take(portion, until)
    assert not work.again()
    rows = report(usual, Question(By.QUEUE, BEGIN, BEGIN + timedelta(days=1)), now)
    found = {name: figures.values() for name, figures in together(work.made().figures, None).items()}
    assert found == {row.key: row.values for row in rows}


def test_customers_who_come_back_in_portions_and_in_one_piece() -> None:
    """Against the definition, taken by its words."""
    chance, calls = Random(5), []
    for number in range(400):
        begin = BEGIN + timedelta(hours=chance.uniform(0, 40 * 24))
        end = begin + timedelta(minutes=chance.uniform(1, 600))
        who, agent = str(chance.randrange(60)), chance.choice(["1001", "1002", ""])
        calls.append(CustomerCall(str(number), who, begin, end, chance.random() < 0.8, agent))
    calls.sort(key=lambda call: call.arrived_at)
    asked = (
        BEGIN + timedelta(days=3),
        BEGIN + timedelta(days=33),
        timedelta(days=4),
        BEGIN + timedelta(days=35),
    )
    start, until, within, now = asked
    expected: dict[str, list[bool]] = {}
    for call in calls:
        if call.agent_id and start <= call.ended_at < until and call.ended_at + within <= now:
            again = any(
                other.asked
                and other.customer == call.customer
                and call.ended_at < other.arrived_at <= call.ended_at + within
                for other in calls
            )
            expected.setdefault(call.agent_id, []).append(not again)
    resolving = Resolving(*asked)
    for first in range(0, len(calls), 30):
        resolving.take(calls[first : first + 30])
    assert resolving.found == resolution(calls, *asked)
    figures = {agent: (one.counted, one.resolved) for agent, one in resolving.found.items()}
    assert figures == {agent: (len(each), sum(each)) for agent, each in expected.items()}
    assert all(0 < resolved < counted for counted, resolved in figures.values())
