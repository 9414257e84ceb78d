"""What the domain refuses, each refusal with a stable code that reaches the agent program as it is."""

from __future__ import annotations

from typing import ClassVar


class DomainError(Exception):
    """Base of all that the domain raises. A raise means that nothing was changed."""

    code: ClassVar[str] = "domain_error"
    retryable: ClassVar[bool] = False


class IllegalTransition(DomainError):  # noqa: N818  # the field's word, and STYLE's
    """A state machine was given an event that its table does not have for its state."""

    code = "illegal_transition"


class Refusal(DomainError):  # noqa: N818  # a command that is refused is an outcome, not a fault
    """A command was refused; base of the refusals an agent can meet."""

    code = "refused"


class UnknownAgent(Refusal):
    """No such agent in the directory."""

    code = "unknown_agent"


class NotSignedIn(Refusal):
    """The command needs a signed-in agent."""

    code = "not_signed_in"


class AlreadySignedIn(Refusal):
    """The agent holds another station, or a sign-in is under way."""

    code = "already_signed_in"


class WrongRole(Refusal):
    """The person's roles do not allow the command."""

    code = "wrong_role"


class UnknownStation(Refusal):
    """No such station in the directory."""

    code = "unknown_station"


class StationNotRegistered(Refusal):
    """The station's phone is not registered with any PBX node."""

    code = "station_not_registered"
    retryable = True


class StationInUse(Refusal):
    """Another agent is signed in at the station."""

    code = "station_in_use"


class StationNoAnswer(Refusal):
    """The station's phone was rung and did not answer in time, or refused."""

    code = "station_no_answer"
    retryable = True


class UnknownContact(Refusal):
    """No such live contact."""

    code = "unknown_contact"


class NotYourContact(Refusal):
    """The contact is another agent's."""

    code = "not_your_contact"


class ActionNotAllowed(Refusal):
    """The action is not among the contact's `allowed_actions`, or the agent's state forbids it."""

    code = "action_not_allowed"


class ContactInProgress(Refusal):
    """The agent still has a contact; finish it first."""

    code = "contact_in_progress"


class DataTooLarge(Refusal):
    """The attached data would grow past what a contact may carry."""

    code = "data_too_large"


class HeldAtPhone(Refusal):
    """The phone itself holds the call; it must be retrieved there."""

    code = "held_at_phone"


class IdentityCheckRunning(Refusal):
    """The customer is typing card and PIN to the machine; the agent may take it back."""

    code = "identity_check_running"


class OperationPending(Refusal):
    """An earlier command on the same contact or agent is still under way."""

    code = "operation_pending"
    retryable = True


class ContactEnded(Refusal):
    """The customer hung up before the command took effect."""

    code = "contact_ended"


class OutcomeUnknown(Refusal):
    """The PBX did not say in time whether it was done; the state follows by resync."""

    code = "outcome_unknown"


class PbxUnavailable(Refusal):
    """The PBX node is out of reach; nothing was done."""

    code = "pbx_unavailable"
    retryable = True


class PbxRefused(Refusal):
    """The PBX answered that it would not do it."""

    code = "pbx_refused"


class SignInWithdrawn(Refusal):
    """The sign-in was given up before the station answered (signed out, or the server restarted)."""

    code = "sign_in_withdrawn"
    retryable = True


class UnknownGroup(Refusal):
    """No such group in the directory."""

    code = "unknown_group"


class AgentNotAvailable(Refusal):
    """The agent asked for is not ready, signed out or at another PBX node; or nobody of the group is free."""

    code = "agent_not_available"
    retryable = True


class TargetIsSelf(Refusal):
    """The agent asked for is the one who asks."""

    code = "target_is_self"


class AlreadyConsulting(Refusal):
    """A third party is in the contact already; end that consultation first."""

    code = "already_consulting"


class ConferenceFull(Refusal):
    """The conference has as many parties as it can have."""

    code = "conference_full"


class ConsultNotConnected(Refusal):
    """Nobody is there: the consulted party was not asked, or has not answered yet."""

    code = "consult_not_connected"
    retryable = True


class ConsultEnded(Refusal):
    """The consulted party left, or the consultation was given up, before the command took effect."""

    code = "consult_ended"


class UnknownLeg(Refusal):
    """The contact has no such party (any more)."""

    code = "unknown_leg"


class LegNotDroppable(Refusal):
    """Only the consulted party can be dropped: the customer is hung up, the agent hands over."""

    code = "leg_not_droppable"


class NotYourGroup(Refusal):
    """The contact or the agent belongs to none of the groups you lead."""

    code = "not_your_group"


class NothingToSupervise(Refusal):
    """There is no conversation to take part in (any more)."""

    code = "nothing_to_supervise"


class AlreadySupervising(Refusal):
    """You take part in another conversation; stop that first."""

    code = "already_supervising"


class NotSupervising(Refusal):
    """You take part in no conversation."""

    code = "not_supervising"


class NumberNotAllowed(Refusal):
    """The outside number is not on the allow-list."""

    code = "number_not_allowed"


class AgentCapReached(Refusal):
    """The agent has made as many outside calls as one may within an hour."""

    code = "agent_cap_reached"
    retryable = True


class CentreCapReached(Refusal):
    """The centre has begun as many outside calls as it may within a minute."""

    code = "centre_cap_reached"
    retryable = True


def refusals() -> dict[str, type[Refusal]]:
    """Every refusal by its code (to rebuild one from a stored answer, and for the docs)."""
    return {cls.code: cls for cls in Refusal.__subclasses__()}
