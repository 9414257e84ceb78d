"""Notifications: name → model of their `params`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from cti_server.api.models.fields import Instant, Model
from cti_server.api.models.views import AgentView, ContactView, QueueView, SystemView
from cti_server.api.models.wallboard import WALLBOARD_CHANGED, WallboardNotice
from cti_server.domain.events import Event


class AgentNotice(Model):
    """The agent's whole new view."""

    epoch: int
    seq: int
    ts: Instant
    request_id: str | None = Field(default=None, description="The request that caused it, if one did.")
    agent: AgentView


class ContactNotice(Model):
    """The contact's whole new view."""

    epoch: int
    seq: int
    ts: Instant
    request_id: str | None = Field(default=None, description="The request that caused it, if one did.")
    contact: ContactView


class QueueNotice(Model):
    """The queue's whole new view, for subscribers of `queues`."""

    epoch: int
    seq: int
    ts: Instant
    request_id: str | None = Field(default=None, description="The request that caused it, if one did.")
    queue: QueueView


class SystemNotice(Model):
    """The system's whole new view, for everybody at work."""

    epoch: int
    seq: int
    ts: Instant
    request_id: str | None = Field(default=None, description="The request that caused it, if one did.")
    system: SystemView


class SessionClosed(Model):
    """The last message before the server closes the socket. Not numbered: it concerns this socket only."""

    reason: Literal["taken_over", "revoked", "session_open_timeout", "server_stopping"]
    code: int = Field(description="The WebSocket close code that follows.")


SESSION_CLOSED = "session.closed"

NOTIFICATIONS: dict[str, type[Model]] = {
    Event.AGENT_SIGNED_IN: AgentNotice,
    Event.AGENT_STATE_CHANGED: AgentNotice,
    Event.AGENT_SIGNED_OUT: AgentNotice,
    Event.STATION_CHANGED: AgentNotice,
    Event.CONTACT_DIALLING: ContactNotice,
    Event.CONTACT_IVR_CHANGED: ContactNotice,
    Event.CONTACT_QUEUED: ContactNotice,
    Event.CONTACT_OFFERED: ContactNotice,
    Event.CONTACT_OFFER_WITHDRAWN: ContactNotice,
    Event.CONTACT_CONNECTED: ContactNotice,
    Event.CONTACT_HELD: ContactNotice,
    Event.CONTACT_RETRIEVED: ContactNotice,
    Event.CONTACT_LEG_JOINED: ContactNotice,
    Event.CONTACT_LEG_LEFT: ContactNotice,
    Event.CONTACT_DATA_CHANGED: ContactNotice,
    Event.CONTACT_IDENTIFICATION_CHANGED: ContactNotice,
    Event.CONTACT_CONSULT_STARTED: ContactNotice,
    Event.CONTACT_CONSULT_CONNECTED: ContactNotice,
    Event.CONTACT_ALTERNATED: ContactNotice,
    Event.CONTACT_CONSULT_ENDED: ContactNotice,
    Event.CONTACT_TRANSFERRED: ContactNotice,
    Event.CONTACT_CONFERENCED: ContactNotice,
    Event.CONTACT_MUTED: ContactNotice,
    Event.CONTACT_UNMUTED: ContactNotice,
    Event.CONTACT_ENDED: ContactNotice,
    Event.CONTACT_WRAPPED_UP: ContactNotice,
    Event.QUEUE_CHANGED: QueueNotice,
    Event.SYSTEM_STATUS: SystemNotice,
    Event.RECORDING_STARTED: ContactNotice,
    Event.RECORDING_PAUSED: ContactNotice,
    Event.RECORDING_RESUMED: ContactNotice,
    Event.RECORDING_STOPPED: ContactNotice,
    SESSION_CLOSED: SessionClosed,
    WALLBOARD_CHANGED: WallboardNotice,
}
