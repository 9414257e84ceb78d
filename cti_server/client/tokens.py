"""Tokens from the centre's HTTP side, with the standard library alone."""

from __future__ import annotations

import asyncio
import json
import time
import urllib.error
import urllib.request
from typing import Any

from cti_server.client.errors import CtiRequestError

TIMEOUT = 5.0
SOCKET_LIFETIME = 60.0


class TokenSource:
    """Gets a token for each socket: by the password at first, then by the access token while that lasts."""

    def __init__(self, http_url: str, agent_id: str, password: str) -> None:
        self._url, self._agent_id, self._password = http_url.rstrip("/"), agent_id, password
        self._access = ""
        self._until = 0.0

    async def for_socket(self) -> str:
        """A token that opens one socket. Raises CtiRequestError, OSError."""
        if time.monotonic() < self._until:
            try:
                return str((await self._post("socket-token", {}))["access_token"])
            except CtiRequestError as error:
                if error.code != "invalid_token":
                    raise
        return await self._log_in()

    async def for_http(self) -> str:
        """An access token for HTTP, the same while it lasts. Raises CtiRequestError, OSError."""
        return self._access if time.monotonic() < self._until else await self._log_in()

    async def _log_in(self) -> str:
        asked = {"agent_id": self._agent_id, "password": self._password}
        self._until = 0.0
        grant = await self._post("token", asked)
        self._access = str(grant["access_token"])
        self._until = time.monotonic() + float(grant["expires_in"]) - SOCKET_LIFETIME
        return self._access

    async def _post(self, path: str, body: dict[str, str]) -> dict[str, Any]:
        headers = {"Content-Type": "application/json"}
        if not body:
            headers["Authorization"] = f"Bearer {self._access}"
        request = urllib.request.Request(  # noqa: S310  # the program's own address
            f"{self._url}/api/v1/auth/{path}", json.dumps(body).encode(), headers
        )
        return await asyncio.to_thread(_answer, request)


_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
"""The centre stands in the same network; a proxy of the environment is not asked."""


def _answer(request: urllib.request.Request) -> dict[str, Any]:
    try:
        with _direct.open(request, timeout=TIMEOUT) as response:
            answer: dict[str, Any] = json.load(response)
            return answer
    except urllib.error.HTTPError as error:
        with error:
            raise _refusal(error) from None


def _refusal(error: urllib.error.HTTPError) -> CtiRequestError:
    try:
        problem = json.load(error)
        return CtiRequestError(
            problem["code"], problem["title"], retryable=problem["retryable"], detail=problem
        )
    except (ValueError, KeyError):
        return CtiRequestError("bad_http_answer", f"HTTP {error.code}", retryable=error.code >= 500)  # noqa: PLR2004  # RFC 9110
