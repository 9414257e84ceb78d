"""The wallboard: today's figures and who waits, once a second, for whoever watches (REQUIREMENTS F4)."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Protocol

import structlog

from cti_server.api.ports import WallboardListener
from cti_server.domain.audience import Topic, groups_seen
from cti_server.domain.records import Record
from cti_server.domain.state import WorldState
from cti_server.domain.views import queue_view, timestamp
from cti_server.reports.facts import Fact, of_record
from cti_server.reports.figures import Rules
from cti_server.reports.live import DaySoFar, LiveFigures, as_it_is, together
from cti_server.reports.report import ALL
from cti_server.reports.work import Work
from cti_server.store.errors import StoreUnavailable

log = structlog.get_logger(__name__)

EVERY = 1.0
"""Seconds between two pictures for the same watcher."""
UNWATCHED = 15
"""Ticks between two rounds of work while nobody watches."""
REST = 0.002
"""Seconds of rest after each portion of work. Going on at once would be a portion before every notification,
for as long as there is work."""


class Past(Protocol):
    """Knows what happened, and makes something of it beside the event loop."""

    async def worked_out(
        self, work: Work[LiveFigures], shown: Callable[[LiveFigures], LiveFigures]
    ) -> LiveFigures:
        """See `api.ports.Reports`. Raises StoreUnavailable."""


class Wallboard:
    """`api.ports.Wallboard`. The leader's job: `run`."""

    def __init__(
        self, state: Callable[[], WorldState], past: Past, rules: Rules | None = None, utc_offset: int = 480
    ) -> None:
        self._state, self._past = state, past
        self._rules, self._utc_offset = rules or Rules(), utc_offset
        self._live = LiveFigures(self._rules, utc_offset)
        self._meanwhile: list[Fact] | None = None
        """What happens while the day is read."""
        self._working = asyncio.Lock()
        self._tell: WallboardListener = lambda _agent_id, _view: None
        self._told: dict[str, dict[str, Any]] = {}

    def kept(self, records: Sequence[Record]) -> None:
        """These have just happened (or are told again after a restart)."""
        stories = (record for record in records if record.kind == "contact_event")
        facts = [fact for record in stories if (fact := of_record(record))]
        self._live.add(facts)
        if self._meanwhile is not None:
            self._meanwhile += facts

    def listen(self, tell: WallboardListener) -> None:
        """See the port."""
        self._tell = tell

    async def run(self) -> None:
        """While this server leads: know the day so far, then show it each second to who watches."""
        self._live, self._told = LiveFigures(self._rules, self._utc_offset), {}
        await self._read_day()
        ticks = 0
        while True:
            await asyncio.sleep(EVERY)
            ticks += 1
            watching = self._state().subscribers.get(Topic.WALLBOARD.value, [])
            if watching or ticks % UNWATCHED == 0:
                await self._work()
            self._show(watching)

    async def view(self, agent_id: str) -> dict[str, Any]:
        """See the port."""
        await self._work()
        now = datetime.now(UTC)
        return self._view(groups_seen(self._state(), Topic.WALLBOARD, agent_id), now)

    async def _read_day(self) -> None:
        """Until it is read only what happens now is known."""
        self._meanwhile = []
        try:
            while True:
                work = DaySoFar(self._rules, self._utc_offset, datetime.now(UTC))
                try:
                    day = await self._past.worked_out(work, as_it_is)
                except StoreUnavailable as error:
                    log.warning("wallboard.day_not_read", code=error.code)
                    await asyncio.sleep(EVERY)
                    continue
                async with self._working:
                    day.add(self._meanwhile)
                    self._live = day
                return
        finally:
            self._meanwhile = None

    async def _work(self) -> None:
        async with self._working:
            for _ in self._live.work(datetime.now(UTC)):
                await asyncio.sleep(REST)

    def _show(self, watching: Sequence[str]) -> None:
        """One picture for all who see the same groups; nothing to whom nothing is new."""
        now, pictures = datetime.now(UTC), {}
        for agent_id in watching:
            groups = groups_seen(self._state(), Topic.WALLBOARD, agent_id)
            if groups not in pictures:
                pictures[groups] = self._view(groups, now)
            if self._told.get(agent_id) != pictures[groups]:
                self._told[agent_id] = pictures[groups]
                self._tell(agent_id, pictures[groups])
        self._told = {agent_id: view for agent_id, view in self._told.items() if agent_id in watching}

    def _view(self, groups: frozenset[str] | None, now: datetime) -> dict[str, Any]:
        state = self._state()
        figures = together(self._live.figures, groups)
        none = type(figures[ALL])()
        there = [
            group
            for group in state.groups.values()
            if not group.successor and (groups is None or group.group_id in groups)
        ]
        queues = [
            {**queue_view(state, group), "today": figures.get(group.group_id, none).values()}
            for group in there
        ]
        seen = {group.group_id for group in there}
        agents = Counter(one.state.value for one in state.agents.values() if seen & one.groups.keys())
        oldest = [queue["oldest_queued_at"] for queue in queues if queue["oldest_queued_at"]]
        return {
            "since": timestamp(self._live.since(now).timestamp()),
            "answer_within": self._rules.answer_within,
            "short_abandon": self._rules.short_abandon,
            "queues": queues,
            "centre": {
                "waiting": sum(queue["waiting"] for queue in queues),
                "oldest_queued_at": min(oldest, default=None),
                "agents": dict(agents),
                "today": figures[ALL].values(),
            },
        }
