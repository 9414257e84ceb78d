"""Members of the fallback queues, which ring while no server lives."""

from __future__ import annotations

from cti_server.asterisk.ami_fields import station_channel
from cti_server.asterisk.recipes.actions import Action
from cti_server.domain import effects as e
from cti_server.domain.agent import StationMode


def _interface(address: str) -> str:
    return f"Local/{address}@cti-fallback-agent"


def add_member(effect: e.AddFallbackMember) -> list[Action]:
    """With the state that tells whether the station is free in its mode."""
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


def remove_member(effect: e.RemoveFallbackMember) -> list[Action]:
    """Nobody rings the station from these queues any more."""
    return [
        Action(
            "QueueRemove",
            {"Queue": f"cti-fallback-{group}", "Interface": _interface(effect.channel)},
        )
        for group in effect.groups
    ]
