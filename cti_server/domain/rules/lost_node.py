"""A node that is out of reach for long: nobody stays bound to what cannot come about there."""

from __future__ import annotations

from cti_server.domain.contact import ContactState
from cti_server.domain.rules import offers
from cti_server.domain.step import Step

GIVEN_UP = 5.0
"""Seconds out of reach after which its offers bind nobody: for want of a beat the dialplan took their callers
to the fallback two seconds before."""


def watch(step: Step, node: str) -> None:
    """It went out of reach."""
    step.set_timer(f"lost:{node}", GIVEN_UP)


def back(step: Step, node: str) -> None:
    """We are in step with it again."""
    step.clear_timer(f"lost:{node}")


def given_up(step: Step, node: str) -> None:
    """Its offers are withdrawn; nothing else is concluded from its silence.

    The callers keep their place: who is there still when the node is back is offered then, who talks is found
    talking, who left has left unseen.
    """
    for contact in list(step.state.contacts.values()):
        if contact.node == node and contact.state is ContactState.OFFERED and not contact.to_be_called:
            offers.withdraw(step, contact, None)
