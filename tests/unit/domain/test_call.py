"""One call, all the way, in both station modes, event by event."""

import pytest

from cti_server.domain import signals as s
from cti_server.domain.agent import AgentState
from cti_server.domain.contact import ContactState, RecordingState
from cti_server.domain.events import Event
from tests.unit.domain import scenes
from tests.unit.domain.scenes import MODES, accepted, called, contact, opened, seated


@pytest.mark.parametrize("mode", MODES)
def test_the_whole_life_of_a_call(mode):
    centre = opened()
    seated(centre, mode=mode)
    told = len(scenes.events(centre))
    contact_id = called(centre)
    assert contact(centre, contact_id).state is ContactState.OFFERED
    accepted(centre, contact_id)
    assert contact(centre, contact_id).state is ContactState.ACTIVE
    assert contact(centre, contact_id).recording is RecordingState.RECORDING
    centre.command(s.Hold, "1001", contact_id)
    centre.settle()
    assert scenes.last_reply(centre) == (None, True)
    assert contact(centre, contact_id).state is ContactState.HELD
    centre.command(s.Retrieve, "1001", contact_id)
    centre.settle()
    assert scenes.last_reply(centre) == (None, True)
    assert contact(centre, contact_id).state is ContactState.ACTIVE
    centre.command(s.HangUp, "1001", contact_id)
    centre.settle()
    assert scenes.last_reply(centre) == (None, True)
    ended = contact(centre, contact_id)
    assert (ended.state, ended.end_reason) == (ContactState.WRAP_UP, "agent_hung_up")
    assert scenes.agent(centre).state is AgentState.WRAP_UP
    reply = centre.command(s.WrapUp, "1001", contact_id, "card_lost", "挂失")
    assert reply
    assert reply.result
    assert reply.result["contact"]["state"] == "ended"
    assert scenes.agent(centre).state is AgentState.READY
    assert contact_id not in centre.state.contacts
    story = [event for event in scenes.events(centre)[told:] if not event.startswith("recording.")]
    assert story == [
        Event.AGENT_STATE_CHANGED,
        Event.CONTACT_OFFERED,
        Event.AGENT_STATE_CHANGED,
        Event.CONTACT_CONNECTED,
        Event.CONTACT_HELD,
        Event.CONTACT_RETRIEVED,
        Event.CONTACT_ENDED,
        Event.AGENT_STATE_CHANGED,
        Event.CONTACT_WRAPPED_UP,
        Event.AGENT_STATE_CHANGED,
    ]
    rows = [r.data for o in centre.told for r in o.records if r.kind == "contact"]
    assert (rows[-1]["disposition"], rows[-1]["summary"], rows[-1]["state"]) == ("card_lost", "挂失", "ended")
    assert [row["version"] for row in rows] == list(range(1, len(rows) + 1))
