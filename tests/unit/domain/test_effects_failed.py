"""Each effect that the PBX did not carry out, and commands whose outcome never shows."""

import pytest

from cti_server.domain import signals as s
from cti_server.domain.agent import AgentState
from cti_server.domain.contact import ContactState
from tests.unit.domain import scenes
from tests.unit.domain.centre import Centre
from tests.unit.domain.scenes import ON_DEMAND, agent, called, contact, held, opened, seated, talking

CODES = ["pbx_refused", "pbx_unavailable", "outcome_unknown"]


def fail(centre: Centre, effect: str, channel: str, code: str) -> None:
    """The adapter reports; the effect itself is not carried out."""
    centre.pbx.effects.clear()
    centre.apply(s.EffectFailed(centre.now, "pbx-a", effect, channel, code))


def refused(centre: Centre, code: str) -> None:
    """Refused at once; in doubt the PBX has its time to show what became of it."""
    if code == "outcome_unknown":
        assert scenes.last_reply(centre) == (None, False)
        centre.pass_time(5.1)
    assert scenes.last_reply(centre) == (code, True)


@pytest.mark.parametrize("code", CODES)
def test_hold_failed(code):
    centre, contact_id = talking()
    centre.command(s.Hold, "1001", contact_id)
    fail(centre, "HoldCustomer", contact_id, code)
    refused(centre, code)
    centre.pass_time(7)
    centre.settle()
    assert contact(centre, contact_id).state is ContactState.ACTIVE
    assert contact(centre, contact_id).operation is None


@pytest.mark.parametrize("code", CODES)
def test_retrieve_failed(code):
    centre, contact_id = held()
    centre.command(s.Retrieve, "1001", contact_id)
    fail(centre, "Connect", contact_id, code)
    refused(centre, code)
    centre.pass_time(7)
    centre.settle()
    assert contact(centre, contact_id).state is ContactState.HELD


@pytest.mark.parametrize("code", CODES)
def test_accept_failed_leaves_the_agent_ready(code):
    centre = opened()
    seated(centre)
    contact_id = called(centre)
    centre.command(s.Accept, "1001", contact_id)
    fail(centre, "Connect", contact_id, code)
    refused(centre, code)
    assert agent(centre).state is AgentState.RESERVED
    if code == "outcome_unknown":
        # It may be connected: nobody else is offered it before a snapshot has shown.
        assert scenes.kinds(centre, contact_id)[-1] == "contact.offered"
    else:
        assert scenes.kinds(centre, contact_id)[-2:] == ["contact.offer_withdrawn", "contact.offered"]


def test_an_accept_in_doubt_that_was_done_after_all():
    centre = opened()
    seated(centre)
    contact_id = called(centre)
    centre.command(s.Accept, "1001", contact_id)
    centre.pbx.carry_out()
    centre.pbx.facts.clear()
    centre.apply(s.EffectFailed(centre.now, "pbx-a", "Connect", contact_id, "outcome_unknown"))
    centre.settle()
    assert contact(centre, contact_id).state is ContactState.ACTIVE


def test_hang_up_refused_means_most_likely_that_it_is_gone():
    centre, contact_id = talking()
    centre.command(s.HangUp, "1001", contact_id)
    fail(centre, "HangUpChannel", contact_id, "pbx_refused")
    assert scenes.last_reply(centre) == (None, False)
    centre.pbx.hang_up(contact_id)
    centre.settle()
    assert scenes.last_reply(centre) == (None, True)


@pytest.mark.parametrize("code", ["pbx_unavailable", "outcome_unknown"])
def test_hang_up_failed_explains_nothing_that_comes_later(code):
    """Found in review: the customer was said to have been hung up on, and not queued again."""
    centre, contact_id = talking()
    centre.command(s.HangUp, "1001", contact_id)
    fail(centre, "HangUpChannel", contact_id, code)
    refused(centre, code)
    assert contact(centre, contact_id).end_reason == ""
    centre.pbx.hang_up(scenes.agent_channel(centre, contact_id), 27)
    centre.settle()
    assert contact(centre, contact_id).state is ContactState.QUEUED


