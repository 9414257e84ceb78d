"""Calls of a campaign that begin without an agent (REQUIREMENTS A5, progressive and predictive).

The dialler decides when and whom; here is what becomes of the call. A person waits in the group's queue
before everybody else, for `patience` seconds only; who did not ask for the call is not kept waiting.
"""

from __future__ import annotations

from cti_server.domain.contact import Contact, ContactState
from cti_server.domain.effects import Apologise, CallCustomer
from cti_server.domain.events import Event
from cti_server.domain.leg import LegState
from cti_server.domain.rules import conversation, dialling, dialling_facts
from cti_server.domain.rules.operations import OPERATION_TIME
from cti_server.domain.signals import AnswerHeard, CampaignCall
from cti_server.domain.step import Step
from cti_server.domain.target import MINUTE

TOP = 1000
"""Steps of priority: before everybody who called by themselves."""
MACHINE, NOT_PLACED = "machine", "not_placed"
RANG_OFF = "hangup"
"""As detection calls it: the called party's own hang-up while it was listened to."""
HUNG_UP, ABANDONED = "hung_up", "abandoned"
LISTENING_TIME = 8.0
"""Seconds that detection may take after the answer."""
MESSAGE_TIME = 60.0
"""Seconds that a message to a machine may take."""


def place(step: Step, signal: CampaignCall) -> None:
    """Call, unless that attempt was made already or cannot be made now; the contact tells which."""
    state = step.state
    if signal.channel in state.contacts or signal.channel in state.ended:
        return
    node = state.nodes.get(signal.node)
    recent = [when for when in state.outside_calls if when > step.at - MINUTE]
    contact = dialling.place(
        step,
        signal.node,
        signal.group_id,
        number=signal.number,
        campaign=signal.campaign,
        data=signal.data,
        contact_id=signal.channel,
        shown=signal.shown,
    )
    contact.patience, contact.priority = signal.patience, TOP
    contact.customer = type(contact.customer)(signal.number, signal.name)
    may = state.outside.allows(signal.number) and len(recent) < state.outside.calls_per_minute
    if not (node and node.up and may and signal.group_id in state.groups):
        dialling_facts.customer_gone(step, contact, NOT_PLACED)
        return
    state.outside_calls = [*recent, step.at]
    _call(step, contact, signal)


def _call(step: Step, contact: Contact, signal: CampaignCall) -> None:
    if contact.dialling is None:
        return
    contact.dialling.called_at, contact.customer_leg.state = step.at, LegState.RINGING
    step.do(
        CallCustomer(
            contact.node,
            contact.contact_id,
            signal.number,
            contact.service_number,
            signal.ring_time,
            contact.group_id,
            detect=True,
            message=signal.message,
        )
    )
    step.set_timer(f"dial:{contact.contact_id}", signal.ring_time + LISTENING_TIME + OPERATION_TIME)
    step.tell_contact(contact, Event.CONTACT_DIALLING)


def heard(step: Step, fact: AnswerHeard) -> None:
    """A machine is left to the dialplan, which hangs up or speaks to it; a person comes to wait.

    Who rings off meanwhile, sooner than anybody may be let wait, was not reached; later it was kept waiting
    by us, whoever it was.
    """
    contact = step.state.contacts.get(fact.channel)
    if contact is None or contact.state is not ContactState.DIALLING:
        return
    if fact.who == MACHINE:
        contact.end_reason = MACHINE
        step.set_timer(f"dial:{contact.contact_id}", MESSAGE_TIME)
    elif fact.who == RANG_OFF:  # its channel's end follows
        contact.end_reason = HUNG_UP if fact.after < (contact.patience or 0.0) else ABANDONED


def nobody_free(step: Step, contact_id: str) -> None:
    """The person has waited as long as we may let it: it hears an apology, and the contact is over."""
    contact = step.state.contacts.get(contact_id)
    if contact is None or contact.state is not ContactState.QUEUED:
        return
    step.note_contact(contact, "contact.nobody_free")
    step.do(Apologise(contact.node, contact_id))
    conversation.customer_gone(step, contact)
