"""Routing: the index against the plain rules under everything that moves; the rules by example."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from cti_server.domain import signals as s
from cti_server.domain import world
from cti_server.domain.agent import Agent, AgentEvent, AgentState
from cti_server.domain.contact import Contact, ContactState
from cti_server.domain.customer import Customer
from cti_server.domain.leg import LegRole, LegState
from cti_server.domain.policy import Policy, Priorities, Strategy
from cti_server.domain.queue import AGEING, Group, turn
from cti_server.domain.routing import Router
from cti_server.domain.rules import preference
from cti_server.domain.state import Node, WorldState
from cti_server.domain.station import Station
from cti_server.domain.step import Step
from tests.unit.domain import plain_routing
from tests.unit.domain.centre import START, Centre
from tests.unit.domain.scenes import opened, pick_up, seated

GROUPS = ("a", "b", "c")
SKILLS = ("en", "loans")
AGENTS = tuple(f"10{number:02}" for number in range(8))
levels = st.dictionaries(st.sampled_from(SKILLS), st.integers(1, 3), max_size=2)
nodes = st.sampled_from(["pbx-a", "pbx-b"])


class Routing(RuleBasedStateMachine):
    """Agents and contacts come and go as they like; the index must decide as the plain rules do."""

    def __init__(self) -> None:
        super().__init__()
        self.state = WorldState(nodes={name: Node(name, up=True) for name in ("pbx-a", "pbx-b")})
        for group_id in GROUPS:
            strategy = Strategy.MOST_SKILLED if group_id == "b" else Strategy.LONGEST_IDLE
            self.state.groups[group_id] = Group(group_id, group_id, group_id, 20, 60, Policy(strategy))
        self.state.groups["c"].policy = Policy(requires={"loans": 2})
        for agent_id in AGENTS:
            self.state.agents[agent_id] = Agent(agent_id, "", ("agent",), {}, connected=True)
            self.state.stations[agent_id] = Station(agent_id, "pbx-a", registered=True)
        self.router = Router(self.state)
        self.now = START
        self.count = 0

    def _agent(self, agent_id: str) -> Agent:
        return self.state.agents[agent_id]

    @rule(who=st.sampled_from(AGENTS), groups=st.sets(st.sampled_from(GROUPS)), skills=levels, node=nodes)
    def moves(self, who: str, groups: set[str], skills: dict[str, int], node: str) -> None:
        one = self._agent(who)
        one.groups = {group: 1 + len(group + who) % 3 for group in sorted(groups)}
        one.skills, one.station = skills, who
        self.state.stations[who].node = node
        self.router.update([who], [])

    @rule(who=st.sampled_from(AGENTS), media=st.sampled_from([("voice",), ("text",), ("voice", "text")]))
    def is_free(self, who: str, media: tuple[str, ...]) -> None:
        one = self._agent(who)
        self.now += 1
        one.state, one.idle_since, one.capacity = AgentState.READY, self.now, dict.fromkeys(media, 1)
        self.router.update([who], [])

    @rule(who=st.sampled_from(AGENTS))
    def is_busy(self, who: str) -> None:
        self._agent(who).state = AgentState.BUSY
        self.router.update([who], [])

    @rule(
        group=st.sampled_from(GROUPS),
        requires=levels,
        priority=st.integers(0, 3),
        node=nodes,
        preferred=st.sampled_from(["", "", *AGENTS]),
        medium=st.sampled_from(["voice", "text"]),
    )
    def comes(  # noqa: PLR0917  # hypothesis names them
        self, group: str, requires: dict[str, int], priority: int, node: str, preferred: str, medium: str
    ) -> None:
        self.count, self.now = self.count + 1, self.now + 40
        contact = Contact(f"c-{self.count}", node, "4000", group, Customer(), self.now, ContactState.QUEUED)
        contact.medium, contact.priority, contact.requires = medium, priority, requires
        contact.preferred_agent, contact.queued_at = preferred, self.now
        contact.add_leg(LegRole.CUSTOMER, "", contact.contact_id, LegState.WAITING)
        self.state.contacts[contact.contact_id] = contact
        self.router.update([], [contact.contact_id])

    def _some(self, number: int) -> Contact | None:
        contacts = list(self.state.contacts.values())
        return contacts[number % len(contacts)] if contacts else None

    @rule(number=st.integers(0, 50))
    def gives_up(self, number: int) -> None:
        contact = self._some(number)
        if contact:
            del self.state.contacts[contact.contact_id]
            self.router.update([], [contact.contact_id])

    @rule(number=st.integers(0, 50))
    def changes(self, number: int) -> None:
        contact = self._some(number)
        if contact:
            contact.preferred_agent = ""
            contact.customer_leg.bridge = "" if contact.customer_leg.bridge else "elsewhere"
            self.router.update([], [contact.contact_id])

    @rule(node=nodes)
    def node_changes(self, node: str) -> None:
        self.state.nodes[node].up = not self.state.nodes[node].up
        self.router = Router(self.state)

    @rule()
    def decides(self) -> None:
        expected = plain_routing.pairs(self.state)
        decided = []
        while pair := self.router.next_pair():
            contact, one = pair
            decided.append((contact.contact_id, one.agent_id))
            one.state = AgentState.RESERVED
            del self.state.contacts[contact.contact_id]
            self.router.update([one.agent_id], [contact.contact_id])
        assert decided == expected

    @invariant()
    def same_as_fresh(self) -> None:
        assert self.router.picture() == Router(self.state).picture()


TestRouting = Routing.TestCase
TestRouting.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)


# --- by example ------------------------------------------------------------------------------------------


def arrived(centre: Centre, **known: object) -> str:
    """A customer of whom something is known waits in `general`."""
    channel = centre.pbx.arrive("4000")
    centre.apply(s.ContactArrived(centre.now, "pbx-a", channel, "4000", "13900000001", **known))  # type: ignore[arg-type]  # as named
    centre.settle()
    centre.pbx.greeted(channel)
    centre.settle()
    return channel


def offered_to(centre: Centre, contact_id: str) -> str | None:
    contact = centre.state.contacts[contact_id]
    return contact.agent_id if contact.state is ContactState.OFFERED else None


def policy(centre: Centre, **changed: object) -> None:
    """Other rules for `general`."""
    general = s.GroupProfile("general", "综合", "General", policy=Policy(**changed))  # type: ignore[arg-type]  # as named
    loaded = s.DirectoryLoaded(centre.now, (), (general,), {"4000": "general"}, ("1001", "1002"))
    profiles = tuple(
        s.AgentProfile(a.agent_id, a.name, a.roles, dict(a.groups)) for a in centre.state.agents.values()
    )
    centre.apply(
        s.DirectoryLoaded(centre.now, profiles, loaded.groups, loaded.service_numbers, loaded.stations)
    )


def test_the_elderly_come_before_a_vip_and_a_vip_before_others() -> None:
    centre = opened()
    plain, vip, elder = arrived(centre), arrived(centre, tier="vip"), arrived(centre, elder=True)
    assert centre.state.groups["general"].waiting == [elder, vip, plain]
    seated(centre)
    assert offered_to(centre, elder) == "1001"


def test_priority_is_outlived_by_waiting() -> None:
    """A VIP overtakes only those who came less than AGEING seconds before."""
    centre = opened()
    patient = arrived(centre)
    centre.pass_time(AGEING + 1)
    vip = arrived(centre, tier="vip")
    elder = arrived(centre, elder=True)
    assert centre.state.groups["general"].waiting == [elder, patient, vip]


def test_a_skill_at_the_level_asked_for() -> None:
    centre = opened()
    seated(centre)
    contact = arrived(centre, requires={"en": 3})
    assert offered_to(centre, contact) is None
    profiles = (s.AgentProfile("1001", "陈晓", ("agent",), {"general": 5}, skills={"en": 3}),)
    centre.apply(s.DirectoryLoaded(centre.now, profiles, (), {"4000": "general"}, ("1001",)))
    assert offered_to(centre, contact) == "1001"


def test_a_queue_that_wants_a_level_of_its_own_group() -> None:
    centre = opened()
    policy(centre, requires={"general": 6})
    seated(centre)
    assert offered_to(centre, arrived(centre)) is None


def test_who_waits_for_the_dedicated_agent_takes_any_other_when_the_time_is_over() -> None:
    centre = opened()
    policy(centre, preference_time=30.0)
    seated(centre, "1001")
    first = arrived(centre)
    centre.command(s.Accept, "1001", first)
    pick_up(centre)
    own = arrived(centre, dedicated_agent="1001")
    other = arrived(centre)
    seated(centre, "1002")
    assert offered_to(centre, own) is None
    assert offered_to(centre, other) == "1002"
    centre.command(s.Reject, "1002", other)
    centre.pass_time(31)
    centre.command(s.SetState, "1002", "ready")
    assert offered_to(centre, own) == "1002"


def test_refused_by_the_dedicated_agent_it_waits_for_anybody() -> None:
    centre = opened()
    policy(centre, preference_time=300.0)
    seated(centre, "1001")
    own = arrived(centre, dedicated_agent="1001")
    seated(centre, "1002")
    assert offered_to(centre, own) == "1001"
    centre.command(s.Reject, "1001", own)
    assert offered_to(centre, own) == "1002"
    centre.command(s.SetState, "1001", "ready")
    centre.command(s.Reject, "1002", own)
    assert offered_to(centre, own) == "1001"


def test_the_dedicated_agent_takes_its_own_customer_first() -> None:
    centre = opened()
    policy(centre, preference_time=300.0)
    seated(centre, "1001")
    first = arrived(centre)
    centre.command(s.Accept, "1001", first)
    pick_up(centre)
    longer, own = arrived(centre), arrived(centre, dedicated_agent="1001")
    centre.command(s.HangUp, "1001", first)
    centre.settle()
    centre.command(s.WrapUp, "1001", first)
    assert offered_to(centre, own) == "1001"
    assert offered_to(centre, longer) is None


def test_nobody_waits_for_an_agent_who_is_not_at_work() -> None:
    centre = opened()
    policy(centre, preference_time=30.0)
    seated(centre, "1001", ready=False)
    seated(centre, "1002")
    assert offered_to(centre, arrived(centre, dedicated_agent="1001")) == "1002"


def served_by_1001(centre: Centre) -> None:
    """The customer has talked to 1001; 1002 is idle longer."""
    seated(centre, "1001")
    first = arrived(centre)
    centre.command(s.Accept, "1001", first)
    pick_up(centre)
    centre.command(s.HangUp, "1001", first)
    centre.settle()
    seated(centre, "1002")
    centre.command(s.WrapUp, "1001", first)


def test_the_last_agent_is_preferred_for_a_while() -> None:
    centre = opened()
    policy(centre, preference_time=30.0, last_agent_within=3600.0)
    served_by_1001(centre)
    assert offered_to(centre, arrived(centre)) == "1001", "1002 is idle longer, but 1001 knows the customer"


def test_nobody_is_asked_again_for_whom_it_was_too_long_ago() -> None:
    centre = opened()
    policy(centre, preference_time=30.0, last_agent_within=10.0)
    served_by_1001(centre)
    centre.pass_time(11)
    assert offered_to(centre, arrived(centre)) == "1002"


def test_an_agent_on_a_contact_has_no_room_for_voice() -> None:
    one = Agent("1", "", (), {}, contact_ids=["text-1"])
    assert one.has_room("text")
    assert not one.has_room("voice")
    one.contact_ids = ["text-1", "text-2", "text-3"]
    assert not one.has_room("text")
    assert not Agent("2", "", (), {}, capacity={"voice": 1}).has_room("video")


def test_customers_and_their_priority() -> None:
    assert preference.priority(Customer(), Priorities()) == 0
    assert preference.priority(Customer(tier="vip"), Priorities()) == 1
    assert preference.priority(Customer(elder=True), Priorities()) == 2
    assert preference.priority(Customer(tier="vip", elder=True), Priorities()) == 3


def test_turns_never_change_while_they_wait() -> None:
    early = Contact("a", "n", "", "g", Customer(), START, queued_at=START)
    late = Contact("b", "n", "", "g", Customer(), START, queued_at=START + AGEING + 1, priority=1)
    assert turn(early) < turn(late)
    late.queued_at = START + AGEING - 1
    assert turn(late) < turn(early)


def test_a_bug_in_the_rules_leaves_the_index_right(monkeypatch: pytest.MonkeyPatch) -> None:
    centre = opened()
    seated(centre)

    def half_done(step: Step, _: s.Signal) -> None:
        step.state.agents["1001"].apply(AgentEvent.GO_BUSY, step.at)
        raise ZeroDivisionError

    monkeypatch.setitem(world.FACTS, s.NodeUp, half_done)
    with pytest.raises(ZeroDivisionError):
        centre.world.apply(s.NodeUp(centre.now, "pbx-a"))
    assert centre.world.router.picture() == Router(centre.state).picture()
    assert offered_to(centre, arrived(centre)) is None
