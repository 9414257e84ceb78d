"""The FastAGI script `inbound`: an arriving call asks to which group it goes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from enum import StrEnum

import structlog

from cti_server.asterisk.agi_session import AgiSession, Handler
from cti_server.asterisk.menu import tell_way
from cti_server.domain import signals as s
from cti_server.domain.customer import CustomerProfile
from cti_server.domain.state import WorldState
from cti_server.engine.port import JournalUnavailable, NotLeader, Overloaded
from cti_server.errors import AgiHangup

log = structlog.get_logger(__name__)

UNKNOWN = "unknown"
"""What Asterisk says when the caller withholds its number."""


class ChannelLife(StrEnum):
    """What the manager knows of a channel that somebody names to us."""

    LIVE = "live"
    GONE = "gone"
    """It ended a moment ago: the caller hung up while it was being asked about."""
    UNKNOWN = "unknown"


def inbound(
    node_of: Callable[[str], str],
    apply: Callable[[s.Signal], Awaitable[None]],
    state: Callable[[], WorldState],
    customer: Callable[[str], Awaitable[CustomerProfile]],
    life_of: Callable[[str, str], Awaitable[ChannelLife]],
    *,
    has_gone: Callable[[str, str], bool],
) -> Handler:
    """Make the handler. `apply` returns when the signal is in the journal and in the world.

    `life_of` asks the node about a channel; `has_gone` says whether the node told us of its end.

    The dialplan passes the service number, the group and the greeting: a caller who hangs up now is in the
    log with the first two, and what the dialplan knows it is not told again.

    `customer` tells who calls from a number, soon: a caller waits for it.

    When we do not lead, the session ends without `CTI_ROUTED` and the dialplan asks the next server.
    """

    async def handle(session: AgiSession) -> None:
        channel = session.uniqueid
        node = node_of(channel)
        number = _number(session)
        life, who = await asyncio.gather(life_of(node, channel), customer(number))
        if life is ChannelLife.UNKNOWN:
            # FastAGI has no authentication: what the node itself does not know is nobody's call.
            log.warning("agi.no_such_channel", node=node)
            return
        service_number, group_id, prompt = (*session.arguments, "", "", "")[:3]
        greeting = state().greetings.get(service_number)
        language = who.language or (greeting.language if greeting else "")
        arrived = s.ContactArrived(
            at=0.0,
            node=node,
            channel=channel,
            service_number=service_number,
            customer_number=number,
            customer_name=who.name,
            group_id=group_id,
            language=language or session.language,
            tier=who.tier,
            elder=who.elder,
            dedicated_agent=who.dedicated_agent,
            requires=who.requires,
            language_known=bool(who.language),
        )
        try:
            await apply(arrived)
        except (NotLeader, JournalUnavailable, Overloaded) as error:
            log.warning("agi.not_served", channel=channel, code=error.code)
            return
        if life is ChannelLife.GONE or has_gone(node, channel):
            # Its end was told before there was a contact to end.
            await apply(s.ChannelGone(0.0, node, channel))
            return
        contact = state().contacts.get(channel)
        with suppress(AgiHangup):  # the manager's Hangup says it too, and is to be believed
            if contact:
                if language and language != session.language:
                    await session.set_variable("CHANNEL(language)", language)
                if greeting and greeting.prompt != prompt:
                    await session.set_variable("CTI_GREETING", greeting.prompt)
                await tell_way(session, contact, state().ivrs, group_known=group_id)
                await session.set_variable("CTI_ROUTED", "1")

    return handle


def _number(session: AgiSession) -> str:
    number = session.environment.get("callerid", "")
    return "" if number == UNKNOWN else number
