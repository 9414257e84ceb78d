"""Callers in the menu: what becomes of the contact."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cti_server.domain import signals as s
from cti_server.domain.contact import ContactState
from cti_server.domain.customer import CustomerProfile
from cti_server.domain.events import Event
from cti_server.domain.policy import Opening, Policy
from cti_server.domain.rules import menu
from cti_server.domain.views import contact_view
from tests.unit.domain.centre import GROUPS, Centre, directory
from tests.unit.domain.scenes import agent, contact, kinds, opened, seated

NEVER = Policy(hours=(Opening(1, 0, 0),))
WHO = CustomerProfile("沈桂英", "vip", elder=True, dedicated_agent="1002", requires={"credit_card": 3})


def called(centre: Centre) -> str:
    """Somebody calls the number that has a menu and hears its first question."""
    channel = centre.pbx.arrive("4005")
    centre.settle()
    return channel


def press(centre: Centre, channel: str, *keys: str, who: CustomerProfile | None = None) -> None:
    for key in keys:
        walk = contact(centre, channel).walk
        assert walk
        centre.pbx.press(channel, walk.serial, key, "13900000002", who if key == "right" else None)
        centre.settle()


def test_through_the_menu_to_an_agent_who_sees_where_from() -> None:
    centre = opened()
    seated(centre, "1002")
    channel = called(centre)
    assert contact(centre, channel).state is ContactState.IVR
    press(centre, channel, "2", "4", "1")
    there = contact(centre, channel)
    assert (there.group_id, there.language, there.state) == ("credit_card", "en", ContactState.IVR)
    centre.pbx.greeted(channel)
    centre.settle()
    assert contact(centre, channel).state is ContactState.OFFERED
    view = contact_view(contact(centre, channel), agent(centre, "1002"))
    assert view["ivr_path"] == ["4005", "language:en", "main:4", "more:1"]
    assert not view["customer"]["verified"]
    assert kinds(centre, channel).count(Event.CONTACT_IVR_CHANGED) == 3


def test_an_answer_to_a_question_of_before_says_nothing() -> None:
    centre = opened()
    channel = called(centre)
    walk = contact(centre, channel).walk
    assert walk
    press(centre, channel, "1")
    before = contact(centre, channel).walk
    centre.pbx.press(channel, walk.serial, "0")
    centre.settle()
    assert contact(centre, channel).walk == before


def test_identity_proved_makes_it_that_customers_contact() -> None:
    centre = opened()
    channel = called(centre)
    press(centre, channel, "1", "2", "card", "wrong", "card", "right", who=WHO)
    there = contact(centre, channel)
    assert there.customer.verified
    assert (there.customer.name, there.customer.number) == (WHO.name, "13800138000")
    assert (there.priority, there.dedicated_agent, there.requires) == (3, "1002", WHO.requires)
    assert there.ivr_path[-1] == "verified"


@pytest.mark.parametrize("outcome", ["wrong", "locked", "unavailable"])
def test_who_fails_goes_on_and_is_not_verified(outcome: str) -> None:
    centre = opened()
    channel = called(centre)
    press(centre, channel, "1", "2", "card", outcome)
    if outcome != "unavailable":
        press(centre, channel, "card", outcome, "card", outcome)
    there = contact(centre, channel)
    assert there.walk
    assert there.walk.over
    assert not there.customer.verified
    assert there.group_id == "credit_card"


@pytest.mark.parametrize(("elder", "group"), [(True, "credit_card"), (False, "general")])
def test_an_elderly_caller_goes_straight_to_a_person(elder: bool, group: str) -> None:
    centre = opened()
    arrived = s.ContactArrived(
        centre.now, "pbx-a", "pbx-a-7.0", "4005", "13900000002", elder=elder, group_id="general"
    )
    centre.apply(arrived)
    there = contact(centre, "pbx-a-7.0")
    assert there.group_id == group
    assert (there.walk is None) is elder
    assert there.ivr_path == (["4005", "elder"] if elder else ["4005"])


def test_closed_is_said_at_once_when_all_behind_the_menu_is_closed() -> None:
    centre = opened()
    centre.apply(directory(centre.now, groups=tuple(replace(group, policy=NEVER) for group in GROUPS)))
    there = contact(centre, called(centre))
    assert (there.end_reason, there.walk) == ("closed", None)


def test_closed_is_said_on_choosing_when_something_else_is_open() -> None:
    centre = opened()
    centre.apply(directory(centre.now, groups=(replace(GROUPS[0], policy=NEVER), GROUPS[1])))
    channel = called(centre)
    press(centre, channel, "1", "1")
    assert contact(centre, channel).end_reason == "closed"


def test_with_no_server_the_menu_is_left_for_a_person() -> None:
    centre = opened()
    channel = called(centre)
    press(centre, channel, "1")
    centre.pbx.greeted(channel)
    centre.settle()
    there = contact(centre, channel)
    assert there.state is ContactState.QUEUED
    assert there.ivr_path == ["4005", "language:zh", "unserved"]
    press(centre, channel, "2")
    assert contact(centre, channel).group_id == "general", "too late"


def test_who_hangs_up_in_the_menu_asked_for_no_person() -> None:
    centre = opened()
    channel = called(centre)
    centre.pbx.hang_up(channel)
    centre.settle()
    rows = [r.data for o in centre.told for r in o.records if r.kind == "contact"]
    assert rows[-1]["end_reason"] == "abandoned"
    assert rows[-1]["queued_at"] is None


def test_the_question_follows_from_the_contact() -> None:
    centre = opened()
    channel = called(centre)
    asked = menu.question(centre.state.ivrs, contact(centre, channel))
    assert asked
    assert asked.prompts[:2] == ("choose_zh_1", "choose_en_2")
    assert menu.question({}, contact(centre, channel)), "settings may be gone meanwhile"
