"""Everything that can happen to the centre. A signal is written to the journal, then applied to the world.

Each carries its time (`at`, epoch seconds, UTC) and all ids it needs: applying it twice to equal worlds
gives equal results.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from cti_server.domain.agent import CAPACITY, StationMode
from cti_server.domain.customer import CustomerProfile
from cti_server.domain.ivr import Ivr
from cti_server.domain.outside import OutsideRules
from cti_server.domain.policy import Greeting, Policy, Priorities
from cti_server.domain.target import Target, TargetKind

# --- the centre itself ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Signal:
    """Base of all signals."""

    at: float


@dataclass(frozen=True, slots=True)
class EpochBegan(Signal):
    """A new history: sequence numbers start again, clients get a snapshot instead of missed events."""

    epoch: int


@dataclass(frozen=True, slots=True)
class LeaderStarted(Signal):
    """A server took the lease; nobody's socket is attached to it yet."""

    term: int


@dataclass(frozen=True, slots=True)
class AgentProfile:
    """An agent as the directory has it."""

    agent_id: str
    name: str
    roles: tuple[str, ...]
    groups: dict[str, int]
    skills: dict[str, int] = field(default_factory=dict)
    capacity: dict[str, int] = field(default_factory=lambda: dict(CAPACITY))


@dataclass(frozen=True, slots=True)
class GroupProfile:
    """A group (and its queue) as the directory has it; times in seconds."""

    group_id: str
    name_zh: str
    name_en: str
    ring_timeout: float = 20.0
    wrap_up_time: float = 60.0
    policy: Policy = field(default_factory=Policy)


@dataclass(frozen=True, slots=True)
class DirectoryLoaded(Signal):
    """The directory of the database, whole. What has gone is dropped when nobody uses it."""

    agents: tuple[AgentProfile, ...]
    groups: tuple[GroupProfile, ...]
    service_numbers: dict[str, str]
    """Service number to group id."""
    stations: tuple[str, ...]
    outside: OutsideRules = field(default_factory=OutsideRules)
    holidays: tuple[str, ...] = ()
    """Days like `2026-10-01` on which groups with business hours are closed."""
    greetings: dict[str, Greeting] = field(default_factory=dict)
    """By service number."""
    priorities: Priorities = field(default_factory=Priorities)
    version: int = 0
    """Of the routing settings; an older one than is in force changes nothing."""
    ivrs: dict[str, Ivr] = field(default_factory=dict)
    """Service number to its menu."""


@dataclass(frozen=True, slots=True)
class RoutingChanged(DirectoryLoaded):
    """Operations changed the routing settings: the directory as it is from now on."""


@dataclass(frozen=True, slots=True)
class TimerFired(Signal):
    """A timer of `World.timers` came due."""

    key: str


@dataclass(frozen=True, slots=True)
class AgentConnected(Signal):
    """An agent program attached to the socket."""

    agent_id: str


@dataclass(frozen=True, slots=True)
class AgentDisconnected(Signal):
    """The agent's last socket closed."""

    agent_id: str


# --- commands of agents --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Command(Signal):
    """A request of an agent program. `request_id` is the client's, unique per agent for 24 h."""

    request_id: str
    agent_id: str


@dataclass(frozen=True, slots=True)
class SignIn(Command):
    """`agent.sign_in`."""

    station: str
    station_mode: str


@dataclass(frozen=True, slots=True)
class SignOut(Command):
    """`agent.sign_out`."""

    reason: str = ""


@dataclass(frozen=True, slots=True)
class SetState(Command):
    """`agent.set_state`."""

    state: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class ContactCommand(Command):
    """Base of commands on one contact."""

    contact_id: str


@dataclass(frozen=True, slots=True)
class Accept(ContactCommand):
    """`contact.accept`."""


@dataclass(frozen=True, slots=True)
class Reject(ContactCommand):
    """`contact.reject`."""


@dataclass(frozen=True, slots=True)
class Hold(ContactCommand):
    """`contact.hold`."""


@dataclass(frozen=True, slots=True)
class Retrieve(ContactCommand):
    """`contact.retrieve`."""


@dataclass(frozen=True, slots=True)
class Identify(ContactCommand):
    """`contact.identify`."""


@dataclass(frozen=True, slots=True)
class HangUp(ContactCommand):
    """`contact.hang_up`."""


@dataclass(frozen=True, slots=True)
class MuteMicrophone(ContactCommand):
    """`contact.mute`."""


@dataclass(frozen=True, slots=True)
class UnmuteMicrophone(ContactCommand):
    """`contact.unmute`."""


@dataclass(frozen=True, slots=True)
class SendDtmf(ContactCommand):
    """`contact.send_dtmf`. The digits may be a secret: the journal keeps only how many there were."""

    digits: str = field(default="", repr=False)

    def to_be_kept(self) -> SendDtmf:
        """The signal as the journal has it."""
        return replace(self, digits="0" * len(self.digits))


@dataclass(frozen=True, slots=True)
class TransferContact(ContactCommand):
    """`contact.transfer`."""

    to: Target = field(default_factory=lambda: Target(TargetKind.GROUP, ""))


