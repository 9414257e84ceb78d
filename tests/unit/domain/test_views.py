"""What agents see: whole, masked, in sequence; and that state and signals survive being written down."""

import json

import pytest

from cti_server.domain import signals as s
from cti_server.domain.views import masked, own_contacts, timestamp
from tests.unit.domain import scenes
from tests.unit.domain.centre import copy, read, written
from tests.unit.domain.scenes import MODES, agent, called, opened, seated, talking

AGENT_FIELDS = {
    "agent_id", "name", "roles", "groups", "state", "reason", "pending_state", "state_since", "station",
    "contact_ids", "supervising",
}  # fmt: skip
CONTACT_FIELDS = {
    "contact_id", "medium", "direction", "state", "queue", "priority", "customer", "service_number",
    "ivr_path", "data", "legs", "recording", "consult", "callback", "identification", "allowed_actions",
    "arrived_at", "queued_at", "offered_at", "connected_at", "ended_at", "end_reason",
}  # fmt: skip


@pytest.mark.parametrize("mode", MODES)
def test_every_event_carries_a_whole_view_and_the_next_number(mode):
    centre, contact_id = talking(mode)
    centre.command(s.Hold, "1001", contact_id)
    centre.settle()
    told = [n for o in centre.told for n in o.notifications if n.agent_id == "1001"]
    assert [n.params["seq"] for n in told] == list(range(1, len(told) + 1))
    for notification in told:
        view = notification.params.get("agent") or notification.params["contact"]
        assert set(view) == (AGENT_FIELDS if "agent" in notification.params else CONTACT_FIELDS)
        assert json.loads(json.dumps(notification.params)) == notification.params
        assert "13800138000" not in json.dumps(notification.params)


def test_an_event_names_the_command_it_follows_from():
    centre, contact_id = talking()
    centre.command(s.Hold, "1001", contact_id)
    request = centre.commands[-1][1]
    centre.settle()
    caused = [n.event for o in centre.told for n in o.notifications if n.params.get("request_id") == request]
    assert caused == ["contact.held"]


def test_the_first_view_pops_the_screen():
    centre = opened()
    seated(centre)
    contact_id = called(centre, "4000")
    [view] = own_contacts(centre.state, agent(centre))
    assert view["contact_id"] == contact_id
    assert view["customer"]["number"] == "138****8000"
    assert view["legs"][0]["party"] == "138****8000"
    assert view["service_number"] == "4000"
    assert view["allowed_actions"] == ["contact.accept", "contact.reject"]


@pytest.mark.parametrize(
    ("number", "seen"),
    [("13800138000", "138****8000"), ("", ""), ("1", "1"), ("10086", "****6"), ("8008208", "800****8208")],
)
def test_masking(number, seen):
    assert masked(number) == seen


def test_timestamps():
    assert timestamp(None) is None
    assert timestamp(0.5) == "1970-01-01T00:00:00.500Z"


def test_only_the_log_holds_the_number():
    centre, _ = talking()
    kinds = {r.kind for o in centre.told for r in o.records if "13800138000" in str(r.data)}
    assert kinds == {"contact"}
    assert not any("13800138000" in str(n.params) for o in centre.told for n in o.notifications)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("scene", [scenes.talking, scenes.held, scenes.wrapping_up])
def test_a_state_survives_its_snapshot_to_the_type(scene, mode):
    centre, contact_id = scene(mode)
    centre.command(s.SetState, "1001", "busy", "lunch")
    centre.command(s.SetData, "1001", contact_id, {"list": [1, {"a": None}], "x": 1.5})
    again = copy(centre.state)
    assert again == centre.state
    assert repr(again) == repr(centre.state)


def test_signals_survive_the_journal_to_the_type():
    centre, _ = talking()
    centre.restart()
    centre.connect()
    centre.settle()
    for line in centre.journal:
        assert written(read(line)) == line
    state, _ = centre.replayed()
    assert repr(state) == repr(centre.state)


def test_record_ids_are_their_own():
    centre, _ = talking()
    ids = [r.id for o in centre.told for r in o.records]
    assert len(ids) == len(set(ids))
