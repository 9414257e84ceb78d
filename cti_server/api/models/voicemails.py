"""Messages that customers left, over HTTP."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from cti_server.api.models.fields import Identifier, Instant, Model, Sentence


class VoicemailView(Model):
    """A message."""

    contact_id: str
    group_id: str
    service_number: str
    customer_number: str = Field(description="Masked, e.g. `138****8000`.")
    language: str
    left_at: Instant
    state: Literal["new", "assigned", "handled"]
    agent_id: str | None = Field(description="Who works on it, or did.")
    changed_at: Instant | None
    note: str | None
    duration_s: float | None = Field(description="Null until the recording was taken in.")


class VoicemailList(Model):
    """The newest first."""

    voicemails: list[VoicemailView]


class Assignment(Model):
    """To whom."""

    agent_id: Identifier


class Handling(Model):
    """What came of it."""

    note: Annotated[Sentence, Field(max_length=1000)] = ""
