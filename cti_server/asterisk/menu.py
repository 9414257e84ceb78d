"""The FastAGI script `menu`: what a caller pressed, and what it is to be asked next.

The dialplan plays and collects; each answer is a short session of its own, so that no caller depends on one
that lasts. A PIN is checked here and goes no further: not into a signal, a log or an error.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Protocol

import structlog

from cti_server.asterisk.agi_session import AgiSession, Handler
from cti_server.domain import signals as s
from cti_server.domain.callback import CALLBACK
from cti_server.domain.contact import Contact
from cti_server.domain.customer import CustomerProfile
from cti_server.domain.ivr import Ivr
from cti_server.domain.ivr_walk import PERSON_STAR, Asked, Check, Walk
from cti_server.domain.policy import VOICEMAIL
from cti_server.domain.rules import callbacks
from cti_server.domain.rules import menu as rules
from cti_server.domain.rules.waiting import CLOSED
from cti_server.domain.state import WorldState
from cti_server.engine.port import JournalUnavailable, NotLeader, Overloaded
from cti_server.errors import AgiHangup

log = structlog.get_logger(__name__)

WAITING = "wait"
"""`CTI_STEP` of a key that was pressed while waiting."""
TYPED = "card"
"""What the domain learns of a typed card number."""


class Identities(Protocol):
    """The bank's customer directory, as far as it proves who calls."""

    async def of_card(self, card: str) -> str:
        """The number in the directory of the customer with that card or customer number; empty for nobody."""

    async def check(self, subject: str, pin: str) -> tuple[Check, CustomerProfile | None]:
        """Whether that is the customer's PIN; the customer when it is. Counts wrong ones. Never raises."""


def menu(
    node_of: Callable[[str], str],
    apply: Callable[[s.Signal], Awaitable[None]],
    state: Callable[[], WorldState],
    identities: Identities,
    gate: Callable[[], None],
) -> Handler:
    """Make the handler. `apply` returns when the signal is in the journal and in the world.

    `gate` raises NotLeader unless we lead: who does not must neither take what was typed nor count a try.
    A session that ends without `CTI_ANSWERED` sends the caller to the next server, then to a person.
    """

    async def handle(session: AgiSession) -> None:
        channel = session.uniqueid
        try:
            gate()
        except NotLeader as error:
            log.warning("agi.not_served", channel=channel, code=error.code)
            return
        contact = state().contacts.get(channel)
        serial = await session.get_variable("CTI_STEP") or ""
        if contact is None or (contact.walk is None and serial != WAITING):
            log.warning("agi.no_such_walk", channel=channel)
            return
        typed = await session.get_variable("CTI_INPUT") or ""
        await session.set_variable("CTI_INPUT", "")
        answered: s.MenuAnswered | None = None
        if serial == WAITING:
            answered = s.MenuAnswered(0.0, node_of(channel), channel, callbacks.WAITING, typed)
        elif contact.walk and serial == str(contact.walk.serial):
            answered = await answer_of(node_of(channel), channel, contact.walk, typed, identities)
        try:
            if answered:
                await apply(answered)
        except (NotLeader, JournalUnavailable, Overloaded) as error:
            log.warning("agi.not_served", channel=channel, code=error.code)
            return
        with suppress(AgiHangup):  # the manager's Hangup says it too, and is to be believed
            await session.set_variable("CHANNEL(language)", contact.language)
            await tell_way(session, contact, state().ivrs)
            await session.set_variable("CTI_ANSWERED", "1")

    return handle


async def answer_of(
    node: str, channel: str, walk: Walk, typed: str, identities: Identities
) -> s.MenuAnswered:
    """What was typed, in the words of `ivr_walk.pressed`."""
    if walk.asked not in (Asked.CARD, Asked.PIN):
        return s.MenuAnswered(0.0, node, channel, walk.serial, typed)
    if not typed or PERSON_STAR in typed:
        return s.MenuAnswered(0.0, node, channel, walk.serial, typed and PERSON_STAR)
    if walk.asked is Asked.CARD:
        return s.MenuAnswered(0.0, node, channel, walk.serial, TYPED, await identities.of_card(typed))
    outcome, who = await identities.check(walk.subject, typed)
    return s.MenuAnswered(0.0, node, channel, walk.serial, outcome.value, walk.subject, who)


async def tell_way(
    session: AgiSession,
    contact: Contact,
    ivrs: Mapping[str, Ivr],
    *,
    group_known: str = "",
    arriving: bool = False,
) -> None:
    """Set what the dialplan goes by: the group (unless it knows), closed or not, the menu's next question.

    `arriving`: it has not been in the menu, at least not in this dialplan's turn.
    """
    if contact.group_id != group_known:
        await session.set_variable("CTI_GROUP", contact.group_id)
    if contact.end_reason == CLOSED:
        await session.set_variable("CTI_CLOSED", "1")
    if contact.end_reason == VOICEMAIL:
        await session.set_variable("CTI_CLOSED", VOICEMAIL)
    if contact.end_reason == CALLBACK:
        await session.set_variable("CTI_LEAVE", "1")
    if arriving and contact.walk is None:
        return  # it goes past the menu: each variable is a way to Asterisk and back
    asked = rules.question(ivrs, contact)
    await session.set_variable("CTI_DIGITS", "0")
    await session.set_variable("CTI_ASK", "")
    if asked and contact.walk:
        await session.set_variable("CTI_ASK", "&".join(f"cti/{name}" for name in asked.prompts))
        await session.set_variable("CTI_DIGITS", asked.digits)
        await session.set_variable("CTI_SECONDS", f"{asked.seconds:g}")
        await session.set_variable("CTI_STEP", contact.walk.serial)
