"""E-mail by SMTP (RFC 5321), with the standard library's client in a thread."""

from __future__ import annotations

import asyncio
import smtplib
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate
from typing import Literal

from cti_server.messaging.errors import NotSent, PerhapsSent, Rejected
from cti_server.messaging.model import Message

Security = Literal["tls", "starttls", "none"]
DEADLINE = 20.0
"""Seconds each step may take."""
_OVER = 500


@dataclass(frozen=True, slots=True)
class SmtpServer:
    """Where e-mail goes out. `none` is for a server on this machine only."""

    host: str
    port: int
    security: Security
    sender: str
    ca_file: str = ""
    """Certificates (PEM) of those who may vouch for the server; empty: the machine's own."""
    user: str = ""
    password: str = field(default="", repr=False)


class SmtpSender:
    """`model.Sender`. SMTP knows no repeats: what broke off while it was handed over is not sent again."""

    repeatable = False

    def __init__(self, server: SmtpServer) -> None:
        self._server = server

    async def send(self, message: Message, handing_over: Callable[[], Awaitable[None]]) -> None:
        """See Sender."""
        session = await asyncio.to_thread(self._prepared, message)
        try:
            await handing_over()
            await asyncio.to_thread(_data, session, composed(message, self._server.sender))
        finally:
            await asyncio.to_thread(_quit, session)

    def _prepared(self, message: Message) -> smtplib.SMTP:
        """A session that waits for DATA."""
        session: smtplib.SMTP | None = None
        try:
            session = self._connected()
            _expect(*session.mail(self._server.sender))
            _expect(*session.rcpt(message.address))
        except smtplib.SMTPResponseException as error:
            _close(session)
            raise _verdict(error.smtp_code) from None
        except ssl.SSLCertVerificationError:
            _close(session)
            raise NotSent("certificate_refused") from None
        except smtplib.SMTPNotSupportedError:
            _close(session)
            raise NotSent("starttls_or_login_not_offered") from None
        except (OSError, smtplib.SMTPException) as error:
            _close(session)
            raise NotSent(type(error).__name__.lower()) from None
        except BaseException:
            _close(session)
            raise
        return session

    def _connected(self) -> smtplib.SMTP:
        server = self._server
        context = ssl.create_default_context(cafile=server.ca_file or None)
        session: smtplib.SMTP
        if server.security == "tls":
            session = smtplib.SMTP_SSL(server.host, server.port, timeout=DEADLINE, context=context)
        else:
            session = smtplib.SMTP(server.host, server.port, timeout=DEADLINE)
        try:
            if server.security == "starttls":
                session.starttls(context=context)
            session.ehlo_or_helo_if_needed()
            if server.user:
                session.login(server.user, server.password)
        except BaseException:
            _close(session)
            raise
        return session


def composed(message: Message, sender: str) -> bytes:
    """The message as it goes over the wire; its Message-ID is ours, so that a repeat can be told."""
    mail = EmailMessage(policy=SMTP)
    mail["From"], mail["To"], mail["Subject"] = sender, message.address, message.subject
    mail["Date"] = formatdate(message.created_at.timestamp())
    mail["Message-ID"] = f"<{message.message_id}@{sender.partition('@')[2]}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(message.body)
    return mail.as_bytes()


def _data(session: smtplib.SMTP, content: bytes) -> None:
    try:
        code, _ = session.data(content)
    except smtplib.SMTPDataError as error:  # DATA itself was refused: nothing was handed over
        raise _verdict(error.smtp_code) from None
    except (OSError, smtplib.SMTPException) as error:
        raise PerhapsSent(type(error).__name__.lower()) from None
    _expect(code)


def _expect(code: int, _text: bytes = b"") -> None:
    if not 200 <= code < 300:  # noqa: PLR2004  # RFC 5321 4.2.1
        raise _verdict(code)


def _verdict(code: int) -> NotSent | Rejected:
    return Rejected(f"smtp_{code}") if code >= _OVER else NotSent(f"smtp_{code}")


def _quit(session: smtplib.SMTP) -> None:
    try:
        session.quit()
    except (OSError, smtplib.SMTPException):
        session.close()


def _close(session: smtplib.SMTP | None) -> None:
    if session is not None:
        session.close()
