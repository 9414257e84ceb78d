"""Whose phone rings from the fallback queue: those who are signed in, whatever was lost or refused."""

import pytest

from cti_server.domain import effects as e
from cti_server.domain import signals as s
from cti_server.domain.agent import StationMode
from tests.unit.domain.centre import Centre
from tests.unit.domain.scenes import ON_DEMAND, PERSISTENT, opened, pick_up, seated


def lost(centre: Centre, kind: type[e.Effect], code: str = "outcome_unknown") -> None:
    """The effect of that kind, about to be done, is not done."""
    effect = next(effect for effect in centre.pbx.effects if isinstance(effect, kind))
    centre.pbx.effects.remove(effect)
    channel = getattr(effect, "channel", "")
    centre.apply(s.EffectFailed(centre.now, effect.node, kind.__name__, channel, code))
    centre.settle()


@pytest.mark.parametrize("code", ["outcome_unknown", "pbx_refused"])
def test_a_phone_that_was_not_added_is_added_later(code):
    centre = opened()
    centre.command(s.SignIn, "1002", "1002", ON_DEMAND)
    lost(centre, e.AddFallbackMember, code)
    centre.pass_time(40.0)
    centre.settle()
    assert centre.pbx.members == {"1002": {"general", "credit_card"}}


@pytest.mark.parametrize("code", ["outcome_unknown", "pbx_refused"])
def test_a_phone_that_was_not_removed_is_removed_later(code):
    centre = opened()
    seated(centre, "1001", ON_DEMAND)
    centre.command(s.SignOut, "1001", "end_of_shift")
    lost(centre, e.RemoveFallbackMember, code)
    centre.pass_time(40.0)
    centre.settle()
    assert centre.pbx.members == {}


def test_who_signs_out_while_the_pbx_is_away_rings_no_more():
    centre = opened()
    seated(centre, "1001", ON_DEMAND)
    centre.disconnect()
    centre.command(s.SignOut, "1001", "end_of_shift")
    centre.settle()
    assert set(centre.pbx.members) == {"1001"}
    centre.connect()
    centre.settle()
    assert centre.pbx.members == {}


def test_another_mode_is_seen_by_another_device():
    centre = opened()
    seated(centre, "1001", ON_DEMAND)
    centre.command(s.SignOut, "1001", "end_of_shift")
    lost(centre, e.RemoveFallbackMember, "pbx_refused")
    centre.command(s.SignIn, "1001", "1001", PERSISTENT)
    pick_up(centre)
    centre.pass_time(40.0)
    centre.settle()
    assert centre.pbx.snapshot is None
    centre.pbx.ask([e.Resync("pbx-a")])
    centre.pbx.carry_out()
    assert centre.pbx.snapshot
    assert centre.pbx.snapshot.members == (s.FallbackMember("1001", "general", StationMode.PERSISTENT),)


def test_a_pbx_that_does_not_tell_is_asked_for_everybody_again():
    centre = opened()
    seated(centre, "1001", ON_DEMAND)
    shown = s.NodeSnapshot(centre.now, "pbx-a", (), ("1001",))
    outcome = centre.apply(shown)
    assert e.AddFallbackMember("pbx-a", "1001", StationMode.ON_DEMAND, ("general",)) in outcome.effects


def test_nothing_is_asked_of_a_pbx_that_agrees():
    centre = opened()
    seated(centre, "1001", ON_DEMAND)
    seated(centre, "1002")
    before = len(centre.told)
    centre.pbx.ask([e.Resync("pbx-a")])
    centre.settle()
    asked = [effect for outcome in centre.told[before:] for effect in outcome.effects]
    assert not [
        effect for effect in asked if not isinstance(effect, e.NoteNumbers)
    ]  # which the link compares
