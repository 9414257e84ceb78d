"""A centre in memory: the world, a fake PBX, time, a journal; and a directory to fill it."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import asdict
from typing import Any

import msgspec

from cti_server.domain import effects as e
from cti_server.domain import signals as s
from cti_server.domain.agent import AgentState, StationMode
from cti_server.domain.events import Outcome, Reply
from cti_server.domain.ivr import Ivr, Option
from cti_server.domain.routing import Router
from cti_server.domain.rules import ahead
from cti_server.domain.state import WorldState
from cti_server.domain.world import World
from tests.fakes.pbx import FakePbx
from tests.unit.domain import invariants, plain_routing

START = 1_790_000_000.0
BUSY = 20
"""Times that one timer may fire per second, at most: many callers wait, and each has its own."""
TICK = 0.001
"""Seconds that every signal takes: time never stands still."""
SIGNALS: dict[str, type[s.Signal]] = {
    cls.__name__: cls for cls in vars(s).values() if isinstance(cls, type) and issubclass(cls, s.Signal)
}

AGENTS = (
    s.AgentProfile("1001", "陈晓", ("agent",), {"general": 5}),
    s.AgentProfile("1002", "李静", ("agent",), {"general": 5, "credit_card": 7}),
    s.AgentProfile("1003", "王芳", ("team_leader",), {"credit_card": 3}),
    s.AgentProfile("3001", "赵敏", ("quality_inspector",), {}),
    s.AgentProfile("5001", "周正", ("auditor",), {}),
)
GROUPS = (
    s.GroupProfile("general", "综合", "General", ring_timeout=20.0, wrap_up_time=60.0),
    s.GroupProfile("credit_card", "信用卡", "Credit card", ring_timeout=15.0, wrap_up_time=30.0),
)
NUMBERS = {"4000": "general", "4001": "credit_card", "4005": "general"}
MENU = Ivr(
    languages=("zh", "en"),
    elder_group="credit_card",
    menus={
        "main": (
            Option("1", "for_general", group="general"),
            Option("2", "for_credit_card", group="credit_card", identify=True),
            Option("3", "for_identity", identify=True),
            Option("4", "more", menu="more"),
        ),
        "more": (Option("1", "for_credit_card", group="credit_card"), Option("9", "back", menu="main")),
    },
)
"""Behind 4005."""
STATIONS = ("1001", "1001-browser", "1002", "1003")


def directory(
    at: float = START,
    agents: tuple[s.AgentProfile, ...] = AGENTS,
    *,
    stations: tuple[str, ...] = STATIONS,
    groups: tuple[s.GroupProfile, ...] = GROUPS,
    holidays: tuple[str, ...] = (),
    kind: type[s.DirectoryLoaded] = s.DirectoryLoaded,
    **more: Any,
) -> s.DirectoryLoaded:
    """The directory these tests use."""
    known: dict[str, Any] = {
        "service_numbers": dict(NUMBERS),
        "stations": stations,
        "holidays": holidays,
        "ivrs": {"4005": MENU},
        **more,
    }
    return kind(at, agents, groups, **known)


def written(signal: s.Signal) -> bytes:
    """A signal as the journal keeps it."""
    fields = {name: getattr(signal, name) for name in signal.__dataclass_fields__}
    return msgspec.json.encode({"type": type(signal).__name__, **fields})


def read(line: bytes) -> s.Signal:
    """A signal from the journal."""
    fields = msgspec.json.decode(line)
    return msgspec.convert(fields, SIGNALS[fields.pop("type")])


def copy(state: WorldState) -> WorldState:
    """The state through its snapshot's form."""
    return msgspec.json.decode(msgspec.json.encode(state), type=WorldState)


