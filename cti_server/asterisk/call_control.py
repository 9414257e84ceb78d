"""Effects of the domain as AMI actions: which recipe of docs/asterisk.md is whose. Pure.

Channels are addressed by Uniqueid, which Asterisk accepts wherever it takes a channel's name.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cti_server.asterisk.recipes import calls, members, places, sound
from cti_server.asterisk.recipes.actions import Action
from cti_server.domain import effects as e


def actions(effect: e.Effect) -> list[Action]:
    """What to send, in order. Raises KeyError for an effect that is not Asterisk's (a bug of ours)."""
    return _RECIPES[type(effect)](effect)


_RECIPES: dict[type[e.Effect], Callable[[Any], list[Action]]] = {
    e.RingStation: calls.ring_station,
    e.RingAhead: calls.ring_ahead,
    e.LetJoin: calls.let_join,
    e.Connect: places.connect,
    e.HoldCustomer: places.hold_customer,
    e.IdentifyCustomer: places.identify_customer,
    e.Move: places.move,
    e.Join: places.join,
    e.Confer: places.confer,
    e.Supervise: places.supervise,
    e.ReturnToQueue: places.return_to_queue,
    e.TakeMessage: places.take_message,
    e.TellPlace: places.tell_place,
    e.SendOutside: calls.send_outside,
    e.Apologise: places.apologise,
    e.CallCustomer: calls.call_customer,
    e.CallColleague: calls.call_colleague,
    e.CallThird: calls.call_third,
    e.HearRinging: calls.hear_ringing,
    e.PlayOutcome: places.play_outcome,
    e.HangUpChannel: places.hang_up,
    e.Mute: sound.mute,
    e.Unmute: sound.unmute,
    e.SendDigits: sound.send_digits,
    e.PauseRecording: sound.pause_recording,
    e.ResumeRecording: sound.resume_recording,
    e.AddFallbackMember: members.add_member,
    e.RemoveFallbackMember: members.remove_member,
}
