"""Sends what waits, while this server leads."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import structlog

from cti_server.errors import CtiError
from cti_server.messaging.errors import NotSent, PerhapsSent, Rejected
from cti_server.messaging.model import ATTEMPTS, Medium, Message, MessageState, Sender, pause

log = structlog.get_logger(__name__)
LOOK_EVERY = 1.0
AT_ONCE = 10
SETTLE_TRIES = 60


class MessageOutbox(Protocol):
    """Where messages are kept. Everything may raise `database_unavailable`."""

    async def recover(self, repeatable: frozenset[Medium]) -> int:
        """What another server left in the middle: back to waiting, or `unknown` where it may have arrived."""

    async def claim(self, media: frozenset[Medium], most: int) -> Sequence[Message]:
        """Messages that are due, now ours, each with its attempt counted."""

    async def handing_over(self, message: Message) -> None:
        """Note that it may arrive from now on. Raises Unclaimed when it is not ours any more."""

    async def settle(self, message: Message, state: MessageState, why: str = "", after: float = 0.0) -> None:
        """How the attempt ended; `after` seconds until it is due again."""


class Dispatcher:
    """Takes due messages and sends them; `run` lasts as long as the leadership."""

    def __init__(
        self,
        outbox: MessageOutbox,
        senders: Mapping[Medium, Sender],
        gate: Callable[[], None],
        pauses: Callable[[int], float] = pause,
    ) -> None:
        """`gate` raises when this server does not lead (any more)."""
        self._outbox, self._senders, self._gate, self._pauses = outbox, senders, gate, pauses

    async def run(self) -> None:
        """Send, until cancelled."""
        if not self._senders:
            return
        recovered = False
        while True:
            try:
                if not recovered:
                    await self._outbox.recover(
                        frozenset(medium for medium, sender in self._senders.items() if sender.repeatable)
                    )
                    recovered = True
                found = await self.round()
            except CtiError as error:
                log.warning("message.round_failed", code=error.code)
                found = 0
            if not found:
                await asyncio.sleep(LOOK_EVERY)

    async def round(self) -> int:
        """Try everything that is due once; how many there were."""
        claimed = await self._outbox.claim(frozenset(self._senders), AT_ONCE)
        for done in await asyncio.gather(*map(self._send, claimed), return_exceptions=True):
            if isinstance(done, CtiError):
                log.warning("message.given_up", code=done.code)
            elif isinstance(done, BaseException):
                raise done
        return len(claimed)

    async def _send(self, message: Message) -> None:
        async def handing_over() -> None:
            self._gate()
            await self._outbox.handing_over(message)

        sender = self._senders[message.medium]
        try:
            await sender.send(message, handing_over)
        except (NotSent, Rejected, PerhapsSent) as error:
            await self._not_sent(message, error, str(error.detail["why"]))
        except CtiError as error:  # the database, or the leadership: whoever leads looks again
            log.warning("message.given_up", message_id=message.message_id, code=error.code)
        else:
            await self._settle(message, MessageState.SENT)
            log.info("message.sent", message_id=message.message_id, medium=message.medium.value)

    async def _not_sent(self, message: Message, error: CtiError, why: str) -> None:
        if isinstance(error, PerhapsSent):
            state = MessageState.UNKNOWN
        elif isinstance(error, NotSent) and message.attempts < ATTEMPTS:
            state = MessageState.WAITING
        else:
            state = MessageState.FAILED
        log.warning("message.not_sent", message_id=message.message_id, state=state.value, why=why)
        await self._settle(message, state, why, self._pauses(message.attempts))

    async def _settle(self, message: Message, state: MessageState, why: str = "", after: float = 0.0) -> None:
        """Note how it ended, also if the database is away for a while."""
        for _ in range(SETTLE_TRIES):
            try:
                await self._outbox.settle(message, state, why, after)
            except CtiError as error:
                if not error.retryable:
                    raise
                log.warning("message.not_settled", message_id=message.message_id, code=error.code)
                await asyncio.sleep(LOOK_EVERY)
            else:
                return
