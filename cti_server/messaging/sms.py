"""SMS by a provider's HTTP interface: address, method, body and authorisation are settings."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

from cti_server.messaging.errors import NotSent, Rejected
from cti_server.messaging.model import Message

DEADLINE = 15.0
IDEMPOTENCY_HEADER = "Idempotency-Key"
_PLACE = re.compile(r"{(number|text|message_id)}")
_LATER = frozenset({408, 409, 425, 429})


@dataclass(frozen=True, slots=True)
class SmsProvider:
    """Where SMS go out. In texts of `body`, `{number}`, `{text}` and `{message_id}` are filled in."""

    url: str
    method: str
    body: Mapping[str, Any]
    header: str = "Authorization"
    secret: str = field(default="", repr=False)
    """Value of that header; empty: none is sent."""


class HttpSms:
    """`model.Sender`. Every attempt at a message carries the same idempotency key, so it may be repeated."""

    repeatable = True

    def __init__(self, provider: SmsProvider) -> None:
        self._provider = provider

    async def send(self, message: Message, handing_over: Callable[[], Awaitable[None]]) -> None:
        """See Sender."""
        provider = self._provider
        headers = {IDEMPOTENCY_HEADER: message.message_id}
        if provider.secret:
            headers[provider.header] = provider.secret
        values = {"number": message.address, "text": message.body, "message_id": message.message_id}
        await handing_over()
        try:
            async with httpx.AsyncClient(timeout=DEADLINE, trust_env=False) as http:
                answer = await http.request(
                    provider.method, provider.url, json=filled(provider.body, values), headers=headers
                )
        except httpx.HTTPError as error:
            raise NotSent(type(error).__name__.lower()) from None
        if answer.is_success:
            return
        if answer.is_server_error or answer.status_code in _LATER:
            raise NotSent(f"http_{answer.status_code}")
        raise Rejected(f"http_{answer.status_code}")


def filled(template: Any, values: Mapping[str, str]) -> Any:
    """The template with its texts filled in; one pass, so what is filled in is never a template itself."""
    if isinstance(template, Mapping):
        return {key: filled(value, values) for key, value in template.items()}
    if isinstance(template, list | tuple):
        return [filled(item, values) for item in template]
    if isinstance(template, str):
        return _PLACE.sub(lambda found: values[found[1]], template)
    return template
