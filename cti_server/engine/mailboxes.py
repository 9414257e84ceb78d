"""What was told to each agent lately, and who listens now: the base of gapless resume."""

from __future__ import annotations

from collections import defaultdict, deque

import msgspec

from cti_server.domain.events import Event, Notification
from cti_server.engine.port import Listener

KEPT = 500
"""Notifications kept per agent; a client that missed more gets a snapshot."""

Packed = tuple[int, str, bytes]
"""A kept notification: number, event, `params` as JSON. Half a million views as Python objects would make a
full pass of the garbage collector a pause of seconds; into text it does not look."""


class Mailboxes:
    """Recent notifications and live listeners, per agent."""

    def __init__(self) -> None:
        self._recent: dict[str, deque[Packed]] = defaultdict(lambda: deque(maxlen=KEPT))
        self._listeners: dict[str, list[Listener]] = defaultdict(list)

    def deliver(self, notification: Notification) -> None:
        """Keep and pass on, in order."""
        packed = (notification.seq, notification.event.value, msgspec.json.encode(notification.params))
        self._recent[notification.agent_id].append(packed)
        for listener in tuple(self._listeners.get(notification.agent_id, ())):
            listener(notification)

    def since(self, agent_id: str, seq: int, last: int) -> tuple[Notification, ...] | None:
        """Everything after `seq` up to `last` without a gap, or None when that is not to be had."""
        if seq == last:
            return ()
        if seq > last or seq < 0:
            return None
        missed = [packed for packed in self._recent.get(agent_id, ()) if packed[0] > seq]
        if not missed or missed[0][0] != seq + 1 or missed[-1][0] != last:
            return None
        return tuple(
            Notification(agent_id, number, Event(event), msgspec.json.decode(params))
            for number, event, params in missed
        )

    def attach(self, agent_id: str, listener: Listener) -> bool:
        """Add a listener; True when it is the agent's first."""
        self._listeners[agent_id].append(listener)
        return len(self._listeners[agent_id]) == 1

    def detach(self, agent_id: str, listener: Listener) -> bool:
        """Remove a listener; True when it was the agent's last. Unknown ones are ignored."""
        listeners = self._listeners.get(agent_id, [])
        if listener not in listeners:
            return False
        listeners.remove(listener)
        return not listeners

    def attached(self) -> list[str]:
        """Agents with a listener."""
        return [agent_id for agent_id, listeners in self._listeners.items() if listeners]

    def forget(self) -> None:
        """Drop what is kept (a new history begins); listeners stay."""
        self._recent.clear()
