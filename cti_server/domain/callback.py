"""A customer's wish to be called back instead of waiting (REQUIREMENTS B4)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from cti_server.domain.customer import Customer

CALLBACK = "callback"
"""End reason of a call whose customer left its place in the queue to a call-back."""
KEY = "1"
"""The key that asks for it while waiting."""


@dataclass(slots=True)
class Callback:
    """Who is to be called back, in whose place in the queue, and how far that has come."""

    wish_id: str
    """The contact in which it was wished."""
    node: str
    group_id: str
    customer: Customer
    """With the number to call."""
    asked_at: float
    queued_at: float
    """Since when the customer waits: its place."""
    expires_at: float
    priority: int = 0
    language: str = ""
    dedicated_agent: str = ""
    requires: dict[str, int] = field(default_factory=dict)
    ivr_path: list[str] = field(default_factory=list)
    data: dict[str, Any] = field(default_factory=dict)
    tries: int = 0
    """Calls made so far."""
    called: bool = False
    """This contact has been given to an agent and called; until then there is no call."""
