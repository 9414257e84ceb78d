"""Requests of agent programs; their methods' names are the protocol's."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from cti_server.domain.signals.base import Signal
from cti_server.domain.target import Target, TargetKind


@dataclass(frozen=True, slots=True)
class Command(Signal):
    """A request of an agent program. `request_id` is the client's, unique per agent for 24 h."""

    request_id: str
    agent_id: str


@dataclass(frozen=True, slots=True)
class SignIn(Command):
    """`agent.sign_in`."""

    station: str
    station_mode: str


@dataclass(frozen=True, slots=True)
class SignOut(Command):
    """`agent.sign_out`."""

    reason: str = ""


@dataclass(frozen=True, slots=True)
class SetState(Command):
    """`agent.set_state`."""

    state: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class ContactCommand(Command):
    """Base of commands on one contact."""

    contact_id: str


@dataclass(frozen=True, slots=True)
class Accept(ContactCommand):
    """`contact.accept`."""


@dataclass(frozen=True, slots=True)
class Reject(ContactCommand):
    """`contact.reject`."""


@dataclass(frozen=True, slots=True)
class Hold(ContactCommand):
    """`contact.hold`."""


@dataclass(frozen=True, slots=True)
class Retrieve(ContactCommand):
    """`contact.retrieve`."""


@dataclass(frozen=True, slots=True)
class Identify(ContactCommand):
    """`contact.identify`."""


@dataclass(frozen=True, slots=True)
class HangUp(ContactCommand):
    """`contact.hang_up`."""


@dataclass(frozen=True, slots=True)
class MuteMicrophone(ContactCommand):
    """`contact.mute`."""


@dataclass(frozen=True, slots=True)
class UnmuteMicrophone(ContactCommand):
    """`contact.unmute`."""


@dataclass(frozen=True, slots=True)
class SendDtmf(ContactCommand):
    """`contact.send_dtmf`. The digits may be a secret: the journal keeps only how many there were."""

    digits: str = field(default="", repr=False)

    def to_be_kept(self) -> SendDtmf:
        """The signal as the journal has it."""
        return replace(self, digits="0" * len(self.digits))


@dataclass(frozen=True, slots=True)
class TransferContact(ContactCommand):
    """`contact.transfer`."""

    to: Target = field(default_factory=lambda: Target(TargetKind.GROUP, ""))


@dataclass(frozen=True, slots=True)
class RecordingPause(ContactCommand):
    """`recording.pause`."""


@dataclass(frozen=True, slots=True)
class RecordingResume(ContactCommand):
    """`recording.resume`."""


@dataclass(frozen=True, slots=True)
class ConsultParty(ContactCommand):
    """`contact.consult`."""

    to: Target = field(default_factory=lambda: Target(TargetKind.AGENT, ""))


@dataclass(frozen=True, slots=True)
class Alternate(ContactCommand):
    """`contact.alternate`."""


@dataclass(frozen=True, slots=True)
class CompleteTransfer(ContactCommand):
    """`contact.complete_transfer`."""


@dataclass(frozen=True, slots=True)
class CancelConsult(ContactCommand):
    """`contact.cancel_consult`."""


@dataclass(frozen=True, slots=True)
class Conference(ContactCommand):
    """`contact.conference`."""


@dataclass(frozen=True, slots=True)
class DropLeg(ContactCommand):
    """`contact.drop_leg`."""

    leg_id: str = ""


@dataclass(frozen=True, slots=True)
class SuperviseParty(Command):
    """`supervisor.listen`, `.whisper`, `.barge`, `.intercept`: one of agent and contact is named."""

    mode: str = "listen"
    target_id: str = ""
    contact_id: str = ""


@dataclass(frozen=True, slots=True)
class Subscribe(Command):
    """`subscribe`."""

    topics: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Unsubscribe(Command):
    """`unsubscribe`."""

    topics: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StopSupervising(Command):
    """`supervisor.stop`."""


@dataclass(frozen=True, slots=True)
class ForceState(Command):
    """`supervisor.set_agent_state`."""

    target_id: str
    state: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class ForceSignOut(Command):
    """`supervisor.sign_out_agent`."""

    target_id: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Dial(Command):
    """`contact.dial`."""

    to: Target
    group_id: str = ""
    """For whom: whose number is shown, whose after-call work; empty: the agent's first group."""
    campaign: str = ""
    data: dict[str, Any] = field(default_factory=dict)
    contact_id: str = ""
    """The id the contact shall have (a campaign's attempt); empty: one that nobody has."""


@dataclass(frozen=True, slots=True)
class SetData(ContactCommand):
    """`contact.set_data`: merged into the attached data; a null value removes its key."""

    data: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class WrapUp(ContactCommand):
    """`contact.wrap_up`."""

    disposition: str = ""
    summary: str = ""
    next_state: str = ""
    call_back_at: str = ""
    """When a campaign shall call again (RFC 3339); kept with the attached data."""
