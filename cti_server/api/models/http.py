"""Bodies of the HTTP interface."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import ConfigDict, Field

from cti_server.api.models.fields import Instant, Model, Password, Word


class LogIn(Model):
    """Who wants in."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"agent_id": "1001", "password": "correct horse"}]}
    )

    agent_id: Word
    password: Password = Field(repr=False)


class TokenGrant(Model):
    """A token; `expires_in` is in seconds."""

    access_token: str = Field(repr=False)
    token_type: Literal["bearer"] = "bearer"  # noqa: S105  # the kind of token, no token
    expires_in: int


class Me(Model):
    """The person that the token speaks for; `seq` is its last notification."""

    agent_id: str
    roles: list[str]
    epoch: int
    seq: int


class LoggedContact(Model):
    """A contact of the interaction log."""

    contact_id: str
    medium: str
    direction: str
    state: str
    service_number: str | None
    customer_number: str = Field(description="Masked, e.g. `138****8000`.")
    group_id: str | None
    agent_id: str | None
    arrived_at: Instant
    queued_at: Instant | None
    offered_at: Instant | None
    connected_at: Instant | None
    ended_at: Instant | None
    end_reason: str | None
    disposition: str | None
    summary: str | None
    data: dict[str, Any]
    recovered: bool = Field(description="Rebuilt from the PBX's own log after no server saw it.")
    node: str | None


class ContactList(Model):
    """Newest first; `next_cursor` asks for the next page."""

    contacts: list[LoggedContact]
    next_cursor: str | None


class PastContact(Model):
    """An earlier contact of the same customer."""

    contact_id: str
    medium: str
    direction: str
    service_number: str | None
    group_id: str | None
    agent_id: str | None = Field(description="Who had it last.")
    arrived_at: Instant
    connected_at: Instant | None
    ended_at: Instant | None
    end_reason: str | None
    disposition: str | None
    summary: str | None


class PastContacts(Model):
    """Newest first; none for a customer whose number is withheld."""

    contacts: list[PastContact]


class StoryEntry(Model):
    """What happened to the contact, and when."""

    at: Instant
    kind: str
    agent_id: str | None
    leg_id: str | None
    data: dict[str, Any]


class ContactStory(Model):
    """A contact and its whole story, oldest first."""

    contact: LoggedContact
    story: list[StoryEntry]


class Live(Model):
    """The process answers."""

    status: Literal["live"] = "live"


class DependencyHealth(Model):
    """One thing the server needs."""

    name: str
    ready: bool
    required: bool
    detail: str


class Ready(Model):
    """Every required dependency works."""

    status: Literal["ready"] = "ready"
    dependencies: list[DependencyHealth]


class FieldProblem(Model):
    """A field that was refused, and a stable word why; never its value."""

    field: str
    problem: str


class Problem(Model):
    """RFC 9457, with our stable `code`; further members by code."""

    model_config = ConfigDict(extra="allow")

    type: str
    title: str
    status: int
    code: str
    retryable: bool
    detail: str | None = None
    fields: list[FieldProblem] | None = None
