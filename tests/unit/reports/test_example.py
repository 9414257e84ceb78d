"""The worked example of docs/figures.md, by hand and by the code."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import pytest

from cti_server.reports.facts import Fact
from cti_server.reports.figures import Rules
from cti_server.reports.report import ALL, By, Each, Question, periods, report

LOCAL = "2026-11-21T{}+08:00"
_ids = count(1)


def at(clock: str) -> datetime:
    return datetime.fromisoformat(LOCAL.format(clock)).astimezone(UTC)


def of_contact(contact: str, clock: str, state: str, agent: str = "", kind: str = "", **data: str) -> Fact:
    known = {"group": "general", "number": "4000", "medium": "voice", **data}
    return Fact(f"1.{next(_ids)}.0", at(clock), kind or f"contact.{state}", state, contact, agent, known)


def of_agent(clock: str, state: str, agent: str = "1001") -> Fact:
    return Fact(f"1.{next(_ids)}.0", at(clock), "agent.state_changed", state, "", agent)


FACTS = [
    of_contact("C1", "08:59:55", "ivr", kind="contact.arrived"),
    of_contact("C1", "09:00:00", "queued"),
    of_contact("C1", "09:00:00", "offered", "1001"),
    of_contact("C1", "09:00:10", "active", "1001", kind="contact.connected"),
    of_contact("C1", "09:00:20", "active", "1001", kind="contact.data_changed"),
    of_contact("C1", "09:01:10", "held", "1001"),
    of_contact("C1", "09:01:40", "active", "1001", kind="contact.retrieved"),
    of_contact("C1", "09:03:10", "wrap_up", "1001", kind="contact.ended"),
    of_contact("C1", "09:03:40", "ended", "1001", kind="contact.wrapped_up"),
    of_contact("C2", "09:00:05", "queued"),
    of_contact("C2", "09:03:40", "offered", "1001"),
    of_contact("C2", "09:03:45", "active", "1001", kind="contact.connected"),
    of_contact("C2", "09:05:45", "active", "1002", kind="contact.transferred"),
    of_contact("C2", "09:06:15", "active", "1002", kind="contact.wrapped_up", agent_id="1001"),
    of_contact("C2", "09:06:45", "wrap_up", "1002", kind="contact.ended"),
    of_contact("C2", "09:07:05", "ended", "1002", kind="contact.wrapped_up"),
    of_contact("C3", "09:02:00", "queued"),
    of_contact("C3", "09:02:40", "ended"),
    of_contact("C4", "09:04:00", "queued"),
    of_contact("C4", "09:04:03", "ended"),
    of_contact("C5", "09:07:00", "dialling", "1002", direction="outbound"),
    of_contact("C5", "09:07:12", "active", "1002", kind="contact.connected", direction="outbound"),
    of_contact("C5", "09:07:30", "queued", kind="contact.queued", direction="outbound"),
    of_contact("C5", "09:08:30", "ended", direction="outbound"),
    of_agent("08:50:00", "not_ready"),
    of_agent("08:55:00", "ready"),
    of_agent("09:00:00", "reserved"),
    of_agent("09:00:10", "talking"),
    of_agent("09:03:10", "wrap_up"),
    of_agent("09:03:40", "reserved"),
    of_agent("09:03:45", "talking"),
    of_agent("09:05:45", "wrap_up"),
    of_agent("09:06:15", "ready"),
    of_agent("09:10:00", "signed_out"),
]
DAY = (at("00:00:00"), at("00:00:00") + timedelta(days=1))
LATER = at("12:00:00")


def values(by: By, key: str, **more: object) -> dict[str, float | int | None]:
    question = Question(by, *DAY, **more)  # type: ignore[arg-type]  # as named
    return next(row.values for row in report(FACTS, question, LATER) if row.key == key)


@pytest.mark.parametrize(("by", "key"), [(By.QUEUE, "general"), (By.NUMBER, "4000"), (By.QUEUE, ALL)])
def test_of_the_queue_by_hand(by: By, key: str) -> None:
    assert values(by, key) == {
        "asked": 3,
        "answered": 2,
        "answered_in_time": 1,
        "abandoned": 1,
        "short_abandons": 1,
        "connect_rate": 2 / 3,
        "service_level": 1 / 3,
        "abandon_rate": 1 / 3,
        "speed_of_answer": (10 + 220) / 2,
        "time_to_abandon": 40,
        "longest_wait": 220,
        "talk_time": ((60 + 90) + (120 + 60)) / 2,
        "hold_time": 30 / 2,
        "after_call_time": (30 + (30 + 20)) / 2,
        "handle_time": (150 + 30 + 30 + 180 + 50) / 2,
        "transfers": 1,
        "callbacks": 0,
        "voicemails": 0,
        "dialled": 1,
        "dialled_answered": 1,
    }


def test_of_the_agent_by_hand() -> None:
    assert values(By.AGENT, "1001") == {
        "contacts": 2,
        "transfers": 1,
        "talk_time": (180 + 120 - 30) / 2,
        "hold_time": 30 / 2,
        "after_call_time": (30 + 30) / 2,
        "handle_time": (300 + 60) / 2,
        "signed_in_time": 20 * 60,
        "ready_time": 310 + 5 + 225,
        "occupancy": 0.4,
        "agent_days": 1,
        "contacts_per_agent_day": 2,
    }


def test_the_document_says_the_same() -> None:
    text = " ".join((Path(__file__).parents[3] / "docs/figures.md").read_text(encoding="utf-8").split())
    for said in (
        "speed of answer 115 s, longest wait 220 s",
        "mean 165 s; hold 30 s and 0 s, mean 15 s",
        "mean 40 s; handle time 220 s",
        "talk 135 s, hold 15 s, after-call 30 s, handle 180 s",
        "360 ÷ (360 + 540) = 40 %",
    ):
        assert said in text
    for by, key in ((By.QUEUE, "general"), (By.AGENT, "1001")):
        assert all(f"`{name}`" in text for name in values(by, key))


def test_the_rules_are_configurable() -> None:
    figures = values(By.QUEUE, "general", rules=Rules(answer_within=5, short_abandon=0))
    assert (figures["asked"], figures["answered_in_time"], figures["short_abandons"]) == (4, 0, 0)


def test_by_interval_a_contact_counts_where_it_began_to_wait_and_work_where_it_was_done() -> None:
    queues = report(FACTS, Question(By.NUMBER, *DAY, Each.INTERVAL), LATER)
    assert [(row.begin, row.key, row.values["asked"]) for row in queues] == [
        (at("09:00:00"), ALL, 3),
        (at("09:00:00"), "4000", 3),
    ]
    agents = report(FACTS, Question(By.AGENT, *DAY, Each.INTERVAL), LATER)
    assert [(row.begin, row.values["signed_in_time"]) for row in agents] == [
        (at("08:45:00"), 600),
        (at("09:00:00"), 600),
    ]


def test_days_and_months_are_local() -> None:
    start, until = datetime(2026, 1, 30, 20, tzinfo=UTC), datetime(2026, 3, 2, tzinfo=UTC)
    days = list(periods(Question(By.QUEUE, start, until, Each.DAY)))
    assert days[0] == (start, datetime(2026, 1, 31, 16, tzinfo=UTC))
    assert len(days) == 31
    months = [begin for begin, _ in periods(Question(By.QUEUE, start, until, Each.MONTH))]
    assert months == [start, datetime(2026, 1, 31, 16, tzinfo=UTC), datetime(2026, 2, 28, 16, tzinfo=UTC)]


def test_what_still_lasts_counts_until_now() -> None:
    facts = [of_contact("C5", "09:00:00", "queued"), of_agent("09:00:00", "ready", "1003")]
    figures = report(facts, Question(By.QUEUE, *DAY), at("09:01:00"))[0].values
    assert (figures["asked"], figures["longest_wait"], figures["abandoned"]) == (1, 60, 0)
    agent = report(facts, Question(By.AGENT, *DAY), at("09:01:00"))[0].values
    assert (agent["ready_time"], agent["occupancy"], agent["handle_time"]) == (60, 0, None)


def test_a_fact_told_twice_counts_once() -> None:
    twice = report([*FACTS, *FACTS], Question(By.QUEUE, *DAY), LATER)
    assert twice == report(FACTS, Question(By.QUEUE, *DAY), LATER)


def test_only_what_may_be_seen() -> None:
    rows = report(FACTS, Question(By.QUEUE, *DAY, only=frozenset({"elder"})), LATER)
    assert rows == []
