"""A customer is called: for the agent who dialled, or who took a call-back."""

from __future__ import annotations

from cti_server.domain.contact import Contact
from cti_server.domain.effects import CallCustomer
from cti_server.domain.events import Event
from cti_server.domain.leg import LegState
from cti_server.domain.step import Step

SLACK = 5.0
"""Seconds beyond the ring time in which the PBX has to tell how it ended."""


def call(step: Step, contact: Contact) -> None:
    """The agent's phone is there, or no agent's is needed: call the customer."""
    leg, dialling, rules = contact.agent_leg, contact.dialling, step.state.outside
    if dialling is None:
        return
    dialling.called_at, contact.customer_leg.state = step.at, LegState.RINGING
    effect = CallCustomer(
        contact.node,
        contact.contact_id,
        contact.customer.number,
        contact.service_number,
        rules.ring_time,
        contact.group_id,
        leg.channel if leg else "",
        step.state.station_channels.get(leg.channel, "") if leg else "",
    )
    step.do(effect)
    step.set_timer(f"dial:{contact.contact_id}", rules.ring_time + SLACK)
    step.tell_contact(contact, Event.CONTACT_DIALLING)
