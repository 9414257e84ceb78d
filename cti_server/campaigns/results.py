"""What the end of a contact says about the attempt it was."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from cti_server.campaigns.model import Outcome

_OUTCOMES = {
    "hung_up": Outcome.HUNG_UP,
    "machine": Outcome.MACHINE,
    "busy": Outcome.BUSY,
    "rejected": Outcome.BUSY,
    "no_answer": Outcome.NO_ANSWER,
    "cancelled": Outcome.SKIPPED,
    "invalid_number": Outcome.INVALID,
    "abandoned": Outcome.ABANDONED,
    "gone_unseen": Outcome.UNKNOWN,
}
"""By the contact's end reason; every other one is a call that could not be placed."""


def outcome_of(row: Mapping[str, Any]) -> Outcome:
    """The outcome by the contact's row, times in epoch seconds or None."""
    if row["connected_at"] is not None:
        return Outcome.ANSWERED
    if row["queued_at"] is not None:
        return Outcome.ABANDONED
    return _OUTCOMES.get(row["end_reason"] or "", Outcome.FAILED)


def call_back_at(row: Mapping[str, Any]) -> float | None:
    """When the agent has promised to call again: `call_back_at` of the attached data (RFC 3339)."""
    text = (row["data"] or {}).get("call_back_at")
    if not isinstance(text, str):
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return at.timestamp() if at.tzinfo else None
