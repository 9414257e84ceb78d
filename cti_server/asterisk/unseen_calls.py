"""Calls that a node had while nobody looked, out of its own log (CEL)."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Container
from pathlib import Path

import structlog

from cti_server.asterisk import cel
from cti_server.domain import signals as s

log = structlog.get_logger(__name__)

CEL_WRITTEN = 1.0
"""Seconds after which what happened is in CEL's file."""


class UnseenCalls:
    """Hands in those of one node. Nothing where its log cannot be read."""

    def __init__(
        self, node: str, path: Path | None, columns: tuple[str, ...], hand_in: Callable[[s.Signal], None]
    ) -> None:
        self._node, self._path, self._columns, self._hand_in = node, path, columns, hand_in
        self._farewells: list[s.ChannelGone] = []
        """Gone, not told yet."""

    async def tell(self, since: float, until: float = math.inf, only: Container[str] | None = None) -> None:
        """Hand in those that ended in that time, by the node's clock."""
        if self._path is None:
            return
        try:
            rows = await asyncio.to_thread(cel.read_rows, self._path, self._columns)
            calls = cel.ended_calls(self._node, rows, since)
        except Exception:  # the past may be unreadable; the calls of now must not wait for it
            log.exception("pbx.unseen_calls_unread", node=self._node)
            return
        for call in calls:
            if call.ended_at <= until and (only is None or call.channel in only):
                self._hand_in(call)

    async def tell_written(self, since: float, until: float) -> None:
        """Once more, when its rows are written: who ended just after the first look is in no snapshot."""
        await asyncio.sleep(CEL_WRITTEN)
        await self.tell(since, until)

    def farewell(self, gone: s.ChannelGone) -> bool:
        """Keep the end of a caller who heard goodbye; whether `tell_farewells` is due."""
        self._farewells.append(gone)
        return len(self._farewells) == 1

    async def tell_farewells(self) -> None:
        """Callers whose conversation was over while no server lived, and who are gone now.

        The log tells of them first: nobody else knows that they talked, perhaps not even that they called.
        """
        await asyncio.sleep(CEL_WRITTEN)
        gone, self._farewells = self._farewells, []
        await self.tell(0.0, only={fact.channel for fact in gone})
        for fact in gone:
            self._hand_in(fact)
