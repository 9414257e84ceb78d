"""Agents' seats: signed in and out, states, programs; the directory; the team leader."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st
from hypothesis.stateful import rule

from cti_server.domain import signals as s
from cti_server.domain.contact import ContactState
from cti_server.domain.policy import Priorities
from tests.unit.domain import centre as c
from tests.unit.domain.life.drive import (
    LIVELY,
    PEOPLE,
    SEATS,
    Drive,
    agents,
    modes,
    some,
    states,
)


class Agents(Drive):
    """Agents' seats: signed in and out, states, programs; the directory; the team leader."""

    @rule()
    def all_is_well(self) -> None:
        """Link up, programs there, phones registered, everybody idle goes ready."""
        centre = self.centre
        centre.settle()
        if not centre.pbx.link:
            centre.connect()
        for agent_id, own in SEATS.items():
            agent = centre.state.agents[agent_id]
            if not agent.connected:
                centre.apply(s.AgentConnected(centre.now, agent_id))
            address = agent.station or own
            if address not in centre.pbx.registered:
                centre.pbx.register(address)
            centre.settle()
            if not agent.signed_in:
                centre.command(s.SignIn, agent_id, address, "on_demand")
            centre.command(s.SetState, agent_id, "ready")
            self._pick_up()

    @rule(numbers=some)
    def all_accept(self, numbers: list[int]) -> None:
        """Every offer becomes a conversation, or nearly."""
        for contact in list(self.centre.state.contacts.values()):
            if contact.state is ContactState.OFFERED:
                self._ask(s.Accept, contact.agent_id or "", contact.contact_id)
        self.flurry(numbers)
        for channel in self._ringing():
            self.centre.pbx.answer(channel.channel)
        self.flurry(numbers)

    @rule(
        kept=st.sampled_from([("general", "credit_card"), ("general",), ("credit_card",)]),
        lively=st.booleans(),
        skill=st.integers(0, 9),
        ageing=st.sampled_from([1.0, 300.0]),
    )
    def operations_change_the_routing(
        self, kept: tuple[str, ...], lively: bool, skill: int, ageing: float
    ) -> None:
        """Groups come and go, agents learn and unlearn, priorities count for more or less."""
        agents = tuple(
            replace(a, groups={g: n for g, n in a.groups.items() if g in kept}, skills={"vip": skill})
            for a in PEOPLE
        )
        groups = tuple(g for g in (LIVELY if lively else c.GROUPS) if g.group_id in kept)
        numbers = {number: g if g in kept else kept[0] for number, g in c.NUMBERS.items()}
        changed = c.directory(
            self.centre.now,
            agents,
            groups=groups,
            kind=s.RoutingChanged,
            service_numbers=numbers,
            priorities=Priorities(elder=skill, ageing=ageing),
            version=self.centre.state.routing_version + 1,
        )
        self.centre.apply(changed)

    @rule(agent=agents)
    def program(self, agent: str) -> None:
        connected = self.centre.state.agents[agent].connected
        kind = s.AgentDisconnected if connected else s.AgentConnected
        self.centre.apply(kind(self.centre.now, agent))

    @rule(agent=agents, station=st.sampled_from([*c.STATIONS, "browser"]), mode=modes)
    def sign_in(self, agent: str, station: str, mode: str) -> None:
        self.centre.command(s.SignIn, agent, station, mode)

    @rule(agent=agents)
    def own_seat(self, agent: str) -> None:
        self.centre.command(s.SignIn, agent, SEATS[agent], "on_demand")
        self.centre.command(s.SetState, agent, "ready")

    @rule(agent=agents)
    def sign_out(self, agent: str) -> None:
        self.centre.command(s.SignOut, agent, "end_of_shift")

    @rule(agent=agents, state=states)
    def set_state(self, agent: str, state: str) -> None:
        self.centre.command(s.SetState, agent, state, "reason")

    @rule(kept=st.sets(agents), stations=st.sets(st.sampled_from(c.STATIONS)))
    def reload_directory(self, kept: set[str], stations: set[str]) -> None:
        """Somebody and some stations are taken out, then put back."""
        fewer = tuple(a for a in PEOPLE if a.agent_id in kept)
        version = self.centre.state.routing_version
        left = tuple(sorted(stations))
        self.centre.apply(c.directory(self.centre.now, fewer, stations=left, groups=LIVELY, version=version))
        self.centre.apply(c.directory(self.centre.now, PEOPLE, groups=LIVELY, version=version))

    @rule(
        mode=st.sampled_from(["listen", "whisper", "barge", "intercept"]), other=agents, settle=st.booleans()
    )
    def supervise(self, mode: str, other: str, settle: bool) -> None:
        """The team leader takes part in somebody's conversation."""
        self.centre.command(s.SuperviseParty, "1003", mode, other)
        if settle:
            self._pick_up()

    @rule(on=st.booleans(), topics=st.sets(st.sampled_from(["agents", "queues", "contacts"]), min_size=1))
    def watch(self, on: bool, topics: set[str]) -> None:
        """The team leader watches, or does no more."""
        self.centre.command(s.Subscribe if on else s.Unsubscribe, "1003", tuple(sorted(topics)))

    @rule(stop=st.booleans(), other=agents, state=states)
    def lead(self, stop: bool, other: str, state: str) -> None:
        """The team leader stops, or sets somebody's state."""
        if stop:
            self.centre.command(s.StopSupervising, "1003")
        else:
            self.centre.command(s.ForceState, "1003", other, state)
