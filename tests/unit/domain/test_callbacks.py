"""Called back instead of waiting: the place is kept, the customer is called, in vain or not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cti_server.domain import signals as s
from cti_server.domain.contact import Contact, ContactState
from cti_server.domain.effects import CallCustomer, TellPlace
from cti_server.domain.ivr_walk import Asked
from cti_server.domain.policy import Policy
from cti_server.domain.rules.callbacks import WAITING
from cti_server.domain.views import contact_view
from tests.fakes.pbx import BUSY
from tests.unit.domain.centre import GROUPS, Centre, directory
from tests.unit.domain.scenes import MODES, agent, called, contact, kinds, opened, pick_up, seated

OFFERED = Policy(announce_every=30.0, callback=True, callback_tries=2, callback_retry=60.0)
OTHER = "13911112222"


def offering(policy: Policy = OFFERED) -> Centre:
    centre = opened()
    centre.apply(directory(centre.now, groups=(replace(GROUPS[0], policy=policy), GROUPS[1])))
    return centre


def press(centre: Centre, channel: str, *keys: str) -> None:
    for key in keys:
        walk = contact(centre, channel).walk
        centre.pbx.press(channel, walk.serial if walk and not walk.over else WAITING, key)
        centre.settle()


def wished(centre: Centre, channel: str) -> Contact:
    """The customer agreed to be called back, and hung up; what waits in its place."""
    press(centre, channel, "1", "1")
    centre.pbx.hang_up(channel)
    centre.settle()
    return next(c for c in centre.state.contacts.values() if c.to_be_called)


def answers(centre: Centre) -> None:
    """The customer who is being called picks up."""
    centre.settle()
    ringing = next(ch for ch in centre.pbx.channels.values() if ch.customer and not ch.up)
    centre.pbx.customer_answers(ringing.channel)
    centre.settle()


def test_offered_with_the_announcement_and_only_where_it_is_configured() -> None:
    for policy in (OFFERED, replace(OFFERED, callback=False)):
        centre = offering(policy)
        channel = called(centre)
        centre.pass_time(31.0)
        told = [e for o in centre.told for e in o.effects if isinstance(e, TellPlace)]
        assert [one.callback for one in told] == [policy.callback]
        press(centre, channel, "1")
        assert (contact(centre, channel).walk is not None) == policy.callback


def test_the_place_is_kept_and_the_call_counts_as_a_callback() -> None:
    centre = offering()
    first, second, third = (called(centre) for _ in range(3))
    mine = wished(centre, second)
    assert centre.state.groups["general"].waiting == [first, mine.contact_id, third]
    assert second not in centre.state.contacts
    row = [r.data for o in centre.told for r in o.records if r.kind == "contact"]
    ended = next(data for data in reversed(row) if data["contact_id"] == second)
    assert (ended["end_reason"], ended["state"]) == ("callback", "ended")
    assert "contact.callback_agreed" in kinds(centre, second)
    assert mine.ivr_path[-1] == "callback"


@pytest.mark.parametrize("mode", MODES)
def test_the_agent_who_takes_it_is_given_the_call(mode: str) -> None:
    centre = offering()
    mine = wished(centre, called(centre))
    seated(centre, "1001", mode)
    assert contact(centre, mine.contact_id).state is ContactState.OFFERED
    view = contact_view(mine, agent(centre))
    assert view["callback"]["tries"] == 0
    assert (view["direction"], view["allowed_actions"]) == ("outbound", ["contact.accept", "contact.reject"])
    centre.command(s.Accept, "1001", mine.contact_id)
    pick_up_phone_only(centre)
    calls = [e for o in centre.told for e in o.effects if isinstance(e, CallCustomer)]
    assert [call.number for call in calls] == ["13800138000"]
    assert contact(centre, mine.contact_id).state is ContactState.DIALLING
    assert centre.replies[centre.commands[-1]][0].error_code is None
    answers(centre)
    assert contact(centre, mine.contact_id).state is ContactState.ACTIVE
    assert not mine.to_be_called


def pick_up_phone_only(centre: Centre) -> None:
    """The agent's phone, not the customer's."""
    centre.settle()
    for ringing in [ch for ch in centre.pbx.channels.values() if ch.address and not ch.up]:
        centre.pbx.answer(ringing.channel)
    centre.settle()


def in_vain(centre: Centre) -> None:
    """The customer is busy, the agent registers it."""
    (mine,) = centre.state.contacts.values()
    centre.command(s.Accept, "1001", mine.contact_id)
    centre.settle()
    centre.pbx.hang_up(mine.contact_id, BUSY)
    centre.settle()
    assert mine.end_reason == "busy"
    assert agent(centre).state == "wrap_up"
    centre.command(s.WrapUp, "1001", mine.contact_id, "busy", "", "ready")
    centre.settle()


def test_called_again_later_and_given_up_after_some_tries() -> None:
    centre = offering()
    since = wished(centre, called(centre)).queued_at
    seated(centre)
    in_vain(centre)
    assert not centre.state.contacts
    assert len(centre.state.callbacks) == 1
    centre.pass_time(61.0)
    (again,) = centre.state.contacts.values()
    assert (again.state, again.queued_at) == (ContactState.OFFERED, since)
    assert again.callback
    assert again.callback.tries == 1
    in_vain(centre)
    assert not centre.state.callbacks
    assert "contact.callback_failed" in kinds(centre, again.contact_id)


def test_nobody_is_called_for_ever() -> None:
    centre = offering(replace(OFFERED, callback_expires=50.0))
    mine = wished(centre, called(centre))
    centre.pass_time(51.0)
    assert not centre.state.contacts
    assert mine.end_reason == "callback_expired"


def test_an_offer_that_outlasts_the_wish_ends_it_afterwards() -> None:
    centre = offering(replace(OFFERED, callback_expires=15.0))
    mine = wished(centre, called(centre))
    seated(centre)
    centre.pass_time(16.0)
    assert mine.state is ContactState.OFFERED
    centre.pass_time(40.0)
    assert mine.end_reason == "callback_expired"


def test_another_number_must_be_one_that_may_be_called() -> None:
    centre = offering()
    channel = called(centre)
    press(centre, channel, "1", "2", "110")
    walk = contact(centre, channel).walk
    assert walk
    assert (walk.asked, walk.said) == (Asked.NUMBER, ("number_not_possible",))
    press(centre, channel, OTHER, "1")
    mine = next(c for c in centre.state.contacts.values() if c.to_be_called)
    assert mine.customer.number == OTHER


def test_who_gives_no_other_number_goes_on_waiting() -> None:
    centre = offering()
    channel = called(centre)
    press(centre, channel, "1", "2", "*")
    waits = contact(centre, channel)
    assert waits.walk
    assert (waits.walk.over, waits.walk.said, waits.state) == (True, ("connecting",), ContactState.QUEUED)
    assert waits.contact_id in centre.state.groups["general"].waiting


def test_a_caller_who_withholds_its_number_gives_one() -> None:
    centre = offering()
    channel = centre.pbx.arrive(caller="")
    centre.settle()
    centre.pbx.greeted(channel)
    centre.settle()
    press(centre, channel, "1")
    walk = contact(centre, channel).walk
    assert walk
    assert walk.asked is Asked.NUMBER


@pytest.mark.parametrize("key", ["0", "", "7"])
def test_whoever_does_not_confirm_goes_on_waiting(key: str) -> None:
    centre = offering()
    channel = called(centre)
    press(centre, channel, "1", key)
    there = contact(centre, channel)
    assert there.walk
    assert there.state is ContactState.QUEUED
    assert centre.state.groups["general"].waiting == [channel]


def test_who_is_being_offered_is_not_called_back() -> None:
    centre = offering()
    channel = called(centre)
    press(centre, channel, "1")
    seated(centre)
    assert contact(centre, channel).state is ContactState.OFFERED
    press(centre, channel, "1")
    assert contact(centre, channel).state is ContactState.OFFERED
    centre.command(s.Accept, "1001", channel)
    pick_up(centre)
    assert contact(centre, channel).state is ContactState.ACTIVE


def test_it_outlives_the_server_and_the_pbx() -> None:
    centre = offering()
    mine = wished(centre, called(centre)).contact_id
    centre.restart()
    centre.connect()
    centre.settle()
    assert contact(centre, mine).to_be_called
    centre.disconnect()
    centre.connect()
    centre.settle()
    assert contact(centre, mine).state is ContactState.QUEUED


def served_before_the_wish(centre: Centre, number: str = "4000", caller: str = "13800138000") -> str:
    """The customer calls again, is preferred to all who wait, and an agent takes it."""
    again = centre.pbx.arrive(number, caller=caller)
    centre.settle()
    contact(centre, again).priority = 9
    centre.pbx.greeted(again)
    centre.settle()
    seated(centre, "1002")
    centre.command(s.Accept, "1002", again)
    centre.settle()
    assert contact(centre, again).state is ContactState.ACTIVE
    return again


def test_who_calls_again_and_is_served_is_not_called_back() -> None:
    centre = offering()
    mine = wished(centre, called(centre))
    again = served_before_the_wish(centre)
    assert mine.end_reason == "callback_served"
    assert list(centre.state.contacts) == [again]
    assert "contact.callback_served" in kinds(centre, again)


def test_nor_again_later() -> None:
    centre = offering()
    wished(centre, called(centre))
    seated(centre)
    in_vain(centre)
    centre.command(s.SetState, "1001", "not_ready")
    again = served_before_the_wish(centre)
    assert not centre.state.callbacks
    assert "contact.callback_served" in kinds(centre, again)
    assert not [key for key in centre.state.timers if key.startswith("callback")]


@pytest.mark.parametrize(("number", "caller"), [("4001", "13800138000"), ("4000", OTHER)])
def test_another_matter_or_somebody_else_leaves_the_wish(number: str, caller: str) -> None:
    centre = offering()
    mine = wished(centre, called(centre))
    served_before_the_wish(centre, number, caller)
    assert mine.state is ContactState.QUEUED
