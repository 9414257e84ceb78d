"""The link to one Asterisk: keeps a connection, carries actions, delivers events in order.

    disconnected → connecting → booting → syncing → up
         ↑________ from any of them, when the connection ends

Nothing is ever sent again by itself. After a lost connection Asterisk's truth is read anew: `on_up` runs the
resync while events wait in the queue, and they are dispatched, in order, when it has returned.
"""

import asyncio
import itertools
import random
import ssl
import time
import traceback
import uuid
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager, nullcontext
from enum import StrEnum
from typing import Any, Final

import structlog

from cti_server.asterisk.ami_codec import AmiMessage, Fields
from cti_server.asterisk.ami_dispatch import EventQueue, pump
from cti_server.asterisk.ami_protocol import READ_ONLY, AmiProtocol
from cti_server.asterisk.ami_session import AmiLogin, AmiSession, SessionEndedError, open_session
from cti_server.asterisk.ami_watchdog import RoundTripRecord, RoundTrips
from cti_server.errors import AmiLoginRefused, AmiRefused, AmiTimeout, AmiUnavailable

log = structlog.get_logger(__name__)

_REFUSED: Final = "login_refused"


class AmiState(StrEnum):
    """How far the link has come."""

    DISCONNECTED = "disconnected"
    CONNECTING = "connecting"
    BOOTING = "booting"
    SYNCING = "syncing"
    UP = "up"


def _no_gate() -> None:
    """Let everything pass."""


def _no_metrics(_name: str, _value: float) -> None:
    """Keep nothing."""


