"""Effects of the domain as AMI actions: the recipes of docs/asterisk.md in one place. Pure.

Channels are addressed by Uniqueid, which Asterisk accepts wherever it takes a channel's name.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from cti_server.asterisk.ami_fields import (
    Fields,
    dtmf_digits,
    local_channel,
    outside_number,
    station_channel,
    trunk_channel,
)
from cti_server.domain import effects as e
from cti_server.domain.agent import StationMode, SupervisionMode

TRUNK = "outside"
"""The endpoint by which numbers outside are called."""
DIGIT_MS = 100
"""Asterisk does nothing else for this manager connection while a digit sounds."""
LARGEST_NUMBER = 20
"""There are prompts for the numbers up to it; larger ones are said as many."""


@dataclass(frozen=True, slots=True)
class Action:
    """One AMI action. `deciding`: the effect failed when it does; others only prepare or tidy up."""

    name: str
    fields: Fields = field(default_factory=dict)
    deciding: bool = True


def actions(effect: e.Effect) -> list[Action]:
    """What to send, in order. Raises KeyError for an effect that is not Asterisk's (a bug of ours)."""
    return _RECIPES[type(effect)](effect)


def _set(channel: str, variable: str, value: str) -> Action:
    return Action("Setvar", {"Channel": channel, "Variable": variable, "Value": value}, deciding=False)


def _set_global(variable: str, value: str) -> Action:
    return Action("Setvar", {"Variable": variable, "Value": value}, deciding=False)


def _ring_station(effect: e.RingStation) -> list[Action]:
    fields: Fields = {
        "Channel": station_channel(effect.address),
        "ChannelId": effect.channel,
        "Context": "cti-station",
        "Exten": "s",
        # Somebody waits for an on-demand phone, and it has no seat to prepare.
        "Priority": 1 if effect.mode is StationMode.PERSISTENT else "place",
        "Timeout": int(effect.timeout * 1000),
        "Async": "true",
        "CallerID": "CTI <0>",
        "Variable": {"CTI_STATION": effect.address, "CTI_STATION_MODE": effect.mode.value},
    }
    return [Action("Originate", fields)]


def _connect(effect: e.Connect) -> list[Action]:
    """The dialplan's `cti-connect` joins them, because the manager may not start a recording itself."""
    join: Fields = {"Channel": effect.channel, "Context": "cti-connect", "Exten": "s", "Priority": 1}
    return [
        _set(effect.channel, "CTI_PEER", effect.agent_channel),
        *(_in_use((effect.address,)) if effect.address else ()),
        Action("Redirect", join),
    ]


def _hold_customer(effect: e.HoldCustomer) -> list[Action]:
    """The station goes past the step that calls it free: the fallback queue must not ring it meanwhile."""
    fields: Fields = {
        "Channel": effect.channel,
        "Context": "cti-hold",
        "Exten": "s",
        "Priority": 1,
        "ExtraChannel": effect.agent_channel,
        "ExtraContext": "cti-station",
        "ExtraExten": "s",
        "ExtraPriority": "place",
    }
    return [Action("Redirect", fields)]


def _identify_customer(effect: e.IdentifyCustomer) -> list[Action]:
    """As a hold. What the dialplan asks first is set before; CTI_HUSHED: the recording is silent."""
    moves = _redirect(effect.channel, "cti-identify").fields
    if not effect.parted:
        away = _hold_customer(e.HoldCustomer(effect.node, effect.channel, effect.agent_channel))[0].fields
        moves = {**away, **moves}
    asked = effect.question
    return [
        _set(effect.channel, "CTI_PEER", effect.agent_channel),
        _set(effect.channel, "CTI_ASK", "&".join(f"cti/{name}" for name in asked.prompts)),
        _set(effect.channel, "CTI_DIGITS", str(asked.digits)),
        _set(effect.channel, "CTI_SECONDS", f"{asked.seconds:g}"),
        _set(effect.channel, "CTI_STEP", str(effect.serial)),
        _set(effect.channel, "CTI_HUSHED", "1" if effect.silent else ""),
        Action("Redirect", moves),
    ]


