"""What bad input gets: each refusal its code, nothing half done."""

import pytest

from cti_server.domain import signals as s
from cti_server.domain.errors import refusals
from tests.unit.domain import scenes
from tests.unit.domain.actions import METHODS, check_allowed_actions
from tests.unit.domain.scenes import ON_DEMAND, called, code, held, opened, seated, talking, wrapping_up

ON_CONTACT = list(METHODS.values())


@pytest.mark.parametrize("kind", ON_CONTACT)
def test_unknown_agent_and_not_signed_in(kind):
    centre = opened()
    assert code(centre, kind, "9999", "x") == "unknown_agent"
    assert code(centre, kind, "1001", "x") == "not_signed_in"


@pytest.mark.parametrize("kind", ON_CONTACT)
def test_unknown_contact_and_somebody_elses(kind):
    centre, contact_id = talking()
    seated(centre, "1002")
    before = scenes.agent(centre).seq
    assert code(centre, kind, "1002", "nothing") == "unknown_contact"
    assert code(centre, kind, "1002", contact_id) == "not_your_contact"
    waiting = called(centre, "4001")
    centre.command(s.SetState, "1002", "not_ready")
    assert code(centre, kind, "1001", waiting) == "not_your_contact"
    assert scenes.agent(centre).seq == before


@pytest.mark.parametrize("scene", [talking, held, wrapping_up])
def test_what_the_view_does_not_allow_is_refused(scene):
    centre, contact_id = scene()
    check_allowed_actions(centre)
    refused = {
        talking: (s.Accept, s.Reject, s.Retrieve, s.WrapUp),
        held: (s.Accept, s.Reject, s.Hold, s.WrapUp),
        wrapping_up: (s.Accept, s.Reject, s.Hold, s.Retrieve, s.HangUp),
    }[scene]
    for kind in refused:
        assert code(centre, kind, "1001", contact_id) == "action_not_allowed"


def test_the_view_allows_what_is_possible_in_every_state_of_a_call():
    centre = opened()
    seated(centre, mode=ON_DEMAND)
    contact_id = called(centre)
    check_allowed_actions(centre)
    centre.settle()
    centre.command(s.Accept, "1001", contact_id)
    check_allowed_actions(centre)
    scenes.pick_up(centre)
    for kind in (s.Hold, s.Retrieve, s.HangUp):
        check_allowed_actions(centre)
        centre.command(kind, "1001", contact_id)
        check_allowed_actions(centre)
        centre.settle()
    check_allowed_actions(centre)


def test_nothing_is_done_while_the_pbx_is_away():
    centre, contact_id = talking()
    centre.disconnect()
    for kind in (s.Hold, s.HangUp):
        assert code(centre, kind, "1001", contact_id) == "pbx_unavailable"
    assert code(centre, s.SetData, "1001", contact_id, {"a": 1}) is None
    assert code(centre, s.SetState, "1001", "busy") is None
    assert scenes.contact(centre, contact_id).end_reason == ""


def test_every_refusal_has_its_own_code_and_words():
    codes = refusals()
    assert len(codes) == len(set(codes.values()))
    assert all(kind.__doc__ for kind in codes.values())
