"""Routing settings that change while customers wait."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from cti_server.domain import signals as s
from cti_server.domain.contact import ContactState
from cti_server.domain.effects import AddFallbackMember, NotedNumber
from cti_server.domain.policy import Greeting, Policy, Priorities
from cti_server.domain.target import Target, TargetKind
from tests.unit.domain import centre as c
from tests.unit.domain.centre import Centre, directory
from tests.unit.domain.scenes import accepted, called, opened, seated, talking

GENERAL, CARDS = c.GROUPS


def changed(centre: Centre, **more: Any) -> None:
    """Operations change something; what is not said stays as the tests have it."""
    version = centre.state.routing_version + 1
    centre.apply(directory(centre.now, **{"kind": s.RoutingChanged, "version": version, **more}))


def profiles(agent_id: str, **more: Any) -> tuple[s.AgentProfile, ...]:
    return tuple(replace(a, **more) if a.agent_id == agent_id else a for a in c.AGENTS)


def state_of(centre: Centre, contact_id: str) -> tuple[str, str, str]:
    found = centre.state.contacts[contact_id]
    return found.state.value, found.group_id, found.agent_id or ""


def test_an_agent_learns_and_is_offered_who_waits() -> None:
    centre = opened()
    seated(centre, "1001")
    waits = called(centre, "4001")
    assert state_of(centre, waits) == ("queued", "credit_card", "")
    changed(centre, agents=profiles("1001", groups={"general": 5, "credit_card": 1}))
    assert state_of(centre, waits) == ("offered", "credit_card", "1001")
    joined = [e for o in centre.told for e in o.effects if isinstance(e, AddFallbackMember)]
    assert joined[-1].groups == ("credit_card",)
    told = [n for o in centre.told for n in o.notifications if n.event == "agent.state_changed"]
    assert any(n.params["agent"]["groups"] == ["general", "credit_card"] for n in told)


def test_the_nodes_are_told_of_every_service_number() -> None:
    centre = opened()
    assert centre.pbx.numbers["4000"] == NotedNumber("4000", "general", "", "")
    changed(
        centre,
        service_numbers={"4000": "general", "4010": "credit_card"},
        greetings={"4010": Greeting("for_credit_card", "en")},
    )
    centre.settle()
    assert set(centre.pbx.numbers) == {"4000", "4010"}
    assert centre.pbx.numbers["4010"] == NotedNumber("4010", "credit_card", "for_credit_card", "en")


def test_a_node_out_of_reach_is_told_when_it_is_back() -> None:
    centre = opened()
    centre.apply(centre.pbx.disconnect())
    changed(centre, service_numbers={"4010": "general"})
    centre.settle()
    assert "4010" not in centre.pbx.numbers
    centre.apply(centre.pbx.connect())
    centre.settle()
    assert set(centre.pbx.numbers) == {"4010"}


def test_with_no_directory_yet_a_node_keeps_what_it_knows() -> None:
    centre = opened()
    changed(centre, service_numbers={})
    centre.settle()
    assert "4000" in centre.pbx.numbers


def test_a_skill_asked_for_no_longer() -> None:
    centre = opened()
    seated(centre, "1001")
    changed(centre, groups=(replace(GENERAL, policy=Policy(requires={"english": 3})), CARDS))
    waits = called(centre)
    assert state_of(centre, waits)[0] == "queued"
    changed(centre)
    assert state_of(centre, waits) == ("offered", "general", "1001")


def test_overflow_counts_from_when_the_wait_began() -> None:
    centre = opened()
    seated(centre, "1003")
    waits = called(centre)
    centre.pass_time(20)
    changed(
        centre, groups=(replace(GENERAL, policy=Policy(overflow_to="credit_card", overflow_after=30)), CARDS)
    )
    centre.pass_time(9)
    assert state_of(centre, waits) == ("queued", "general", "")
    centre.pass_time(2)
    assert state_of(centre, waits) == ("offered", "credit_card", "1003")


def test_overflow_that_is_taken_away_does_not_happen() -> None:
    centre = opened()
    changed(
        centre, groups=(replace(GENERAL, policy=Policy(overflow_to="credit_card", overflow_after=30)), CARDS)
    )
    waits = called(centre)
    changed(centre)
    centre.pass_time(100)
    assert state_of(centre, waits) == ("queued", "general", "")


def test_a_numbers_new_target_counts_for_the_next_call() -> None:
    centre = opened()
    first = called(centre)
    changed(centre, service_numbers={"4000": "credit_card", "4001": "credit_card"})
    second = called(centre)
    assert [state_of(centre, one)[1] for one in (first, second)] == ["general", "credit_card"]


def test_a_group_that_is_no_more_hands_its_queue_on() -> None:
    centre = opened()
    first, second = called(centre, "4001"), called(centre)
    seated(centre, "1003", ready=False)
    seated(centre, "1002", ready=False)
    only = {"groups": (GENERAL,), "service_numbers": {"4000": "general", "4001": "general"}}
    agents = tuple(replace(a, groups={"general": 1}) for a in c.AGENTS)
    changed(centre, agents=agents, **only)
    assert centre.state.groups["general"].waiting == [first, second]
    assert [r.data["data"]["to"] for o in centre.told for r in o.records if "overflowed" in str(r.data)] == [
        "general"
    ]
    changed(centre, agents=agents, **only)
    assert list(centre.state.groups) == ["general"]
    centre.command(s.SetState, "1003", "ready")
    assert state_of(centre, first) == ("offered", "general", "1003")


def test_a_conversation_outlives_its_group() -> None:
    """Its agent is lost afterwards: the customer waits where there is somebody."""
    centre, contact_id = talking()
    only = {"groups": (CARDS,), "service_numbers": {"4000": "credit_card", "4001": "credit_card"}}
    changed(centre, agents=tuple(replace(a, groups={"credit_card": 1}) for a in c.AGENTS), **only)
    assert state_of(centre, contact_id) == ("active", "general", "1001")
    refused = centre.command(s.TransferContact, "1001", contact_id, Target(TargetKind.GROUP, "general"))
    assert refused
    assert refused.error_code == "unknown_group"
    seat = centre.state.stations["1001"]
    centre.pbx.hang_up(seat.channel or "", 27)
    centre.settle()
    assert state_of(centre, contact_id)[:2] == ("queued", "credit_card")


def test_nobody_overflows_into_a_group_that_is_no_more() -> None:
    """It is known for as long as somebody talks who came through it; its own queue is served by another."""
    centre = opened()
    seated(centre, "1002")
    talks = called(centre, "4001")
    accepted(centre, talks, "1002")
    policy = Policy(overflow_to="credit_card", overflow_after=30, overflow_length=1)
    changed(centre, groups=(replace(GENERAL, policy=policy),), service_numbers={"4000": "general"})
    first, second = called(centre), called(centre)
    told = len(centre.told)
    centre.pass_time(100)
    assert "credit_card" in centre.state.groups
    assert centre.state.groups["general"].waiting == [first, second]
    assert len(centre.told) - told < 20, "back and forth"
    assert not any("overflowed" in str(r.data) for o in centre.told for r in o.records)


def test_priorities_of_who_waits_change_too() -> None:
    centre = opened()
    plain = called(centre)
    centre.pass_time(10)
    vip = centre.pbx.arrive("4000")
    centre.settle()
    contact = centre.state.contacts[vip]
    contact.customer = replace(contact.customer, tier="vip")
    contact.priority = 1
    centre.pbx.greeted(vip)
    centre.settle()
    assert centre.state.groups["general"].waiting == [vip, plain]
    changed(centre, priorities=Priorities(vip=1, ageing=5))
    assert centre.state.groups["general"].waiting == [plain, vip]
    changed(centre, priorities=Priorities(vip=3, ageing=5))
    assert (centre.state.groups["general"].waiting, contact.priority) == ([vip, plain], 3)


def test_an_older_directory_comes_too_late() -> None:
    centre = opened()
    changed(centre, service_numbers={"4000": "credit_card", "4001": "credit_card"}, version=7)
    centre.apply(directory(centre.now, version=6))
    assert centre.state.service_numbers["4000"] == "credit_card"
    centre.apply(directory(centre.now, version=7))
    assert centre.state.service_numbers["4000"] == "general"


def test_caller_ids_of_groups() -> None:
    centre = opened()
    changed(centre, groups=(replace(GENERAL, policy=Policy(caller_id="95500")), CARDS))
    assert centre.state.outside.caller_id("general") == "95500"
    assert not centre.state.outside.caller_id("credit_card")


def test_who_waits_for_one_agent_alone_goes_on_waiting_for_it() -> None:
    groups = (replace(GENERAL, policy=Policy(preference_time=60, last_agent_within=900)), CARDS)
    centre = opened()
    changed(centre, groups=groups)
    seated(centre, "1001")
    first = called(centre)
    accepted(centre, first)
    centre.command(s.HangUp, "1001", first)
    centre.settle()
    centre.command(s.WrapUp, "1001", first, "done", "", "ready")
    accepted(centre, called(centre))
    again = called(centre)
    contact = centre.state.contacts[again]
    assert contact.preferred_agent == "1001"
    changed(centre, groups=groups)
    assert (contact.preferred_agent, contact.state) == ("1001", ContactState.QUEUED)
    assert f"preference:{again}" in centre.state.timers


def test_a_replay_decides_alike() -> None:
    centre = opened()
    seated(centre, "1001")
    called(centre, "4001")
    changed(centre, agents=profiles("1001", groups={"credit_card": 3}))
    changed(centre, groups=(GENERAL,), service_numbers={"4000": "general", "4001": "general"})
    state, _ = centre.replayed()
    assert state == centre.state
