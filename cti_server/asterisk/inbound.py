"""The FastAGI script `inbound`: an arriving call asks to which group it goes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from enum import StrEnum

import structlog

from cti_server.asterisk.agi_session import AgiSession, Handler
from cti_server.asterisk.arrivals import Arrivals, Call
from cti_server.asterisk.menu import tell_way
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
    arrivals: Arrivals,
    state: Callable[[], WorldState],
    life_of: Callable[[str, str], Awaitable[ChannelLife]],
    ahead_of: Callable[[str, str], Awaitable[tuple[str, str]]],
) -> Handler:
    """Make the handler. `life_of` asks the node about a channel, `ahead_of` which leg rings for it already.

    The dialplan passes the service number, the group and the greeting: a caller who hangs up now is in the
    log with the first two, and what the dialplan knows it is not told again.

    When we do not lead, the session ends without `CTI_ROUTED` and the dialplan asks the next server.
    """

    async def handle(session: AgiSession) -> None:
        channel = session.uniqueid
        node = node_of(channel)
        ahead = "", ""
        if not arrivals.known(channel):
            if await life_of(node, channel) is ChannelLife.UNKNOWN:
                # FastAGI has no authentication: what the node itself does not know is nobody's call.
                log.warning("agi.no_such_channel", node=node)
                return
            if state().ahead.get(node):  # the node was given a guess some time
                ahead = await ahead_of(node, channel)
        service_number, group_id, prompt = (*session.arguments, "", "", "")[:3]
        call = Call(
            node, channel, service_number, group_id, prompt, _number(session), session.language, *ahead
        )
        try:
            await arrivals.met(call)
        except (NotLeader, JournalUnavailable, Overloaded) as error:
            log.warning("agi.not_served", channel=channel, code=error.code)
            return
        contact = state().contacts.get(channel)
        if contact is None:
            return  # it has gone meanwhile
        greeting = state().greetings.get(service_number)
        with suppress(AgiHangup):  # the manager's Hangup says it too, and is to be believed
            if contact.language and contact.language != session.language:
                await session.set_variable("CHANNEL(language)", contact.language)
            if greeting and greeting.prompt != prompt:
                await session.set_variable("CTI_GREETING", greeting.prompt)
            await tell_way(session, contact, state().ivrs, group_known=group_id, arriving=True)
            await session.set_variable("CTI_ROUTED", "1")

    return handle


def _number(session: AgiSession) -> str:
    number = session.environment.get("callerid", "")
    return "" if number == UNKNOWN else number
