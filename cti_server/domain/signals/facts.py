"""What a PBX node tells as it happens."""

from __future__ import annotations

from dataclasses import dataclass, field

from cti_server.domain.customer import CustomerProfile
from cti_server.domain.signals.base import Signal

NORMAL_CLEARING = 16
"""Q.850 cause of a party that hung up on purpose."""
UNKNOWN_CAUSE = 0
"""Of a channel that ended while nobody looked."""


@dataclass(frozen=True, slots=True)
class PbxFact(Signal):
    """Base of what a PBX node tells. Channels are named by Uniqueid."""

    node: str


@dataclass(frozen=True, slots=True)
class NodeUp(PbxFact):
    """The AMI connection stands and a snapshot follows."""


@dataclass(frozen=True, slots=True)
class NodeDown(PbxFact):
    """The AMI connection is lost; calls there may well go on."""

    reason: str = ""


@dataclass(frozen=True, slots=True)
class ContactArrived(PbxFact):
    """A customer's call came: the node said so, or it asked where to go (FastAGI)."""

    channel: str
    service_number: str
    customer_number: str
    customer_name: str = ""
    group_id: str = ""
    language: str = ""
    tier: str = ""
    elder: bool = False
    dedicated_agent: str = ""
    requires: dict[str, int] = field(default_factory=dict)
    language_known: bool = False
    """The language is the customer's own, not the number's."""
    ungreeted: bool = False
    """No prompt is played before it waits: unless there is a menu, it waits already."""
    ahead: str = ""
    """A leg that the PBX rings for it already, on our guess; and the station's address."""
    ahead_at: str = ""


@dataclass(frozen=True, slots=True)
class MenuAnswered(PbxFact):
    """A caller answered a question of the menu (FastAGI); see `ivr_walk.pressed`. No PIN is in it."""

    channel: str
    serial: int
    """Of the question."""
    answer: str
    subject: str = ""
    """The customer whose card it is, by its number in the directory."""
    customer: CustomerProfile | None = None
    """Who proved to be it, with a right PIN."""


@dataclass(frozen=True, slots=True)
class AnswerHeard(PbxFact):
    """Answering-machine detection has listened to a campaign's call; `who` as app_amd says it, lower case."""

    channel: str
    who: str
    after: float = 0.0
    """Of one who rang off meanwhile (`hangup`): seconds since the answer."""


@dataclass(frozen=True, slots=True)
class CustomerPlaced(PbxFact):
    """A customer's channel reached a place of the dialplan where it waits.

    `wait`, `hold`, `unserved`, `voicemail`, or `referred`: the phone `by` passes it on and asked for `to`, as
    `PhoneTransfers` tells before or after it. `talks`: no place; seen in a bridge with an agent's phone.
    Carries all that is needed to take up a contact nobody told us of (AGI refused, server was away).
    """

    channel: str
    place: str
    service_number: str = ""
    group_id: str = ""
    customer_number: str = ""
    language: str = ""
    by: str = ""
    to: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class StationPlaced(PbxFact):
    """A station's channel idles in its place: answered just now, or back from a conversation."""

    channel: str


@dataclass(frozen=True, slots=True)
class SupervisorPlaced(PbxFact):
    """A supervisor's channel begins to hear an agent's."""

    channel: str
    mode: str


@dataclass(frozen=True, slots=True)
class ChannelEnteredBridge(PbxFact):
    """BridgeEnter."""

    channel: str
    bridge: str


@dataclass(frozen=True, slots=True)
class StrangerInBridge(PbxFact):
    """A call from the trunk that never asked its way took somebody's place in a conversation (Replaces)."""

    channel: str


@dataclass(frozen=True, slots=True)
class ChannelLeftBridge(PbxFact):
    """BridgeLeave."""

    channel: str
    bridge: str


@dataclass(frozen=True, slots=True)
class ChannelGone(PbxFact):
    """Hangup; `cause` is the Q.850 cause code."""

    channel: str
    cause: int = NORMAL_CLEARING


@dataclass(frozen=True, slots=True)
class PhoneHeld(PbxFact):
    """The phone put its call on hold by itself (re-INVITE)."""

    channel: str


@dataclass(frozen=True, slots=True)
class PhoneRetrieved(PbxFact):
    """The phone took its call back by itself."""

    channel: str


@dataclass(frozen=True, slots=True)
class PhoneTransfers(PbxFact):
    """An agent's phone passes its customer on by itself (REFER); the PBX lets the customer wait for our word.

    `channel` is the customer's, `by` the phone's, `to` what it asked for.
    """

    channel: str
    by: str
    to: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class StationChanged(PbxFact):
    """A station's registration came or went."""

    address: str
    registered: bool


@dataclass(frozen=True, slots=True)
class RecordingChanged(PbxFact):
    """MixMonitor began or ended on the customer's channel."""

    channel: str
    recording: bool


@dataclass(frozen=True, slots=True)
class EffectFailed(PbxFact):
    """An effect was not carried out. `code`: `pbx_refused`, `pbx_unavailable` or `outcome_unknown`."""

    effect: str
    """Class name of the effect."""
    channel: str
    code: str


@dataclass(frozen=True, slots=True)
class EffectDone(PbxFact):
    """A `Confirmed` effect was carried out; `effect` is its class name."""

    effect: str
    channel: str


@dataclass(frozen=True, slots=True)
class ContactRecovered(PbxFact):
    """A call that began and ended while no server looked, found in the PBX's own log (CEL)."""

    channel: str
    service_number: str
    group_id: str
    customer_number: str
    arrived_at: float
    ended_at: float
    connected_at: float | None = None
    station: str = ""
    """Address of the station that took it (fallback queue), if one did."""
    direction: str = "inbound"
