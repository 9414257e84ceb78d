"""`BrowserPhone`: the same questions and keys as the SIP phone of `tests.support.phones`."""

import asyncio
import base64
import json
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Final, Self

import numpy as np

from tests.support import hearing
from tests.support.audio import BROWSER_TONE, MOSTLY, Sound
from tests.support.baresip_control import EventHistory, PhoneEvent
from tests.support.browser_phone.build import built_page
from tests.support.browser_phone.chromium import Chromium
from tests.support.phones import AnswerMode

_EAR_RATE: Final = 8000  # as in page.js
_STEP: Final = 0.1


class BrowserPhone:
    """A browser phone in a Chromium of its own, in `async with`; registered over SIP on a WebSocket.

    `sip_ws` is the node's ``ws://host:port/ws``. While a call is up it speaks the tone `tone_hz`.
    Events have the names of `BaresipPhone`'s; CALL_HOLD and CALL_RESUME come in addition.
    """

    def __init__(
        self,
        user: str,
        password: str,
        sip_ws: str,
        tone_hz: int = BROWSER_TONE,
        *,
        answermode: AnswerMode = "manual",
    ) -> None:
        self.user = user
        self.tone_hz = tone_hz
        self._settings = {
            "user": user,
            "password": password,
            "domain": "127.0.0.1",
            "ws": sip_ws,
            "toneHz": tone_hz,
            "answermode": answermode,
        }
        self._history = EventHistory()
        self._open = AsyncExitStack()
        self._browser: Chromium

    async def __aenter__(self) -> Self:
        page = await asyncio.to_thread(built_page)
        self._browser = await self._open.enter_async_context(Chromium(page, self._told))
        await self._browser.evaluate(f"startPhone({json.dumps(self._settings)})")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._open.aclose()

    async def dial(self, number: str) -> None:
        """Call a number at the node. The outcome comes as an event."""
        await self._do("dial", number)

    async def accept(self) -> None:
        """Answer the call that rings."""
        await self._do("accept")

    async def hang_up(self) -> None:
        """End, cancel or reject the call."""
        await self._do("hangUp")

    async def hold(self) -> None:
        """Put the call on hold by re-INVITE; return when the node has taken it."""
        await self._do("hold")

    async def resume(self) -> None:
        """Take the call back; return when the node has taken it."""
        await self._do("resume")

    async def mute(self, *, muted: bool = True) -> None:
        """Mute the microphone, or open it again."""
        await self._do("setMuted", muted)

    async def send_dtmf(self, digits: str) -> None:
        """Press keys (RFC 4733 telephone events)."""
        await self._do("sendDtmf", digits)

    async def transfer(self, number: str, *, replacing: bool = False) -> None:
        """Send the other side to another number (REFER). TRANSFER_ANSWERED tells the code of the outcome.

        `replacing`: with Replaces, as for an attended transfer.
        """
        await self._do("transfer", number, replacing)

    async def unregister(self, deadline: float = 10) -> None:
        """Say goodbye to the node."""
        await self._do("register", False)
        await self.event("UNREGISTERED", deadline)

    async def register(self, deadline: float = 10) -> None:
        """Register again."""
        await self._do("register", True)
        await self.registered(deadline)

    @property
    def history(self) -> list[PhoneEvent]:
        """Everything that happened at the phone so far."""
        return list(self._history.events)

    async def registered(self, deadline: float = 10) -> None:
        """Wait until the node has accepted the registration; AssertionError if it refuses."""
        event = await self._history.take(
            lambda event: event.kind in {"REGISTER_OK", "REGISTER_FAIL"}, "registered", deadline
        )
        assert event.kind == "REGISTER_OK", f"{self.user} is not let in: {event.detail}"

    async def event(self, kind: str, deadline: float = 10) -> PhoneEvent:
        """Return the oldest event of this kind nobody asked for yet, waiting for it when there is none."""
        return await self._history.take(lambda event: event.kind == kind, f"{kind} at {self.user}", deadline)

    async def listen(self, window: float) -> AsyncGenerator[Sound, None]:
        """Yield what was heard in the last `window` seconds, at most one (see `hearing.Ear`)."""
        await asyncio.sleep(window)
        while True:
            raw = base64.b64decode(await self._browser.evaluate("phone.heard()"))
            yield Sound(np.frombuffer(raw, "<i2") / 32768, _EAR_RATE).last(window)
            await asyncio.sleep(_STEP)

    async def hears(self, hz: float, deadline: float = 10, share: float = MOSTLY) -> float:
        """Return the tone's share of the power once it is `share` or more, or AssertionError."""
        return await hearing.wait_until_heard(self, hz, deadline, share)

    async def stops_hearing(self, hz: float, deadline: float = 10) -> None:
        """Return once the tone is gone; AssertionError after `deadline` s."""
        await hearing.wait_until_silent_of(self, hz, deadline)

    async def does_not_hear(self, hz: float, for_seconds: float = 1.5) -> None:
        """Listen for that long; AssertionError at the first trace of the tone, also beneath music."""
        await hearing.assert_not_heard(self, hz, for_seconds)

    async def hears_music(self, deadline: float = 10) -> None:
        """Return once music is heard, and no test tone in it; AssertionError after `deadline` s."""
        await hearing.wait_until_music(self, deadline)

    async def _do(self, key: str, *arguments: object) -> None:
        await self._browser.evaluate(f"phone.{key}({', '.join(map(json.dumps, arguments))})")

    async def _told(self, text: str) -> None:
        told = json.loads(text)
        await self._history.add(PhoneEvent(at=asyncio.get_running_loop().time(), **told))
