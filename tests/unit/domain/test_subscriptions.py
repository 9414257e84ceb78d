"""Live views: who is told what, in its own sequence, and until when."""

from typing import Any

import pytest

from cti_server.domain import signals as s
from cti_server.domain.events import Event
from tests.unit.domain import scenes
from tests.unit.domain.centre import Centre
from tests.unit.domain.scenes import PERSISTENT, called, code, opened, seated


def watching(*topics: str, watcher: str = "1003") -> Centre:
    """The leader of credit_card watches, and 1002 of that group is ready."""
    centre = opened()
    centre.apply(s.AgentConnected(centre.now, watcher))
    reply = centre.command(s.Subscribe, watcher, topics)
    assert reply
    assert reply.error_code is None
    seated(centre, "1002", PERSISTENT)
    return centre


def told(centre: Centre, watcher: str = "1003") -> list[tuple[Event, dict[str, Any]]]:
    return [(n.event, n.params) for o in centre.told for n in o.notifications if n.agent_id == watcher]


def test_agents_of_the_own_groups():
    centre = watching("agents")
    seated(centre, "1001", PERSISTENT)
    ids = {params["agent"]["agent_id"] for _, params in told(centre)}
    assert ids == {"1002"}
    assert (Event.AGENT_SIGNED_IN, "not_ready") in [
        (event, params["agent"]["state"]) for event, params in told(centre)
    ]


def test_contacts_of_the_own_groups_as_a_stranger_sees_them():
    centre = watching("contacts")
    contact_id = called(centre, "4001")
    called(centre, "4000")
    views = [params["contact"] for _, params in told(centre)]
    assert {view["contact_id"] for view in views} == {contact_id}
    assert all(view["allowed_actions"] == [] for view in views)
    assert [event for event, _ in told(centre)] == [Event.CONTACT_QUEUED, Event.CONTACT_OFFERED]


def test_queues_with_who_waits_and_who_could_take_it():
    centre = watching("queues")
    called(centre, "4001")
    called(centre, "4001")
    event, params = told(centre)[-1]
    view = params["queue"]
    assert event is Event.QUEUE_CHANGED
    assert (view["queue"], view["waiting"], view["agents"]["reserved"]) == ("credit_card", 1, 1)
    assert view["oldest_queued_at"]


def test_the_sequence_has_no_gap_and_nobody_is_told_twice():
    centre = watching("agents", "queues", "contacts")
    contact_id = called(centre, "4001")
    scenes.accepted(centre, contact_id, "1002")
    seated(centre, "1003", PERSISTENT)
    seqs = [params["seq"] for _, params in told(centre)]
    assert seqs == list(range(1, len(seqs) + 1))
    ids = [p["agent"]["agent_id"] for e, p in told(centre) if e is Event.AGENT_SIGNED_IN]
    assert ids == ["1002", "1003"]


def test_the_answer_has_how_it_is_now():
    centre = watching("agents")
    contact_id = called(centre, "4001")
    reply = centre.command(s.Subscribe, "1003", ("queues", "contacts", "queues"))
    assert reply
    assert reply.result
    assert reply.result["topics"] == ["agents", "queues", "contacts"]
    assert [contact["contact_id"] for contact in reply.result["contacts"]] == [contact_id]
    assert [queue["queue"] for queue in reply.result["queues"]] == ["credit_card"]
    assert "agents" not in reply.result


def test_unsubscribe():
    centre = watching("agents", "queues")
    reply = centre.command(s.Unsubscribe, "1003", ("agents", "contacts"))
    assert reply
    assert reply.result == {"topics": ["queues"]}
    before = len(told(centre))
    centre.command(s.SetState, "1002", "not_ready")
    assert [event for event, _ in told(centre)[before:]] == [Event.QUEUE_CHANGED]


@pytest.mark.parametrize(
    ("who", "topic", "refusal"),
    [
        ("1001", "agents", "wrong_role"),
        ("5001", "contacts", "wrong_role"),
        ("3001", "queues", "wrong_role"),
        ("3001", "contacts", None),
        ("9999", "agents", "unknown_agent"),
    ],
)
def test_by_role(who, topic, refusal):
    centre = opened()
    assert code(centre, s.Subscribe, who, (topic,)) == refusal
    assert bool(centre.state.subscribers.get(topic)) == (refusal is None)


def test_inspectors_see_every_group():
    centre = watching("contacts", watcher="3001")
    ids = {called(centre, "4001"), called(centre, "4000")}
    assert {params["contact"]["contact_id"] for _, params in told(centre, "3001")} == ids


def test_it_waits_for_the_socket_a_while():
    centre = watching("agents")
    centre.apply(s.AgentDisconnected(centre.now, "1003"))
    centre.pass_time(50)
    centre.apply(s.AgentConnected(centre.now, "1003"))
    centre.pass_time(61)
    assert centre.state.subscribers["agents"] == ["1003"]
    centre.apply(s.AgentDisconnected(centre.now, "1003"))
    centre.pass_time(61)
    assert centre.state.subscribers["agents"] == []
