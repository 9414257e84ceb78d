"""While a customer waits: business hours, overflow, position and expected wait."""

from __future__ import annotations

from datetime import datetime

import pytest

from cti_server.domain import signals as s
from cti_server.domain.contact import Contact, ContactState
from cti_server.domain.policy import Opening, Policy
from cti_server.domain.records import Record
from cti_server.domain.target import Target, TargetKind
from tests.unit.domain.centre import Centre, directory
from tests.unit.domain.scenes import called, opened, pick_up, seated

WEEK = tuple(Opening(day, 9 * 60, 17 * 60) for day in range(1, 6))
CHINA = "+08:00"


def served(centre: Centre, general: Policy, credit_card: Policy | None = None, *holidays: str) -> None:
    """Other policies from now on."""
    groups = (
        s.GroupProfile("general", "综合", "General", policy=general),
        s.GroupProfile("credit_card", "信用卡", "Credit card", policy=credit_card or Policy()),
    )
    centre.apply(directory(centre.now, groups=groups, holidays=holidays))


def records(centre: Centre, kind: str) -> list[Record]:
    """Entries of contacts' stories of that kind."""
    return [r for o in centre.told for r in o.records if r.data.get("kind") == kind]


def contact(centre: Centre, contact_id: str) -> Contact:
    return centre.state.contacts[contact_id]


@pytest.mark.parametrize(
    ("local", "is_open"),
    [
        ("2026-09-28T08:59:59", False),
        ("2026-09-28T09:00:00", True),
        ("2026-09-28T16:59:59", True),
        ("2026-09-28T17:00:00", False),
        ("2026-09-27T10:00:00", False),  # a Sunday
        ("2026-10-01T10:00:00", False),  # a holiday
        ("2026-10-02T10:00:00", True),
    ],
)
def test_hours_are_local_and_holidays_are_closed(local: str, is_open: bool) -> None:
    at = datetime.fromisoformat(local + CHINA).timestamp()
    assert Policy(hours=WEEK).is_open(at, frozenset({"2026-10-01"})) is is_open
    assert Policy().is_open(at, frozenset({"2026-10-01"})), "without hours a group is always open"


def never() -> Policy:
    return Policy(hours=(Opening(1, 0, 0),))


def test_a_call_to_a_closed_group_is_told_so_and_counts_as_closed() -> None:
    centre = opened()
    served(centre, never())
    channel = centre.pbx.arrive("4000")
    centre.settle()
    assert contact(centre, channel).end_reason == "closed"
    centre.pbx.hang_up(channel)
    centre.settle()
    assert channel not in centre.state.contacts
    assert [r for o in centre.told for r in o.records if r.kind == "contact"][-1].data[
        "end_reason"
    ] == "closed"


def test_what_comes_to_a_closed_group_goes_where_it_overflows() -> None:
    centre = opened()
    served(centre, Policy(hours=never().hours, overflow_to="credit_card"))
    waiting = called(centre)
    assert contact(centre, waiting).group_id == "credit_card"
    assert centre.state.groups["credit_card"].waiting == [waiting]
    assert records(centre, "contact.overflowed")[0].data["data"]["why"] == "closed"


def test_two_closed_groups_that_overflow_into_each_other() -> None:
    centre = opened()
    served(
        centre,
        Policy(hours=never().hours, overflow_to="credit_card"),
        Policy(hours=never().hours, overflow_to="general"),
    )
    channel = centre.pbx.arrive("4000")
    centre.settle()
    assert contact(centre, channel).end_reason == "closed"


def test_after_a_time_it_overflows_and_keeps_its_turn() -> None:
    centre = opened()
    served(centre, Policy(overflow_to="credit_card", overflow_after=30.0))
    first = called(centre)
    centre.pass_time(10)
    second = called(centre, "4001")
    assert contact(centre, first).group_id == "general"
    centre.pass_time(21)
    assert contact(centre, first).group_id == "credit_card"
    assert centre.state.groups["credit_card"].waiting == [first, second]
    seated(centre, "1003")
    assert contact(centre, first).agent_id == "1003"


