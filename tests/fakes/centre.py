"""A `Centre` on the real World, in memory: signals are applied at once, effects are recorded.

With `answers=True` (the default) a small make-believe PBX carries the effects out at once, as a PBX with
obedient phones would; without, the test answers them itself by `signal(...)`.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import defaultdict, deque
from collections.abc import Sequence
from typing import Any

from cti_server.domain import effects as e
from cti_server.domain import signals as s
from cti_server.domain.agent import StationMode
from cti_server.domain.errors import refusals
from cti_server.domain.events import Event, Outcome
from cti_server.domain.leg import LegState
from cti_server.domain.step import Step
from cti_server.domain.views import agent_view, own_contacts, system_view
from cti_server.domain.world import World
from cti_server.engine.news import News, news_of
from cti_server.engine.port import CommandRefused, Dependency, Figure, Health, Joined, Listener, Resume
from cti_server.errors import CtiError

NODE = "pbx-a"
PEOPLE = {
    "1001": ("agent",),
    "1002": ("agent",),
    "1003": ("agent",),
    "2001": ("agent", "team_leader"),
    "3001": ("quality_inspector",),
    "4001": ("operations_manager",),
    "5001": ("auditor",),
    "9001": ("administrator",),
}


class FakeCentre:
    """See the module. `away`, when set, is raised by every command and join."""

    def __init__(self, *, answers: bool = True, history: int = 1000, epoch: int = 1) -> None:
        self.world = World()
        self.effects: list[e.Effect] = []
        self.away: CtiError | None = None
        self.ready = True
        self.commands: list[s.Command] = []
        self._answers = answers
        self._history: defaultdict[str, deque[News]] = defaultdict(lambda: deque(maxlen=history))
        self._listeners: defaultdict[str, list[Listener]] = defaultdict(list)
        self._replies: dict[tuple[str, str], asyncio.Future[dict[str, Any]]] = {}
        self._numbers = itertools.count(1)
        self._load(epoch)

    def _load(self, epoch: int) -> None:
        now = time.time()
        agents = tuple(
            s.AgentProfile(agent_id, f"座席 {agent_id}", roles, {"general": 5})
            for agent_id, roles in PEOPLE.items()
        )
        stations = tuple(f"{agent_id}{kind}" for agent_id in PEOPLE for kind in ("", "-browser"))
        group = s.GroupProfile("general", "综合", "General")
        self.signal(s.EpochBegan(now, epoch))
        self.signal(s.LeaderStarted(now, 1))
        self.signal(s.DirectoryLoaded(now, agents, (group,), {"4000": "general"}, stations))
        self.signal(s.NodeUp(now, NODE))
        # 1003's phones stay unregistered
        registered = tuple(address for address in stations if not address.startswith("1003"))
        self.signal(s.NodeSnapshot(now, NODE, (), registered))
        self.effects.clear()

    # --- what the test does -------------------------------------------------------------------------------

    def signal(self, signal: s.Signal) -> Outcome:
        """Apply, tell, answer, carry out; as the engine does, in this order."""
        outcome = self.world.apply(signal)
        self._tell(outcome)
        for reply in outcome.replies:
            future = self._reply(reply.agent_id, reply.request_id)
            if future.done():
                continue
            if reply.error_code:
                retryable = refusals()[reply.error_code].retryable
                future.set_exception(
                    CommandRefused(reply.error_code, reply.error_message, retryable=retryable)
                )
                future.exception()  # looked at: an answer that nobody waits for any more is no fault
            else:
                future.set_result(reply.result or {})
        self.effects += outcome.effects
        if self._answers:
            for effect in outcome.effects:
                self._carry_out(effect)
        return outcome

    def _tell(self, outcome: Outcome) -> None:
        for notification in outcome.notifications:
            news = news_of(notification)
            self._history[notification.agent_id].append(news)
            for listener in tuple(self._listeners[notification.agent_id]):
                listener([news])

    def call(self, number: str = "13800138000", service: str = "4000") -> str:
        """A customer calls and reaches the waiting place; the contact's id."""
        channel = f"{NODE}-1795282224.{next(self._numbers)}"
        self.signal(s.ContactArrived(time.time(), NODE, channel, service, number))
        self.signal(s.CustomerPlaced(time.time(), NODE, channel, "wait"))
        return channel

    def customer_hangs_up(self, contact_id: str) -> None:
        self.signal(s.ChannelGone(time.time(), NODE, contact_id))

    def node_down(self) -> None:
        self.signal(s.NodeDown(time.time(), NODE))

    def new_epoch(self, epoch: int) -> None:
        """The journal was lost: sequence numbers start again."""
        self._history.clear()
        self.signal(s.EpochBegan(time.time(), epoch))

    def listeners(self, agent_id: str) -> int:
        return len(self._listeners[agent_id])

    def chatter(self, agent_id: str, times: int) -> None:
        """As many notifications to the agent, all at once."""
        for _ in range(times):
            step = Step(self.world.state, time.time())
            step.tell_agent(self.world.state.agents[agent_id], Event.AGENT_STATE_CHANGED)
            self._tell(step.outcome)

    # --- Centre -------------------------------------------------------------------------------------------

    async def execute(self, command: s.Command) -> dict[str, Any]:
        if self.away:
            raise self.away
        key = (command.agent_id, command.request_id)
        repeated = key in self._replies
        future = self._reply(*key)
        if not repeated:
            self.commands.append(command)
            self.signal(command)
            if isinstance(command, s.Accept):
                self._pick_up(command.contact_id)
        return await asyncio.shield(future)

    async def join(self, agent_id: str, listener: Listener, resume: Resume | None) -> Joined:
        if self.away:
            raise self.away
        agent = self.world.state.agents.get(agent_id)
        if agent is None:
            raise CommandRefused("unknown_agent", "no such agent", retryable=False)
        self.signal(s.AgentConnected(time.time(), agent_id))
        self._listeners[agent_id].append(listener)
        epoch, seq = self.sequence(agent_id)
        missed = self._missed(agent_id, resume)
        views = agent_view(self.world.state, agent), own_contacts(self.world.state, agent)
        now = system_view(self.world.state)
        return Joined(epoch, seq, missed is not None, *views, now, tuple(missed or ()))

    async def leave(self, agent_id: str, listener: Listener) -> None:
        if listener in self._listeners[agent_id]:
            self._listeners[agent_id].remove(listener)
            if not self._listeners[agent_id]:
                self.signal(s.AgentDisconnected(time.time(), agent_id))

    def sequence(self, agent_id: str) -> tuple[int, int]:
        return self.world.state.epoch, self.world.state.agents[agent_id].seq

    def roles(self, agent_id: str) -> tuple[str, ...]:
        agent = self.world.state.agents.get(agent_id)
        return agent.roles if agent else ()

    def health(self) -> Health:
        broker = Dependency("redis", self.ready, "" if self.ready else "no answer")
        return Health((broker, Dependency("database", ready=False, detail="away")), frozenset({"redis"}))

    def figures(self) -> Sequence[Figure]:
        trips = [
            Figure("cti_ami_round_trip_seconds", 0.001, (("node", node), ("quantile", "0.5")))
            for node in ("pbx-a", "pbx-b")
        ]
        contacts = Figure("cti_contacts_live", len(self.world.state.contacts))
        return [contacts, Figure("cti_signals_total", 7), *trips]

    def _reply(self, agent_id: str, request_id: str) -> asyncio.Future[dict[str, Any]]:
        key = (agent_id, request_id)
        if key not in self._replies:
            self._replies[key] = asyncio.get_running_loop().create_future()
        return self._replies[key]

    def _missed(self, agent_id: str, resume: Resume | None) -> list[News] | None:
        epoch, seq = self.sequence(agent_id)
        if resume is None or resume.epoch != epoch or resume.seq > seq:
            return None
        missed = [n for n in self._history[agent_id] if n.seq > resume.seq]
        return missed if len(missed) == seq - resume.seq else None

    def _pick_up(self, contact_id: str) -> None:
        """Whoever accepts picks the ringing phone up."""
        contact = self.world.state.contacts.get(contact_id)
        leg = contact.agent_leg if contact else None
        if leg and leg.state is LegState.RINGING:
            self.signal(s.StationPlaced(time.time(), NODE, leg.channel))

    # --- the make-believe PBX -----------------------------------------------------------------------------

    def _carry_out(self, effect: e.Effect) -> None:
        now = time.time()
        if isinstance(effect, e.RingStation):
            if effect.mode is StationMode.PERSISTENT:
                self.signal(s.StationPlaced(now, NODE, effect.channel))
        elif isinstance(effect, e.Connect):
            bridge = f"bridge-{next(self._numbers)}"
            self.signal(s.ChannelEnteredBridge(now, NODE, effect.channel, bridge))
            self.signal(s.ChannelEnteredBridge(now, NODE, effect.agent_channel, bridge))
            self.signal(s.RecordingChanged(now, NODE, effect.channel, recording=True))
        elif isinstance(effect, e.HoldCustomer):
            self.signal(s.CustomerPlaced(now, NODE, effect.channel, "hold"))
            self.signal(s.StationPlaced(now, NODE, effect.agent_channel))
        elif isinstance(effect, e.HangUpChannel):
            self.signal(s.ChannelGone(now, NODE, effect.channel))
