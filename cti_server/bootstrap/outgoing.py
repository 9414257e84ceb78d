"""The ways messages go out, made of settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from cti_server.domain.outside import OutsideRules
from cti_server.messaging.model import Medium, Message, Sender, email_address
from cti_server.messaging.sms import HttpSms, SmsProvider
from cti_server.messaging.smtp import SmtpSender, SmtpServer
from cti_server.settings import Settings
from cti_server.store.messages import StoredMessages


def senders(settings: Settings) -> dict[Medium, Sender]:
    """Those that are set up. Raises ValueError for a `smtp_from` that is no address, OSError."""
    found: dict[Medium, Sender] = {}
    if settings.smtp_host:
        if not email_address(settings.smtp_from):
            raise ValueError("smtp_from is no e-mail address")
        found[Medium.EMAIL] = SmtpSender(
            SmtpServer(
                settings.smtp_host,
                settings.smtp_port,
                settings.smtp_security,
                settings.smtp_from,
                str(settings.smtp_ca_file or ""),
                settings.smtp_user,
                _secret(settings.smtp_password_file),
            )
        )
    if settings.sms_url:
        found[Medium.SMS] = HttpSms(
            SmsProvider(
                settings.sms_url,
                settings.sms_method,
                settings.sms_body,
                settings.sms_header,
                _secret(settings.sms_secret_file),
            )
        )
    return found


def _secret(path: Path | None) -> str:
    return path.read_text(encoding="utf-8").strip() if path else ""


class MessageDesk:
    """`api.outbound_ports.Messages`."""

    def __init__(
        self, kept: StoredMessages, media: frozenset[Medium], outside: Callable[[], OutsideRules]
    ) -> None:
        self._kept, self._media, self._outside = kept, media, outside

    def media(self) -> frozenset[Medium]:
        """See the port."""
        return self._media

    def allows(self, number: str) -> bool:
        """See the port."""
        return self._outside().allows(number)

    async def keep(self, wanted: Mapping[str, str], by: str, request_id: str) -> Message:
        """See the port."""
        return await self._kept.keep(wanted, by, request_id)

    async def message(self, message_id: str) -> Message:
        """See the port."""
        return await self._kept.message(message_id)

    async def of_contact(self, contact_id: str) -> Sequence[Message]:
        """See the port."""
        return await self._kept.of_contact(contact_id)
