"""A message, its states, and when it is tried again."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

ATTEMPTS = 8
FIRST_PAUSE, LONGEST_PAUSE = 5.0, 1800.0
_LOCAL = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_ADDRESS = re.compile(rf"{_LOCAL}(\.{_LOCAL})*@([A-Za-z0-9-]+\.)+[A-Za-z0-9-]{{2,63}}")
_LONGEST_ADDRESS = 254


class Medium(StrEnum):
    """How a message goes."""

    EMAIL = "email"
    SMS = "sms"


class MessageState(StrEnum):
    """Of a message."""

    WAITING = "waiting"
    CLAIMED = "claimed"
    """A server has it, and nothing was handed to the provider yet."""
    SENDING = "sending"
    """It is being handed to the provider."""
    SENT = "sent"
    FAILED = "failed"
    UNKNOWN = "unknown"
    """The link broke while it was handed over: it may have arrived, and is not sent again by itself."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message to one address."""

    message_id: str
    medium: Medium
    address: str = field(repr=False)
    subject: str = field(repr=False)
    body: str = field(repr=False)
    contact_id: str
    created_by: str
    created_at: datetime
    state: MessageState
    attempts: int
    why: str
    sent_at: datetime | None


class Sender(Protocol):
    """A way out for one medium. Raises NotSent, Rejected, PerhapsSent."""

    repeatable: bool
    """Whether the provider itself sees to it that the same message is not sent twice."""

    async def send(self, message: Message, handing_over: Callable[[], Awaitable[None]]) -> None:
        """Send it; `handing_over` is awaited right before the step after which it may have arrived."""


def pause(attempts: int) -> float:
    """Seconds until the next attempt, after so many that failed: doubling."""
    return min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** (attempts - 1))


def email_address(text: str) -> str:
    """The address, or empty when it is none (ASCII, as RFC 5321 has it; no display names)."""
    plain = text.strip()
    return plain if len(plain) <= _LONGEST_ADDRESS and _ADDRESS.fullmatch(plain) else ""


def masked_address(address: str) -> str:
    """`zhang.wei@bank.example` → `z***@bank.example`."""
    name, _, domain = address.partition("@")
    return f"{name[:1]}***@{domain}"