def _redirect(channel: str, context: str, exten: str = "s") -> Action:
    return Action("Redirect", {"Channel": channel, "Context": context, "Exten": exten, "Priority": 1})


def _move(effect: e.Move) -> list[Action]:
    first = _redirect(effect.channel, effect.place.value)
    if not effect.other:
        return [first]
    other: Fields = {
        "ExtraChannel": effect.other,
        "ExtraContext": effect.other_place.value,
        "ExtraExten": "s",
        "ExtraPriority": 1,
    }
    return [Action("Redirect", {**first.fields, **other})]


def _join(effect: e.Join) -> list[Action]:
    return [
        _set(effect.channel, "CTI_PEER", effect.agent_channel),
        *_in_use(effect.addresses),
        _redirect(effect.channel, "cti-join"),
    ]


def _confer(effect: e.Confer) -> list[Action]:
    """The conference's name is the customer's channel: one contact, one conference."""
    channels = (effect.channel, *effect.others)
    return [
        *(_set(channel, "CTI_CONFERENCE", effect.channel) for channel in channels),
        *_in_use(effect.addresses),
        *_into_conference(effect, channels),
    ]


def _into_conference(effect: e.Confer, channels: tuple[str, ...]) -> list[Action]:
    """One Redirect for the two who share a bridge: neither goes on before both are on their way."""
    extens = {channel: "customer" if channel == effect.channel else "agent" for channel in channels}
    pair = effect.talking if len(effect.talking) == 2 else ()  # noqa: PLR2004  # Redirect takes two
    alone = [
        _redirect(channel, "cti-conference", extens[channel]) for channel in channels if channel not in pair
    ]
    if not pair:
        return alone
    first, second = pair
    extra: Fields = {
        "ExtraChannel": second,
        "ExtraContext": "cti-conference",
        "ExtraExten": extens[second],
        "ExtraPriority": 1,
    }
    return [Action("Redirect", {**_redirect(first, "cti-conference", extens[first]).fields, **extra}), *alone]


def _in_use(addresses: tuple[str, ...]) -> list[Action]:
    return [_set_global(f"DEVICE_STATE(Custom:cti-{address})", "INUSE") for address in addresses]


_SPY_OPTIONS = {
    SupervisionMode.LISTEN: "",
    SupervisionMode.WHISPER: "w",
    SupervisionMode.BARGE: "B",
}


def _supervise(effect: e.Supervise) -> list[Action]:
    return [
        _set(effect.channel, "CTI_SPY", effect.agent_channel),
        _set(effect.channel, "CTI_SPY_MODE", effect.mode.value),
        _set(effect.channel, "CTI_SPY_OPTION", _SPY_OPTIONS[effect.mode]),
        *_in_use((effect.address,)),
        _redirect(effect.channel, "cti-supervise"),
    ]


def _return_to_queue(effect: e.ReturnToQueue) -> list[Action]:
    fields: Fields = {"Channel": effect.channel, "Context": "cti-wait", "Exten": "s", "Priority": 1}
    group = [_set(effect.channel, "CTI_GROUP", effect.group_id)] if effect.group_id else []
    return [
        _set(effect.channel, "CTI_CONNECTED", ""),
        _set(effect.channel, "CTI_FALLBACK_QUEUE", ""),
        *group,
        Action("Redirect", fields),
    ]


def _send_outside(effect: e.SendOutside) -> list[Action]:
    """The dialplan's `cti-outside` dials; nothing but a Redirect leads there."""
    fields: Fields = {"Channel": effect.channel, "Context": "cti-outside", "Exten": "s", "Priority": 1}
    return [
        _set(effect.channel, "CTI_CONNECTED", ""),
        _set(effect.channel, "CTI_DIAL", outside_number(effect.number)),
        _set(effect.channel, "CTI_SHOWN", outside_number(effect.shown) if effect.shown else ""),
        _set(effect.channel, "CTI_RING_TIME", str(int(effect.ring_time))),
        Action("Redirect", fields),
    ]


