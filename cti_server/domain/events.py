"""What the world tells: notifications to agents and answers to commands (PROTOCOL)."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from cti_server.domain.effects import Effect
from cti_server.domain.records import Record


class Event(StrEnum):
    """Names of notifications, as on the wire."""

    AGENT_SIGNED_IN = "agent.signed_in"
    AGENT_STATE_CHANGED = "agent.state_changed"
    AGENT_SIGNED_OUT = "agent.signed_out"
    STATION_CHANGED = "station.changed"
    CONTACT_DIALLING = "contact.dialling"
    CONTACT_IVR_CHANGED = "contact.ivr_changed"
    CONTACT_QUEUED = "contact.queued"
    CONTACT_OFFERED = "contact.offered"
    CONTACT_OFFER_WITHDRAWN = "contact.offer_withdrawn"
    CONTACT_CONNECTED = "contact.connected"
    CONTACT_HELD = "contact.held"
    CONTACT_RETRIEVED = "contact.retrieved"
    CONTACT_IDENTIFICATION_CHANGED = "contact.identification_changed"
    CONTACT_CONSULT_STARTED = "contact.consult_started"
    CONTACT_CONSULT_CONNECTED = "contact.consult_connected"
    CONTACT_ALTERNATED = "contact.alternated"
    CONTACT_CONSULT_ENDED = "contact.consult_ended"
    CONTACT_TRANSFERRED = "contact.transferred"
    CONTACT_CONFERENCED = "contact.conferenced"
    CONTACT_LEG_JOINED = "contact.leg_joined"
    CONTACT_LEG_LEFT = "contact.leg_left"
    CONTACT_DATA_CHANGED = "contact.data_changed"
    CONTACT_MUTED = "contact.muted"
    CONTACT_UNMUTED = "contact.unmuted"
    CONTACT_ENDED = "contact.ended"
    CONTACT_WRAPPED_UP = "contact.wrapped_up"
    QUEUE_CHANGED = "queue.changed"
    SYSTEM_STATUS = "system.status"
    RECORDING_STARTED = "recording.started"
    RECORDING_PAUSED = "recording.paused"
    RECORDING_RESUMED = "recording.resumed"
    RECORDING_STOPPED = "recording.stopped"


@dataclass(frozen=True, slots=True)
class Notification:
    """One event for one agent; `seq` has no gaps per agent within the epoch. `params` is the wire form."""

    agent_id: str
    seq: int
    event: Event
    params: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to a command: a result, or the code of a refusal."""

    agent_id: str
    request_id: str
    result: dict[str, Any] | None = None
    error_code: str | None = None
    error_message: str = ""


@dataclass(slots=True)
class Outcome:
    """All that follows from one signal, in order."""

    notifications: list[Notification] = field(default_factory=list)
    replies: list[Reply] = field(default_factory=list)
    effects: list[Effect] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)
    anomalies: list[str] = field(default_factory=list)
    """Facts that contradict our state; counted and logged, and answered by a Resync effect."""