class Centre:
    """World and PBX side by side. Every signal goes through `apply`, which checks the invariants."""

    def __init__(self, *, announces: bool = False) -> None:
        self.now = START
        self.world = World()
        self.pbx = FakePbx(announces=announces)
        self.journal: list[bytes] = []
        self.told: list[Outcome] = []
        self.broken = False
        self.replies: dict[tuple[str, str], list[Reply]] = defaultdict(list)
        self.commands: list[tuple[str, str]] = []
        self._requests = 0
        for signal in (s.EpochBegan(self.now, 1), s.LeaderStarted(self.now, 1), directory(self.now)):
            self.apply(signal)

    @property
    def state(self) -> WorldState:
        """The world's."""
        return self.world.state

    def apply(self, signal: s.Signal) -> Outcome:
        """Journal, apply, ask the PBX; check."""
        self.journal.append(written(signal))
        if isinstance(signal, s.Command):
            self.commands.append((signal.agent_id, signal.request_id))
        outcome = self.world.apply(signal)
        self.told.append(outcome)
        for reply in outcome.replies:
            self.replies[reply.agent_id, reply.request_id].append(reply)
        self.broken = True
        self.now = self.pbx.now = self.now + TICK
        contradictions = [a for a in outcome.anomalies if " in state " in a]
        assert not contradictions, (signal, contradictions)
        self.pbx.ask(outcome.effects)
        self._effects(outcome)
        self._sequences(outcome)
        invariants.check(self.state)
        self._routing()
        self.broken = False
        return outcome

    def _routing(self) -> None:
        """The index was told of everything that changed, and nobody waits for somebody who is free."""
        assert self.world.router.picture() == Router(self.state).picture()
        assert not plain_routing.pairs(self.state)
        for node in self.state.nodes.values():
            if node.up:
                numbers = ahead.numbers(self.state)
                wanted = ahead.guesses(self.state, self.world.router, node.name, numbers, self.state.last_at)
                told = self.state.ahead.get(node.name, {})
                same = {number: guess for number, guess in told.items() if guess}
                assert same == {number: guess for number, guess in wanted.items() if guess}, "guesses"

    def _effects(self, outcome: Outcome) -> None:
        """Nobody is rung at a node out of reach, nobody connected without having agreed."""
        for effect in outcome.effects:
            if isinstance(effect, e.RingStation):
                assert self.state.nodes[effect.node].up, "a phone is to ring at a node out of reach"
            if isinstance(effect, e.Connect):
                contact = self.state.contacts[effect.channel]
                agent = self.state.agents.get(contact.agent_id or "")
                if (
                    agent
                    and agent.state is AgentState.RESERVED
                    and agent.station_mode is StationMode.PERSISTENT
                ):
                    agreed = (
                        contact.operation or contact.patience or contact.dialling
                    )  # the agent called it itself
                    assert agreed, "connected, but not accepted"

    def _sequences(self, outcome: Outcome) -> None:
        for notification in outcome.notifications:
            agent = self.state.agents[notification.agent_id]
            assert notification.params["seq"] == notification.seq <= agent.seq
            assert "13800138000" not in str(notification.params)

    def command(self, kind: type[s.Command], agent_id: str, *args: Any, **more: Any) -> Reply | None:
        """Let an agent's program ask; returns the reply if it came at once."""
        self._requests += 1
        request = f"request-{self._requests}"
        self.apply(kind(self.now, request, agent_id, *args, **more))
        found = self.replies.get((agent_id, request))
        return found[0] if found else None

    def pass_time(self, seconds: float) -> None:
        """Let time go by; timers fire when they are due."""
        until, fired = self.now + seconds, Counter[str]()
        while (due := self.world.next_timer()) is not None and due <= until:
            self.now = self.pbx.now = max(self.now, due)
            for key in self.world.due_timers(self.now):
                self.apply(s.TimerFired(self.now, key))
                fired[key] += 1
                assert fired[key] < BUSY * (1 + seconds), f"timers that set each other off: {key}"
        self.now = self.pbx.now = until

    def settle(self) -> None:
        """Carry out all effects and read all facts until nothing is on its way."""
        for _ in range(1000):
            if self.pbx.effects:
                self.pbx.carry_out()
            elif sources := self.pbx.sources():
                self.apply(self.pbx.read(sources[0]))
            else:
                return
        raise AssertionError("the centre does not come to rest")

    def connect(self) -> None:
        """The link to the PBX comes up."""
        self.apply(self.pbx.connect())

    def disconnect(self, *, unknown: bool = False, done: bool = False) -> None:
        """The link to the PBX breaks."""
        self.apply(self.pbx.disconnect(unknown=unknown, done=done))

    def restart(self) -> None:
        """Kill the server and start another one from its snapshot; agents' programs come later."""
        self.pbx.forget_server()
        restored = copy(self.state)
        assert restored == self.state
        self.world = World(restored)
        self.apply(s.LeaderStarted(self.now, self.state.term + 1))

    def replayed(self) -> tuple[WorldState, list[dict[str, Any]]]:
        """State and outcomes when the journal is applied from the start."""
        world = World()
        outcomes = [asdict(world.apply(read(line))) for line in self.journal]
        return world.state, outcomes
