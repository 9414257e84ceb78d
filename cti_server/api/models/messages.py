"""Messages to customers over HTTP."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from cti_server.api.models.fields import CONTROL_CHARACTERS, Identifier, Instant, Model, OptionalWord, Word

_BAD = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]")


def _lines(text: str) -> str:
    """Line feeds are the only control characters of a body."""
    if _BAD.search(text):
        raise PydanticCustomError(CONTROL_CHARACTERS, "control characters are not allowed")
    return text


Lines = Annotated[str, Field(min_length=1, max_length=10_000), AfterValidator(_lines)]


class NewMessage(Model):
    """What to send to whom. The same `request_id` again answers with the first message and sends nothing."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "request_id": "2c1f0f6e",
                    "medium": "sms",
                    "to": "13800138000",
                    "body": "Your appointment is tomorrow at 10.",
                    "contact_id": "pbx-a-1795282224.12",
                }
            ]
        }
    )

    request_id: Word
    medium: Literal["email", "sms"]
    to: Annotated[str, Field(min_length=1, max_length=254, repr=False)]
    subject: OptionalWord = Field(default="", description="Of an e-mail.")
    body: Lines = Field(repr=False)
    contact_id: Identifier | None = None


class MessageView(Model):
    """A message as it stands."""

    message_id: str
    medium: Literal["email", "sms"]
    to: str = Field(description="Masked.")
    contact_id: str | None
    state: Literal["waiting", "claimed", "sending", "sent", "failed", "unknown"]
    attempts: int
    why: str = Field(description="Of the last attempt that failed, e.g. `smtp_550`, `http_503`.")
    created_by: str
    created_at: Instant
    sent_at: Instant | None


class MessageList(Model):
    """Oldest first."""

    messages: list[MessageView]
