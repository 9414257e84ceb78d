"""A new leader, a new epoch, timers, the directory."""

from dataclasses import replace

import pytest

from cti_server.domain import signals as s
from cti_server.domain.agent import AgentState
from cti_server.domain.contact import ContactState
from cti_server.domain.effects import Resync
from tests.unit.domain import scenes
from tests.unit.domain.centre import AGENTS, STATIONS, directory
from tests.unit.domain.scenes import MODES, PERSISTENT, agent, called, contact, opened, seated, talking


def test_a_new_epoch_starts_sequence_numbers_again():
    centre = opened()
    seated(centre)
    centre.apply(s.EpochBegan(centre.now, 2))
    assert agent(centre).seq == 0
    outcome = centre.apply(s.SetState(centre.now, "r", "1001", "busy"))
    assert [(n.seq, n.params["epoch"]) for n in outcome.notifications] == [(1, 2)]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("scene", [scenes.talking, scenes.held, scenes.wrapping_up])
def test_the_next_leader_finds_everything_as_it_was(scene, mode):
    centre, contact_id = scene(mode)
    before = (contact(centre, contact_id).state, agent(centre).state, agent(centre).seq)
    centre.restart()
    centre.connect()
    centre.apply(s.AgentConnected(centre.now, "1001"))
    centre.settle()
    assert (contact(centre, contact_id).state, agent(centre).state, agent(centre).seq) == before


def test_the_next_leader_gives_agents_time_to_come_back():
    centre = opened()
    seated(centre)
    centre.restart()
    centre.connect()
    centre.settle()
    assert contact(centre, called(centre)).state is ContactState.QUEUED
    centre.pass_time(31)
    assert (agent(centre).state, agent(centre).reason) == (AgentState.NOT_READY, "connection_lost")


def test_a_command_under_way_when_the_leader_died_is_answered_by_the_next():
    centre, contact_id = talking()
    centre.command(s.Hold, "1001", contact_id)
    centre.restart()
    centre.connect()
    centre.settle()
    centre.pass_time(6)
    assert scenes.last_reply(centre) == ("outcome_unknown", True)


def test_channel_ids_of_two_leaders_never_meet():
    centre = opened()
    centre.command(s.SignIn, "1001", "1001", PERSISTENT)
    first = centre.state.stations["1001"].channel
    centre.pass_time(36)
    centre.restart()
    centre.state.counter = 0  # the journal's last milliseconds were lost
    centre.connect()
    centre.settle()
    centre.command(s.SignIn, "1001", "1001", PERSISTENT)
    assert first
    assert centre.state.stations["1001"].channel
    assert centre.state.stations["1001"].channel != first


def test_a_timer_that_was_moved_or_cleared_fires_into_nothing():
    centre = opened()
    seated(centre)
    contact_id = called(centre)
    assert centre.world.due_timers(centre.now) == []
    for key in (f"offer:{contact_id}", "offer:gone", "wrap_up:gone"):
        outcome = centre.apply(s.TimerFired(centre.now, key))
        assert (outcome.notifications, outcome.effects) == ([], [])
    assert centre.world.next_timer() == centre.state.timers[f"offer:{contact_id}"]


def test_timers_are_due_oldest_first():
    centre = opened()
    centre.state.timers.update({"offer:b": 2.0, "offer:a": 3.0, "offer:c": 1.0})
    assert centre.world.due_timers(2.5) == ["offer:c", "offer:b"]
    centre.state.timers.clear()
    assert centre.world.next_timer() is None


# --- the directory ---------------------------------------------------------------------------------------


def test_who_leaves_the_directory_stays_until_done():
    centre = opened()
    seated(centre)
    centre.apply(directory(centre.now, agents=AGENTS[1:], stations=("1002",)))
    assert agent(centre).state is AgentState.READY
    assert "1001" in centre.state.stations
    assert "1003" not in centre.state.stations
    centre.command(s.SignOut, "1001")
    centre.apply(directory(centre.now, agents=AGENTS[1:], stations=("1002",)))
    assert "1001" not in centre.state.agents
    assert "1001" not in centre.state.stations


def test_who_waits_for_its_phone_is_not_dropped():
    """Found in review: the station stayed taken by nobody."""
    centre = opened()
    centre.command(s.SignIn, "1001", "1001", PERSISTENT)
    centre.apply(directory(centre.now, agents=AGENTS[1:], stations=("1002",)))
    scenes.pick_up(centre)
    assert scenes.last_reply(centre) == (None, True)


def test_a_changed_profile_is_taken_over():
    centre = opened()
    seated(centre)
    changed = replace(AGENTS[0], name="陈晓晓", groups={"credit_card": 1})
    centre.apply(directory(centre.now, agents=(changed, *AGENTS[1:])))
    assert (agent(centre).name, agent(centre).state) == ("陈晓晓", AgentState.READY)
    assert contact(centre, called(centre, "4001")).agent_id == "1001"


def test_a_phone_that_registered_before_its_station_was_known_is_found():
    centre = opened()
    outcome = centre.apply(directory(centre.now, stations=(*STATIONS, "1007")))
    assert Resync("pbx-a") in outcome.effects
    again = centre.apply(directory(centre.now, stations=(*STATIONS, "1007")))
    assert Resync("pbx-a") not in again.effects
