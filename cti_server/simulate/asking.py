"""Asking the centre over HTTP, as one person of its directory."""

from __future__ import annotations

import asyncio
import json
import urllib.error
import urllib.parse
import urllib.request
from http import HTTPStatus
from typing import Any, Final

from cti_server.client import CtiClientError
from cti_server.client.tokens import TokenSource
from cti_server.errors import PeerFault
from cti_server.simulate.about import About, Person

_TIMEOUT: Final = 30.0
_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Asking:
    """Each question raises PeerFault when the centre does not answer well. Paths begin behind `/api/v1`."""

    def __init__(self, about: About, person: Person) -> None:
        self._http = f"{about.http}/api/v1"
        self._tokens = TokenSource(about.http, person.agent_id, person.password)

    async def get(self, path: str, query: dict[str, str] | None = None) -> Any:
        """What it answers, out of JSON."""
        return json.loads(await self._ask(f"{path}?{urllib.parse.urlencode(query or {})}"))

    async def found(self, path: str) -> bytes | None:
        """What is there, as it is; None when nothing is."""
        try:
            return await self._ask(path)
        except _Missing:
            return None

    async def post(self, path: str, body: dict[str, Any]) -> Any:
        """Have something done."""
        return json.loads(await self._ask(path, json.dumps(body).encode()))

    async def _ask(self, path: str, body: bytes | None = None) -> bytes:
        try:
            token = await self._tokens.for_http()
        except (CtiClientError, OSError) as error:
            raise PeerFault(f"no token: {error}") from None
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        return await asyncio.to_thread(fetch, self._http + path, headers, body)


class _Missing(PeerFault):
    """404."""


def fetch(url: str, headers: dict[str, str] | None = None, body: bytes | None = None) -> bytes:
    """What is there. Blocks; raises PeerFault."""
    request = urllib.request.Request(url, body, headers or {})  # noqa: S310  # centre.json's own
    place = urllib.parse.urlsplit(url).path
    try:
        with _direct.open(request, timeout=_TIMEOUT) as answer:
            return bytes(answer.read())
    except urllib.error.HTTPError as error:
        with error:
            fault = _Missing if error.code == HTTPStatus.NOT_FOUND else PeerFault
            raise fault(f"{place}: HTTP {error.code}") from None
    except OSError as error:
        raise PeerFault(f"{place}: {error}") from None
