"""A7 and the scorecard, by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cti_server.reports.activity import activity
from cti_server.reports.report import By, Question
from cti_server.reports.resolution import CustomerCall, Resolution, resolution
from cti_server.reports.scorecard import scorecard
from tests.unit.reports.test_example import DAY, FACTS, LATER, at, of_agent

MONTH = (datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC))
WEEK = timedelta(days=7)
MUCH_LATER = datetime(2027, 1, 1, tzinfo=UTC)


def call(day: int, customer: str = "A", agent: str = "1001", *, asked: bool = True) -> CustomerCall:
    begin = datetime(2026, 11, day, 9, tzinfo=UTC)
    return CustomerCall(f"{customer}{day}", customer, begin, begin + timedelta(minutes=5), asked, agent)


CALLS = [call(2), call(5), call(20), call(6, "B")]


def test_a_day_state_by_state() -> None:
    found = activity(FACTS, "1001", *DAY, LATER)
    told = [(one.state, one.seconds, one.contact_ids) for one in found.stretches]
    assert told == [
        ("not_ready", 300, ()),
        ("ready", 300, ()),
        ("reserved", 10, ("C1",)),
        ("talking", 180, ("C1",)),
        ("wrap_up", 30, ("C1",)),
        ("reserved", 5, ("C2",)),
        ("talking", 120, ("C2",)),
        ("wrap_up", 30, ("C2",)),
        ("ready", 225, ()),
    ]
    assert found.by_state == {
        "not_ready": 300,
        "ready": 525,
        "reserved": 15,
        "talking": 300,
        "wrap_up": 60,
    }
    assert found.stretches[3].begin == at("09:00:10")


def test_reasons_and_what_still_lasts() -> None:
    facts = [
        replace(of_agent("09:00:00", "not_ready"), reason="lunch"),
        replace(of_agent("09:00:00", "not_ready"), reason="lunch"),
        replace(of_agent("09:30:00", "not_ready"), reason="training"),
        of_agent("10:00:00", "ready", "1002"),
    ]
    found = activity(facts, "1001", at("09:10:00"), at("12:00:00"), at("09:40:00"))
    assert found.by_reason == {"lunch": 1200, "training": 600}
    assert [(one.reason, one.end) for one in found.stretches] == [
        ("lunch", at("09:30:00")),
        ("training", None),
    ]
    assert activity(facts, "1009", *DAY, LATER).stretches == []


def test_resolved_by_hand() -> None:
    assert resolution(CALLS, *MONTH, WEEK, MUCH_LATER) == {"1001": Resolution(4, 3)}
    text = (Path(__file__).parents[3] / "docs/figures.md").read_text(encoding="utf-8")
    assert "3 ÷ 4 = 75 %" in text


@pytest.mark.parametrize(
    ("calls", "expected"),
    [
        ([call(2), call(5, agent="1002")], {"1001": Resolution(1, 0), "1002": Resolution(1, 1)}),
        ([call(2), call(5, agent="", asked=False)], {"1001": Resolution(1, 1)}),  # never asked for a person
        ([call(2), call(5, agent="")], {"1001": Resolution(1, 0)}),  # gave up waiting
        ([call(2), call(9)], {"1001": Resolution(2, 1)}),  # 5 minutes before the seven days were over
        ([call(2), call(10)], {"1001": Resolution(2, 2)}),
    ],
)
def test_what_counts_as_another_contact(calls: list[CustomerCall], expected: dict[str, Resolution]) -> None:
    assert resolution(calls, *MONTH, WEEK, MUCH_LATER) == expected


def test_not_before_the_time_is_over() -> None:
    now = datetime(2026, 11, 13, 12, tzinfo=UTC)
    assert resolution(CALLS, *MONTH, WEEK, now) == {"1001": Resolution(3, 2)}


def test_the_card_has_the_reports_figures_and_more() -> None:
    rows = scorecard(FACTS, CALLS, Question(By.AGENT, *MONTH), WEEK, MUCH_LATER)
    values = next(row.values for row in rows if row.key == "1001")
    assert (values["contacts"], values["transfers"], values["transfer_rate"]) == (2, 1, 0.5)
    assert (values["resolution_counted"], values["first_contact_resolution"]) == (4, 0.75)
    assert values["contacts_per_agent_day"] == 2
    text = (Path(__file__).parents[3] / "docs/figures.md").read_text(encoding="utf-8")
    assert all(f"`{name}`" in text for name in values)
