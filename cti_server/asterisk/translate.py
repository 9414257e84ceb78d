"""AMI events and lists into facts of the domain. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

from cti_server.asterisk.ami_codec import AmiMessage
from cti_server.asterisk.arrivals import Call
from cti_server.domain import signals as s
from cti_server.domain.agent import StationMode

WANTED = frozenset(
    {
        "FullyBooted",
        "Shutdown",
        "UserEvent",
        "Hangup",
        "BridgeEnter",
        "BridgeLeave",
        "OriginateResponse",
        "DeviceStateChange",
        "BlindTransfer",
        "Hold",
        "Unhold",
        "MixMonitorStart",
        "MixMonitorStop",
        "Status",
        "StatusComplete",
        "DeviceStateListComplete",
        "QueueMember",
        "QueueStatusComplete",
    }
)
"""Events the server asks for; everything else is skipped unparsed."""

UNSET = "(null)"
"""How `Status` shows a variable that the channel does not have."""
ARRIVAL = "cti-inbound"
"""Where calls come in: whoever talks to somebody is elsewhere in the dialplan by then."""
HELD = "CHANNEL(rtp,hold)"
"""1 while the phone itself holds the call. Only for `Getvar`: `Status` would keep the channel locked while it
waits for SIP, which may be waiting for that channel: then Asterisk stands still for good."""
SNAPSHOT_VARIABLES = (
    "CTI_NUMBER",
    "CTI_GROUP",
    "CTI_DIRECTION",
    "CTI_STATION",
    "CTI_FOR",
    "CTI_THIRD",
    "CTI_IDLE",
    "CTI_MUTED",
    "CTI_PAUSED",
    "CTI_RECORDED_WITH",
)
_NUMBER = re.compile(r"[+]?[0-9]+")
_DOWN_STATES = frozenset({"UNAVAILABLE", "INVALID", "UNKNOWN"})
_STATION_CHANNEL = re.compile(r"PJSIP/([0-9]{2,8}(?:-browser)?)-[0-9a-f]{8}")
_FALLBACK_MEMBER = re.compile(r"Local/([0-9]{2,8}(?:-browser)?)@cti-fallback-agent(?:/n)?")
_FALLBACK_QUEUE = re.compile(r"cti-fallback-(.+)")
_STATION_DEVICE = re.compile(r"PJSIP/([0-9]{2,8}(?:-browser)?)")


def facts(node: str, message: AmiMessage) -> list[s.PbxFact]:
    """What an event says, none for what does not concern us. Time is set when the fact is journaled."""
    handler = _HANDLERS.get(message.name)
    return handler(node, message) if handler else []


def call(node: str, message: AmiMessage) -> Call | None:
    """A call that has just come in, told by the dialplan; None for any other event."""
    if message.name != "UserEvent" or message.get("UserEvent") != "CTICall":
        return None
    return Call(
        node,
        message["Uniqueid"],
        message.get("Number", ""),
        message.get("Group", ""),
        message.get("Greeting", ""),
        _caller(message),
        message.get("Language", ""),
        message.get("Ahead", ""),
        message.get("Station", ""),
    )


def rings_ahead(message: AmiMessage) -> bool:
    """Whether the dialplan is about to ring this channel for a call that it has not told of yet."""
    return message.name == "UserEvent" and message.get("UserEvent") == "CTIAhead"


def _caller(message: AmiMessage) -> str:
    """The caller's number; empty when it is withheld, whatever the manager writes for that."""
    number = message.get("CallerIDNum", "")
    return number if _NUMBER.fullmatch(number) else ""


def _user_event(node: str, message: AmiMessage) -> list[s.PbxFact]:
    if message.get("UserEvent") == "CTIHeard":
        after = message.get("After", "0")
        seconds = int(after) / 1000 if after.isdigit() else 0.0
        return [s.AnswerHeard(0.0, node, message["Uniqueid"], message.get("Who", "").lower(), seconds)]
    if message.get("UserEvent") != "CTIPlace":
        return []
    channel, place = message["Uniqueid"], message.get("Place", "")
    if place == "station":
        return [s.StationPlaced(0.0, node, channel)]
    if place == "supervise":
        return [s.SupervisorPlaced(0.0, node, channel, message.get("Mode", ""))]
    if place == "unjoined":
        return [s.EffectFailed(0.0, node, "Connect", channel, "pbx_refused")]
    placed = s.CustomerPlaced(
        0.0,
        node,
        channel,
        place,
        message.get("Number", ""),
        message.get("Group", ""),
        _caller(message),
        message.get("Language", ""),
        message.get("By", ""),
        message.get("To", ""),
    )
    return [placed]


def _hangup(node: str, message: AmiMessage) -> list[s.PbxFact]:
    cause = message.get("Cause", "0")
    return [s.ChannelGone(0.0, node, message["Uniqueid"], int(cause) if cause.isdigit() else 0)]


def _bridge_enter(node: str, message: AmiMessage) -> list[s.PbxFact]:
    if message.get("Context") == ARRIVAL:
        return [s.StrangerInBridge(0.0, node, message["Uniqueid"])]
    return [s.ChannelEnteredBridge(0.0, node, message["Uniqueid"], message["BridgeUniqueid"])]


