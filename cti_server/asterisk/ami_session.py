"""One connection to Asterisk's manager, from the first packet to the last: greeting, login, boot, watch."""

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from panoramisk import Manager

from cti_server.asterisk.ami_codec import Fields
from cti_server.asterisk.ami_protocol import AmiProtocol
from cti_server.asterisk.ami_watchdog import PingWatchdog
from cti_server.errors import AmiInvalidField, AmiLoginRefused

_NEVER: Final = 10 * 365 * 86400
"""Seconds. panoramisk's own pinger, which notices nothing, is put off for as long as that."""


class SessionEndedError(Exception):
    """The connection came to its end; the text is the reason, a stable snake_case word."""


@dataclass(frozen=True, slots=True)
class AmiLogin:
    """Where Asterisk's manager interface is and who we are there."""

    host: str
    port: int
    username: str
    secret: str
    tls: ssl.SSLContext | None = None

    def __repr__(self) -> str:
        """Without the secret."""
        return f"AmiLogin({self.username}@{self.host}:{self.port})"


class AmiSession:
    """A logged-in connection. Made by `open_session`; it never comes back once it is lost."""

    def __init__(self, link: AmiProtocol, manager: Manager) -> None:
        self.link = link
        self._manager = manager

    @property
    def is_lost(self) -> bool:
        """Whether the connection has ended."""
        return self.link.lost.done()

    def send(self, name: str, fields: Fields | None = None, *, as_list: bool = False) -> asyncio.Future[Any]:
        """Write an action; see `AmiProtocol.send` for what the future gets and what is raised."""
        fields = fields or {}
        if "Action" in fields:
            raise AmiInvalidField("Action", "is set by the client itself")
        answer: asyncio.Future[Any] = self._manager.send_action({"Action": name, **fields}, as_list=as_list)
        return answer

    async def booted(self, seconds: float) -> None:
        """Wait until Asterisk says that it is fully booted.

        Raises:
            SessionEndedError: the connection was lost, or `not_booted` in time.
        """
        await _reached(self.link, self.link.booted, seconds, "not_booted")

    async def watch(self, on_round_trip: Callable[[float], None], *, interval: float, misses: int) -> None:
        """Ping until the peer does not answer any more, then drop the connection."""
        watchdog = PingWatchdog(
            lambda: self.send("Ping"),
            lambda: self.link.last_received,
            on_round_trip,
            interval=interval,
            misses=misses,
        )
        self.link.abort(await watchdog.run())

    async def ended(self) -> str:
        """Wait for the end of the connection and return its reason."""
        await asyncio.wait({self.link.lost})
        return self.link.lost.result()

    def close(self) -> None:
        """Drop the connection if there still is one; actions without an answer fail."""
        self._manager.close()


async def open_session(
    login: AmiLogin, make_protocol: Callable[[], AmiProtocol], *, seconds: float
) -> AmiSession:
    """Connect and log in; `seconds` bounds each of connecting, greeting and login.

    Raises:
        SessionEndedError: it did not come about.
        AmiLoginRefused: Asterisk answered the login with an error.
    """
    transport, link = await _connected(login, make_protocol, seconds)
    try:
        await _reached(link, link.greeted, seconds, "no_greeting")
        manager = await _logged_in(login, transport, link, seconds)
    except BaseException:
        link.abort("closed")
        raise
    return AmiSession(link, manager)


async def _connected(
    login: AmiLogin, make_protocol: Callable[[], AmiProtocol], seconds: float
) -> tuple[asyncio.Transport, AmiProtocol]:
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(seconds):
            return await loop.create_connection(make_protocol, login.host, login.port, ssl=login.tls)
    except TimeoutError:
        raise SessionEndedError("connect_timeout") from None
    except OSError:
        raise SessionEndedError("connect_failed") from None


async def _logged_in(
    login: AmiLogin, transport: asyncio.Transport, link: AmiProtocol, seconds: float
) -> Manager:
    """Let panoramisk log in over a connection that we made.

    Each connection has a manager of its own, so that nothing can be carried over and sent once more; and the
    manager never connects by itself, since its way of trying again cannot be stopped.
    """
    loop = asyncio.get_running_loop()
    manager = Manager(
        loop=loop, username=login.username, secret=login.secret, ping_delay=_NEVER, ping_interval=_NEVER
    )
    connection: asyncio.Future[Any] = loop.create_future()
    connection.set_result((transport, link))
    manager.connection_made(connection)
    manager.pinger.cancel()
    answer = manager.authenticated_future
    try:
        await _reached(link, answer, seconds, "login_timeout")
    except BaseException:
        manager.close()
        raise
    if not answer.result().success:
        manager.close()
        raise AmiLoginRefused("Asterisk refused the login")
    return manager


async def _reached(link: AmiProtocol, step: asyncio.Future[Any], seconds: float, overdue: str) -> None:
    await asyncio.wait({step, link.lost}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    if not step.done():
        raise SessionEndedError(link.lost.result() if link.lost.done() else overdue)
