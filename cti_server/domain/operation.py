"""An operation: a command under way on a contact, whose outcome only the PBX can tell."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class OperationKind(StrEnum):
    """Commands whose outcome only the PBX can tell."""

    ACCEPT = "accept"
    HOLD = "hold"
    RETRIEVE = "retrieve"
    IDENTIFY = "identify"
    HANG_UP = "hang_up"
    CONSULT = "consult"
    ALTERNATE = "alternate"
    COMPLETE = "complete"
    CANCEL_CONSULT = "cancel_consult"
    CONFERENCE = "conference"
    DROP_LEG = "drop_leg"
    MUTE = "mute"
    UNMUTE = "unmute"
    SEND_DTMF = "send_dtmf"
    PAUSE = "pause"
    RESUME = "resume"


@dataclass(frozen=True, slots=True)
class Operation:
    """A command under way on the contact; answered when the PBX shows its outcome."""

    kind: OperationKind
    request_id: str
    agent_id: str
