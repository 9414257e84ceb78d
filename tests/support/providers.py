"""A real SMTP server and a real HTTP server that take messages, and fail as they are told."""

from __future__ import annotations

import asyncio
import contextlib
import json
import warnings
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from ssl import SSLContext
from typing import Any, Literal

from aiosmtpd.controller import UnthreadedController
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session

from tests.support.ports import free_port


@dataclass
class MailServer:
    """Takes mail from user `cti`, password `secret`. `answers` are used up one by one; then all is well."""

    port: int = 0
    mails: list[EmailMessage] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)
    answers: deque[str] = field(default_factory=deque)
    """`recipient 450 …`, `data 451 …`, or `cut` (the link, after the text has come)."""

    def _next(self, step: str) -> str | None:
        if self.answers and self.answers[0].startswith(step):
            return self.answers.popleft().removeprefix(step).strip()
        return None

    async def handle_RCPT(  # noqa: N802  # aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        refusal = self._next("recipient")
        if refusal:
            return refusal
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        refusal = self._next("data")
        if refusal:
            return refusal
        assert isinstance(envelope.content, bytes)
        mail = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(mail, EmailMessage)
        self.mails.append(mail)
        self.recipients += envelope.rcpt_tos
        if self._next("cut") is not None:
            assert isinstance(server.transport, asyncio.Transport)
            server.transport.abort()
        return "250 OK"


@contextlib.asynccontextmanager
async def mail_server(
    security: Literal["tls", "starttls", "none"] = "none", shown: SSLContext | None = None
) -> AsyncIterator[MailServer]:
    """Running on a free port of loopback, with the certificate of `shown`; STARTTLS before anything else."""
    warnings.filterwarnings("ignore", "Requiring AUTH", UserWarning)
    server = MailServer(free_port())

    def known(
        _server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, given: Any
    ) -> AuthResult:
        return AuthResult(success=(given.login, given.password) == (b"cti", b"secret"))

    controller = UnthreadedController(
        server,
        hostname="127.0.0.1",
        port=server.port,
        loop=asyncio.get_running_loop(),
        authenticator=known,
        auth_required=True,
        auth_require_tls=False,
        tls_context=shown if security == "starttls" else None,
        require_starttls=security == "starttls",
    )
    listening = await asyncio.get_running_loop().create_server(
        controller.factory, "127.0.0.1", server.port, ssl=shown if security == "tls" else None
    )
    try:
        yield server
    finally:
        listening.close()
        await listening.wait_closed()


@dataclass
class SmsServer:
    """Takes POSTs; `answers` are HTTP statuses used up one by one (0: the link is cut), then 200."""

    port: int = 0
    taken: list[tuple[dict[str, str], Any]] = field(default_factory=list)
    """Headers (lower case) and body of every request."""
    answers: deque[int] = field(default_factory=deque)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/sms"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            pairs = (line.partition(":") for line in head.splitlines()[1:] if line)
            headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
            body = await reader.readexactly(int(headers.get("content-length", "0")))
            self.taken.append((headers, json.loads(body)))
            status = self.answers.popleft() if self.answers else 200
            if status:
                writer.write(
                    f"HTTP/1.1 {status} X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode()
                )
                await writer.drain()
        writer.close()


@contextlib.asynccontextmanager
async def sms_server() -> AsyncIterator[SmsServer]:
    """Running on a free port of loopback."""
    server = SmsServer()
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    server.port = listening.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listening.close()
        await listening.wait_closed()
