"""The loop that begins calls: who is free, how many at once, whom."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import structlog

from cti_server.campaigns.kept import Campaign, Record
from cti_server.campaigns.model import Mode, Outcome, State
from cti_server.campaigns.pacing import PATIENCE, Measured, Situation, calls_to_begin
from cti_server.campaigns.results import call_back_at, outcome_of
from cti_server.domain import signals as s
from cti_server.domain.agent import IN_CONTACT, AgentState
from cti_server.domain.contact import ContactState
from cti_server.domain.records import Record as Told
from cti_server.domain.state import WorldState
from cti_server.engine.port import JournalUnavailable, Overloaded
from cti_server.errors import CtiError
from cti_server.store import campaign_lists, campaigns, dialling, previews
from cti_server.store.database import Database

log = structlog.get_logger(__name__)
LOOK_EVERY = 0.5
CAMPAIGNS_EVERY = 2.0
"""Seconds until a campaign that was started begins to call, or a paused one stops."""
MEASURE_EVERY = 5.0
RECONCILE_EVERY = 20.0
IMPORTS_EVERY = 5.0
LOST_AFTER = 300.0
"""Seconds after which an attempt that nobody knows anything of is `unknown`."""
MOST_AT_ONCE = 50
"""Calls begun in one look."""


def new_attempt(node: str) -> str:
    """The id of an attempt: of its contact, and of the channel. Of one length per node (adr/0010)."""
    return f"{node}-cam-{uuid.uuid4().hex}"


class Dialler:
    """See the module. `run` lasts as long as the leadership; `told` is given every record that is kept."""

    def __init__(
        self,
        database: Database,
        state: Callable[[], WorldState],
        apply: Callable[[s.Signal], Awaitable[None]],
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`apply` returns when the signal is in the journal and in the world."""
        self._database, self._state, self._apply, self._clock = database, state, apply, clock
        self._ended: asyncio.Queue[Mapping[str, Any]] = asyncio.Queue()
        self._running: Sequence[Campaign] = ()
        self._measured: dict[str, Measured] = {}
        self._due: dict[str, float] = {}

    def told(self, records: Sequence[Told]) -> None:
        """A contact that was an attempt is over."""
        for record in records:
            if record.kind == "contact" and record.data["state"] == "ended" and _is_attempt(record.data):
                self._ended.put_nowait(record.data)

    async def run(self) -> None:
        """Call, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._settle_forever())
            tasks.create_task(self._look_forever())

    # --- beginning calls ------------------------------------------------------------------------------

    async def _look_forever(self) -> None:
        while True:
            try:
                await self.look()
            except (CtiError, KeyError) as error:
                log.warning("dialler.look_failed", code=getattr(error, "code", type(error).__name__))
            await asyncio.sleep(LOOK_EVERY)

    async def look(self) -> None:
        """Begin what may begin now."""
        if self._is_due("campaigns", CAMPAIGNS_EVERY):
            self._running = await campaigns.list_campaigns(self._database, state=State.RUNNING)
        if self._is_due("reconcile", RECONCILE_EVERY):
            await self._reconcile()
        if self._is_due("imports", IMPORTS_EVERY):
            given_up = await campaign_lists.give_up_dead(self._database, self._clock())
            if given_up:
                log.warning("dialler.imports_given_up", count=given_up)
        for campaign in self._running:
            if campaign.settings.mode is not Mode.PREVIEW:
                await self._begin_calls(campaign)

    def _is_due(self, what: str, every: float) -> bool:
        now = self._clock()
        due = now >= self._due.get(what, 0.0)
        if due:
            self._due[what] = now + every
        return due

    async def _begin_calls(self, campaign: Campaign) -> None:
        settings, now = campaign.settings, self._clock()
        if not settings.open_regions(now):
            return
        if self._is_due(campaign.campaign_id, MEASURE_EVERY):
            measured = await dialling.measured(self._database, campaign.campaign_id, now)
            self._measured[campaign.campaign_id] = measured
        state = self._state()
        node = best_node(state, settings.group_id)
        room = state.outside.calls_per_minute - sum(at > now - 60 for at in state.outside_calls)
        count = calls_to_begin(
            settings.mode,
            situation(state, settings.group_id, now),
            self._measured[campaign.campaign_id],
            settings.abandon_cap,
        )
        ids = [new_attempt(node) for _ in range(min(count, room, MOST_AT_ONCE))] if node else []
        for attempt_id, record in await dialling.take(self._database, campaign, ids, node, now):
            await self._call(campaign, attempt_id, record, node)

    async def _call(self, campaign: Campaign, attempt_id: str, record: Record, node: str) -> None:
        """Kept already; so nobody makes this attempt again, whatever happens from here on."""
        settings = campaign.settings
        signal = s.CampaignCall(
            at=0.0,
            node=node,
            channel=attempt_id,
            campaign=campaign.campaign_id,
            group_id=settings.group_id,
            number=record.number,
            name=record.name,
            shown=settings.caller_id,
            ring_time=settings.ring_time,
            patience=PATIENCE,
            message=settings.machine_message,
            data=attached(campaign, record),
        )
        try:
            await self._apply(signal)
        except (JournalUnavailable, Overloaded) as error:
            log.warning("dialler.not_placed", attempt_id=attempt_id, code=error.code)
            await dialling.settle(self._database, dialling.Result(attempt_id, Outcome.FAILED, self._clock()))

    # --- what came of them ----------------------------------------------------------------------------

    async def _settle_forever(self) -> None:
        while True:
            row = await self._ended.get()
            try:
                await self._settle(row)
            except CtiError as error:  # `_reconcile` finds it in the interaction log
                log.warning("dialler.not_settled", attempt_id=row["contact_id"], code=error.code)

    async def _settle(self, row: Mapping[str, Any]) -> None:
        outcome = outcome_of(row)
        heard_at = row["queued_at"] or row["connected_at"]
        result = dialling.Result(
            row["contact_id"],
            outcome,
            row["ended_at"] if row["connected_at"] is None else self._clock(),
            row["ended_at"] if outcome is Outcome.ABANDONED and heard_at is None else heard_at,
            row["agent_id"] or "",
            row["disposition"] or "",
            call_back_at(row),
        )
        if await dialling.settle(self._database, result):
            log.info("dialler.ended", attempt_id=result.attempt_id, outcome=result.outcome.value)

    async def _reconcile(self) -> None:
        """Attempts whose end we missed: from the interaction log, or `unknown` when nobody can tell."""
        now = self._clock()
        for attempt_id, placed_at in await dialling.under_way(self._database):
            if attempt_id in self._state().contacts or placed_at > now - RECONCILE_EVERY:
                continue
            row = await dialling.logged(self._database, attempt_id)
            if row and row["state"] == "ended":
                await self._settle(row)
            elif placed_at < now - LOST_AFTER:
                await dialling.settle(self._database, dialling.Result(attempt_id, Outcome.UNKNOWN, now))
        signed_in = {agent.agent_id for agent in self._state().agents.values() if agent.signed_in}
        await previews.give_back(self._database, lambda agent_id: agent_id in signed_in)


def _is_attempt(row: Mapping[str, Any]) -> bool:
    return "-cam-" in row["contact_id"]


def attached(campaign: Campaign, record: Record) -> dict[str, Any]:
    """What the agent sees with the call."""
    settings = campaign.settings
    return {
        **record.data,
        "campaign": {
            "campaign_id": campaign.campaign_id,
            "name": campaign.name,
            "record_id": record.record_id,
            "attempt": record.progress.attempts + 1,
            "script": settings.script,
            "dispositions": [one.code for one in settings.dispositions],
        },
    }


def best_node(state: WorldState, group_id: str) -> str:
    """The node that most free agents of the group are at; empty when none is in reach."""
    nodes: Counter[str] = Counter()
    for agent in state.agents.values():
        station = state.stations.get(agent.station or "")
        if group_id in agent.groups and agent.signed_in and station:
            nodes[station.node] += 1 + 100 * (agent.state is AgentState.READY)
    up = [(count, name) for name, count in nodes.items() if name in state.nodes and state.nodes[name].up]
    return max(up)[1] if up else ""


def situation(state: WorldState, group_id: str, now: float) -> Situation:
    """How the group is now; whoever called by itself and waits comes first."""
    members = [agent for agent in state.agents.values() if group_id in agent.groups and agent.connected]
    ready = sum(agent.state is AgentState.READY for agent in members)
    busy = [agent for agent in members if agent.state in IN_CONTACT]
    begun = [state.contacts[c].connected_at for a in busy for c in a.contact_ids if c in state.contacts]
    ours = [c for c in state.contacts.values() if c.campaign and c.group_id == group_id]
    group = state.groups.get(group_id)
    return Situation(
        free=ready,
        busy=[now - at for at in begun if at is not None],
        ringing=[now - c.arrived_at for c in ours if c.state is ContactState.DIALLING and not c.agent_id],
        waiting=len(group.waiting) if group else 0,
    )
