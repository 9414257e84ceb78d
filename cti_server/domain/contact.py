"""The contact: a customer's matter, its legs, its states and their transition table."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from cti_server.domain.callback import Callback
from cti_server.domain.consultation import Consult
from cti_server.domain.customer import Customer
from cti_server.domain.errors import IllegalTransition
from cti_server.domain.identification import Identification
from cti_server.domain.ivr_walk import Walk
from cti_server.domain.leg import Leg, LegRole, LegState
from cti_server.domain.operation import Operation


class ContactState(StrEnum):
    """States as they stand in PROTOCOL."""

    IVR = "ivr"
    DIALLING = "dialling"
    """Called by us: the agent's phone is rung, then the customer's."""
    QUEUED = "queued"
    OFFERED = "offered"
    ACTIVE = "active"
    HELD = "held"
    CONSULTING = "consulting"
    CONFERENCE = "conference"
    OUTSIDE = "outside"
    """Passed on to a number outside: rung, or talking; no agent has it."""
    VOICEMAIL = "voicemail"
    """Leaves a message; waits for nobody any more."""
    WRAP_UP = "wrap_up"
    ENDED = "ended"


class ContactEvent(StrEnum):
    """What moves a contact from state to state."""

    QUEUE = "queue"
    OFFER = "offer"
    WITHDRAW = "withdraw"
    CONNECT = "connect"
    HOLD = "hold"
    RETRIEVE = "retrieve"
    CONSULT = "consult"
    CONFER = "confer"
    HAND_ON = "hand_on"
    """The consulted party has the contact from now on."""
    RETURN_TO_QUEUE = "return_to_queue"
    CALL_BACK = "call_back"
    """An agent took the call-back: the customer is called."""
    GO_OUTSIDE = "go_outside"
    LEAVE_MESSAGE = "leave_message"
    FINISH = "finish"
    """The conversation is over, after-call work begins."""
    END = "end"


class RecordingState(StrEnum):
    """Of the contact's recording."""

    OFF = "off"
    RECORDING = "recording"
    PAUSED = "paused"
    STOPPED = "stopped"


C, V = ContactState, ContactEvent
_CONSULT = (C.CONSULTING, C.CONFERENCE)
TALK_STATES = (C.ACTIVE, C.HELD, *_CONSULT)
"""States in which an agent has the customer, who is talked to or on hold."""
LIVE = (
    *(C.IVR, C.DIALLING, C.QUEUED, C.OFFERED, C.ACTIVE, C.HELD, C.CONSULTING, C.CONFERENCE),
    *(C.OUTSIDE, C.VOICEMAIL),
)
"""States in which the customer is still there."""

TRANSITIONS: dict[tuple[ContactState, ContactEvent], ContactState] = {
    (C.IVR, V.QUEUE): C.QUEUED,
    (C.QUEUED, V.OFFER): C.OFFERED,
    (C.OFFERED, V.WITHDRAW): C.QUEUED,
    (C.OFFERED, V.CONNECT): C.ACTIVE,
    (C.OFFERED, V.CALL_BACK): C.DIALLING,
    (C.DIALLING, V.CONNECT): C.ACTIVE,
    # Answered, and no agent is there (any more, or yet: a campaign's).
    (C.DIALLING, V.QUEUE): C.QUEUED,
    # Called in vain: the agent registers that.
    (C.DIALLING, V.FINISH): C.WRAP_UP,
    # Connected without the server (fallback queue), found by resync.
    (C.IVR, V.CONNECT): C.ACTIVE,
    (C.QUEUED, V.CONNECT): C.ACTIVE,
    (C.ACTIVE, V.HOLD): C.HELD,
    (C.HELD, V.RETRIEVE): C.ACTIVE,
    (C.ACTIVE, V.CONSULT): C.CONSULTING,
    (C.HELD, V.CONSULT): C.CONSULTING,
    (C.CONSULTING, V.CONFER): C.CONFERENCE,
    # The third party left: the customer is on hold, or talks to the agent.
    (C.CONSULTING, V.HOLD): C.HELD,
    **{(consult, V.RETRIEVE): C.ACTIVE for consult in _CONSULT},
    **{(consult, V.HAND_ON): C.ACTIVE for consult in _CONSULT},
    **{(talk, V.RETURN_TO_QUEUE): C.QUEUED for talk in TALK_STATES},
    **{(talk, V.FINISH): C.WRAP_UP for talk in TALK_STATES},
    **{(talk, V.GO_OUTSIDE): C.OUTSIDE for talk in TALK_STATES},
    (C.OUTSIDE, V.RETURN_TO_QUEUE): C.QUEUED,
    (C.IVR, V.LEAVE_MESSAGE): C.VOICEMAIL,
    (C.QUEUED, V.LEAVE_MESSAGE): C.VOICEMAIL,
    (C.VOICEMAIL, V.RETURN_TO_QUEUE): C.QUEUED,
    **{(live, V.END): C.ENDED for live in (*LIVE, C.WRAP_UP)},
}


@dataclass(slots=True)
class Dialling:
    """How far the centre has come with a call of its own; over when somebody answers or nobody will."""

    called_at: float | None = None
    """When the customer's phone began to be called; None while the agent's own is rung."""
    answered: bool = False
    """The PBX showed the customer's channel answered, and not joined yet."""
    acceptance: Operation | None = None
    """The command of the colleague who is called, answered when both talk."""
    failed: bool = False
    """The PBX said that it could not call; the channel's own end may still say why."""


