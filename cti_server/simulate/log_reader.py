"""What the centre says of a run over HTTP: its interaction log, its reports, its gauges, its settings."""

from __future__ import annotations

import asyncio
import urllib.parse
from datetime import UTC, datetime
from typing import Any, Final

from cti_server.errors import PeerFault
from cti_server.simulate.about import About
from cti_server.simulate.asking import Asking, fetch
from cti_server.simulate.errors import NoCentre

_PAGE: Final = 200
_STARTING: Final = 20.0
"""Seconds in which a centre that was just started is ready."""
_AGAIN: Final = 0.5
LOG_ROLE: Final = "auditor"
FIGURES_ROLE: Final = "operations_manager"


class LogReader:
    """Reads as two people of the directory: who may see all contacts, and who may see all figures.

    Raises NoCentre when there is nobody with such a role, PeerFault when the centre does not answer well.
    """

    def __init__(self, about: About) -> None:
        self._http = about.http
        self._auditor, self._manager = _as(about, LOG_ROLE), _as(about, FIGURES_ROLE)

    async def ready(self, seconds: float = _STARTING) -> None:
        """Return once the centre is ready. Raises NoCentre when it is not after so long."""
        end = asyncio.get_running_loop().time() + seconds
        while True:
            try:
                await asyncio.to_thread(fetch, f"{self._http}/health/ready")
            except PeerFault as fault:
                if asyncio.get_running_loop().time() > end:
                    raise NoCentre(
                        f"the centre at {self._http} is not ready ({fault}); is it running?"
                    ) from None
                await asyncio.sleep(_AGAIN)
            else:
                return

    async def contacts(self, since: datetime) -> list[dict[str, Any]]:
        """Every contact of the log that arrived since then."""
        found: list[dict[str, Any]] = []
        query = {"arrived_from": _text(since), "limit": str(_PAGE)}
        while True:
            page = await self._auditor.get("/contacts", query)
            found += page["contacts"]
            if not page["next_cursor"]:
                return found
            query["cursor"] = page["next_cursor"]

    async def story(self, contact_id: str) -> list[dict[str, Any]]:
        """What happened to the contact, oldest first."""
        told = await self._auditor.get(f"/contacts/{urllib.parse.quote(contact_id, safe='')}")
        return list(told["story"])

    async def figures(self, since: datetime, until: datetime) -> dict[str, Any]:
        """The report of all queues together; empty when nobody asked for a person."""
        query = {"since": _text(since), "until": _text(until)}
        rows = (await self._manager.get("/reports/queue", query))["rows"]
        return next((dict(row["values"]) for row in rows if row["key"] == "*"), {})

    async def routing(self) -> dict[str, Any]:
        """The routing settings in force."""
        return dict((await self._manager.get("/admin/routing"))["settings"])

    async def gauge(self, name: str) -> float:
        """One gauge of `/metrics`."""
        text = (await asyncio.to_thread(fetch, f"{self._http}/metrics")).decode()
        for line in text.splitlines():
            if line.startswith(f"{name} "):
                return float(line.split()[1])
        raise PeerFault(f"no gauge {name}")


def _as(about: About, role: str) -> Asking:
    person = about.having(role)
    if person is None:
        raise NoCentre(f"nobody in {about.file} has the role {role}, so a run could not be checked")
    return Asking(about, person)


def _text(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
