"""One agent's session on one socket: opening, requests, notifications, the end.

Order on the wire: requests are started in the order they came; the answer to a command comes after every
notification that the command caused. A command that waits for its outcome does not hold up later ones.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Any

import structlog
from starlette.websockets import WebSocket

from cti_server.api import errors, rpc
from cti_server.api.hub import Hub
from cti_server.api.messages import Language
from cti_server.api.metrics import OK, UNKNOWN
from cti_server.api.models.methods import METHODS, SESSION_OPEN, Method, Origin
from cti_server.api.models.notifications import SESSION_CLOSED
from cti_server.api.models.params import OpenParams, SignInParams
from cti_server.api.outgoing import Link, Outgoing
from cti_server.api.rates import TokenBucket
from cti_server.api.validation import validated
from cti_server.domain.views import timestamp
from cti_server.engine.news import News
from cti_server.engine.port import Joined, Resume
from cti_server.errors import CtiError

log = structlog.get_logger(__name__)

OPEN_TIMEOUT = 4408
SIGN_OUT = "agent.sign_out"


class Session:
    """Runs from the accepted socket to its end. `agent_id` is empty until `session.open` succeeded."""

    def __init__(self, hub: Hub, websocket: WebSocket, link: Link, language: Language) -> None:
        self.agent_id = ""
        self._hub, self._websocket, self._link, self._language = hub, websocket, link, language
        self._out = Outgoing(websocket, link, hub.settings, hub.metrics.slow.inc)
        self._bucket = TokenBucket(hub.settings.commands_per_second)
        self._listener = self._on_news
        self._joined = False
        self._early: list[News] | None = []
        """What came between joining and the answer to `session.open`; None once that is queued."""
        self._pending = 0
        self._over = False

    # --- life ---------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Serve the socket until either side closes it."""
        writer = asyncio.create_task(self._out.run())
        loop = asyncio.get_running_loop()
        too_late = loop.call_later(
            self._hub.settings.open_timeout, self.end, OPEN_TIMEOUT, "session_open_timeout"
        )
        try:
            await self._read(too_late)
        finally:
            too_late.cancel()
            writer.cancel()
            await asyncio.wait({writer})
            self._over = True
            self._hub.forget(self)
            if self._joined:
                await self._hub.centre.leave(self.agent_id, self._listener)

    def end(self, code: int, reason: str) -> None:
        """Tell the client why, and close. Idempotent."""
        farewell = rpc.notification_frame(SESSION_CLOSED, {"reason": reason, "code": code})
        self._out.close(code, reason, farewell)

    @property
    def idle(self) -> bool:
        """Whether the session is open and nothing waits to be sent."""
        return self._early is None and self._out.empty

    def show(self, frame: bytes) -> None:
        """Send a frame that is not numbered."""
        self._out.put(frame)

    async def alive(self) -> bool:
        """Whether the client answers a ping."""
        return not self._out.closing and await self._link.probe(self._hub.settings.probe_deadline)

    async def _read(self, too_late: asyncio.TimerHandle) -> None:
        while True:
            message = await self._websocket.receive()
            if message["type"] == "websocket.disconnect":
                return
            await self._take(message.get("text"))
            if self.agent_id:
                too_late.cancel()

    # --- requests -----------------------------------------------------------------------------------------

    async def _take(self, text: str | None) -> None:
        """One message of the client. Its answer is queued, or a task will queue it."""
        read_at = time.perf_counter()
        if text is None:
            item: rpc.Call | rpc.Refused = rpc.Refused(None, errors.BinaryFrame())
        else:
            item = rpc.parse(text, self._hub.settings.max_message)
        if not self._bucket.take():
            limit = errors.RateLimited(f"more than {self._bucket.rate} requests a second")
            self._refuse(item.request_id, UNKNOWN, limit, read_at)
            await asyncio.sleep(1 / self._bucket.rate)  # a flood is read no faster than it may act
        elif isinstance(item, rpc.Refused):
            self._refuse(item.request_id, UNKNOWN, item.error, read_at)
        else:
            await self._dispatch(item, read_at)

    async def _dispatch(self, call: rpc.Call, read_at: float) -> None:
        method = METHODS.get(call.method)
        if method is None:
            self._refuse(call.request_id, UNKNOWN, errors.UnknownMethod(), read_at)
            return
        if not self.agent_id and method.name != SESSION_OPEN:
            self._refuse(call.request_id, method.name, errors.SessionNotOpen(), read_at)
            return
        try:
            params: Any = validated(method.params, call.params)
            if method.command:
                self._start(call, method, params, read_at)
            elif method.name == SESSION_OPEN:
                await self._open(call, params, read_at)
            else:
                self._answer(call, self._ping(), read_at)
        except CtiError as error:
            self._refuse(call.request_id, method.name, error, read_at)
        except Exception:  # the session outlives any bug behind the ports
            log.exception("request_failed", method=method.name, agent_id=self.agent_id)
            self._refuse(call.request_id, method.name, CtiError(), read_at)

    def _start(self, call: rpc.Call, method: Method, params: Any, read_at: float) -> None:
        self._hub.authorise(self.agent_id, method)
        if self._pending >= self._hub.settings.max_pending:
            raise errors.TooManyRequests
        self._pending += 1
        self._hub.hold(asyncio.create_task(self._command(call, method, params, read_at)))

    async def _command(self, call: rpc.Call, method: Method, params: Any, read_at: float) -> None:
        """Do a command. It goes on when the socket is lost: the client asks again with the same id."""
        try:
            self._answer(call, await self._outcome(call, method, params), read_at)
        except CtiError as error:
            self._refuse(call.request_id, method.name, error, read_at)
        except Exception:  # likewise
            log.exception("request_failed", method=method.name, agent_id=self.agent_id)
            self._refuse(call.request_id, method.name, CtiError(), read_at)
        finally:
            self._pending -= 1
            if self._over:  # it claimed the seat for a socket that is gone
                self._hub.seats.release(self)

    async def _outcome(self, call: rpc.Call, method: Method, params: Any) -> dict[str, Any]:
        assert method.command is not None  # noqa: S101  # _dispatch sends nothing else here
        seats = self._hub.seats
        takes_over = isinstance(params, SignInParams) and params.take_over
        if not takes_over and not method.seatless:
            await seats.claim(self)
        command = method.command(Origin(self._hub.clock(), call.request_id, self.agent_id), params)
        try:
            async with asyncio.timeout(self._hub.settings.command_deadline):
                result = await self._hub.centre.execute(command)
        except TimeoutError:
            raise errors.CommandTimedOut from None
        if takes_over:
            seats.take_over(self)
        elif method.name == SIGN_OUT:
            seats.release(self)
        return result

    def _ping(self) -> dict[str, Any]:
        _, seq = self._hub.centre.sequence(self.agent_id)
        return {"seq": seq, "server_time": timestamp(self._hub.clock())}

    # --- opening ------------------------------------------------------------------------------------------

    async def _open(self, call: rpc.Call, params: OpenParams, read_at: float) -> None:
        if self.agent_id:
            raise errors.SessionAlreadyOpen
        agent_id = await self._hub.tokens.open_socket(params.token)
        resume = Resume(params.resume.epoch, params.resume.seq) if params.resume else None
        self._hub.admit(self, agent_id)
        try:
            joined = await self._join(agent_id, resume)
        except BaseException:
            self._hub.dismiss(self, agent_id)
            self._early = []
            raise
        self.agent_id, self._joined = agent_id, True
        self._bucket = self._hub.bucket(agent_id)
        self._hub.seats.offer(self)
        self._tell_joined(call, joined, read_at)

    async def _join(self, agent_id: str, resume: Resume | None) -> Joined:
        try:
            async with asyncio.timeout(self._hub.settings.open_timeout):
                return await self._hub.centre.join(agent_id, self._listener, resume)
        except TimeoutError:
            await self._hub.centre.leave(agent_id, self._listener)
            raise errors.CommandTimedOut from None

    def _tell_joined(self, call: rpc.Call, joined: Joined, read_at: float) -> None:
        """The answer, then what was missed, then what came while we joined: no gap, nothing twice."""
        result = {
            "epoch": joined.epoch,
            "seq": joined.seq,
            "resumed": joined.resumed,
            "agent": joined.agent,
            "contacts": joined.contacts,
            "system": joined.system,
        }
        known = (joined.epoch, joined.seq)
        late = [n for n in self._early or () if (n.epoch, n.seq) > known]
        self._early = None
        self._count(call.method, OK, read_at)
        frames = _frames((*joined.missed, *late))
        self._out.replay([rpc.result_frame(call.request_id, result), *frames])
        self._hub.metrics.notifications.inc(len(frames))

    # --- what goes out ------------------------------------------------------------------------------------

    def _on_news(self, news: Sequence[News]) -> None:
        """The centre's listener: must not block or raise."""
        if self._early is not None:
            self._early.extend(news)
            return
        self._out.put(*_frames(news))
        self._hub.metrics.notifications.inc(len(news))

    def _answer(self, call: rpc.Call, result: dict[str, Any], read_at: float) -> None:
        self._out.put(rpc.result_frame(call.request_id, result))
        self._count(call.method, OK, read_at)

    def _refuse(self, request_id: str | None, method: str, error: CtiError, read_at: float) -> None:
        self._out.put(rpc.error_frame(request_id, error, self._language))
        self._count(method, error.code, read_at)

    def _count(self, method: str, code: str, read_at: float) -> None:
        self._hub.metrics.request(method, code, time.perf_counter() - read_at)


def _frames(news: Sequence[News]) -> list[bytes]:
    return [rpc.encoded_notification_frame(each.event, each.params) for each in news]
