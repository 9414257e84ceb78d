"""Ends of contacts as outcomes of attempts."""

from __future__ import annotations

from typing import Any

import pytest

from cti_server.campaigns.model import Outcome
from cti_server.campaigns.results import call_back_at, outcome_of


@pytest.mark.parametrize(
    ("row", "outcome"),
    [
        ({"connected_at": 5.0, "queued_at": 4.0, "end_reason": "customer_hung_up"}, Outcome.ANSWERED),
        ({"connected_at": None, "queued_at": 4.0, "end_reason": "abandoned"}, Outcome.ABANDONED),
        ({"end_reason": "machine"}, Outcome.MACHINE),
        ({"end_reason": "hung_up"}, Outcome.HUNG_UP),
        ({"end_reason": "busy"}, Outcome.BUSY),
        ({"end_reason": "no_answer"}, Outcome.NO_ANSWER),
        ({"end_reason": "invalid_number"}, Outcome.INVALID),
        ({"end_reason": "abandoned"}, Outcome.ABANDONED),
        ({"end_reason": "gone_unseen"}, Outcome.UNKNOWN),
        ({"end_reason": "not_placed"}, Outcome.FAILED),
        ({"end_reason": None}, Outcome.FAILED),
    ],
)
def test_outcomes(row: dict[str, Any], outcome: Outcome) -> None:
    assert outcome_of({"connected_at": None, "queued_at": None, **row}) is outcome


@pytest.mark.parametrize(
    ("given", "at"),
    [("2026-11-23T10:00:00+08:00", 1795399200.0), ("2026-11-23T10:00:00", None), ("soon", None), (5, None)],
)
def test_call_backs(given: object, at: float | None) -> None:
    assert call_back_at({"data": {"call_back_at": given}}) == at
    assert call_back_at({"data": None}) is None
