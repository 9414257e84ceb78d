"""A command whose outcome is in doubt is answered as soon as the PBX shows it: not sooner, not much later."""

from collections.abc import Callable

import pytest

from cti_server.domain import signals as s
from cti_server.domain.contact import ContactState
from cti_server.domain.target import Target, TargetKind
from tests.unit.domain import scenes
from tests.unit.domain.agreement import check_agreement
from tests.unit.domain.centre import Centre
from tests.unit.domain.scenes import (
    MODES,
    called,
    consulting,
    contact,
    held,
    opened,
    seated,
    talking,
)

Scene = Callable[[str], tuple[Centre, str]]
COLLEAGUE = Target(TargetKind.AGENT, "1002")


def offered(mode: str) -> tuple[Centre, str]:
    """Accepted on demand means picked up: there the phone has said so already."""
    centre = opened()
    seated(centre, mode=mode)
    contact_id = called(centre)
    centre.settle()
    if mode == scenes.ON_DEMAND:
        centre.pbx.answer(scenes.ringing(centre)[0])
    return centre, contact_id


def with_colleague(mode: str) -> tuple[Centre, str]:
    centre, contact_id = talking(mode)
    seated(centre, "1002", mode)
    return centre, contact_id


SWITCHED: list[tuple[str, Scene, type[s.ContactCommand]]] = [
    ("accept", offered, s.Accept),
    ("hold", talking, s.Hold),
    ("retrieve", held, s.Retrieve),
    ("identify", talking, s.Identify),
    ("hang_up", talking, s.HangUp),
]
STEPWISE: list[tuple[str, Scene, type[s.ContactCommand]]] = [
    ("alternate", consulting, s.Alternate),
    ("complete", consulting, s.CompleteTransfer),
    ("cancel", consulting, s.CancelConsult),
    ("conference", consulting, s.Conference),
]


def named(cases: list[tuple[str, Scene, type[s.ContactCommand]]]) -> list[object]:
    return [pytest.param(scene, kind, id=name) for name, scene, kind in cases]


def asked(scene: Scene, kind: type[s.ContactCommand], mode: str) -> tuple[Centre, str]:
    """The command is written to the PBX and not answered."""
    centre, contact_id = scene(mode)
    centre.command(kind, "1001", contact_id)
    while sources := centre.pbx.sources():
        centre.apply(centre.pbx.read(sources[0]))
    return centre, contact_id


def cut(centre: Centre, *, done: bool) -> None:
    """The link breaks before the answer comes; what was written was done, or never arrived."""
    centre.disconnect(unknown=True, done=done)
    while sources := centre.pbx.sources():
        centre.apply(centre.pbx.read(sources[0]))
    centre.pass_time(0.8)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("scene", "kind"), named([*SWITCHED, *STEPWISE]))
def test_what_was_done_is_answered_by_the_first_look(scene, kind, mode):
    centre, _ = asked(scene, kind, mode)
    cut(centre, done=True)
    assert scenes.last_reply(centre) == (None, False)
    centre.connect()
    centre.settle()
    assert scenes.last_reply(centre) == (None, True)
    centre.pass_time(7)
    centre.settle()
    check_agreement(centre)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("scene", "kind"), named(SWITCHED))
def test_what_was_not_done_is_answered_soon_after_the_first_look(scene, kind, mode):
    centre, _ = asked(scene, kind, mode)
    cut(centre, done=False)
    centre.connect()
    centre.settle()
    centre.pass_time(0.5)
    assert scenes.last_reply(centre) == ("outcome_unknown", True)
    centre.settle()
    centre.pass_time(7)
    centre.settle()
    check_agreement(centre)


@pytest.mark.parametrize(("scene", "kind"), named(SWITCHED))
def test_a_link_that_does_not_come_back_leaves_the_usual_time(scene, kind):
    centre, _ = asked(scene, kind, scenes.PERSISTENT)
    cut(centre, done=True)
    centre.pass_time(4.3)
    assert scenes.last_reply(centre) == ("outcome_unknown", True)


@pytest.mark.parametrize("mode", MODES)
def test_a_command_that_died_with_its_server_is_answered_by_the_next_one(mode):
    """Journaled, never written to the PBX: nothing will show it."""
    centre, contact_id = talking(mode)
    centre.command(s.Hold, "1001", contact_id)
    centre.restart()
    centre.pass_time(0.4)
    centre.connect()
    centre.settle()
    centre.pass_time(0.7)
    assert scenes.last_reply(centre) == ("outcome_unknown", True)
    assert contact(centre, contact_id).state is ContactState.ACTIVE