class AmiClient:
    """One login on one Asterisk.

    Args:
        host: address of Asterisk's manager interface; with `port`, `username` and `secret`. The login needs
            the read class `system`, without which Asterisk does not tell that it is fully booted.
        wanted: names of the events that `on_event` gets; None for all.
        on_event: called for each, in order, by the reader itself for a few at once. What it raises is logged.
        on_up: awaited once per connection after `FullyBooted`; actions work in it; events wait for its end.
            When it raises or takes longer than `resync_timeout` the connection is dropped and made anew.
        on_down: called with the reason, after the last event, for each connection for which `on_up` was
            begun. Not called when `run` is cancelled.
        gate: called immediately before anything that changes something in Asterisk is written. What it
            raises reaches the caller of the action, and nothing is written.
        action_timeout: seconds that an answer may take, and each step of connecting.
        boot_timeout: seconds after the login in which Asterisk has to be fully booted.
        resync_timeout: seconds that `on_up` may take.
        ping_interval: seconds between pings; with `ping_misses`, the unanswered pings in a row after which a
            silent peer is given up. 1.0 and 2 find it in 2.5 s at most.
        ping_misses: see above.
        backoff: seconds before the second attempt, and at most; a refused login waits the longest at once.
        queue_size: events that may wait; one more drops the connection (see `EventQueue`).
        tls: for a manager interface behind TLS.
        metrics: called with a name and a value: `ami_up` (1 or 0), `ami_ping_seconds`, `ami_action_seconds`,
            `ami_link_ended`, `ami_event_failed` (1 each).
        jitter: a number in 0..1 for each pause.
    """

    def __init__(
        self,
        host: str,
        port: int,
        username: str,
        secret: str,
        *,
        wanted: frozenset[str] | None,
        on_event: Callable[[AmiMessage], None],
        on_up: Callable[[], Awaitable[None]],
        on_down: Callable[[str], None],
        gate: Callable[[], None] = _no_gate,
        action_timeout: float = 3.0,
        boot_timeout: float = 60.0,
        resync_timeout: float = 30.0,
        ping_interval: float = 1.0,
        ping_misses: int = 2,
        backoff: tuple[float, float] = (0.1, 5.0),
        queue_size: int = 20_000,
        tls: ssl.SSLContext | None = None,
        metrics: Callable[[str, float], None] = _no_metrics,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._login = AmiLogin(host, port, username, secret, tls)
        self._wanted, self._queue_size = wanted, queue_size
        self._on_event, self._on_up, self._on_down, self._gate = on_event, on_up, on_down, gate
        self._action_timeout = action_timeout
        self._boot_timeout, self._resync_timeout = boot_timeout, resync_timeout
        self._ping_interval, self._ping_misses = ping_interval, ping_misses
        self._backoff, self._jitter, self._metrics = backoff, jitter, metrics
        self._log = log.bind(pbx=f"{host}:{port}")
        self._state = AmiState.DISCONNECTED
        self._session: AmiSession | None = None
        self._up_since: float | None = None
        self._round_trips = RoundTripRecord()
        # Others on the same Asterisk see the ActionID of our `OriginateResponse`, hence the random part.
        prefix = uuid.uuid4().hex[:12]
        self._action_ids = (f"{prefix}-{number}" for number in itertools.count(1))
        self.last_failure: str | None = None
        """Why the last connection ended or did not come about; None while the link is up."""

    # --- what others ask ---

    @property
    def state(self) -> AmiState:
        """How far the link has come."""
        return self._state

    @property
    def connected(self) -> bool:
        """Whether actions can be sent: from `FullyBooted` on, so during the resync too."""
        return self._is_on and self._session is not None and not self._session.is_lost

    @property
    def _is_on(self) -> bool:
        return self._state in {AmiState.SYNCING, AmiState.UP}

    @property
    def round_trips(self) -> RoundTrips:
        """What the last pings took."""
        return self._round_trips.summary()

    async def action(
        self,
        name: str,
        fields: Fields | None = None,
        *,
        timeout: float | None = None,  # noqa: ASYNC109 (each action may have its own)
    ) -> AmiMessage:
        """Do one thing and return Asterisk's answer. `ActionID` is ours; the answer carries it.

        Raises:
            AmiInvalidField: a field must not be sent so; nothing was written.
            AmiUnavailable: no link, nothing was written; or an action that only reads got no answer.
            AmiTimeout: written, no answer in time or before the link was lost: the outcome is unknown.
            AmiRefused: Asterisk said no; the message is Asterisk's.
        """
        message: AmiMessage = await self._in_time(name, self._write(name, fields, as_list=False), timeout)
        if not message.success:
            raise _refusal(name, message)
        return message

    def begin(
        self,
        name: str,
        fields: Fields | None = None,
        *,
        timeout: float | None = None,
    ) -> asyncio.Future[AmiMessage]:
        """Write the action now; what is returned gets the answer and is not to be cancelled.

        Raises, and fails, as `action`. Without a task, which would cost more than the rest of sending it.
        """
        answer = self._write(name, fields, as_list=False)
        settled: asyncio.Future[AmiMessage] = asyncio.get_running_loop().create_future()
        done = self._deadline(answer, timeout)

        def settle(_: asyncio.Future[Any]) -> None:
            done()
            _settle(settled, name, answer)

        answer.add_done_callback(settle)
        return settled

    def together(self) -> AbstractContextManager[None]:
        """What is begun inside leaves in one write, at the end. Nothing may be awaited in it."""
        return self._session.link.together() if self._session else nullcontext()

    async def list_action(
        self,
        name: str,
        fields: Fields | None = None,
        *,
        timeout: float | None = None,  # noqa: ASYNC109 (each action may have its own)
    ) -> list[AmiMessage]:
        """Ask for a list and return its events, without the one that completes it.

        Raises:
            AmiUnavailable: no link, or it was lost in the middle of the list, or the list took too long.
            AmiRefused, AmiInvalidField: as `action`.
        """
        written = self._write(name, fields, as_list=True)
        answer: AmiMessage | list[AmiMessage] = await self._in_time(name, written, timeout)
        if isinstance(answer, AmiMessage):
            raise _refusal(name, answer)
        return answer

    def _write(self, name: str, fields: Fields | None, *, as_list: bool) -> asyncio.Future[Any]:
        if self._session is None or not self.connected:
            raise AmiUnavailable("no connection to Asterisk")
        if name not in READ_ONLY:
            self._gate()
        return self._session.send(name, fields, as_list=as_list)

    async def _in_time(self, name: str, answer: asyncio.Future[Any], seconds: float | None) -> Any:
        done = self._deadline(answer, seconds)
        try:
            return await answer
        except TimeoutError:
            raise _overdue(name) from None
        finally:
            done()

    def _deadline(self, answer: asyncio.Future[Any], seconds: float | None) -> Callable[[], None]:
        """Let the answer fail when its time is over; what is returned is called when it is there.

        With a timer of its own: `asyncio.timeout` costs as much as all the rest of sending an action.
        """
        began = time.monotonic()
        patience = self._action_timeout if seconds is None else seconds
        timer = asyncio.get_running_loop().call_later(patience, _expire, answer)

        def done() -> None:
            timer.cancel()
            self._metrics("ami_action_seconds", time.monotonic() - began)

        return done

    # --- the link's life ---

    async def run(self) -> None:
        """Connect, and connect again for ever. Ends only by being cancelled, which drops the connection."""
        failures = 0
        while True:
            self._up_since = None
            reason = await self._one_connection()
            self.last_failure = reason
            failures = 1 if self._was_stable() else failures + 1
            pause = self._pause(reason, failures)
            self._metrics("ami_link_ended", 1)
            self._log.warning("ami_link_ended", reason=reason, retry_in=round(pause, 3))
            await asyncio.sleep(pause)

    def _was_stable(self) -> bool:
        """A link that breaks as soon as it is up must not be tried again and again without a pause."""
        return self._up_since is not None and time.monotonic() - self._up_since >= self._backoff[1]

    def _pause(self, reason: str, failures: int) -> float:
        first, longest = self._backoff
        grown = longest if reason == _REFUSED else min(longest, first * 2 ** min(failures - 1, 16))
        return float(grown * (0.5 + 0.5 * self._jitter()))

    async def _one_connection(self) -> str:
        """One connection from beginning to end; returns why it ended."""
        queue = EventQueue(self._queue_size)
        self._become(AmiState.CONNECTING)
        try:
            self._session = await open_session(
                self._login,
                lambda: AmiProtocol(self._wanted, queue, self._action_ids.__next__),
                seconds=self._action_timeout,
            )
            return await self._live(self._session, queue)
        except SessionEndedError as ended:
            return str(ended)
        except AmiLoginRefused:
            self._log.error("ami_login_refused", username=self._login.username)
            return _REFUSED
        finally:
            self._become(AmiState.DISCONNECTED)
            if self._session is not None:
                self._session.close()
                self._session = None

    async def _live(self, session: AmiSession, queue: EventQueue) -> str:
        """From the login to the end of the connection; returns why it ended."""
        self._become(AmiState.BOOTING)
        async with asyncio.TaskGroup() as tasks:
            watching = tasks.create_task(self._watch(session))
            delivering = tasks.create_task(self._deliver(session, queue))
            reason = await session.ended()
            watching.cancel()
            if self._state is not AmiState.UP:
                delivering.cancel()
        if self._is_on:
            self._became_down(reason)
        return reason

    async def _watch(self, session: AmiSession) -> None:
        await session.watch(self._round_trip, interval=self._ping_interval, misses=self._ping_misses)

    def _round_trip(self, seconds: float) -> None:
        self._round_trips.add(seconds)
        self._metrics("ami_ping_seconds", seconds)

    async def _deliver(self, session: AmiSession, queue: EventQueue) -> None:
        """Resync first, then hand over what has come since the login and whatever comes."""
        try:
            await session.booted(self._boot_timeout)
            self._become(AmiState.SYNCING)
            async with asyncio.timeout(self._resync_timeout):
                await self._on_up()
        except SessionEndedError as ended:
            session.link.abort(str(ended))
        except Exception as error:  # noqa: BLE001 (whatever the resync raises: try it on a new connection)
            if not session.is_lost:
                self._log.error("ami_resync_failed", **_where(error))
            session.link.abort("resync_failed")
        else:
            self._become(AmiState.UP)
            await pump(queue, self._on_event, self._event_failed, lambda: session.is_lost)

    def _event_failed(self, event: AmiMessage, error: Exception) -> None:
        self._metrics("ami_event_failed", 1)
        self._log.error("ami_event_failed", ami_event=event.name, **_where(error))

    def _became_down(self, reason: str) -> None:
        try:
            self._on_down(reason)
        except Exception as error:  # noqa: BLE001 (the next connection is needed all the same)
            self._log.error("ami_on_down_failed", **_where(error))

    def _become(self, state: AmiState) -> None:
        """The only place where the state changes."""
        if state is self._state:
            return
        self._log.info("ami_state_changed", state=str(state), previous=str(self._state))
        self._state = state
        if state is AmiState.UP:
            self.last_failure = None
            self._up_since = time.monotonic()
            self._metrics("ami_up", 1)
        elif state is AmiState.DISCONNECTED:
            self._metrics("ami_up", 0)


def _refusal(name: str, answer: AmiMessage) -> AmiRefused:
    return AmiRefused(answer.get("Message", "refused without a reason"), detail={"action": name})


def _expire(answer: asyncio.Future[Any]) -> None:
    if not answer.done():
        answer.set_exception(TimeoutError())


def _settle(settled: asyncio.Future[AmiMessage], name: str, answer: asyncio.Future[Any]) -> None:
    """Hand over what became of an action that is no list."""
    if answer.cancelled():
        settled.cancel()
    elif error := answer.exception():
        settled.set_exception(_overdue(name) if isinstance(error, TimeoutError) else error)
    elif (message := answer.result()).success:
        settled.set_result(message)
    else:
        settled.set_exception(_refusal(name, message))


def _overdue(name: str) -> AmiUnavailable | AmiTimeout:
    if name in READ_ONLY:
        return AmiUnavailable(f"Asterisk did not answer {name} in time")
    return AmiTimeout(f"Asterisk did not answer {name} in time", detail={"cause": "deadline"})


def _where(error: BaseException) -> dict[str, object]:
    """What an error may say in a log: its kind and place. Its message may hold a customer's number."""
    place = traceback.extract_tb(error.__traceback__)[-1:]
    return {"error": type(error).__name__, "at": [f"{frame.name}:{frame.lineno}" for frame in place]}
