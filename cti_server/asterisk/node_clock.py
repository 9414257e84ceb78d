"""How far a node's clock goes before ours: the dialplan and the channel event log go by the node's."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable

import structlog

from cti_server.asterisk.ami_client import AmiClient
from cti_server.asterisk.ami_codec import AmiMessage
from cti_server.errors import AmiUnavailable

log = structlog.get_logger(__name__)

PROMPT = 0.5
"""Seconds in which an answer has to come to say something of the clocks."""
AGREE = 0.5
"""Seconds of difference that mean nothing."""
TELL = 2.0
"""Seconds of difference from which it is logged."""
_TIMESTAMP = re.compile(r"[0-9]+[.][0-9]+")


class NodeClock:
    """Learns from the answers to `Ping`; nothing waits for them but `compare`."""

    def __init__(self, name: str, client: AmiClient, clock: Callable[[], float]) -> None:
        self.ahead = 0.0
        """Seconds; negative when the node's clock goes after ours."""
        self._name, self._client, self._clock = name, client, clock

    def now(self) -> float:
        """Epoch seconds, as the node has them."""
        return self._clock() + self.ahead

    async def compare(self) -> None:
        """Ask, and wait for the answer if it comes promptly."""
        await asyncio.wait((self.ask(),), timeout=PROMPT)

    def ask(self) -> asyncio.Future[None]:
        """Ask; what is returned is done when the answer was looked at, or will not come."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        asked = self._clock()

        def answered(answer: asyncio.Future[AmiMessage]) -> None:
            if not (answer.cancelled() or answer.exception()):
                self._learn(asked, answer.result().get("Timestamp", ""))
            if not done.done():
                done.set_result(None)

        try:
            self._client.begin("Ping").add_done_callback(answered)
        except AmiUnavailable:
            done.set_result(None)
        return done

    def _learn(self, asked: float, there: str) -> None:
        """A late answer says more of the way than of the clocks."""
        now = self._clock()
        if not _TIMESTAMP.fullmatch(there) or not 0 <= now - asked <= PROMPT:
            return
        ahead = float(there) - (asked + now) / 2
        ahead = ahead if abs(ahead) > AGREE else 0.0
        if abs(ahead) > TELL and abs(ahead - self.ahead) > TELL:
            log.warning("pbx.clock_differs", node=self._name, ahead=round(ahead))
        self.ahead = ahead
