"""The closing report: who disagrees is found, what is not good is not called good."""

import json
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from cti_server.client import Event
from cti_server.simulate.customers import CustomerCounts
from cti_server.simulate.outside import OutsideCounts
from cti_server.simulate.passed_on import passed_on
from cti_server.simulate.report import LeftOver, Report, made
from cti_server.simulate.show import tables
from cti_server.simulate.tally import Tally

SETTING = {
    "pattern": "steady",
    "seed": 1,
    "agents": 2,
    "station_mode": "persistent",
    "seconds": 60.0,
    "interrupted": False,
}
CENTRE = {
    "asked": 3,
    "answered": 2,
    "answered_in_time": 1,
    "abandoned": 1,
    "short_abandons": 1,
    "speed_of_answer": 15.0,
}
SIPP = CustomerCounts(created=4, answered=4, ended_by_centre=2, ended_by_customer=2)
LOG = [
    {
        "direction": "inbound",
        "end_reason": reason,
        "queued_at": "2026-11-21T08:00:00Z",
        "connected_at": None,
        "state": "ended",
    }
    for reason in ("agent_hung_up", "agent_hung_up", "abandoned", "abandoned")
]


def told(
    customers: CustomerCounts = SIPP, left: LeftOver | None = None, refused: str = "", **centre: Any
) -> Report:
    tally = Tally(waits={"a": 5.0, "b": 25.0})
    if refused:
        tally.refused(refused)
    return made(
        SETTING,
        customers=customers,
        tally=tally,
        log=LOG,
        centre={**CENTRE, **centre},
        left_over=left or LeftOver(),
    )


def test_all_is_well() -> None:
    report = told()
    assert report.good, report.disagreements
    assert (report.answered, report.abandoned, report.short_abandons, report.lost) == (2, 1, 1, 0)
    assert report.service_level == pytest.approx(1 / 3)
    assert report.waits == {"p50": 25.0, "p95": 25.0, "max": 25.0}


