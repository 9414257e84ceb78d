"""Records as the domain hands them over, in any number."""

from collections.abc import Iterator

from cti_server.domain.records import Record

PER_CONTACT = 8
"""Two views of the contact (first and last) and six events."""


def contact_record(contact: int, version: int, **data: object) -> Record:
    """One view of a contact."""
    at = 1_700_000_000.0 + contact + version / 100
    return Record(
        id=f"contact:{contact}:{version}",
        kind="contact",
        at=at,
        data={
            "contact_id": f"pbx-a-{contact}.1",
            "version": version,
            "medium": "voice",
            "direction": "inbound",
            "state": "ended" if version > 1 else "ivr",
            "service_number": "4000",
            "customer_number": "13800138000",
            "group_id": "general",
            "agent_id": f"{1001 + contact % 20}",
            "arrived_at": 1_700_000_000.0 + contact,
            "node": "pbx-a",
            "data": {"客户": "王小明"},
            **data,
        },
    )


def event_record(contact: int, number: int, **data: object) -> Record:
    """One event of a contact."""
    return Record(
        id=f"event:{contact}:{number}",
        kind="contact_event",
        at=1_700_000_000.0 + contact + number / 100,
        data={
            "contact_id": f"pbx-a-{contact}.1",
            "kind": "contact.held",
            "agent_id": f"{1001 + contact % 20}",
            "leg_id": "leg-2",
            "data": {"n": number},
            **data,
        },
    )


def stories(contacts: int) -> Iterator[Record]:
    """The records of whole contacts, `PER_CONTACT` of each."""
    for contact in range(contacts):
        yield contact_record(contact, 1)
        yield from (event_record(contact, number) for number in range(2, PER_CONTACT))
        yield contact_record(contact, PER_CONTACT)
