"""A call that comes: from the PBX's first word of it to a contact in the journal and in the world.

Two ways lead here, and the first one is taken: the node's own event, told as soon as the caller's number is
known, and the call's question by FastAGI some milliseconds later, which waits for what is under way. So the
customer's look-up, the journal and the routing need not wait for the question.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog

from cti_server.domain import signals as s
from cti_server.domain.customer import CustomerProfile
from cti_server.domain.state import WorldState
from cti_server.errors import CtiError

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Call:
    """What the PBX tells of a call; `prompt` greets it where the server does not know better."""

    node: str
    channel: str
    service_number: str
    group_id: str
    prompt: str
    customer_number: str
    language: str
    ahead: str = ""
    """A leg that the dialplan rings for it already, on our guess; and the station's address."""
    ahead_at: str = ""


class Arrivals:
    """Makes each call a contact, once."""

    def __init__(
        self,
        apply: Callable[[s.Signal], Awaitable[None]],
        state: Callable[[], WorldState],
        customer: Callable[[str], Awaitable[CustomerProfile]],
        has_gone: Callable[[str, str], bool],
    ) -> None:
        """`apply` returns when the signal is in the journal and in the world.

        `customer` tells who calls from a number, soon: a caller waits for it. `has_gone` says whether the
        node told us of a channel's end.
        """
        self._apply, self._state, self._customer, self._has_gone = apply, state, customer, has_gone
        self._under_way: dict[str, asyncio.Task[None]] = {}

    def known(self, channel: str) -> bool:
        """Whether the node itself told us of this call."""
        return channel in self._under_way or channel in self._state().contacts

    def begin(self, call: Call) -> asyncio.Future[None] | None:
        """The node tells of a call. What goes wrong is left to the call's question, which comes next.

        Returns what is done when it is decided what becomes of a leg that rings ahead; None without one.
        """
        if self.known(call.channel) and not call.ahead:
            return None
        task = self._task(call)
        task.add_done_callback(_failed_for_now)
        return task

    async def met(self, call: Call) -> None:
        """Return when the call is a contact. Raises NotLeader, JournalUnavailable, Overloaded."""
        if call.channel not in self._state().contacts:
            # Shielded: who asks may be gone before the node's word of the call is worked off.
            await asyncio.shield(self._under_way.get(call.channel) or self._task(call))

    def _task(self, call: Call) -> asyncio.Task[None]:
        task = self._under_way[call.channel] = asyncio.create_task(self._meet(call))
        task.add_done_callback(lambda _: self._under_way.pop(call.channel, None))
        return task

    async def _meet(self, call: Call) -> None:
        who = await self._customer(call.customer_number)
        greeting = self._state().greetings.get(call.service_number)
        language = who.language or (greeting.language if greeting else "")
        arrived = s.ContactArrived(
            at=0.0,
            node=call.node,
            channel=call.channel,
            service_number=call.service_number,
            customer_number=call.customer_number,
            customer_name=who.name,
            group_id=call.group_id,
            language=language or call.language,
            tier=who.tier,
            elder=who.elder,
            dedicated_agent=who.dedicated_agent,
            requires=who.requires,
            language_known=bool(who.language),
            ungreeted=not (greeting.prompt if greeting else call.prompt),
            ahead="" if call.ahead and self._has_gone(call.node, call.ahead) else call.ahead,
            ahead_at=call.ahead_at,
        )
        await self._apply(arrived)
        if self._has_gone(call.node, call.channel):
            # Its end was told before there was a contact to end.
            await self._apply(s.ChannelGone(0.0, call.node, call.channel))


def _failed_for_now(task: asyncio.Task[None]) -> None:
    error = None if task.cancelled() else task.exception()
    if error:
        # Its kind alone: a message may hold a customer's number.
        code = error.code if isinstance(error, CtiError) else type(error).__name__
        log.warning("call.not_met", code=code)