@dataclass(slots=True)
class Contact:
    """A voice contact. `contact_id` is the Uniqueid of the customer's channel; times are epoch seconds."""

    contact_id: str
    node: str
    service_number: str
    group_id: str
    customer: Customer
    arrived_at: float
    state: ContactState = ContactState.IVR
    medium: str = "voice"
    direction: str = "inbound"
    language: str = ""
    priority: int = 0
    ageing: float = 300.0
    """Seconds of waiting that count as much as one step of priority."""
    requires: dict[str, int] = field(default_factory=dict)
    """Skill to the lowest level an agent needs for this contact, beside what its queue asks for."""
    dedicated_agent: str = ""
    """The agent who looks after this customer; empty when nobody does."""
    overflowed: list[str] = field(default_factory=list)
    """Groups it has left because they were closed, full or too slow."""
    waits_in: str = ""
    """The group it waits in, or waited in last, since `waits_since`."""
    waits_since: float = 0.0
    preferred_agent: str = ""
    """The agent it waits for alone, for a limited time; empty when any agent that fits will do."""
    ivr_path: list[str] = field(default_factory=list)
    """The number dialled, then what was chosen in the menu and how it was left, step by step."""
    walk: Walk | None = None
    """Where it stands in the menu; None when its number has none."""
    identification: Identification | None = None
    """The last one that an agent asked for; None when none did."""
    data: dict[str, Any] = field(default_factory=dict)
    legs: dict[str, Leg] = field(default_factory=dict)
    agent_id: str | None = None
    """Whom it is offered to, or who has it, or who had it last."""
    wrapping: list[str] = field(default_factory=list)
    """Agents in after-call work for their part of it, though it went on with somebody else."""
    recording: RecordingState = RecordingState.OFF
    operation: Operation | None = None
    moved_at: float = 0.0
    """When it was last passed on: what the PBX showed before that is history."""
    audio_operation: Operation | None = None
    """A command under way that moves nobody: mute, DTMF, recording paused or resumed."""
    audio_at: float = 0.0
    """When the last of these took effect."""
    consult: Consult | None = None
    dialling: Dialling | None = None
    """Set while `state` is `dialling`."""
    colleague: str = ""
    """The agent who is called; empty for all but internal calls."""
    callback: Callback | None = None
    """The customer wished to be called back, and keeps its place by it."""
    campaign: str = ""
    """What the call was made for; empty: an agent's own wish."""
    patience: float = 0.0
    """Seconds it may wait for an agent before we let it go, because it is we who called; 0: for ever."""
    held_at_phone: bool = False
    on_its_way: bool = False
    """Queued, its channel not seen at the waiting place yet: nothing may move it so far."""
    joins_itself: str = ""
    """The agent's leg that the customer's channel joins by itself once it is picked up: it rang ahead."""
    rung_ahead: bool = False
    """A leg that rang ahead was taken for the offer's, since it began to wait."""
    recorded_ahead: bool = False
    """So its recording is begun, and will be written once the customer is in a bridge."""
    referred_to: str = ""
    """Whom its agent's phone wants to pass it on to (REFER), until we have said whether it may."""
    referred_at: float = 0.0
    """When its channel told so before the phone did, who is about to (again)."""
    refer_refused_at: float = 0.0
    """When it last must not."""
    taken_back_at: float = 0.0
    """When it was last fetched from the fallback queue."""
    queued_at: float | None = None
    offered_at: float | None = None
    connected_at: float | None = None
    ended_at: float | None = None
    end_reason: str = ""
    disposition: str = ""
    summary: str = ""
    recovered: bool = False
    version: int = 0
    """Grows by one with each change written to the interaction log."""

    def apply(self, event: ContactEvent) -> None:
        """Move by the table. Raises IllegalTransition and changes nothing when it has no such row."""
        new = TRANSITIONS.get((self.state, event))
        if new is None:
            raise IllegalTransition(f"contact {self.contact_id}: {event} in state {self.state}")
        self.state = new

    @property
    def live(self) -> bool:
        """Whether the customer is still there."""
        return self.state in LIVE

    @property
    def customer_leg(self) -> Leg:
        """The customer's leg; a contact always has one."""
        return next(leg for leg in self.legs.values() if leg.role is LegRole.CUSTOMER)

    @property
    def agent_leg(self) -> Leg | None:
        """The leg of the agent who has the contact or is rung for it."""
        for leg in self.legs.values():
            if leg.role is LegRole.AGENT and leg.state is not LegState.GONE:
                return leg
        return None

    @property
    def consulted_leg(self) -> Leg | None:
        """The third party's leg."""
        leg = self.legs.get(self.consult.leg_id) if self.consult else None
        return leg if leg and leg.state is not LegState.GONE else None

    @property
    def internal(self) -> bool:
        """Whether two agents talk, and no customer."""
        return self.direction == "internal"

    @property
    def colleague_leg(self) -> Leg | None:
        """The called agent's leg in an internal call."""
        there = (leg for leg in self.legs.values() if leg.state is not LegState.GONE)
        return next((leg for leg in there if leg.role is LegRole.COLLEAGUE), None)

    @property
    def to_be_called(self) -> bool:
        """Whether it waits for its call-back: there is no call and no customer's channel yet."""
        return self.callback is not None and not self.callback.called

    def leg_by_channel(self, channel: str) -> Leg | None:
        """The leg on that channel, unless it is gone."""
        for leg in self.legs.values():
            if leg.channel == channel and leg.state is not LegState.GONE:
                return leg
        return None

    def add_leg(self, role: LegRole, party: str, channel: str, state: LegState) -> Leg:
        """Join a party; leg ids count up within the contact."""
        leg = Leg(f"leg-{len(self.legs) + 1}", role, party, channel, state)
        self.legs[leg.leg_id] = leg
        return leg