@pytest.mark.parametrize(
    ("report", "what"),
    [
        (told(replace(SIPP, answered=5)), "calls taken"),
        (told(replace(SIPP, ended_by_customer=3)), "ended by the customer"),
        (told(replace(SIPP, ended_by_centre=1)), "ended by the centre"),
        (told(asked=4), "waited for a person"),
        (told(answered=3), "answered"),
        (told(answered_in_time=2), "answered in time"),
        (told(speed_of_answer=15.5), "mean wait"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_disagreement_is_named(report: Report, what: str) -> None:
    assert what in [comparison.what for comparison in report.disagreements]
    assert not report.good


def test_both_hanging_up_at_once_may_be_told_either_way() -> None:
    assert told(replace(SIPP, ended_by_customer=3, ended_by_centre=1, crossed=1)).good


@pytest.mark.parametrize(
    "left",
    [
        LeftOver(contacts=1),
        LeftOver(stuck_agents=("1001",)),
        LeftOver(channels=("PJSIP/trunk-1",)),
        LeftOver(bridges=("b",)),
        LeftOver(calls=1),
    ],
)
def test_what_is_left_over_is_not_good(left: LeftOver) -> None:
    assert not told(left=left).good


def test_not_allowed_to_look_into_the_pbx_is_no_fault() -> None:
    assert told(left=LeftOver(channels=None, bridges=None)).good


def test_a_lost_call_is_counted() -> None:
    gone = [{**LOG[0], "end_reason": "gone_unseen"}, *LOG[1:]]
    report = made(SETTING, customers=SIPP, tally=Tally(), log=gone, centre=CENTRE, left_over=LeftOver())
    assert report.lost == 1


OURS = [
    {**LOG[0], "direction": direction, "end_reason": reason, "queued_at": None, "connected_at": connected}
    for direction, reason, connected in (
        ("outbound", "agent_hung_up", "2026-11-21T08:00:09Z"),
        ("outbound", "busy", None),
        ("internal", "agent_hung_up", "2026-11-21T08:00:09Z"),
    )
]


STORY: list[dict[str, Any]] = [
    {"kind": "contact.transferred", "data": {"to": {"number": "138****0000"}}},
    {"kind": "contact.outside_failed", "data": {}},
    {"kind": "contact.transferred", "data": {"to": {"group": "general"}}},
    {"kind": "contact.transferred", "data": {"to": {"number": "138****0001"}}},
    {"kind": "contact.outside_connected", "data": {}},
    {"kind": "contact.outside_connected", "data": {}},  # after a consultation
]
"""Of one contact."""


def with_ours(
    outside: OutsideCounts | None, *, ours: list[dict[str, Any]] = OURS, told_answered: int = 1
) -> Report:
    """As `told`, and agents called: one outside who answered, one who was busy, a colleague; one asked."""
    tally = Tally(waits={"a": 5.0, "b": 25.0}, ours={"o": "outbound", "i": "internal"}, consulted_outside=1)
    return made(
        SETTING,
        customers=SIPP,
        tally=tally,
        log=[*LOG, *ours],
        centre={**CENTRE, "dialled_answered": told_answered},
        left_over=LeftOver(),
        outside=outside,
    )


def test_each_direction_is_counted_for_itself() -> None:
    report = with_ours(OutsideCounts(answered=2, refused=1))
    assert report.good, report.disagreements
    counts = {name: (it.contacts, it.connected) for name, it in report.directions.items()}
    assert counts == {"inbound": (4, 0), "outbound": (2, 1), "internal": (1, 1)}
    assert report.end_reasons == {"agent_hung_up": 4, "abandoned": 2, "busy": 1}
    assert json.loads(json.dumps(report.as_dict()))["outside"]["refused"] == 1
    assert len(tables(report)) == 3


@pytest.mark.parametrize(
    ("report", "what"),
    [
        (with_ours(OutsideCounts(answered=3)), "answered outside"),
        (with_ours(OutsideCounts(answered=2), told_answered=2), "outbound in the figures"),
        (with_ours(OutsideCounts(answered=2), ours=OURS[1:]), "outbound, answered"),
        (with_ours(OutsideCounts(answered=2), ours=[*OURS, OURS[2]]), "internal, answered"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_disagreement_about_our_calls_is_named(report: Report, what: str) -> None:
    assert what in [comparison.what for comparison in report.disagreements]
    assert tables(report)
    assert not report.good


def test_a_call_of_ours_that_nobody_ended_is_lost() -> None:
    gone = [{**OURS[0], "end_reason": "gone_unseen"}, *OURS[1:]]
    assert with_ours(OutsideCounts(answered=2), ours=gone).lost == 1


def test_a_call_that_failed_outside_is_not_good() -> None:
    assert not with_ours(OutsideCounts(answered=2, failed=1)).good


def test_passed_on_to_a_number_outside_may_have_been_ended_by_either() -> None:
    passed_on = [{**LOG[0], "end_reason": "transferred_outside"}, *LOG[1:]]
    customers = replace(SIPP, ended_by_centre=1, ended_by_customer=3)
    tally = Tally(waits={"a": 5.0, "b": 25.0})
    report = made(
        SETTING, customers=customers, tally=tally, log=passed_on, centre=CENTRE, left_over=LeftOver()
    )
    assert report.good, report.disagreements


def test_customers_passed_on_outside_are_counted_by_the_log_and_the_programs() -> None:
    passed = passed_on([STORY, STORY[:1], [STORY[2]]])
    assert (passed.told, passed.answered, passed.returned, passed.left) == (3, 1, 1, 1)
    tally = Tally(ours={"o": "outbound", "i": "internal"}, consulted_outside=1, passed_on=Counter(a=2, b=1))
    told_ = {
        "customers": SIPP,
        "tally": tally,
        "log": [*LOG, *OURS],
        "centre": CENTRE,
        "left_over": LeftOver(),
    }
    report = made(SETTING, **told_, outside=OutsideCounts(answered=3), passed=passed)  # type: ignore[arg-type]  # as named
    found = {comparison.what: comparison for comparison in report.comparisons}
    assert found["passed on outside"].agrees
    assert (found["answered outside"].other_says, found["answered outside"].within) == (3, 1)
    tally.passed_on["b"] += 1
    report = made(SETTING, **told_, outside=OutsideCounts(answered=3), passed=passed)  # type: ignore[arg-type]  # as named
    assert "passed on outside" in [comparison.what for comparison in report.disagreements]
    assert len(tables(report)) == 3


@pytest.mark.parametrize("code", ["no_outside_target", "outside_port_in_use"])
def test_what_could_not_be_done_is_told_and_is_no_fault(code: str) -> None:
    report = replace(told(), left_out=(code,))
    assert report.good
    assert report.as_dict()["left_out"] == (code,)
    assert any("left out" in str(cell) for cell in tables(report)[0].columns[0].cells)


def test_overtaken_is_no_error_and_an_unknown_outcome_is_one() -> None:
    assert told(refused="contact_ended").good
    assert told(refused="agent_cap_reached").good
    assert told(refused="outcome_unknown").errors == {"outcome_unknown": 1}
    assert not told(refused="outcome_unknown").good


def test_what_customers_were_refused_with_is_told() -> None:
    report = replace(told(replace(SIPP, failed=2)), refused_with={"503 Service Unavailable": 2})
    assert not report.good
    assert report.as_dict()["refused_with"] == {"503 Service Unavailable": 2}
    assert "503 Service Unavailable 2" in [str(cell) for cell in tables(report)[0].columns[1].cells]


def test_it_is_json_and_three_tables() -> None:
    report = told()
    assert json.loads(json.dumps(report.as_dict()))["good"] is True
    assert len(tables(report)) == 3


def test_a_wait_is_counted_once_from_the_first_conversation() -> None:
    tally = Tally()
    view = {
        "contact_id": "c",
        "direction": "inbound",
        "state": "active",
        "queued_at": "2026-11-21T08:00:00.000Z",
        "connected_at": "2026-11-21T08:00:02.500Z",
    }
    tally.told(Event("contact.connected", {"contact": view}))
    later = {**view, "connected_at": "2026-11-21T08:01:00.000Z", "state": "wrap_up"}
    tally.told(Event("contact.connected", {"contact": later}))
    assert tally.waits == {"c": 2.5}
    assert tally.talking == set()