def test_an_offer_in_between_does_not_stop_the_overflow() -> None:
    centre = opened()
    served(centre, Policy(overflow_to="credit_card", overflow_after=30.0))
    seated(centre, "1001")
    first = called(centre)
    centre.pass_time(19)
    centre.command(s.Reject, "1001", first)
    centre.pass_time(12)
    assert contact(centre, first).group_id == "credit_card"
    centre.pass_time(100)
    assert len(records(centre, "contact.overflowed")) == 1, "it does not go back"


def test_who_is_passed_back_to_the_queue_waits_there_anew() -> None:
    centre = opened()
    served(centre, Policy(overflow_to="credit_card", overflow_after=30.0))
    seated(centre, "1001")
    one = called(centre)
    centre.command(s.Accept, "1001", one)
    pick_up(centre)
    centre.pass_time(60)
    centre.command(s.TransferContact, "1001", one, Target(TargetKind.GROUP, "general"))
    centre.settle()
    centre.pass_time(20)
    assert contact(centre, one).group_id == "general"
    centre.pass_time(11)
    assert contact(centre, one).group_id == "credit_card"


def test_past_a_length_the_next_one_overflows() -> None:
    centre = opened()
    served(centre, Policy(overflow_to="credit_card", overflow_length=2))
    waiting = [called(centre) for _ in range(3)]
    assert [contact(centre, one).group_id for one in waiting] == ["general", "general", "credit_card"]


def test_with_nowhere_open_it_stays() -> None:
    centre = opened()
    served(centre, Policy(overflow_to="credit_card", overflow_after=10.0), never())
    waiting = called(centre)
    centre.pass_time(300)
    assert contact(centre, waiting).group_id == "general"
    centre.pbx.hang_up(waiting)
    centre.settle()
    assert not centre.state.timers


def test_callers_are_told_where_they_stand() -> None:
    """Two agents at work, mean handle time 180 s: the third waits 3 * 180 / 2 seconds."""
    centre = opened()
    served(centre, Policy(announce_every=30.0))
    seated(centre, "1001")
    seated(centre, "1002")
    talking = [called(centre), called(centre)]
    for one in talking:
        centre.command(s.Accept, contact(centre, one).agent_id or "", one)
    pick_up(centre)
    waiting = [called(centre) for _ in range(3)]
    centre.pass_time(31)
    centre.settle()
    assert centre.pbx.told == [(waiting[0], 1, 90.0), (waiting[1], 2, 180.0), (waiting[2], 3, 270.0)]
    noted = [record.data["data"] for record in records(centre, "contact.announced")]
    assert [(one["position"], one["expected_wait"]) for one in noted] == [(1, 90.0), (2, 180.0), (3, 270.0)]
    centre.pbx.hang_up(waiting[0])
    centre.settle()
    centre.pass_time(30)
    centre.settle()
    assert [place for _, place, _ in centre.pbx.told[3:]] == [1, 2]


def test_with_nobody_at_work_only_the_position_is_told() -> None:
    centre = opened()
    served(centre, Policy(announce_every=30.0))
    waiting = called(centre)
    centre.pass_time(31)
    centre.settle()
    assert centre.pbx.told == [(waiting, 1, None)]


def test_the_estimator_learns_from_each_contact() -> None:
    centre = opened()
    seated(centre, "1001")
    one = called(centre)
    centre.command(s.Accept, "1001", one)
    pick_up(centre)
    centre.pass_time(80)
    centre.command(s.HangUp, "1001", one)
    centre.settle()
    centre.command(s.WrapUp, "1001", one)
    assert centre.state.groups["general"].handle_time == pytest.approx(170, abs=0.1)


def test_a_closed_call_that_the_dialplan_queued_by_itself_is_served() -> None:
    centre = opened()
    served(centre, never())
    waiting = called(centre)
    assert contact(centre, waiting).state is ContactState.QUEUED
    assert not contact(centre, waiting).end_reason
