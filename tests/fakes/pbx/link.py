"""The link to a server: effects come in and wait, facts wait to be read, a snapshot stands before them."""

from __future__ import annotations

from collections import deque
from dataclasses import replace

from cti_server.domain import effects as e
from cti_server.domain import signals as s
from cti_server.domain.agent import StationMode
from tests.fakes.pbx.channel import CEL_SLACK, EFFECTS, Channel


class Link:
    """State of the node, and what of it a server has heard."""

    def __init__(self, name: str = "pbx-a", *, announces: bool = False) -> None:
        self.name = name
        self.announces = announces
        self.now = 0.0
        self.link = False
        self.channels: dict[str, Channel] = {}
        self.registered: set[str] = set()
        self._modes: dict[tuple[str, str], StationMode] = {}
        """Stations and the groups in whose fallback queues they ring."""
        self.numbers: dict[str, e.NotedNumber] = {}
        """Service numbers, as noted in the node's own database."""
        self.guesses: dict[str, str] = {}
        """By service number: whose phone is rung for its next call."""
        self.effects: deque[e.Effect] = deque()
        self.told: list[tuple[str, int, float | None]] = []
        """What waiting customers were told: channel, position, expected wait."""
        self.facts: dict[str, deque[s.Signal]] = {}
        self._earlier: dict[str, int] = {}
        """How many facts of each source were told before the snapshot, and are read before it."""
        self.snapshot: s.NodeSnapshot | None = None
        """Taken, not told yet; what is told after it waits behind it."""
        self.cel: deque[s.ContactRecovered] = deque()
        """Calls that ended, for the server to read when it comes back."""
        self._unread: deque[s.ContactRecovered] = deque()
        self._seen_until = 0.0
        self._counter = 0

    @property
    def members(self) -> dict[str, set[str]]:
        """Stations to the groups in whose fallback queues they ring."""
        found: dict[str, set[str]] = {}
        for address, group in self._modes:
            found.setdefault(address, set()).add(group)
        return found

    def connect(self) -> s.NodeUp:
        """The AMI connection stands: ended calls are read, a snapshot is taken, then facts are told."""
        self.link = True
        self._unread = deque(call for call in self.cel if call.ended_at > self._seen_until - CEL_SLACK)
        self._take_snapshot()
        return s.NodeUp(self.now, self.name)

    def disconnect(self, *, unknown: bool = False, done: bool = False) -> s.NodeDown:
        """The link breaks: facts not read are lost, waiting effects fail or are in doubt (`done` or not)."""
        while unknown and done and self.effects:
            effect = self.effects.popleft()
            self._carry_out(effect)
            self._fail(effect, "outcome_unknown")
        self._seen_until = self.now
        self.link = False
        self.snapshot = None
        self._earlier = {}
        self._unread.clear()
        self.facts = {EFFECTS: self.facts[EFFECTS]} if EFFECTS in self.facts else {}
        code = "outcome_unknown" if unknown else "pbx_unavailable"
        while self.effects:
            self._fail(self.effects.popleft(), code)
        return s.NodeDown(self.now, self.name)

    def forget_server(self) -> None:
        """The server died: nobody hears of its effects, nor will they be carried out."""
        self.disconnect()
        self.facts.clear()

    def ask(self, effects: list[e.Effect]) -> None:
        """The server wants these."""
        self.effects.extend(effects)

    def sources(self) -> list[str]:
        """Where a fact can be read from now."""
        if self._unread:
            return ["cel"]
        if self.snapshot:
            # AMI is buffered behind the snapshot; a call's question comes by its own way.
            asking = [
                n
                for n, queue in self.facts.items()
                if isinstance(queue[0], s.ContactArrived | s.MenuAnswered)
            ]
            earlier = [name for name, told in self._earlier.items() if told and name not in asking]
            return [*(earlier or ["snapshot"]), *asking]
        return [name for name, queue in self.facts.items() if queue and not self._kept_back(name)]

    def _kept_back(self, source: str) -> bool:
        """Of a leg rung ahead nothing is told before the call that it was rung for."""
        leg = self.channels.get(source)
        asking = (
            self.facts.get(f"agi:{leg.variables['CTI_FOR']}") if leg and "CTI_FOR" in leg.variables else None
        )
        return bool(asking and isinstance(asking[0], s.ContactArrived))

    def read(self, source: str) -> s.Signal:
        """The next fact of a source, at the time of now."""
        if source == "cel":
            return replace(self._unread.popleft(), at=self.now)
        if source == "snapshot":
            taken, self.snapshot = self.snapshot, None
            assert taken is not None
            return replace(taken, at=self.now)
        if source in self._earlier:
            self._earlier[source] -= 1
        fact = self.facts[source].popleft()
        if not self.facts[source]:
            del self.facts[source]
        if isinstance(fact, s.ContactArrived) and fact.channel in self.channels:
            self.channels[fact.channel].variables["CTI_ROUTED"] = "1"
        elif isinstance(fact, s.ContactArrived):  # whoever hands it in tells what was told too early
            self._tell(source, s.ChannelGone(self.now, self.name, fact.channel))
        return replace(fact, at=self.now)

    def carry_out(self) -> None:
        """Do the oldest effect."""
        effect = self.effects.popleft()
        if not self.link:
            self._fail(effect, "pbx_unavailable")
            return
        if not self._carry_out(effect):
            self._fail(effect, "pbx_refused")

    def leave_out(self, effect: e.Effect, *, done: bool) -> None:
        """An effect whose own answer never comes: done now, or never."""
        self.effects.remove(effect)
        if done:
            self._carry_out(effect)

    def _carry_out(self, effect: e.Effect) -> bool:
        done: bool = getattr(self, f"_do_{type(effect).__name__}")(effect)
        return done

    def _tell(self, source: str, fact: s.Signal) -> None:
        if self.link:
            self.facts.setdefault(source, deque()).append(fact)

    def _fail(self, effect: e.Effect, code: str) -> None:
        channel = getattr(effect, "channel", "")
        fact = s.EffectFailed(self.now, self.name, type(effect).__name__, channel, code)
        self.facts.setdefault(EFFECTS, deque()).append(fact)

    def _take_snapshot(self) -> None:
        channels = tuple(
            s.ChannelFact(
                c.channel,
                c.context,
                c.bridge,
                c.up,
                c.address,
                c.number,
                variables=dict(c.variables),
                held=c.held,
            )
            for c in self.channels.values()
        )
        registered = tuple(sorted(self.registered))
        members = tuple(s.FallbackMember(*member, mode) for member, mode in sorted(self._modes.items()))
        self._earlier = {n: len(told) for n, told in self.facts.items() if not n.startswith("agi:")}
        self.snapshot = s.NodeSnapshot(
            self.now, self.name, channels, registered, taken_at=self.now, members=members
        )
