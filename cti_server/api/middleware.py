"""Around every HTTP request: a bound on its body, browsers' safety headers, an answer whatever happens."""

from __future__ import annotations

import asyncio
import re

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cti_server.api.errors import BodyTooLarge, RequestTimeout
from cti_server.api.messages import Language, preferred
from cti_server.api.problems import problem_response
from cti_server.errors import CtiError

log = structlog.get_logger(__name__)
BODY_DEADLINE = 10.0
"""Seconds for the body of a request; between two pieces of a list."""
_LISTS = re.compile(r"/api/v1/(campaigns/[^/]+|do-not-call)/imports")
"""Paths whose bodies are read by their routes, piece by piece."""
SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'",
    "Cache-Control": "no-store",
}


class Edge:
    """ASGI middleware; WebSockets pass it untouched."""

    def __init__(self, app: ASGIApp, max_body: int, max_list: int) -> None:
        self._app, self._max_body, self._max_list = app, max_body, max_list

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; never raises."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        answer = _Answer(send, secure=scope.get("scheme") == "https")
        language = preferred(headers.get("accept-language"))
        try:
            if _LISTS.fullmatch(scope["path"]):
                source = _BoundedPieces(receive, self._max_list).receive
            else:
                body = _BoundedBody(receive, self._max_body)
                await body.read(headers.get("content-length"))
                source = body.receive
            await self._app(scope, source, answer.send)
        except (BodyTooLarge, RequestTimeout) as error:
            await self._refuse(error, language, scope, receive, answer)
        except Exception:
            log.exception("http_request_failed", path=scope["path"])
            await self._refuse(CtiError(), language, scope, receive, answer)

    @staticmethod
    async def _refuse(
        error: CtiError, language: Language, scope: Scope, receive: Receive, answer: _Answer
    ) -> None:
        if not answer.begun:
            await problem_response(error, language)(scope, receive, answer.send)


class _Answer:
    """Adds the headers that a route has not set itself."""

    def __init__(self, send: Send, *, secure: bool) -> None:
        self._send, self._secure = send, secure
        self.begun = False

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.begun = True
            headers = MutableHeaders(scope=message)
            for name, value in SECURITY_HEADERS.items():
                headers.setdefault(name, value)
            if self._secure:
                headers.setdefault("Strict-Transport-Security", "max-age=31536000")
        await self._send(message)


class _BoundedBody:
    """Reads the whole body, whether its length was announced or not, and hands it on in one piece."""

    def __init__(self, receive: Receive, limit: int) -> None:
        self._receive, self._limit = receive, limit
        self._whole: Message | None = None

    async def read(self, announced: str | None) -> None:
        """Raises BodyTooLarge as soon as that is known, and RequestTimeout."""
        error = BodyTooLarge(f"more than {self._limit} bytes")
        if announced is not None and announced.isdecimal() and int(announced) > self._limit:
            raise error
        try:
            async with asyncio.timeout(BODY_DEADLINE):
                await self._read(error)
        except TimeoutError:
            raise RequestTimeout from None

    async def _read(self, error: BodyTooLarge) -> None:
        body, more = b"", True
        while more:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                self._whole = message
                return
            body += message.get("body", b"")
            more = message.get("more_body", False)
            if len(body) > self._limit:
                raise error
        self._whole = {"type": "http.request", "body": body, "more_body": False}

    async def receive(self) -> Message:
        """The body, then whatever the server says next."""
        message, self._whole = self._whole, None
        return message or await self._receive()


class _BoundedPieces:
    """Hands a body on as it comes, up to a size, as long as it keeps coming."""

    def __init__(self, receive: Receive, limit: int) -> None:
        self._receive, self._limit = receive, limit
        self._more = True

    async def receive(self) -> Message:
        """The next piece. Raises BodyTooLarge and RequestTimeout."""
        if not self._more:
            return await self._receive()
        try:
            async with asyncio.timeout(BODY_DEADLINE):
                message = await self._receive()
        except TimeoutError:
            raise RequestTimeout from None
        self._more = bool(message.get("more_body", False))
        self._limit -= len(message.get("body", b""))
        if self._limit < 0:
            raise BodyTooLarge
        return message