def _apologise(effect: e.Apologise) -> list[Action]:
    return [_redirect(effect.channel, "cti-let-go")]


def _call_customer(effect: e.CallCustomer) -> list[Action]:
    """Who answers goes to `cti-dialled`, which joins it with CTI_PEER, or lets it wait."""
    fields: Fields = {
        "Channel": trunk_channel(outside_number(effect.number), TRUNK),
        "ChannelId": effect.channel,
        "Context": "cti-campaign" if effect.detect else "cti-dialled",
        "Exten": "s",
        "Priority": 1,
        "Timeout": int(effect.ring_time * 1000),
        "Async": "true",
        "Variable": {
            "CTI_DIRECTION": "outbound",
            "CTI_NUMBER": effect.shown,
            "CTI_GROUP": effect.group_id,
            "CTI_ROUTED": "1",
            "CTI_RECORDING": effect.channel,
            "CTI_PEER": effect.agent_channel,
            **({"CTI_MESSAGE": effect.message} if effect.message else {}),
        },
    }
    if effect.shown:
        fields = {**fields, "CallerID": f"<{outside_number(effect.shown)}>"}
    ringing = _ringback(effect.agent_channel, effect.address, effect.ring_time)
    return [*(ringing if effect.agent_channel else ()), Action("Originate", fields)]


def _ringback(channel: str, address: str, ring_time: float) -> list[Action]:
    """The agent hears ringing, for as long as it may ring."""
    return [
        *_in_use((address,)),
        _set(channel, "CTI_RING_TIME", str(int(ring_time) + 1)),
        Action("Redirect", _redirect(channel, "cti-dialling").fields, deciding=False),
    ]


def _hear_ringing(effect: e.HearRinging) -> list[Action]:
    return _ringback(effect.channel, effect.address, effect.ring_time)


def _call_colleague(effect: e.CallColleague) -> list[Action]:
    """The other half runs `cti-colleague`, where it meets the called agent."""
    fields: Fields = {
        "Channel": f"{local_channel('s', 'cti-colleague')}/n",
        "ChannelId": effect.channel,
        "OtherChannelId": effect.other,
        "Context": "cti-dialled",
        "Exten": "s",
        "Priority": 1,
        "Async": "true",
        "Variable": {
            "CTI_DIRECTION": "internal",
            "CTI_GROUP": effect.group_id,
            "CTI_ROUTED": "1",
            "CTI_RECORDING": effect.channel,
            "CTI_PEER": effect.agent_channel,
            "CTI_CONFERENCE": effect.channel,
        },
    }
    meets = _redirect(effect.colleague_channel, "cti-conference", "agent")
    return [
        *_in_use(effect.addresses),
        _set(effect.colleague_channel, "CTI_CONFERENCE", effect.channel),
        Action(meets.name, meets.fields, deciding=False),
        Action("Originate", fields),
    ]


def _call_third(effect: e.CallThird) -> list[Action]:
    """CTI_THIRD tells a later snapshot whose channel it is."""
    fields: Fields = {
        "Channel": trunk_channel(outside_number(effect.number), TRUNK),
        "ChannelId": effect.channel,
        "Context": "cti-consulted",
        "Exten": "s",
        "Priority": 1,
        "Timeout": int(effect.ring_time * 1000),
        "Async": "true",
        "Variable": {"CTI_THIRD": "1"},
    }
    if effect.shown:
        fields = {**fields, "CallerID": f"<{outside_number(effect.shown)}>"}
    return [Action("Originate", fields)]


def _play_outcome(effect: e.PlayOutcome) -> list[Action]:
    tone = _set(effect.channel, "CTI_TONE", "busy" if effect.busy else "congestion")
    return [tone, _redirect(effect.channel, "cti-tone")]


def _spoken(number: int) -> str:
    """The name of the prompt that says it."""
    return f"number_{number}" if number <= LARGEST_NUMBER else "number_many"


def _take_message(effect: e.TakeMessage) -> list[Action]:
    return [_redirect(effect.channel, "cti-voicemail")]


