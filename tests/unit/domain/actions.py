"""`allowed_actions` against what the world really does, by trying each command on a copy."""

from __future__ import annotations

from typing import Any

from cti_server.domain import signals as s
from cti_server.domain.allowed_actions import allowed_actions
from cti_server.domain.contact import ContactState
from cti_server.domain.target import Target, TargetKind
from cti_server.domain.world import World
from tests.unit.domain.centre import Centre, copy

METHODS: dict[str, type[s.ContactCommand]] = {
    "contact.accept": s.Accept,
    "contact.reject": s.Reject,
    "contact.hold": s.Hold,
    "contact.retrieve": s.Retrieve,
    "contact.identify": s.Identify,
    "contact.hang_up": s.HangUp,
    "contact.transfer": s.TransferContact,
    "contact.mute": s.MuteMicrophone,
    "contact.unmute": s.UnmuteMicrophone,
    "contact.send_dtmf": s.SendDtmf,
    "recording.pause": s.RecordingPause,
    "recording.resume": s.RecordingResume,
    "contact.consult": s.ConsultParty,
    "contact.alternate": s.Alternate,
    "contact.complete_transfer": s.CompleteTransfer,
    "contact.cancel_consult": s.CancelConsult,
    "contact.conference": s.Conference,
    "contact.drop_leg": s.DropLeg,
    "contact.set_data": s.SetData,
    "contact.wrap_up": s.WrapUp,
}
NOT_NOW = {
    "action_not_allowed",
    "operation_pending",
    "held_at_phone",
    "identity_check_running",
    "not_your_contact",
    "already_consulting",
    "conference_full",
    "consult_not_connected",
}
"""Refusals that say: not in this state. Others (a PBX out of reach) are no matter of the state."""


def tried(centre: Centre, agent_id: str, contact_id: str, method: str) -> str | None:
    """The code that refuses the command now, None when it is done or under way."""
    world = World(copy(centre.state))
    more: dict[str, Any] = {}
    if method in ("contact.consult", "contact.transfer"):
        more["to"] = Target(TargetKind.AGENT, "nobody")
    elif method == "contact.drop_leg":
        consult = centre.state.contacts[contact_id].consult
        more["leg_id"] = consult.leg_id if consult else "leg-0"
    outcome = world.apply(METHODS[method](centre.now, "probe", agent_id, contact_id, **more))
    mine = [reply for reply in outcome.replies if reply.request_id == "probe"]
    return mine[0].error_code if mine else None


def check_allowed_actions(centre: Centre) -> None:
    """Exactly the commands in the view are not refused for the state."""
    for agent in centre.state.agents.values():
        for contact_id in agent.contact_ids:
            contact = centre.state.contacts[contact_id]
            allowed = set(allowed_actions(contact, agent))
            codes = {method: tried(centre, agent.agent_id, contact_id, method) for method in METHODS}
            if contact.state is ContactState.ACTIVE:
                # Not refused right after the phone was picked up: a program may be slower than that.
                codes["contact.accept"] = "action_not_allowed"
            assert allowed == {m for m, code in codes.items() if code not in NOT_NOW}, (contact, codes)
