"""Calls that ended while no server looked: what the PBX's own log (CEL) tells of them."""

from __future__ import annotations

from cti_server.domain.contact import Contact, ContactState
from cti_server.domain.customer import Customer
from cti_server.domain.signals import ContactRecovered
from cti_server.domain.step import Step

ANSWERED_UNSERVED = "answered_unserved"
"""End reason of a contact that somebody took who holds no seat, or while no server lived."""


def waits_again(step: Step, contact: Contact) -> None:
    """Whoever took it without a seat talks to it no more: it is about to end, or was fetched back to wait."""
    if contact.state is ContactState.QUEUED and contact.end_reason == ANSWERED_UNSERVED:
        step.note_contact(contact, "contact.waits_again")


def contact_recovered(step: Step, fact: ContactRecovered) -> None:
    """A call that ended unseen, perhaps came unseen: what the PBX's own log tells of it."""
    if fact.channel in step.state.ended:
        return
    station = step.state.stations.get(fact.station)
    agent_id = (station.agent_id if station else None) or fact.station or None
    contact = step.state.contacts.get(fact.channel)
    if contact:
        if contact.live:
            # The snapshot that follows will miss its channel; the time and the agent are known from here.
            contact.ended_at, contact.recovered = fact.ended_at, True
            kind = "contact.ended_unseen"
            if contact.connected_at is None and fact.connected_at is not None:
                contact.connected_at, contact.end_reason = fact.connected_at, ANSWERED_UNSERVED
                kind = "contact.answered_unserved"
            times = {"connected_at": contact.connected_at, "ended_at": contact.ended_at}
            step.note_contact(contact, kind, {"agent_id": agent_id, **times})
        return
    if fact.direction == "internal":
        return
    group_id = fact.group_id or step.state.service_numbers.get(fact.service_number, "")
    contact = Contact(
        fact.channel,
        fact.node,
        fact.service_number,
        group_id,
        Customer(number=fact.customer_number),
        fact.arrived_at,
        state=ContactState.ENDED,
        agent_id=agent_id,
        connected_at=fact.connected_at,
        ended_at=fact.ended_at,
        end_reason=ANSWERED_UNSERVED if fact.connected_at else "abandoned",
        recovered=True,
        direction=fact.direction,
    )
    times = {
        "arrived_at": contact.arrived_at,
        "connected_at": contact.connected_at,
        "ended_at": contact.ended_at,
    }
    step.note_contact(contact, "contact.recovered", times)
    step.remember_end(contact)
