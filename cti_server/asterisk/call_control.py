"""Effects of the domain as AMI actions: the recipes of docs/asterisk.md in one place. Pure.

Channels are addressed by Uniqueid, which Asterisk accepts wherever it takes a channel's name.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from cti_server.asterisk.ami_fields import Fields, station_channel
from cti_server.domain import effects as e
from cti_server.domain.agent import StationMode


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
        "Priority": 1,
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
        _set(effect.channel, "CTI_RECORDING", effect.channel),
        _set_global(f"DEVICE_STATE(Custom:cti-{effect.address})", "INUSE"),
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


def _return_to_queue(effect: e.ReturnToQueue) -> list[Action]:
    fields: Fields = {"Channel": effect.channel, "Context": "cti-wait", "Exten": "s", "Priority": 1}
    return [_set(effect.channel, "CTI_CONNECTED", ""), Action("Redirect", fields)]


def _hang_up(effect: e.HangUpChannel) -> list[Action]:
    return [Action("Hangup", {"Channel": effect.channel, "Cause": 16})]


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
            deciding=False,
        )
        for group in effect.groups
    ]


def _remove_member(effect: e.RemoveFallbackMember) -> list[Action]:
    return [
        Action(
            "QueueRemove",
            {"Queue": f"cti-fallback-{group}", "Interface": _interface(effect.channel)},
            deciding=False,
        )
        for group in effect.groups
    ]


_RECIPES: dict[type[e.Effect], Callable[[Any], list[Action]]] = {
    e.RingStation: _ring_station,
    e.Connect: _connect,
    e.HoldCustomer: _hold_customer,
    e.ReturnToQueue: _return_to_queue,
    e.HangUpChannel: _hang_up,
    e.AddFallbackMember: _add_member,
    e.RemoveFallbackMember: _remove_member,
}
