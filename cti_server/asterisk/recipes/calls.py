"""Calls of ours: to a station, a customer, a colleague, a number outside."""

from __future__ import annotations

from cti_server.asterisk.ami_fields import (
    Fields,
    local_channel,
    outside_number,
    station_channel,
    trunk_channel,
)
from cti_server.asterisk.recipes.actions import Action, in_use, redirect, set_variable
from cti_server.domain import effects as e
from cti_server.domain.agent import StationMode

TRUNK = "outside"
"""The endpoint by which numbers outside are called."""


def ring_station(effect: e.RingStation) -> list[Action]:
    """Who picks up goes to `cti-station`."""
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


def ring_ahead(effect: e.RingAhead) -> list[Action]:
    """The dialplan's `cti-entry` looks there before anything else."""
    variable = {"Variable": f"GLOBAL(CTI_AHEAD_{effect.channel})", "Value": effect.guess}
    return [Action("Setvar", variable, deciding=False)]


def let_join(effect: e.LetJoin) -> list[Action]:
    """The dialplan's `cti-ahead` waits for it."""
    return [set_variable(effect.channel, "CTI_JOIN", effect.agent_channel)]


def call_customer(effect: e.CallCustomer) -> list[Action]:
    """Who answers goes to `cti-dialled`, which joins it with CTI_PEER, or lets it wait."""
    variables = {
        "CTI_DIRECTION": "outbound",
        "CTI_NUMBER": effect.shown,
        "CTI_GROUP": effect.group_id,
        "CTI_ROUTED": "1",
        "CTI_RECORDING": effect.channel,
        "CTI_PEER": effect.agent_channel,
        **({"CTI_MESSAGE": effect.message} if effect.message else {}),
    }
    ringing = _ringback(effect.agent_channel, effect.address, effect.ring_time)
    return [
        *(ringing if effect.agent_channel else ()),
        _to_number(effect, "cti-campaign" if effect.detect else "cti-dialled", variables),
    ]


def _to_number(effect: e.CallCustomer | e.CallThird, context: str, variables: dict[str, str]) -> Action:
    """Call a number by the trunk; who answers goes to the context."""
    fields: Fields = {
        "Channel": trunk_channel(outside_number(effect.number), TRUNK),
        "ChannelId": effect.channel,
        "Context": context,
        "Exten": "s",
        "Priority": 1,
        "Timeout": int(effect.ring_time * 1000),
        "Async": "true",
        "Variable": variables,
    }
    if effect.shown:
        fields = {**fields, "CallerID": f"<{outside_number(effect.shown)}>"}
    return Action("Originate", fields)


def _ringback(channel: str, address: str, ring_time: float) -> list[Action]:
    """The agent hears ringing, for as long as it may ring."""
    return [
        *in_use((address,)),
        set_variable(channel, "CTI_RING_TIME", str(int(ring_time) + 1)),
        redirect(channel, "cti-dialling", deciding=False),
    ]


def hear_ringing(effect: e.HearRinging) -> list[Action]:
    """The agent hears ringing, while somebody else is called."""
    return _ringback(effect.channel, effect.address, effect.ring_time)


def call_colleague(effect: e.CallColleague) -> list[Action]:
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
    return [
        *in_use(effect.addresses),
        set_variable(effect.colleague_channel, "CTI_CONFERENCE", effect.channel),
        redirect(effect.colleague_channel, "cti-conference", "agent", deciding=False),
        Action("Originate", fields),
    ]


def call_third(effect: e.CallThird) -> list[Action]:
    """CTI_THIRD tells a later snapshot whose channel it is."""
    return [_to_number(effect, "cti-consulted", {"CTI_THIRD": "1"})]


def send_outside(effect: e.SendOutside) -> list[Action]:
    """The dialplan's `cti-outside` dials; nothing but a Redirect leads there."""
    return [
        set_variable(effect.channel, "CTI_CONNECTED", ""),
        set_variable(effect.channel, "CTI_DIAL", outside_number(effect.number)),
        set_variable(effect.channel, "CTI_SHOWN", outside_number(effect.shown) if effect.shown else ""),
        set_variable(effect.channel, "CTI_RING_TIME", str(int(effect.ring_time))),
        redirect(effect.channel, "cti-outside"),
    ]
