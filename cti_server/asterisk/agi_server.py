"""FastAGI: answers the short questions that the dialplan asks (which language, which group).

FastAGI has neither authentication nor encryption: listen on a loopback or private address. Whoever connects
gets a few seconds and kilobytes; what is not Asterisk is counted, logged without its content, and closed.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Mapping
from types import TracebackType
from typing import Final, Self

import structlog

from cti_server.asterisk.agi_codec import AgiDecoder, AgiEnvironment
from cti_server.asterisk.agi_session import AgiSession, Handler
from cti_server.errors import AgiHangup, AgiProtocolError, CtiError

log = structlog.get_logger(__name__)

_READ: Final = 4096
_BACKLOG: Final = 128
_REFUSED: Final = ("not_agi", "no_environment", "too_many")
"""Outcomes of peers that did not get as far as naming a script."""


class AgiServer:
    """Listens for Asterisk and runs the handler of the script that the dialplan named.

    A handler that returns, raises, or takes longer than the session may ends the session, and the dialplan
    goes on after its `AGI()`. Since Asterisk calls that a success in every case, a handler sets a channel
    variable as its last act and the dialplan branches on it.

    Args:
        host: where to listen; with `port`, 0 for a free one.
        handlers: by script, the path of `agi://host:port/PATH`.
        environment_timeout: seconds in which the environment has to be there.
        session_timeout: seconds that a handler may take in all.
        max_sessions: connections at once; more are closed at once.
    """

    def __init__(
        self,
        host: str,
        port: int,
        handlers: Mapping[str, Handler],
        *,
        environment_timeout: float = 5.0,
        session_timeout: float = 10.0,
        max_sessions: int = 500,
    ) -> None:
        self._host, self._port = host, port
        self._handlers = dict(handlers)
        self._environment_timeout, self._session_timeout = environment_timeout, session_timeout
        self._max_sessions = max_sessions
        self._server: asyncio.Server | None = None
        self._sessions: set[asyncio.Task[None]] = set()
        self._refused_logged_at = float("-inf")
        self.outcomes: Counter[str] = Counter()
        """How many sessions ended how: `done`, `hangup`, `timed_out`, `handler_failed`, `unknown_script`,
        `not_agi`, `no_environment`, `too_many`, `cancelled` (by `close`)."""

    @property
    def port(self) -> int:
        """The port that is listened on."""
        return self._port

    @property
    def sessions(self) -> int:
        """Connections that are open now."""
        return len(self._sessions)

    async def start(self) -> None:
        """Listen.

        Raises:
            OSError: the address is taken or not ours.
        """
        self._server = await asyncio.start_server(
            self._accepted, self._host, self._port, limit=_READ, backlog=_BACKLOG
        )
        self._port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Stop listening and end the sessions; their callers go on in the dialplan."""
        if self._server is not None:
            self._server.close()
        for session in self._sessions:
            session.cancel()
        if self._sessions:
            await asyncio.wait(self._sessions)
        if self._server is not None:
            await self._server.wait_closed()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._sessions) >= self._max_sessions:
            self._ended("too_many", "", 0.0)
            writer.transport.abort()
            return
        session = asyncio.get_running_loop().create_task(self._session(reader, writer))
        self._sessions.add(session)
        session.add_done_callback(self._sessions.discard)

    async def _session(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        began = time.monotonic()
        outcome, script = "cancelled", ""
        try:
            outcome, script = await self._serve(reader, writer)
        finally:
            writer.close()
            self._ended(outcome, script, time.monotonic() - began)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> tuple[str, str]:
        """Returns how the session ended, and the script when it is one of ours."""
        decoder = AgiDecoder()
        try:
            async with asyncio.timeout(self._environment_timeout):
                environment = await _environment(reader, decoder)
        except AgiProtocolError:
            return "not_agi", ""
        except (TimeoutError, OSError, EOFError):
            return "no_environment", ""
        handler = self._handlers.get(environment.script)
        if handler is None:
            return "unknown_script", ""
        return await self._handle(
            handler, AgiSession(environment, reader, writer, decoder)
        ), environment.script

    async def _handle(self, handler: Handler, session: AgiSession) -> str:
        try:
            async with asyncio.timeout(self._session_timeout):
                await handler(session)
        except AgiHangup:
            return "hangup"
        except TimeoutError:
            return "timed_out"
        except Exception as error:  # noqa: BLE001 (a handler's fault ends its own session only)
            code = error.code if isinstance(error, CtiError) else type(error).__name__
            log.error(  # noqa: TRY400 (a trace may hold a customer's number)
                "agi_handler_failed", script=session.script, uniqueid=session.uniqueid, error=code
            )
            return "handler_failed"
        return "done"

    def _ended(self, outcome: str, script: str, seconds: float) -> None:
        self.outcomes[outcome] += 1
        if outcome in _REFUSED:
            self._refused()
        else:
            level = log.info if outcome in {"done", "hangup"} else log.warning
            level("agi_session_ended", outcome=outcome, script=script, seconds=round(seconds, 3))

    def _refused(self) -> None:
        """Once a second at most, so that a flood of strangers does not become a flood of log lines."""
        now = time.monotonic()
        if now - self._refused_logged_at >= 1.0:
            self._refused_logged_at = now
            counts = {outcome: self.outcomes[outcome] for outcome in _REFUSED if self.outcomes[outcome]}
            log.warning("agi_peers_refused", outcomes=counts)


async def _environment(reader: asyncio.StreamReader, decoder: AgiDecoder) -> AgiEnvironment:
    while True:
        data = await reader.read(_READ)
        if not data:
            raise EOFError
        for item in decoder.feed(data):
            if isinstance(item, AgiEnvironment):
                return item
