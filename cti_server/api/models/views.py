"""Views of agents and contacts, as clients get them (PROTOCOL); made by `cti_server.domain.views`."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from cti_server.api.models.fields import Instant, Model

AgentStateName = Literal["signed_out", "not_ready", "ready", "busy", "reserved", "talking", "wrap_up"]
AskableState = Literal["ready", "not_ready", "busy"]
TopicName = Literal["agents", "queues", "contacts", "wallboard"]
StationModeName = Literal["persistent", "on_demand"]
ContactStateName = Literal[
    "ivr",
    "dialling",
    "queued",
    "offered",
    "active",
    "held",
    "consulting",
    "conference",
    "outside",
    "voicemail",
    "wrap_up",
    "ended",
]


class StationView(Model):
    """The agent's phone."""

    address: str
    mode: StationModeName
    state: Literal["unregistered", "registered", "ringing", "connected"]


class SupervisingView(Model):
    """Whose conversation the person takes part in; `mode` is null until the phone is there."""

    contact_id: str
    agent_id: str
    mode: Literal["listen", "whisper", "barge", "intercept"] | None


class AgentView(Model):
    """An agent and its seat."""

    agent_id: str
    name: str
    roles: list[str]
    groups: list[str]
    state: AgentStateName
    reason: str
    pending_state: AskableState | None = Field(
        description="Asked for during a contact, applied when it ends."
    )
    state_since: Instant | None = Field(description="Null before the first sign-in.")
    station: StationView | None
    contact_ids: list[str]
    supervising: SupervisingView | None


class CustomerView(Model):
    """Who calls."""

    number: str = Field(description="Masked, e.g. `138****8000`.")
    name: str
    tier: str
    elder: bool
    verified: bool = Field(description="Proved in this contact who it is, by card and PIN.")


class LegView(Model):
    """One party."""

    leg_id: str
    role: Literal["customer", "agent", "consulted", "colleague", "supervisor"]
    party: str
    state: Literal["ivr", "waiting", "ringing", "up", "talking", "held", "gone"]
    muted: bool


class RecordingView(Model):
    """The contact's recording."""

    state: Literal["off", "starting", "recording", "paused", "stopped"]


class ConsultView(Model):
    """The third party of a contact."""

    leg_id: str
    to: dict[str, str] = Field(description="As asked; a number is masked.")
    state: Literal["ringing", "connected"]
    talking_to: Literal["nobody", "consulted", "customer", "all", "handed"] = Field(
        description="Whom the agent talks to; who is left out hears music."
    )
    started_at: Instant


class CallbackView(Model):
    """The customer wished to be called back instead of waiting."""

    wish_id: str = Field(description="The contact in which it was wished.")
    asked_at: Instant
    tries: int = Field(description="Calls made in vain so far.")


class IdentificationView(Model):
    """The customer proves to the machine who it is. Nothing that it types is told."""

    state: Literal[
        "running", "verified", "not_verified", "locked", "declined", "not_checked", "cancelled"
    ] = Field(description="`running` until it is over, whatever becomes of it.")
    asked: Literal["card", "pin"] | None = Field(description="What it is being asked; null when over.")
    failures: int = Field(description="Checks that failed so far.")
    started_at: Instant
    ended_at: Instant | None


class QueueName(Model):
    """The group's name."""

    zh: str
    en: str


class QueueView(Model):
    """Who waits for a group, and its agents by work state."""

    queue: str
    name: QueueName
    waiting: int
    oldest_queued_at: Instant | None = Field(description="Of whom waits longest; null when nobody waits.")
    agents: dict[AgentStateName, int]


class NodeView(Model):
    """Whether commands reach a PBX node."""

    name: str
    in_reach: bool


class SystemView(Model):
    """What agents have to know of the system's health."""

    nodes: list[NodeView]


class ContactView(Model):
    """A customer's matter, whole."""

    contact_id: str
    medium: Literal["voice", "video", "text"]
    direction: Literal["inbound", "outbound", "internal"]
    state: ContactStateName
    queue: str
    priority: int
    customer: CustomerView
    service_number: str
    ivr_path: list[str]
    data: dict[str, Any]
    legs: list[LegView]
    recording: RecordingView
    consult: ConsultView | None
    callback: CallbackView | None = Field(description="Accepting it calls the customer.")
    identification: IdentificationView | None = Field(description="The last one that an agent asked for.")
    allowed_actions: list[str] = Field(description="Methods that may be called on the contact right now.")
    arrived_at: Instant
    queued_at: Instant | None
    offered_at: Instant | None
    connected_at: Instant | None
    ended_at: Instant | None
    end_reason: str
