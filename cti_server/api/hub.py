"""What all sessions of a server share: the centre, seats, rates, limits, and the way to end them."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from typing import Any, Protocol

from cti_server.api.errors import RoleMissing, TooManySessions
from cti_server.api.metrics import ApiMetrics
from cti_server.api.models.methods import Method
from cti_server.api.models.wallboard import WALLBOARD_CHANGED
from cti_server.api.rates import TokenBucket
from cti_server.api.rpc import notification_frame
from cti_server.api.seats import Holder, Seats
from cti_server.api.settings import ApiSettings
from cti_server.api.tokens import Tokens
from cti_server.domain.views import timestamp
from cti_server.engine.port import Centre

REVOKED = 4001
SERVICE_RESTART = 1012
"""RFC 6455's registry: come back, with jitter."""


class OpenSession(Holder, Protocol):
    """A session as the hub sees it."""

    @property
    def idle(self) -> bool:
        """Open, and nothing waits to be sent."""

    def show(self, frame: bytes) -> None:
        """Send a frame that is not numbered."""


class Hub:
    """The sessions of this server."""

    def __init__(
        self,
        centre: Centre,
        tokens: Tokens,
        settings: ApiSettings,
        metrics: ApiMetrics,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.centre, self.tokens, self.settings = centre, tokens, settings
        self.metrics, self.clock = metrics, clock
        self.seats = Seats()
        self.stopping = False
        self._sessions: set[OpenSession] = set()
        self._by_agent: dict[str, set[OpenSession]] = {}
        self._buckets: dict[str, TokenBucket] = {}
        self._commands: set[asyncio.Task[None]] = set()
        self._empty = asyncio.Event()

    # --- sessions come and go -----------------------------------------------------------------------------

    def enter(self, session: OpenSession) -> None:
        """A socket was accepted."""
        self._sessions.add(session)
        self.metrics.sockets.set(len(self._sessions))

    @property
    def full(self) -> bool:
        """Whether another socket would be one too many."""
        opened = sum(len(sessions) for sessions in self._by_agent.values())
        too_many = len(self._sessions) >= self.settings.max_sockets
        return too_many or len(self._sessions) - opened >= self.settings.max_unopened

    def admit(self, session: OpenSession, agent_id: str) -> None:
        """The session turns out to be the agent's. Raises TooManySessions."""
        sessions = self._by_agent.setdefault(agent_id, set())
        if len(sessions) >= self.settings.max_sessions:
            raise TooManySessions
        sessions.add(session)

    def dismiss(self, session: OpenSession, agent_id: str) -> None:
        """Undo `admit`."""
        sessions = self._by_agent.get(agent_id, set())
        sessions.discard(session)
        if not sessions:
            self._by_agent.pop(agent_id, None)

    def forget(self, session: OpenSession) -> None:
        """The socket is gone."""
        self._sessions.discard(session)
        self.metrics.sockets.set(len(self._sessions))
        self.dismiss(session, session.agent_id)
        self.seats.release(session)
        if not self._sessions:
            self._empty.set()

    def bucket(self, agent_id: str) -> TokenBucket:
        """The agent's rate, shared by all its sessions and kept over reconnects."""
        return self._buckets.setdefault(agent_id, TokenBucket(self.settings.commands_per_second))

    # --- what sessions ask --------------------------------------------------------------------------------

    def authorise(self, agent_id: str, method: Method) -> None:
        """Raises RoleMissing unless the person has one of the method's roles right now."""
        if method.roles and not method.roles & set(self.centre.roles(agent_id)):
            raise RoleMissing(f"{method.name} needs one of the roles {', '.join(sorted(method.roles))}")

    def hold(self, command: asyncio.Task[None]) -> None:
        """Keep a command that goes on even if its socket is lost."""
        self._commands.add(command)
        command.add_done_callback(self._commands.discard)

    def show_wallboard(self, agent_id: str, view: dict[str, Any]) -> None:
        """To every session of the person that has read all it was sent: a slow client gets fewer."""
        sessions = [session for session in self._by_agent.get(agent_id, ()) if session.idle]
        if sessions:
            params = {"ts": timestamp(self.clock()), "wallboard": view}
            frame = notification_frame(WALLBOARD_CHANGED, params)
            for session in sessions:
                session.show(frame)

    # --- the way to end them ------------------------------------------------------------------------------

    def revoke(self, agent_id: str) -> int:
        """Close every session of the agent at once (dismissed, password changed); how many there were."""
        sessions = tuple(self._by_agent.get(agent_id, ()))
        for session in sessions:
            session.end(REVOKED, "revoked")
        return len(sessions)

    async def stop(self, deadline: float) -> None:
        """Take no new sockets and close those there are; those that linger are left to the server."""
        self.stopping = True
        self._empty.clear()
        for session in tuple(self._sessions):
            session.end(SERVICE_RESTART, "server_stopping")
        if self._sessions:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(deadline):
                    await self._empty.wait()
        for command in tuple(self._commands):
            command.cancel()
