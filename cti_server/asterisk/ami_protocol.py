"""One connection to Asterisk's manager interface: bytes, answers, the order of events.

panoramisk's `Manager` takes this class as its protocol: its login and its `send_action` stay, while what it
does badly with bytes, answers and lost connections is ours.
"""

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, cast

from cti_server.asterisk.ami_codec import AmiDecoder, AmiKind, AmiMessage
from cti_server.asterisk.ami_dispatch import EventQueue
from cti_server.asterisk.ami_fields import encode_action
from cti_server.errors import AmiProtocolError, AmiTimeout, AmiUnavailable

MAX_PENDING: Final = 1000
"""Actions without an answer; more are refused, nothing of them is written."""


READ_ONLY: Final = frozenset(
    {
        "BridgeInfo",
        "BridgeList",
        "ConfbridgeList",
        "CoreSettings",
        "CoreShowChannels",
        "CoreStatus",
        "DBGetTree",
        "DeviceStateList",
        "ExtensionStateList",
        "Getvar",
        "ListCommands",
        "PJSIPShowContacts",
        "PJSIPShowEndpoint",
        "PJSIPShowEndpoints",
        "Ping",
        "QueueStatus",
        "QueueSummary",
        "Status",
    }
)
"""Actions that change nothing in Asterisk: they pass no gate, and may be repeated when cut off."""


@dataclass(slots=True)
class _Pending:
    """An action that was written. `items` collects a list's events; None for a plain action."""

    name: str
    future: asyncio.Future[Any]
    items: list[AmiMessage] | None


