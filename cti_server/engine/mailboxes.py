"""What was told to each agent lately, and who listens now: the base of gapless resume."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable

from cti_server.domain.events import Notification
from cti_server.engine.news import News, news_of
from cti_server.engine.port import Listener

KEPT = 500
"""Notifications kept per agent; a client that missed more gets a snapshot."""


class Mailboxes:
    """Recent notifications and live listeners, per agent."""

    def __init__(self) -> None:
        self._recent: dict[str, deque[News]] = defaultdict(lambda: deque(maxlen=KEPT))
        self._listeners: dict[str, list[Listener]] = defaultdict(list)

    def deliver(self, notifications: Iterable[Notification]) -> None:
        """Keep and pass on, to each agent in order and in one go."""
        by_agent: dict[str, list[News]] = {}
        for notification in notifications:
            by_agent.setdefault(notification.agent_id, []).append(news_of(notification))
        for agent_id, news in by_agent.items():
            self._recent[agent_id].extend(news)
            for listener in tuple(self._listeners.get(agent_id, ())):
                listener(news)

    def since(self, agent_id: str, seq: int, last: int) -> tuple[News, ...] | None:
        """Everything after `seq` up to `last` without a gap, or None when that is not to be had."""
        if seq == last:
            return ()
        if seq > last or seq < 0:
            return None
        missed = [news for news in self._recent.get(agent_id, ()) if news.seq > seq]
        if not missed or missed[0].seq != seq + 1 or missed[-1].seq != last:
            return None
        return tuple(missed)

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
