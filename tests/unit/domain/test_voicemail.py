"""The last resort: a message, after waiting too long, past a length, or when all is closed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from cti_server.domain.contact import ContactState
from cti_server.domain.effects import TakeMessage
from cti_server.domain.policy import VOICEMAIL, Opening, Policy
from tests.unit.domain.centre import GROUPS, Centre, directory
from tests.unit.domain.scenes import agent, called, contact, kinds, opened, seated

LAST = Policy(overflow_to=VOICEMAIL, overflow_after=30.0)
NEVER = (Opening(1, 0, 0),)


def serving(general: Policy, credit_card: Policy | None = None) -> Centre:
    centre = opened()
    groups = (replace(GROUPS[0], policy=general), replace(GROUPS[1], policy=credit_card or Policy()))
    centre.apply(directory(centre.now, groups=groups))
    return centre


def kept(centre: Centre) -> list[dict[str, Any]]:
    return [r.data for o in centre.told for r in o.records if r.kind == "voicemail"]


def overdue(centre: Centre, channel: str) -> None:
    centre.pass_time(31.0)
    centre.settle()
    assert contact(centre, channel).state is ContactState.VOICEMAIL


def last_row(centre: Centre) -> dict[str, Any]:
    return [r.data for o in centre.told for r in o.records if r.kind == "contact"][-1]


def test_who_waited_too_long_leaves_a_message() -> None:
    centre = serving(LAST)
    channel = called(centre)
    overdue(centre, channel)
    assert centre.pbx.channels[channel].context == "cti-voicemail"
    assert contact(centre, channel).ivr_path[-1] == "voicemail"
    seated(centre)
    assert agent(centre).state == "ready", "nobody is offered it any more"
    centre.pbx.speaks(channel)
    centre.settle()
    centre.pbx.hang_up(channel)
    centre.settle()
    (message,) = kept(centre)
    assert (message["contact_id"], message["group_id"], message["state"]) == (channel, "general", "new")
    assert "contact.message_left" in kinds(centre, channel)
    assert (last_row(centre)["end_reason"], last_row(centre)["state"]) == ("voicemail", "ended")


def test_who_hangs_up_before_the_tone_has_abandoned() -> None:
    centre = serving(LAST)
    channel = called(centre)
    overdue(centre, channel)
    centre.pbx.hang_up(channel)
    centre.settle()
    assert kept(centre) == []
    assert last_row(centre)["end_reason"] == "abandoned"


def test_past_a_length() -> None:
    centre = serving(Policy(overflow_to=VOICEMAIL, overflow_length=1))
    first, second = called(centre), called(centre)
    centre.settle()
    assert contact(centre, first).state is ContactState.QUEUED
    assert contact(centre, second).state is ContactState.VOICEMAIL


def test_who_talks_to_an_agent_already_is_not_sent_to_leave_a_message() -> None:
    """Taken from the fallback queue while no server lived, into a group that is full by now."""
    centre = serving(Policy(overflow_to=VOICEMAIL, overflow_length=1))
    seated(centre, ready=False)
    called(centre)
    centre.settle()
    centre.disconnect()
    second = centre.pbx.arrive()
    centre.pbx.on_its_own(second)
    centre.pbx.fallback_answers(second, "1001")
    centre.connect()
    centre.settle()
    it = contact(centre, second)
    assert (it.state, it.agent_id) == (ContactState.ACTIVE, "1001")
    assert not [effect for told in centre.told for effect in told.effects if isinstance(effect, TakeMessage)]


@pytest.mark.parametrize(
    ("general", "credit_card", "reason"),
    [
        (Policy(hours=NEVER, overflow_to=VOICEMAIL), None, "voicemail"),
        (
            Policy(hours=NEVER, overflow_to="credit_card"),
            Policy(hours=NEVER, overflow_to=VOICEMAIL),
            "voicemail",
        ),
        (Policy(hours=NEVER, overflow_to="credit_card"), Policy(overflow_to=VOICEMAIL), ""),
        (Policy(hours=NEVER), None, "closed"),
    ],
)
def test_when_all_is_closed(general: Policy, credit_card: Policy | None, reason: str) -> None:
    centre = serving(general, credit_card)
    channel = centre.pbx.arrive("4000")
    centre.settle()
    assert contact(centre, channel).end_reason == reason


def test_another_group_that_is_open_comes_first() -> None:
    centre = serving(Policy(overflow_to="credit_card", overflow_after=30.0), LAST)
    channel = called(centre)
    centre.pass_time(31.0)
    centre.settle()
    there = contact(centre, channel)
    assert (there.state, there.group_id) == (ContactState.QUEUED, "credit_card")
    overdue(centre, channel)


def test_not_for_who_has_talked_already() -> None:
    centre = serving(LAST)
    channel = called(centre)
    contact(centre, channel).connected_at = centre.now
    centre.pass_time(31.0)
    centre.settle()
    assert contact(centre, channel).state is ContactState.QUEUED


def test_refused_by_the_pbx_it_waits_on() -> None:
    centre = serving(LAST)
    channel = called(centre)
    centre.pass_time(29.0)
    del centre.pbx.channels[channel]  # its end is on its way
    centre.pass_time(2.0)
    assert any(isinstance(e, TakeMessage) for o in centre.told for e in o.effects)
    centre.settle()
    assert contact(centre, channel).state is ContactState.QUEUED


def test_it_outlives_the_server() -> None:
    centre = serving(LAST)
    channel = called(centre)
    overdue(centre, channel)
    centre.restart()
    centre.pbx.speaks(channel)
    centre.connect()
    centre.settle()
    assert contact(centre, channel).state is ContactState.VOICEMAIL


def test_that_it_speaks_is_known_after_an_outage() -> None:
    """Else the PBX would be looked at every few seconds for as long as it speaks."""
    centre = serving(LAST)
    channel = called(centre)
    centre.pass_time(31.0)
    centre.disconnect(unknown=True, done=True)
    centre.connect()
    centre.settle()
    centre.pass_time(60.0)
    assert contact(centre, channel).state is ContactState.VOICEMAIL
    assert not any(o.anomalies for o in centre.told)


def test_found_there_though_nobody_saw_it_go() -> None:
    centre = serving(LAST)
    channel = called(centre)
    centre.disconnect()
    centre.pbx.channels[channel].context = "cti-voicemail"
    centre.connect()
    centre.settle()
    assert contact(centre, channel).state is ContactState.VOICEMAIL