class AmiProtocol(asyncio.Protocol):
    """One connection. It ends once: `lost` gets the reason, and every action still open fails.

    Written actions fail with `AmiTimeout` (outcome unknown), those that only read with `AmiUnavailable`.
    """

    factory: Any = None
    """The panoramisk manager, which sets this and a few more attributes of its own."""

    def __init__(
        self, wanted: frozenset[str] | None, queue: EventQueue, next_action_id: Callable[[], str]
    ) -> None:
        """`wanted` names the events for the queue, None for all; `next_action_id` never repeats itself."""
        loop = asyncio.get_running_loop()
        self._wanted = wanted
        self._events = queue
        self._next_action_id = next_action_id
        self.decoder = AmiDecoder(None if wanted is None else wanted | {"FullyBooted"})
        self._pending: dict[str, _Pending] = {}
        self._lists = 0
        self._transport: asyncio.Transport | None = None
        self._may_write = True
        self._gathered: list[bytes] | None = None
        self.lost: asyncio.Future[str] = loop.create_future()
        self.booted: asyncio.Future[None] = loop.create_future()
        self.greeted: asyncio.Future[None] = loop.create_future()
        self.last_received = time.monotonic()
        self.unmatched = 0
        """Answers to no open action: they came after their deadline."""

    # --- asyncio's side ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport; asyncio calls this once."""
        self._transport = cast("asyncio.Transport", transport)  # what create_connection promises

    def data_received(self, data: bytes) -> None:
        """Decode, settle answers, queue events (which see: the dispatcher may be given them at once)."""
        self.last_received = time.monotonic()
        unasked = self.decoder.unasked
        try:
            messages = self.decoder.feed(data)
        except AmiProtocolError:
            self.abort("protocol_error")
            return
        if not self.greeted.done() and self.decoder.version is not None:
            self.greeted.set_result(None)
        # Most reads hold nothing but news: no answer, no list under way.
        only_news = self._lists == 0 and self.decoder.unasked == unasked and self.booted.done()
        events = messages if only_news else self._news(messages)
        if events and not self._events.put(events):
            self.abort("event_queue_overflow")

    def connection_lost(self, exc: Exception | None) -> None:
        """Asterisk closed the connection, or it broke."""
        self._end("closed_by_peer" if exc is None else "connection_broken")

    def pause_writing(self) -> None:
        """Asterisk does not read: refuse actions rather than pile them up for later."""
        self._may_write = False

    def resume_writing(self) -> None:
        """Asterisk reads again."""
        self._may_write = True

    # --- panoramisk's side ---

    def send(self, action: Mapping[str, Any], as_list: bool | None = None) -> asyncio.Future[Any]:
        """Write an action now; this is what `Manager.send_action` calls. `Action` is one of the keys.

        The future gets the answer, whatever it says, or with `as_list` the list's events; a list that was
        refused gives the refusal. It fails when the connection is lost (see the class).

        Raises:
            AmiInvalidField: nothing was written.
            AmiUnavailable: the connection is gone or congested; nothing was written.
        """
        if self._transport is None or self.lost.done():
            raise AmiUnavailable("no connection to Asterisk")
        if not self._may_write or len(self._pending) >= MAX_PENDING:
            raise AmiUnavailable("Asterisk does not keep up with the actions sent")
        name, action_id = str(action["Action"]), self._next_action_id()
        fields = {key: value for key, value in action.items() if key != "Action"}
        data = encode_action(name, fields, action_id=action_id)
        pending = _Pending(name, self.lost.get_loop().create_future(), [] if as_list else None)
        self._pending[action_id] = pending
        self._lists += bool(as_list)
        pending.future.add_done_callback(lambda _: self._given_up(action_id))
        if self._gathered is None:
            self._transport.write(data)
        else:
            self._gathered.append(data)
        return pending.future if name != "Login" else _never_failing(pending.future)

    @contextmanager
    def together(self) -> Iterator[None]:
        """What is sent inside leaves in one write, at the end. Nothing may be awaited in it."""
        self._gathered = gathered = list[bytes]()
        try:
            yield
        finally:
            self._gathered = None
            if gathered and self._transport is not None:
                self._transport.write(b"".join(gathered))

    def close(self) -> None:
        """What `Manager.close` calls."""
        self.abort("closed")

    # --- the client's side ---

    def abort(self, reason: str) -> None:
        """Drop the connection at once, together with anything not yet on the wire."""
        if self._transport is not None:
            self._transport.abort()
        self._end(reason)

    def _end(self, reason: str) -> None:
        if self.lost.done():
            return
        self.lost.set_result(reason)
        pending, self._pending = self._pending, {}
        for one in pending.values():
            if not one.future.done():
                one.future.set_exception(_cut_off(one))
        self._events.wake()

    # --- messages ---

    def _news(self, messages: list[AmiMessage]) -> list[AmiMessage]:
        """The events for the dispatcher; answers and lists are settled here."""
        event, wanted, is_booted = AmiKind.EVENT, self._wanted, self.booted.done()
        news: list[AmiMessage] = []
        for message in messages:
            if message.kind is not event:
                self._answered(message)
            elif not (self._lists and self._collected(message)):
                if not is_booted and message.name == "FullyBooted":
                    is_booted = True
                    self.booted.set_result(None)
                if wanted is None or message.name in wanted:
                    news.append(message)
        return news

    def _answered(self, message: AmiMessage) -> None:
        action_id = message.get("ActionID", "")
        pending = self._pending.get(action_id)
        if pending is None:
            self.unmatched += 1
        elif pending.items is None or not message.success:
            self._finish(action_id, pending, message)
        elif message.get("EventList", "").lower() != "start":
            self._finish(action_id, pending, pending.items)

    def _collected(self, message: AmiMessage) -> bool:
        """Take an event that belongs to a list, also to one nobody waits for any more."""
        action_id = message.get("ActionID", "")
        pending = self._pending.get(action_id)
        if pending is None or pending.items is None:
            return False
        if message.get("EventList", "").lower() in {"complete", "cancelled"}:
            self._finish(action_id, pending, pending.items)
        elif not pending.future.done():
            pending.items.append(message)
        return True

    def _finish(self, action_id: str, pending: _Pending, result: AmiMessage | list[AmiMessage]) -> None:
        del self._pending[action_id]
        self._lists -= pending.items is not None
        if not pending.future.done():
            pending.future.set_result(result)

    def _given_up(self, action_id: str) -> None:
        """A deadline passed. A list stays known until it is complete, so that no entry passes for news."""
        pending = self._pending.get(action_id)
        if pending is None:
            return
        if pending.items is None:
            del self._pending[action_id]
        else:
            pending.items.clear()


def _cut_off(pending: _Pending) -> AmiUnavailable | AmiTimeout:
    if pending.name in READ_ONLY:
        return AmiUnavailable(f"the connection to Asterisk was lost during {pending.name}")
    return AmiTimeout(
        f"the connection to Asterisk was lost before it answered {pending.name}",
        detail={"cause": "link_lost"},
    )


def _never_failing(answer: asyncio.Future[Any]) -> asyncio.Future[Any]:
    """The login's answer, never done when there is none: panoramisk's callback would let the error escape."""
    settled: asyncio.Future[Any] = answer.get_loop().create_future()

    def settle(answered: asyncio.Future[Any]) -> None:
        if not settled.done() and not answered.cancelled() and answered.exception() is None:
            settled.set_result(answered.result())

    answer.add_done_callback(settle)
    return settled
