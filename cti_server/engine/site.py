"""The site: the loop, as the edges (agent sockets, HTTP) see it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import structlog

from cti_server.domain import errors as domain_errors
from cti_server.domain import signals as s
from cti_server.domain.events import Reply
from cti_server.domain.views import agent_view, own_contacts, system_view
from cti_server.engine.answers import RequestKey
from cti_server.engine.loop import Loop
from cti_server.engine.port import (
    CommandRefused,
    Dependency,
    Figure,
    Health,
    Joined,
    JournalUnavailable,
    Listener,
    NotLeader,
    Overloaded,
    Resume,
)

log = structlog.get_logger(__name__)

COMMAND_DEADLINE = 60.0


class Site(Loop):
    """Implements `port.Centre`."""

    async def execute(self, command: s.Command) -> dict[str, Any]:
        """See `port.Centre.execute`."""
        await self._settling.over()
        key = self._answers.check(command)
        reply = self._answers.given(key) or await self._submit(key, command)
        return _result(reply)

    async def _submit(self, key: RequestKey, command: s.Command) -> Reply:
        if not self._answers.under_way(key):
            self.post(command)
            self._answers.expect(key)
        coming = self._answers.coming(key)
        overdue = asyncio.get_running_loop().call_later(COMMAND_DEADLINE, _give_up, coming)
        try:
            return await coming
        finally:
            overdue.cancel()

    async def join(self, agent_id: str, listener: Listener, resume: Resume | None) -> Joined:
        """See `port.Centre.join`."""
        state = self.world.state
        agent = state.agents.get(agent_id)
        self._require_leading()
        if agent is None and not self._knows_people:
            raise NotLeader("this server does not know its people (yet)")
        if agent is None:
            raise CommandRefused(domain_errors.UnknownAgent.code, "not in the directory", retryable=False)
        missed = None
        if resume and resume.epoch == state.epoch:
            missed = self._mailboxes.since(agent_id, resume.seq, agent.seq)
        joined = Joined(
            epoch=state.epoch,
            seq=agent.seq,
            resumed=missed is not None,
            agent=agent_view(state, agent),
            contacts=own_contacts(state, agent),
            system=system_view(state),
            missed=missed or (),
        )
        if self._mailboxes.attach(agent_id, listener):
            self.post(s.AgentConnected(0.0, agent_id))
        return joined

    async def leave(self, agent_id: str, listener: Listener) -> None:
        """See `port.Centre.leave`."""
        if self._mailboxes.detach(agent_id, listener) and self._leading:
            try:
                self.post(s.AgentDisconnected(0.0, agent_id))
            except (NotLeader, JournalUnavailable, Overloaded):
                log.warning("agent.disconnect_unnoted", agent_id=agent_id)

    def sequence(self, agent_id: str) -> tuple[int, int]:
        """See `port.Centre.sequence`."""
        agent = self.world.state.agents.get(agent_id)
        return self.world.state.epoch, agent.seq if agent else 0

    def roles(self, agent_id: str) -> tuple[str, ...]:
        """See `port.Centre.roles`."""
        if not self.world.state.agents:  # just started: nobody is refused for what is not known yet
            raise NotLeader("the directory is on its way; try again")
        agent = self.world.state.agents.get(agent_id)
        if agent is None and not self._knows_people:
            raise NotLeader("this server does not know its people (yet)")
        return agent.roles if agent else ()

    def routing_version(self) -> int | None:
        """Of the routing settings that the world lives by; None while this server does not lead."""
        return self.world.state.routing_version if self._leading else None

    def health(self) -> Health:
        """See `port.Centre.health`."""
        nodes = self.world.state.nodes.values()
        in_step = sum(node.up for node in nodes)
        dependencies = (
            Dependency("leader", self._leading and self.lease.held, f"term {self.lease.term}"),
            Dependency("redis", self.lease.reachable),
            Dependency("directory", self._knows_people),
            Dependency("in_step", in_step > 0, f"the state of {in_step} of {len(nodes)} nodes is known"),
            *self._outside.dependencies(),
        )
        return Health(dependencies, frozenset({"leader", "redis", "directory", "in_step", "pbx"}))

    def figures(self) -> Sequence[Figure]:
        """See `port.Centre.figures`."""
        state, counters = self.world.state, self.counters
        figures: dict[str, float] = {
            "leader": float(self._leading),
            "signals_total": counters.signals,
            "journal_batches_total": counters.batches,
            "journal_seconds_total": counters.journal_seconds,
            "anomalies_total": counters.anomalies,
            "signals_dropped_total": counters.dropped,
            "inbox": len(self._inbox),
            "contacts": len(state.contacts),
            "agents_signed_in": sum(agent.signed_in for agent in state.agents.values()),
        }
        return [*(Figure(f"cti_{name}", value) for name, value in figures.items()), *self._outside.figures()]


def _give_up(coming: asyncio.Future[Reply]) -> None:
    if not coming.done():
        unknown = domain_errors.OutcomeUnknown
        coming.set_exception(CommandRefused(unknown.code, "no outcome showed in time", retryable=False))


def _result(reply: Reply) -> dict[str, Any]:
    if reply.error_code is None:
        return reply.result or {}
    refusal = domain_errors.refusals().get(reply.error_code)
    raise CommandRefused(reply.error_code, reply.error_message, retryable=bool(refusal and refusal.retryable))