@dataclass(frozen=True, slots=True)
class RecordingPause(ContactCommand):
    """`recording.pause`."""


@dataclass(frozen=True, slots=True)
class RecordingResume(ContactCommand):
    """`recording.resume`."""


@dataclass(frozen=True, slots=True)
class ConsultParty(ContactCommand):
    """`contact.consult`."""

    to: Target = field(default_factory=lambda: Target(TargetKind.AGENT, ""))


@dataclass(frozen=True, slots=True)
class Alternate(ContactCommand):
    """`contact.alternate`."""


@dataclass(frozen=True, slots=True)
class CompleteTransfer(ContactCommand):
    """`contact.complete_transfer`."""


@dataclass(frozen=True, slots=True)
class CancelConsult(ContactCommand):
    """`contact.cancel_consult`."""


@dataclass(frozen=True, slots=True)
class Conference(ContactCommand):
    """`contact.conference`."""


@dataclass(frozen=True, slots=True)
class DropLeg(ContactCommand):
    """`contact.drop_leg`."""

    leg_id: str = ""


@dataclass(frozen=True, slots=True)
class SuperviseParty(Command):
    """`supervisor.listen`, `.whisper`, `.barge`, `.intercept`: one of agent and contact is named."""

    mode: str = "listen"
    target_id: str = ""
    contact_id: str = ""


@dataclass(frozen=True, slots=True)
class Subscribe(Command):
    """`subscribe`."""

    topics: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Unsubscribe(Command):
    """`unsubscribe`."""

    topics: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StopSupervising(Command):
    """`supervisor.stop`."""


@dataclass(frozen=True, slots=True)
class ForceState(Command):
    """`supervisor.set_agent_state`."""

    target_id: str
    state: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class ForceSignOut(Command):
    """`supervisor.sign_out_agent`."""

    target_id: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Dial(Command):
    """`contact.dial`."""

    to: Target
    group_id: str = ""
    """For whom: whose number is shown, whose after-call work; empty: the agent's first group."""
    campaign: str = ""
    data: dict[str, Any] = field(default_factory=dict)
    contact_id: str = ""
    """The id the contact shall have (a campaign's attempt); empty: one that nobody has."""


@dataclass(frozen=True, slots=True)
class SetData(ContactCommand):
    """`contact.set_data`: merged into the attached data; a null value removes its key."""

    data: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class WrapUp(ContactCommand):
    """`contact.wrap_up`."""

    disposition: str = ""
    summary: str = ""
    next_state: str = ""
    call_back_at: str = ""
    """When a campaign shall call again (RFC 3339); kept with the attached data."""


# --- the dialler ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CampaignCall(Signal):
    """A campaign's attempt at a number, without an agent yet. The same channel is called once, ever."""

    node: str
    channel: str
    """The id the customer's channel shall have: the attempt's, and the contact's."""
    campaign: str
    group_id: str
    number: str = field(repr=False)
    name: str = field(repr=False)
    shown: str
    """The number that the called party sees; empty: the group's."""
    ring_time: float
    patience: float
    """Seconds after which a person for whom nobody is free is let go."""
    message: str = ""
    """Prompt for an answering machine; empty: it is hung up."""
    data: dict[str, Any] = field(default_factory=dict)


# --- facts from the PBX --------------------------------------------------------------------------------


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


@dataclass(frozen=True, slots=True)
class MenuAnswered(PbxFact):
    """A caller answered a question of the menu (FastAGI); see `ivr.pressed`. No PIN is in it."""

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

    `wait`, `hold`, `unserved`, `voicemail`, or `referred`: its agent's phone passes it on (`PhoneTransfers`).
    Carries all that is needed to take up a contact nobody told us of (AGI refused, server was away).
    """

    channel: str
    place: str
    service_number: str = ""
    group_id: str = ""
    customer_number: str = ""
    language: str = ""


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
    cause: int = 16


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
class ChannelFact:
    """One channel of a snapshot. `variables` are our own `CTI_*` ones."""

    channel: str
    context: str
    bridge: str
    up: bool
    peer_station: str = ""
    """Address of the station this channel leads to, empty for a customer's."""
    caller_number: str = ""
    language: str = ""
    variables: dict[str, str] = field(default_factory=dict)
    held: bool = False
    """Its phone holds the call by itself."""


@dataclass(frozen=True, slots=True)
class FallbackMember:
    """A station that rings from a group's fallback queue, by what its mode shows to be free."""

    address: str
    group_id: str
    mode: StationMode


@dataclass(frozen=True, slots=True)
class NodeSnapshot(PbxFact):
    """All channels and registrations of a node at one moment, after the AMI connection came (back)."""

    channels: tuple[ChannelFact, ...]
    registered: tuple[str, ...]
    """Addresses of registered stations."""
    taken_at: float | None = None
    """When it was asked for, on the clock of `at`: what began later may be missing in it."""
    members: tuple[FallbackMember, ...] | None = None
    """Of the fallback queues; None: not known."""


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
