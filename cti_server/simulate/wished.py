"""What became of those who wanted something else than a person, and who says so."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from cti_server.simulate.comparison import Comparison
from cti_server.simulate.customers import CustomerCounts
from cti_server.simulate.messages import Heard
from cti_server.simulate.outside import OutsideCounts
from cti_server.simulate.tally import Tally
from cti_server.simulate.wants import CALL_BACK, VOICEMAIL, Wants, wanting

SIPP, LOG, PROGRAMS, REPORTS = "SIPp", "interaction log", "agents' programs", "reports API"


@dataclass(frozen=True, slots=True)
class CallBacks:
    """Customers who wanted to be called back."""

    wanted: int = 0
    """Of them SIPp had so many answered."""
    kept: int = 0
    """Calls that ended with the promise."""
    otherwise: int = 0
    """Came to an agent before, or hung up."""
    reached: int = 0
    """Calls back in which the customer talked to an agent."""


@dataclass(frozen=True, slots=True)
class Messages:
    """Customers who wanted to leave a message."""

    wanted: int = 0
    """Of them SIPp had so many answered."""
    left: int = 0
    otherwise: int = 0
    """Came to an agent before, or hung up before they could speak."""
    with_sound: int = 0
    handled: int = 0


def call_backs(customers: CustomerCounts, log: Sequence[dict[str, Any]]) -> CallBacks:
    """By SIPp and the interaction log."""
    theirs = wanting(log, Wants.CALL_BACK)
    inbound = [contact for contact in theirs if contact["direction"] == "inbound"]
    kept = sum(contact["end_reason"] == CALL_BACK for contact in inbound)
    back = [contact for contact in theirs if contact["direction"] == "outbound"]
    reached = sum(contact["connected_at"] is not None for contact in back)
    return CallBacks(customers.call_backs, kept, len(inbound) - kept, reached)


def messages(customers: CustomerCounts, log: Sequence[dict[str, Any]], heard: Heard) -> Messages:
    """By SIPp, the interaction log and the recordings."""
    theirs = wanting(log, Wants.MESSAGE)
    left = sum(contact["end_reason"] == VOICEMAIL for contact in theirs)
    return Messages(customers.messages, left, len(theirs) - left, heard.with_sound, heard.handled)


def of_call_backs(
    them: CallBacks, tally: Tally, centre: dict[str, Any], outside: OutsideCounts | None
) -> Iterator[Comparison]:
    """Who promised, and who kept it."""
    if not them.wanted:
        return
    told = int(centre.get("callbacks") or 0)
    yield Comparison("wanted a call-back", SIPP, them.wanted, LOG, them.kept + them.otherwise)
    yield Comparison("call-backs promised", LOG, them.kept, REPORTS, told)
    yield Comparison("called back", SIPP, outside.called_back if outside else 0, LOG, them.kept)
    yield Comparison("called back, talked", PROGRAMS, len(tally.called_back), LOG, them.reached)


def of_messages(them: Messages) -> Iterator[Comparison]:
    """Who spoke, and what can be heard."""
    if not them.wanted:
        return
    yield Comparison("wanted to leave a message", SIPP, them.wanted, LOG, them.left + them.otherwise)
    yield Comparison("messages with sound", LOG, them.left, "recordings", them.with_sound)
