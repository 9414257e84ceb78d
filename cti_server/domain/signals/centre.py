"""Of the centre itself: who leads, what time it is, whose socket is attached."""

from __future__ import annotations

from dataclasses import dataclass

from cti_server.domain.signals.base import Signal


@dataclass(frozen=True, slots=True)
class EpochBegan(Signal):
    """A new history: sequence numbers start again, clients get a snapshot instead of missed events."""

    epoch: int


@dataclass(frozen=True, slots=True)
class LeaderStarted(Signal):
    """A server took the lease; nobody's socket is attached to it yet."""

    term: int


@dataclass(frozen=True, slots=True)
class TimerFired(Signal):
    """A timer of `World.timers` came due."""

    key: str


@dataclass(frozen=True, slots=True)
class AgentConnected(Signal):
    """An agent program attached to the socket."""

    agent_id: str


@dataclass(frozen=True, slots=True)
class AgentDisconnected(Signal):
    """The agent's last socket closed."""

    agent_id: str
