"""The first moments of leading: the PBX is about to say what is true now."""

import asyncio
from typing import Final

from cti_server.domain.state import WorldState

PATIENCE: Final = 3.0
"""Seconds that commands wait for the nodes at most; one out of reach is refused by the domain."""


class Settling:
    """Lets commands wait until the nodes known before are in step, rather than refuse them all.

    A program resumes within a second or so of a restart, often before a node's state has been read.
    """

    def __init__(self) -> None:
        self._over = asyncio.Event()
        self._over.set()
        self._limit: asyncio.TimerHandle | None = None

    def begin(self, state: WorldState) -> None:
        """This server leads from now on."""
        self.end()
        if state.nodes:
            self._over.clear()
            self._limit = asyncio.get_running_loop().call_later(PATIENCE, self._over.set)
            self.look(state)

    def look(self, state: WorldState) -> None:
        """Something happened: perhaps it is over."""
        if not self._over.is_set() and all(node.up for node in state.nodes.values()):
            self.end()

    def end(self) -> None:
        """Nobody waits any more."""
        self._over.set()
        if self._limit:
            self._limit.cancel()
            self._limit = None

    async def over(self) -> None:
        """Return when commands may be applied; at once but for the first moments."""
        await self._over.wait()
