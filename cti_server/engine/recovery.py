"""Back to where the last leader was: snapshot, then every journal entry after it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from cti_server.domain.events import Outcome
from cti_server.domain.signals import Signal
from cti_server.domain.state import WorldState
from cti_server.domain.world import World
from cti_server.engine.applying import apply_safely
from cti_server.engine.journal import Journal

BREATH = 50
"""Signals applied in one go. In between the lease is renewed: without that a long journal would lose it again
and again, and no server would ever come to lead."""
RESUME_WINDOW = 60.0
"""Seconds of notifications that a recovery brings back for resuming clients."""


@dataclass(frozen=True, slots=True)
class Recovered:
    """The world at `position`. With `new_history`, clients' sequence numbers mean nothing any more."""

    world: World
    position: str
    replayed: int
    new_history: bool


async def recover(
    journal: Journal, own: World, own_position: str, replayed: Callable[[Signal, Outcome], None]
) -> Recovered:
    """The newest world there is: our own followed on, or the journal's, or (nothing there) our own as it is.

    `replayed` gets each signal applied again and its outcome. Raises JournalUnavailable, JournalCorrupt.
    """
    same_server = await journal.same_server()
    knows_own = own_position != "0" and await journal.holds(own_position)
    if knows_own:
        position, count = await _follow(journal, own, own_position, replayed)
        # Our own memory reaches at least as far as what was told to clients.
        return Recovered(own, position, count, new_history=False)
    snapshot = await journal.load_snapshot(RESUME_WINDOW)
    if own_position != "0" and (snapshot is None or snapshot.at < _newest(own.state)):
        # Redis lost what we had written: what we remember is the truth, and a new history begins.
        return Recovered(own, "0", 0, new_history=True)
    world = World(snapshot.state if snapshot else None)
    position, count = await _follow(journal, world, snapshot.position if snapshot else "0", replayed)
    return Recovered(world, position, count, new_history=not same_server or world.state.epoch == 0)


async def _follow(
    journal: Journal, world: World, position: str, replayed: Callable[[Signal, Outcome], None]
) -> tuple[str, int]:
    count = 0
    async for entry in journal.entries(after=position):
        for signal in entry.signals:
            replayed(signal, apply_safely(world, signal))
            count += 1
            if count % BREATH == 0:
                await asyncio.sleep(0)
        position = entry.position
    return position, count


def _newest(state: WorldState) -> float:
    """The latest moment our own state knows of."""
    return max((agent.state_since for agent in state.agents.values()), default=0.0)


def unanswered(state: WorldState) -> list[tuple[str, str]]:
    """Commands under way, as (agent id, request id): a client that repeats one waits for its outcome."""
    keys = [(c.operation.agent_id, c.operation.request_id) for c in state.contacts.values() if c.operation]
    keys += [(a.agent_id, a.station_wait.request_id) for a in state.agents.values() if a.station_wait]
    return keys
