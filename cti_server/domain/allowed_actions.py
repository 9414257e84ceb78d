"""Which methods an agent may call on a contact right now."""

from __future__ import annotations

from cti_server.domain.agent import Agent
from cti_server.domain.contact import Contact, ContactState, RecordingState
from cti_server.domain.leg import Leg, LegState
from cti_server.domain.operation import OperationKind

CONSULT_ACTIONS = frozenset(
    {
        "contact.alternate",
        "contact.complete_transfer",
        "contact.cancel_consult",
        "contact.conference",
        "contact.drop_leg",
    }
)
PASSING_ON = ("contact.consult", "contact.transfer")
IDENTIFY = "contact.identify"
MOVING = ("contact.hold", "contact.retrieve", IDENTIFY, *PASSING_ON)
WHILE_IDENTIFIED = frozenset(
    {"contact.retrieve", "contact.hang_up", "contact.mute", "contact.unmute", "contact.set_data"}
)
"""What may be done while the customer is with the machine."""
AUDIO_ACTIONS = ("contact.mute", "contact.unmute", "recording.pause", "recording.resume")
_ACTIONS: dict[ContactState, tuple[str, ...]] = {
    ContactState.OFFERED: ("contact.accept", "contact.reject"),
    ContactState.DIALLING: ("contact.hang_up", "contact.set_data"),
    ContactState.ACTIVE: (
        "contact.hold",
        "contact.hang_up",
        *AUDIO_ACTIONS,
        "contact.send_dtmf",
        IDENTIFY,
        "contact.consult",
        "contact.transfer",
        "contact.set_data",
    ),
    ContactState.HELD: (
        "contact.retrieve",
        "contact.hang_up",
        *AUDIO_ACTIONS,
        IDENTIFY,
        "contact.consult",
        "contact.transfer",
        "contact.set_data",
    ),
    ContactState.CONSULTING: (
        "contact.alternate",
        "contact.complete_transfer",
        "contact.cancel_consult",
        "contact.conference",
        "contact.hang_up",
        *AUDIO_ACTIONS,
        "contact.set_data",
    ),
    ContactState.CONFERENCE: (
        "contact.complete_transfer",
        "contact.drop_leg",
        "contact.hang_up",
        *AUDIO_ACTIONS,
        "contact.set_data",
    ),
    ContactState.WRAP_UP: ("contact.set_data", "contact.wrap_up"),
}


def allowed_actions(contact: Contact, agent: Agent) -> list[str]:
    """Methods the agent may call on the contact right now, by their wire names."""
    if agent.agent_id in contact.wrapping:
        return ["contact.wrap_up"]
    if contact.agent_id != agent.agent_id:
        return _as_third(contact, agent)
    leg, actions = contact.agent_leg, _ACTIONS.get(contact.state, ())
    if contact.identification and not contact.identification.back:
        actions = tuple(action for action in actions if action in WHILE_IDENTIFIED)
    return [action for action in actions if _open(contact, leg, action)]


def _as_third(contact: Contact, agent: Agent) -> list[str]:
    """What the consulted agent may do."""
    if contact.internal:
        return _as_colleague(contact, agent)
    consult, leg, operation = contact.consult, contact.consulted_leg, contact.operation
    if consult is None or leg is None or contact.contact_id not in agent.contact_ids:
        return []
    if consult.connected:
        return ["contact.hang_up"]
    free = operation is None or operation.kind is OperationKind.CONSULT
    open_ = leg.state is LegState.RINGING and consult.acceptance is None and free
    return ["contact.accept", "contact.reject"] if open_ else []


def _as_colleague(contact: Contact, agent: Agent) -> list[str]:
    """What the agent may do who is called by another."""
    leg, dialling = contact.colleague_leg, contact.dialling
    if leg is None or leg.party != agent.agent_id:
        return []
    if leg.state is not LegState.RINGING:
        return ["contact.hang_up"]
    return ["contact.accept", "contact.reject"] if dialling and not dialling.acceptance else []


def _consult_open(contact: Contact, leg: Leg | None, action: str) -> bool:
    """Whether the consultation has come so far."""
    consult, third = contact.consult, contact.consulted_leg
    if consult is None or leg is None or contact.operation:
        return False
    if contact.state is ContactState.CONFERENCE:
        return consult.connected or action == "contact.drop_leg"
    if action == "contact.cancel_consult":
        return not leg.held
    return consult.connected and not leg.held and not (third and third.held)


def _open(contact: Contact, leg: Leg | None, action: str) -> bool:
    """Whether what is under way leaves room for the action; `leg` is the agent's."""
    if action == "contact.set_data":
        return True
    if action in AUDIO_ACTIONS or action == "contact.send_dtmf":
        return _audio_open(contact, leg, action)
    if action == "contact.hang_up":  # overtakes everything but itself
        return contact.operation is None or contact.operation.kind is not OperationKind.HANG_UP
    if action in CONSULT_ACTIONS:
        return _consult_open(contact, leg, action)
    stuck = action in MOVING and (contact.held_at_phone or not leg)
    stuck = stuck or (action == IDENTIFY and contact.audio_operation is not None)
    if stuck or (contact.internal and action in (*PASSING_ON, IDENTIFY)):
        return False
    return contact.operation is None


def _audio_open(contact: Contact, leg: Leg | None, action: str) -> bool:
    """Whether there is something to mute, to pause, to send digits to."""
    if leg is None or contact.audio_operation:
        return False
    match action:
        case "contact.mute":
            return not leg.muted
        case "contact.unmute":
            return leg.muted
        case "recording.pause":
            return contact.recording is RecordingState.RECORDING
        case "recording.resume":
            return contact.recording is RecordingState.PAUSED
    return True