def _bridge_leave(node: str, message: AmiMessage) -> list[s.PbxFact]:
    return [s.ChannelLeftBridge(0.0, node, message["Uniqueid"], message["BridgeUniqueid"])]


def _hold(node: str, message: AmiMessage) -> list[s.PbxFact]:
    return [s.PhoneHeld(0.0, node, message["Uniqueid"])]


def _unhold(node: str, message: AmiMessage) -> list[s.PbxFact]:
    return [s.PhoneRetrieved(0.0, node, message["Uniqueid"])]


def _blind_transfer(node: str, message: AmiMessage) -> list[s.PbxFact]:
    """Only what the dialplan lets through: [cti-may-transfer]."""
    customer, phone = message.get("TransfereeUniqueid", ""), message.get("TransfererUniqueid", "")
    if not customer or message.get("Result") != "Success":
        return []
    return [s.PhoneTransfers(0.0, node, customer, phone, message.get("Extension", ""))]


def _mix_monitor_start(node: str, message: AmiMessage) -> list[s.PbxFact]:
    return [s.RecordingChanged(0.0, node, message["Uniqueid"], recording=True)]


def _mix_monitor_stop(node: str, message: AmiMessage) -> list[s.PbxFact]:
    return [s.RecordingChanged(0.0, node, message["Uniqueid"], recording=False)]


def _device_state(node: str, message: AmiMessage) -> list[s.PbxFact]:
    found = _STATION_DEVICE.fullmatch(message.get("Device", ""))
    if not found:
        return []
    registered = message.get("State", "") not in _DOWN_STATES
    return [s.StationChanged(0.0, node, found[1], registered)]


_HANDLERS = {
    "UserEvent": _user_event,
    "Hangup": _hangup,
    "BridgeEnter": _bridge_enter,
    "BridgeLeave": _bridge_leave,
    "BlindTransfer": _blind_transfer,
    "Hold": _hold,
    "Unhold": _unhold,
    "MixMonitorStart": _mix_monitor_start,
    "MixMonitorStop": _mix_monitor_stop,
    "DeviceStateChange": _device_state,
}


def snapshot(
    node: str,
    status: Iterable[AmiMessage],
    devices: Iterable[AmiMessage],
    taken_at: float,
    queues: Iterable[AmiMessage] | None = None,
    *,
    held: Collection[str] = (),
) -> s.NodeSnapshot:
    """The answers to `Status` (with SNAPSHOT_VARIABLES), `DeviceStateList` and `QueueStatus` as one fact.

    `held`: channels whose phone holds the call itself, of those that `may_be_held`.
    """
    registered = []
    for message in devices:
        found = _STATION_DEVICE.fullmatch(message.get("Device", ""))
        if found and message.get("State", "") not in _DOWN_STATES:
            registered.append(found[1])
    channels = tuple(_channel(message, held) for message in status if message.get("Uniqueid"))
    members = None if queues is None else tuple(filter(None, map(_member, queues)))
    return s.NodeSnapshot(0.0, node, channels, tuple(registered), taken_at, members)


def _member(message: AmiMessage) -> s.FallbackMember | None:
    """A `QueueMember` that the server put there; None for any other."""
    queue = _FALLBACK_QUEUE.fullmatch(message.get("Queue", ""))
    found = _FALLBACK_MEMBER.fullmatch(message.get("Location", ""))
    if message.name != "QueueMember" or not queue or not found:
        return None
    nailed_up = message.get("StateInterface", "").startswith("Custom:")
    return s.FallbackMember(
        found[1], queue[1], StationMode.PERSISTENT if nailed_up else StationMode.ON_DEMAND
    )


def is_on_hold(message: AmiMessage) -> bool:
    """Whether a row of `Status` is a customer who waits on hold."""
    return message.get("Context", "") == "cti-hold" and not message.get("BridgeID", "")


def after_farewell(message: AmiMessage) -> bool:
    """Whether a `Hangup` is of a caller who heard goodbye: it had talked, and then no server lived."""
    return message.get("Context", "") == "cti-farewell"


def may_be_held(message: AmiMessage) -> bool:
    """Whether a row of `Status` is a phone that talks to somebody."""
    station = _STATION_CHANNEL.fullmatch(message.get("Channel", ""))
    idle = message.variables().get("CTI_IDLE") == "1"
    return bool(station and message.get("BridgeID", "")) and not idle


def _channel(message: AmiMessage, held: Collection[str]) -> s.ChannelFact:
    station = _STATION_CHANNEL.fullmatch(message.get("Channel", ""))
    variables = {name: value for name, value in message.variables().items() if value != UNSET}
    if message.get("Channel", "").endswith(";2"):
        variables = {}  # the far half of a pair of ours begins with the variables of the near one
    idle = variables.get("CTI_IDLE") == "1"  # a station by itself, in the bridge that holds it
    return s.ChannelFact(
        channel=message["Uniqueid"],
        context=message.get("Context", ""),
        bridge="" if idle else message.get("BridgeID", ""),
        up=message.get("ChannelStateDesc", "") == "Up",
        peer_station=station[1] if station else "",
        caller_number=_caller(message),
        language=message.get("Language", ""),
        held=message["Uniqueid"] in held,
        variables={name: variables[name] for name in SNAPSHOT_VARIABLES if variables.get(name)},
    )