@pytest.mark.parametrize("code", CODES)
def test_a_phone_that_could_not_be_rung_for_an_offer(code):
    centre = opened()
    seated(centre, "1001", ON_DEMAND)
    seated(centre, "1002", ON_DEMAND)
    contact_id = called(centre)
    fail(centre, "RingStation", scenes.agent_channel(centre, contact_id), code)
    assert (agent(centre).state, agent(centre).reason) == (AgentState.NOT_READY, "station_no_answer")
    assert contact(centre, contact_id).agent_id == "1002"


@pytest.mark.parametrize("effect", ["AddFallbackMember", "RemoveFallbackMember", "ReturnToQueue", "Resync"])
def test_failures_without_consequence(effect):
    centre, contact_id = talking()
    before = centre.world.state.signals
    outcome = centre.apply(s.EffectFailed(centre.now, "pbx-a", effect, contact_id, "pbx_refused"))
    assert (outcome.replies, outcome.effects, outcome.notifications) == ([], [], [])
    assert centre.state.signals == before + 1


def test_a_failure_for_a_channel_of_nobody():
    centre = opened()
    for effect in ("Connect", "RingStation", "HangUpChannel"):
        assert centre.apply(s.EffectFailed(centre.now, "pbx-a", effect, "x", "pbx_refused")).effects == []


@pytest.mark.parametrize("kind", [s.Hold, s.HangUp])
def test_an_outcome_that_never_shows(kind):
    centre, contact_id = talking()
    centre.command(kind, "1001", contact_id)
    centre.pbx.effects.clear()
    centre.pass_time(5.1)
    assert scenes.last_reply(centre) == ("outcome_unknown", True)
    centre.settle()
    assert contact(centre, contact_id).state is ContactState.ACTIVE


def test_an_accept_whose_outcome_never_shows_goes_to_the_next_agent():
    centre = opened()
    seated(centre, "1001")
    seated(centre, "1002")
    contact_id = called(centre)
    centre.command(s.Accept, "1001", contact_id)
    centre.pbx.effects.clear()
    centre.pass_time(5.1)
    assert scenes.last_reply(centre) == ("outcome_unknown", True)
    centre.pass_time(5.1)
    assert agent(centre).state is AgentState.NOT_READY
    assert contact(centre, contact_id).agent_id == "1002"


def test_a_refused_bring_together_is_tried_again_in_a_while_not_at_once():
    """Found in review: refused, snapshot, refused, snapshot, as fast as the PBX answers."""
    centre, contact_id = talking()
    bridge = centre.pbx.channels[contact_id].bridge
    for channel in centre.pbx.channels.values():
        channel.bridge = ""
        centre.apply(s.ChannelLeftBridge(centre.now, "pbx-a", channel.channel, bridge))
    centre.pass_time(1.1)
    while not any(type(x).__name__ == "Connect" for x in centre.pbx.effects):
        if centre.pbx.effects:
            centre.pbx.carry_out()
        else:
            centre.apply(centre.pbx.read(centre.pbx.sources()[0]))
    fail(centre, "Connect", contact_id, "pbx_refused")
    assert not centre.pbx.effects
    centre.pass_time(1.1)
    centre.settle()
    assert centre.pbx.channels[contact_id].bridge


def test_a_phone_whose_hang_up_is_in_doubt_is_not_left_hanging():
    """Found by the machine."""
    centre, contact_id = talking(ON_DEMAND)
    phone = scenes.agent_channel(centre, contact_id)
    centre.pbx.hang_up(contact_id)
    while phone not in [getattr(x, "channel", "") for x in centre.pbx.effects]:
        centre.apply(centre.pbx.read(centre.pbx.sources()[0]))
    fail(centre, "HangUpChannel", phone, "outcome_unknown")
    centre.settle()
    assert not centre.pbx.channels
