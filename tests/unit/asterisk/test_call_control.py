"""Each effect of the domain is a recipe of AMI actions that the encoder takes."""

import pytest

from cti_server.asterisk.ami_fields import encode_action
from cti_server.asterisk.call_control import actions
from cti_server.domain import effects as e
from cti_server.domain.agent import StationMode, SupervisionMode
from cti_server.domain.ivr_questions import Question

EFFECTS = [
    e.RingStation("pbx-a", "station-1001-1", "1001", StationMode.ON_DEMAND, 20.0, "pbx-a-1.1"),
    e.Connect("pbx-a", "pbx-a-1.1", "station-1001-1", "1001"),
    e.HoldCustomer("pbx-a", "pbx-a-1.1", "station-1001-1"),
    e.ReturnToQueue("pbx-a", "pbx-a-1.1"),
    e.HangUpChannel("pbx-a", "pbx-a-1.1"),
    e.AddFallbackMember("pbx-a", "1001", StationMode.PERSISTENT, ("general", "elder")),
    e.RemoveFallbackMember("pbx-a", "1001", StationMode.ON_DEMAND, ("general",)),
    e.Apologise("pbx-a", "pbx-a-1.1"),
    e.SendOutside("pbx-a", "pbx-a-1.1", "13800138000", "4000", 30.0),
    e.TellPlace("pbx-a", "pbx-a-1.1", 3, 90.0),
    e.TakeMessage("pbx-a", "pbx-a-1.1"),
    e.CallCustomer("pbx-a", "pbx-a-out-1", "13800138000", "4000", 30.0, "general", "station-1001-1", "1001"),
    e.CallColleague("pbx-a", "pbx-a-out-2", "pbx-a-out-3", "station-1", "station-2", ("1001",), "general"),
    e.CallThird("pbx-a", "pbx-a-out-2", "13800138000", "", 30.0),
    e.HearRinging("pbx-a", "station-1001-1", "1001", 30.0),
    e.PlayOutcome("pbx-a", "station-1001-1", busy=True),
    e.Move("pbx-a", "pbx-a-1.1", e.Place.HOLD, "station-1001-1"),
    e.Join("pbx-a", "station-1002-1", "station-1001-1", ("1001", "1002")),
    e.Mute("pbx-a", "station-1001-1"),
    e.Unmute("pbx-a", "station-1001-1"),
    e.PauseRecording("pbx-a", "pbx-a-1.1"),
    e.ResumeRecording("pbx-a", "pbx-a-1.1"),
    e.IdentifyCustomer(
        "pbx-a",
        "pbx-a-1.1",
        "station-1001-1",
        3,
        Question(("type_card",), 19, 5.0),
        parted=False,
        silent=True,
    ),
    e.Supervise("pbx-a", "station-2001-1", "station-1001-1", SupervisionMode.WHISPER, "2001"),
    e.RingAhead("pbx-a", "+864000", "1001-browser:1790000000000:20"),
    e.RingAhead("pbx-a", "4000", ""),
    e.LetJoin("pbx-a", "pbx-a-1.1", "pbx-a-1.2"),
]
MANY = [
    e.Confer("pbx-a", "pbx-a-1.1", ("station-1001-1", "station-1002-1"), ("1001", "1002")),
    e.SendDigits("pbx-a", "pbx-a-1.1", "12#"),
]
"""Effects of which each step may fail by itself."""


def test_two_who_share_a_bridge_are_sent_into_the_conference_at_once() -> None:
    talking = ("station-1001-1", "station-1002-1")
    moves = [
        a.fields
        for a in actions(e.Confer("pbx-a", "pbx-a-1.1", talking, (), talking))
        if a.name == "Redirect"
    ]
    assert [(move["Channel"], move.get("ExtraChannel")) for move in moves] == [talking, ("pbx-a-1.1", None)]
    assert [move["Exten"] for move in moves] == ["agent", "customer"]


@pytest.mark.parametrize("effect", EFFECTS + MANY, ids=lambda effect: type(effect).__name__)
def test_every_recipe_can_be_sent(effect: e.Effect) -> None:
    for action in actions(effect):
        assert encode_action(action.name, action.fields).endswith(b"\r\n\r\n")


def test_a_recipe_has_at_most_one_deciding_action() -> None:
    for effect in EFFECTS:
        if isinstance(effect, e.AddFallbackMember):  # one for each queue: any of them is a reason to look
            continue
        assert sum(action.deciding for action in actions(effect)) <= 1


def test_every_effect_but_the_links_own_has_a_recipe() -> None:
    known = {type(effect) for effect in EFFECTS + MANY}
    effects = {cls for cls in vars(e).values() if isinstance(cls, type) and issubclass(cls, e.Effect)}
    assert effects - {e.Effect, e.Confirmed, e.Resync, e.NoteNumbers} == known


def test_a_persistent_station_rings_by_its_own_device_state() -> None:
    first, second = actions(EFFECTS[5])
    assert first.fields["StateInterface"] == "Custom:cti-1001"
    assert second.fields["Queue"] == "cti-fallback-elder"
