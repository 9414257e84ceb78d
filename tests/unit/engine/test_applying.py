"""A bug in the rules costs one signal, not the centre."""

import pytest

from cti_server.domain import signals as s
from cti_server.domain.effects import Resync
from cti_server.domain.world import World
from cti_server.engine.applying import FAILED, apply_safely


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> World:
    def fail(*_: object) -> None:
        raise KeyError("a bug")

    world = World()
    monkeypatch.setattr(world, "apply", fail)
    return world


def test_a_command_is_answered(broken: World) -> None:
    outcome = apply_safely(broken, s.SignOut(1.0, "r", "1001"))
    (reply,) = outcome.replies
    assert (reply.agent_id, reply.request_id, reply.error_code) == ("1001", "r", FAILED)


def test_a_fact_is_followed_by_a_look_at_the_pbx(broken: World) -> None:
    assert apply_safely(broken, s.ChannelGone(1.0, "pbx-a", "x")).effects == [Resync("pbx-a")]


def test_a_failing_snapshot_does_not_ask_for_another(broken: World) -> None:
    assert apply_safely(broken, s.NodeSnapshot(1.0, "pbx-a", (), ())).effects == []