def _tell_place(effect: e.TellPlace) -> list[Action]:
    """The dialplan's waiting loop says it at its next turn."""
    minutes = "" if effect.wait is None else _spoken(max(math.ceil(effect.wait / 60), 1))
    return [
        _set(effect.channel, "CTI_POSITION", _spoken(effect.position)),
        _set(effect.channel, "CTI_WAIT_MINUTES", minutes),
        _set(effect.channel, "CTI_OFFER", "1" if effect.callback else ""),
        _set(effect.channel, "CTI_SAY", "1"),
    ]


def _hang_up(effect: e.HangUpChannel) -> list[Action]:
    return [Action("Hangup", {"Channel": effect.channel, "Cause": 16})]


def _mute(effect: e.Mute) -> list[Action]:
    return _microphone(effect.channel, "on", "1")


def _unmute(effect: e.Unmute) -> list[Action]:
    return _microphone(effect.channel, "off", "")


def _microphone(channel: str, switch: str, noted: str) -> list[Action]:
    """By the dialplan's function: the MuteAudio action would need the right to run programs.

    CTI_MUTED tells a later snapshot, for the function itself cannot be read.
    """
    fields: Fields = {"Channel": channel, "Variable": "MUTEAUDIO(in)", "Value": switch}
    return [Action("Setvar", fields), _set(channel, "CTI_MUTED", noted)]


def _send_digits(effect: e.SendDigits) -> list[Action]:
    return [
        Action("PlayDTMF", {"Channel": effect.channel, "Digit": digit, "Duration": DIGIT_MS})
        for digit in dtmf_digits(effect.digits)
    ]


def _pause_recording(effect: e.PauseRecording) -> list[Action]:
    return _mute_recording(effect.channel, 1, "1")


def _resume_recording(effect: e.ResumeRecording) -> list[Action]:
    return _mute_recording(effect.channel, 0, "")


def _mute_recording(channel: str, state: int, noted: str) -> list[Action]:
    fields: Fields = {"Channel": channel, "Direction": "both", "State": state}
    return [Action("MixMonitorMute", fields), _set(channel, "CTI_PAUSED", noted)]


def _interface(address: str) -> str:
    return f"Local/{address}@cti-fallback-agent"


def _add_member(effect: e.AddFallbackMember) -> list[Action]:
    state = (
        f"Custom:cti-{effect.channel}"
        if effect.mode is StationMode.PERSISTENT
        else station_channel(effect.channel)
    )
    return [
        Action(
            "QueueAdd",
            {
                "Queue": f"cti-fallback-{group}",
                "Interface": _interface(effect.channel),
                "StateInterface": state,
            },
        )
        for group in effect.groups
    ]


def _remove_member(effect: e.RemoveFallbackMember) -> list[Action]:
    return [
        Action(
            "QueueRemove",
            {"Queue": f"cti-fallback-{group}", "Interface": _interface(effect.channel)},
        )
        for group in effect.groups
    ]


_RECIPES: dict[type[e.Effect], Callable[[Any], list[Action]]] = {
    e.RingStation: _ring_station,
    e.Connect: _connect,
    e.HoldCustomer: _hold_customer,
    e.IdentifyCustomer: _identify_customer,
    e.Move: _move,
    e.Join: _join,
    e.Confer: _confer,
    e.Supervise: _supervise,
    e.ReturnToQueue: _return_to_queue,
    e.TakeMessage: _take_message,
    e.TellPlace: _tell_place,
    e.SendOutside: _send_outside,
    e.Apologise: _apologise,
    e.CallCustomer: _call_customer,
    e.CallColleague: _call_colleague,
    e.CallThird: _call_third,
    e.HearRinging: _hear_ringing,
    e.PlayOutcome: _play_outcome,
    e.HangUpChannel: _hang_up,
    e.Mute: _mute,
    e.Unmute: _unmute,
    e.SendDigits: _send_digits,
    e.PauseRecording: _pause_recording,
    e.ResumeRecording: _resume_recording,
    e.AddFallbackMember: _add_member,
    e.RemoveFallbackMember: _remove_member,
}
