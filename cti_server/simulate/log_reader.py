"""What the centre says of a run over HTTP: its interaction log, its reports, its gauges."""

from __future__ import annotations

import asyncio
import json
import urllib.error
import urllib.parse
import urllib.request
from datetime import UTC, datetime
from typing import Any, Final

from cti_server.client import CtiClientError
from cti_server.client.tokens import TokenSource
from cti_server.errors import PeerFault
from cti_server.simulate.about import About
from cti_server.simulate.errors import NoCentre

_TIMEOUT: Final = 30.0
_PAGE: Final = 200
LOG_ROLE: Final = "auditor"
FIGURES_ROLE: Final = "operations_manager"
_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class LogReader:
    """Reads as two people of the directory: who may see all contacts, and who may see all figures.

    Raises NoCentre when there is nobody with such a role, PeerFault when the centre does not answer well.
    """

    def __init__(self, about: About) -> None:
        self._http = about.http
        self._auditor, self._manager = _tokens(about, LOG_ROLE), _tokens(about, FIGURES_ROLE)

    async def contacts(self, since: datetime) -> list[dict[str, Any]]:
        """Every contact of the log that arrived since then."""
        found: list[dict[str, Any]] = []
        query = {"arrived_from": _text(since), "limit": str(_PAGE)}
        while True:
            page = await self._get(self._auditor, "/api/v1/contacts", query)
            found += page["contacts"]
            if not page["next_cursor"]:
                return found
            query["cursor"] = page["next_cursor"]

    async def story(self, contact_id: str) -> list[dict[str, Any]]:
        """What happened to the contact, oldest first."""
        path = f"/api/v1/contacts/{urllib.parse.quote(contact_id, safe='')}"
        told = await self._get(self._auditor, path, {})
        return list(told["story"])

    async def figures(self, since: datetime, until: datetime) -> dict[str, Any]:
        """The report of all queues together; empty when nobody asked for a person."""
        query = {"since": _text(since), "until": _text(until)}
        rows = (await self._get(self._manager, "/api/v1/reports/queue", query))["rows"]
        return next((dict(row["values"]) for row in rows if row["key"] == "*"), {})

    async def gauge(self, name: str) -> float:
        """One gauge of `/metrics`."""
        text = await asyncio.to_thread(self._fetch, "/metrics", {})
        for line in text.splitlines():
            if line.startswith(f"{name} "):
                return float(line.split()[1])
        raise PeerFault(f"no gauge {name}")

    async def _get(self, tokens: TokenSource, path: str, query: dict[str, str]) -> Any:
        try:
            token = await tokens.for_http()
        except (CtiClientError, OSError) as error:
            raise PeerFault(f"no token: {error}") from None
        headers = {"Authorization": f"Bearer {token}"}
        return json.loads(
            await asyncio.to_thread(self._fetch, f"{path}?{urllib.parse.urlencode(query)}", headers)
        )

    def _fetch(self, path: str, headers: dict[str, str]) -> str:
        request = urllib.request.Request(self._http + path, headers=headers)  # noqa: S310  # centre.json's own
        try:
            with _direct.open(request, timeout=_TIMEOUT) as answer:
                return str(answer.read().decode())
        except urllib.error.HTTPError as error:
            with error:
                raise PeerFault(f"{path.partition('?')[0]}: HTTP {error.code}") from None
        except OSError as error:
            raise PeerFault(f"{path.partition('?')[0]}: {error}") from None


def _tokens(about: About, role: str) -> TokenSource:
    person = about.having(role)
    if person is None:
        raise NoCentre(f"nobody in {about.file} has the role {role}, so a run could not be checked")
    return TokenSource(about.http, person.agent_id, person.password)


def _text(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
