"""Agents, customers, phones and faults in every order hypothesis can think of, over world and fake PBX."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from cti_server.domain import signals as s
from cti_server.domain.agent import StationMode
from cti_server.domain.contact import ContactState
from cti_server.domain.customer import CustomerProfile
from cti_server.domain.effects import Resync
from cti_server.domain.policy import VOICEMAIL, Policy, Priorities, Strategy
from cti_server.domain.target import Target, TargetKind
from tests.fakes.pbx import BUSY, EFFECTS, NO_ANSWER, NORMAL, OUT_OF_ORDER, Channel
from tests.unit.domain import centre as c
from tests.unit.domain.actions import check_allowed_actions
from tests.unit.domain.agreement import check_agreement
from tests.unit.domain.centre import Centre

SEATS = {"1001": "1001", "1002": "1002", "1003": "1003"}
SOUND = (s.MuteMicrophone, s.UnmuteMicrophone, s.SendDtmf, s.RecordingPause, s.RecordingResume)
CONSULTING = (s.Alternate, s.CompleteTransfer, s.CancelConsult, s.Conference)
ON_CONTACT = (
    s.Accept,
    s.Reject,
    s.Hold,
    s.Retrieve,
    s.Identify,
    s.HangUp,
    s.TransferContact,
    *SOUND,
    s.ConsultParty,
    *CONSULTING,
    s.DropLeg,
    s.SetData,
    s.WrapUp,
)
OUTSIDE = "13900000001"
REFERRED_TO = ("4001", "credit_card", *SEATS, OUTSIDE, "110")
PROVED = CustomerProfile("沈桂英", "vip", elder=True)
ANSWERS = st.sampled_from(["", "0", "*", "1", "2", "3", "4", "9", "card", "right", "wrong", "locked"])
"""Keys of the menu, and what becomes of a typed card number and PIN."""
TARGETS = ("general", "credit_card", *SEATS)
agents = st.sampled_from(sorted(SEATS))
which = st.integers(0, 99)
"""Picks one of what there is."""
some = st.lists(which, max_size=12)
modes = st.sampled_from(["persistent", "on_demand"])
states = st.sampled_from(["ready", "not_ready", "busy"])
T = TypeVar("T")


def pick(among: Sequence[T], number: int) -> T | None:
    return among[number % len(among)] if among else None


LIVELY = (
    replace(
        c.GROUPS[0],
        policy=Policy(
            overflow_to="credit_card",
            overflow_after=35.0,
            announce_every=5.0,
            preference_time=15.0,
            last_agent_within=500.0,
            callback=True,
            callback_retry=20.0,
            callback_expires=90.0,
        ),
    ),
    replace(
        c.GROUPS[1],
        policy=Policy(Strategy.MOST_SKILLED, overflow_to=VOICEMAIL, overflow_length=2, overflow_after=50.0),
    ),
)
"""Everything that a queue may do by itself."""


class Life(RuleBasedStateMachine):
    """Everything that may happen. Invariants are checked by `Centre.apply` after every signal."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0
        self.centre = Centre()
        self.centre.apply(c.directory(self.centre.now, groups=LIVELY))

    # --- beginnings ---------------------------------------------------------------------------------

    @initialize(announces=st.booleans(), chosen=st.tuples(modes, modes, modes), ready=st.booleans())
    def open(self, announces: bool, chosen: tuple[str, str, str], ready: bool) -> None:
        centre = self.centre
        centre.pbx.announces = announces
        centre.connect()
        for agent, mode in zip(SEATS, chosen, strict=True):
            centre.pbx.register(SEATS[agent])
            centre.settle()
            centre.apply(s.AgentConnected(centre.now, agent))
            centre.command(s.SignIn, agent, SEATS[agent], mode)
            self._pick_up()
            if ready:
                centre.command(s.SetState, agent, "ready")

    # --- the plain way, or else chance would seldom come so far ------------------------------------------

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

    @rule(number=st.sampled_from(["4000", "4001"]))
    def a_call_waits(self, number: str) -> None:
        self.arrive(number, wait=True)
        self.centre.settle()

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

    def _pick_up(self) -> None:
        self.centre.settle()
        for channel in self._ringing():
            self.centre.pbx.answer(channel.channel)
        self.centre.settle()

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
            for a in c.AGENTS
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

    # --- what there is --------------------------------------------------------------------------------

    def _ringing(self) -> list[Channel]:
        return [ch for ch in self.centre.pbx.channels.values() if ch.address and not ch.up]

    def _phones(self) -> list[Channel]:
        return [ch for ch in self.centre.pbx.channels.values() if ch.address and ch.up]

    def _customers(self, *contexts: str) -> list[Channel]:
        there = [ch for ch in self.centre.pbx.channels.values() if ch.customer]
        return [ch for ch in there if not contexts or (ch.context in contexts and not ch.bridge)]

    # --- the machinery --------------------------------------------------------------------------------

    @rule(numbers=some)
    def flurry(self, numbers: list[int]) -> None:
        """Effects and facts in any order, not all of them."""
        pbx = self.centre.pbx
        for number in numbers:
            choice = pick([*pbx.sources(), *(["do"] if pbx.effects else [])], number)
            if choice == "do":
                pbx.carry_out()
            elif choice:
                self.centre.apply(pbx.read(choice))

    @rule()
    def settle(self) -> None:
        self.centre.settle()

    @rule(seconds=st.sampled_from([0.2, 1.5, 6.0, 21.0, 36.0, 61.0]))
    def pass_time(self, seconds: float) -> None:
        self.centre.pass_time(seconds)

    # --- customers ------------------------------------------------------------------------------------

    @rule(number=st.sampled_from(["4000", "4001", "4005"]), wait=st.booleans())
    def arrive(self, number: str, wait: bool) -> None:
        if len(self._customers()) > 3:
            return
        channel = self.centre.pbx.arrive(number, c.NUMBERS[number])
        if wait and self.centre.pbx.link:
            self.centre.settle()
            self.centre.pbx.greeted(channel)

    @rule(number=which)
    def greeted(self, number: int) -> None:
        channel = pick(self._customers("cti-entry"), number)
        if channel:
            self.centre.pbx.greeted(channel.channel)

    @rule(number=which, keys=st.lists(ANSWERS, max_size=6), late=st.integers(0, 1))
    def menu(self, number: int, keys: list[str], late: int) -> None:
        """A caller in the menu presses keys; who comes out of it goes on to wait."""
        channel = pick([ch for ch in self._customers("cti-entry") if ch.variables.get("CTI_ROUTED")], number)
        for key in keys:
            contact = self.centre.state.contacts.get(channel.channel) if channel else None
            if channel is None or contact is None or contact.walk is None or not self.centre.pbx.link:
                return
            who = PROVED if key == "right" else None
            self.centre.pbx.press(channel.channel, contact.walk.serial - late, key, "13900000002", who)
            self.centre.settle()
        contact = self.centre.state.contacts.get(channel.channel) if channel else None
        if channel and contact and contact.walk and contact.walk.over and channel.context == "cti-entry":
            self.centre.pbx.greeted(channel.channel)

    @rule(number=which, keys=st.lists(ANSWERS, max_size=6), back=st.booleans())
    def identified(self, number: int, keys: list[str], back: bool) -> None:
        """Whom its agent sent to the machine types card and PIN, or not; the dialplan brings it back."""
        pbx = self.centre.pbx
        channel = pick(self._customers("cti-identify"), number)
        for key in keys:
            contact = self.centre.state.contacts.get(channel.channel) if channel else None
            if channel is None or contact is None or contact.walk is None or not pbx.link:
                return
            who = PROVED if key == "right" else None
            pbx.press(channel.channel, contact.walk.serial, key, "13900000002", who)
            self.centre.settle()
        if channel and back and channel.context == "cti-identify" and channel.channel in pbx.channels:
            pbx.asked_enough(channel.channel)

    @rule(number=which, leaves=st.booleans())
    def message(self, number: int, leaves: bool) -> None:
        """Who was sent to the voicemail speaks, and hangs up or not yet."""
        channel = pick(self._customers("cti-voicemail"), number)
        if channel and self.centre.pbx.link:
            self.centre.pbx.speaks(channel.channel)
            if leaves:
                self.centre.pbx.hang_up(channel.channel)

    @rule(number=which, keys=st.sampled_from([["1"], ["2", OUTSIDE, "1"], ["2", "7", "*"], ["0"], [""]]))
    def wish(self, number: int, keys: list[str]) -> None:
        """Who waits asks to be called back, and means it or not; then hangs up, if it did."""
        pbx = self.centre.pbx
        channel = pick(self._customers("cti-wait"), number)
        if channel is None or not pbx.link:
            return
        pbx.press(channel.channel, 0, "1")
        self.centre.settle()
        for key in keys:
            contact = self.centre.state.contacts.get(channel.channel)
            if contact and contact.walk and channel.channel in pbx.channels:
                pbx.press(channel.channel, contact.walk.serial, key)
                self.centre.settle()
        if channel.channel in self.centre.state.ended and channel.channel in pbx.channels:
            pbx.hang_up(channel.channel)

    @rule(number=which, cause=st.sampled_from([NORMAL, OUT_OF_ORDER]))
    def customer_leaves(self, number: int, cause: int) -> None:
        channel = pick(self._customers(), number)
        if channel:
            self.centre.pbx.hang_up(channel.channel, cause)

    @rule(number=which, kind=st.sampled_from(TargetKind), to=st.sampled_from(TARGETS), settle=st.booleans())
    def transfer(self, number: int, kind: TargetKind, to: str, settle: bool) -> None:
        talking = (ContactState.ACTIVE, ContactState.HELD)
        contact = pick([x for x in self.centre.state.contacts.values() if x.state in talking], number)
        if contact:
            to = OUTSIDE if kind is TargetKind.NUMBER else to
            self.centre.command(
                s.TransferContact, contact.agent_id or "", contact.contact_id, Target(kind, to)
            )
        if settle:
            self.centre.settle()

    @rule(agent=agents, numbers=some, answers=st.booleans(), settle=st.booleans())
    def dial(self, agent: str, numbers: list[int], answers: bool, settle: bool) -> None:
        """Call somebody outside, who answers or nearly does."""
        self.centre.command(s.Dial, agent, Target(TargetKind.NUMBER, OUTSIDE))
        self.flurry(numbers)
        if settle:
            self._pick_up()
        if answers:
            self.dialled_answers(0)

    @rule(numbers=some, who=st.sampled_from(["person", "machine", ""]), patience=st.sampled_from([2.0, 30.0]))
    def campaign(self, numbers: list[int], who: str, patience: float) -> None:
        """A campaign calls somebody: a person, a machine, or nobody yet."""
        self.calls += 1
        channel = f"pbx-a-cam-{self.calls:012d}"
        self.centre.apply(
            s.CampaignCall(
                at=self.centre.now,
                node=self.centre.pbx.name,
                channel=channel,
                campaign="k1",
                group_id="general",
                number=OUTSIDE,
                name="",
                shown="4000",
                ring_time=20.0,
                patience=patience,
            )
        )
        self.flurry(numbers)
        if who and channel in self.centre.pbx.channels:
            self.centre.pbx.customer_answers(channel)
            self.heard(0, who)

    @rule(number=which, who=st.sampled_from(["person", "machine", "notsure", "hangup"]))
    def heard(self, number: int, who: str) -> None:
        """Detection has listened."""
        channel = pick(self._customers("cti-campaign"), number)
        if channel:
            self.centre.pbx.heard(channel.channel, who)

    @rule(number=which)
    def let_go(self, number: int) -> None:
        """The apology is over."""
        channel = pick(self._customers("cti-let-go"), number)
        if channel:
            self.centre.pbx.hang_up(channel.channel)

    @rule(agent=agents, colleague=agents, numbers=some, takes=st.booleans(), settle=st.booleans())
    def dial_a_colleague(
        self, agent: str, colleague: str, numbers: list[int], takes: bool, settle: bool
    ) -> None:
        """Call another agent, who takes it or nearly does."""
        self.centre.command(s.Dial, agent, Target(TargetKind.AGENT, colleague))
        self.flurry(numbers)
        if settle:
            self._pick_up()
        self.colleague_decides(0, s.Accept if takes else s.Reject)
        if settle:
            self._pick_up()

    @rule(number=which, kind=st.sampled_from([s.Accept, s.Reject, s.HangUp, s.Hold]))
    def colleague_decides(self, number: int, kind: type[s.ContactCommand]) -> None:
        contact = pick([x for x in self.centre.state.contacts.values() if x.internal], number)
        if contact:
            self._ask(kind, contact.colleague, contact.contact_id)

    def _dialled(self) -> list[Channel]:
        return [ch for ch in self._customers() if not ch.up]

    @rule(number=which)
    def dialled_answers(self, number: int) -> None:
        channel = pick(self._dialled(), number)
        if channel:
            self.centre.pbx.customer_answers(channel.channel)

    @rule(number=which, cause=st.sampled_from([BUSY, NO_ANSWER]))
    def dialled_in_vain(self, number: int, cause: int) -> None:
        channel = pick(self._dialled(), number)
        if channel:
            self.centre.pbx.hang_up(channel.channel, cause)

    @rule(number=which, answers=st.booleans())
    def outside(self, number: int, answers: bool) -> None:
        """The number outside is picked up, or not."""
        channel = pick(self._customers("cti-outside"), number)
        if channel and answers:
            self.centre.pbx.outside_answers(channel.channel)
        elif channel:
            self.centre.pbx.outside_refuses(channel.channel)

    # --- phones -----------------------------------------------------------------------------------------

    @rule(number=which)
    def answer(self, number: int) -> None:
        channel = pick(self._ringing(), number)
        if channel:
            self.centre.pbx.answer(channel.channel)

    @rule(number=which, cause=st.sampled_from([BUSY, NO_ANSWER]))
    def refuse(self, number: int, cause: int) -> None:
        channel = pick(self._ringing(), number)
        if channel:
            self.centre.pbx.refuse(channel.channel, cause)

    @rule(number=which, cause=st.sampled_from([NORMAL, OUT_OF_ORDER]))
    def phone_leaves(self, number: int, cause: int) -> None:
        channel = pick(self._phones(), number)
        if channel:
            self.centre.pbx.hang_up(channel.channel, cause)

    @rule(number=which)
    def phone_holds_or_retrieves(self, number: int) -> None:
        channel = pick(self._phones(), number)
        if channel and channel.held:
            self.centre.pbx.retrieve(channel.channel)
        elif channel:
            self.centre.pbx.hold(channel.channel)

    @rule(number=which, to=st.sampled_from(REFERRED_TO), gone=st.booleans(), settle=st.booleans())
    def phone_passes_on(self, number: int, to: str, gone: bool, settle: bool) -> None:
        """By REFER; some phones hang up at once."""
        channel = pick([ch for ch in self._phones() if ch.bridge], number)
        if channel:
            self.centre.pbx.refer(channel.channel, to)
        if channel and gone:
            self.centre.pbx.hang_up(channel.channel)
        if settle:
            self.centre.settle()

    @rule(address=st.sampled_from(c.STATIONS))
    def registration(self, address: str) -> None:
        if address in self.centre.pbx.registered:
            self.centre.pbx.unregister(address)
        else:
            self.centre.pbx.register(address)

    # --- agents -----------------------------------------------------------------------------------------

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

    @rule(number=which, kind=st.sampled_from(ON_CONTACT), other=agents)
    def on_contact(self, number: int, kind: type[s.ContactCommand], other: str) -> None:
        contact = pick(list(self.centre.state.contacts.values()), number)
        contact_id = contact.contact_id if contact else "unknown"
        agent = contact.agent_id if contact and contact.agent_id else other
        self._ask(kind, agent, contact_id)

    def _ask(self, kind: type[s.ContactCommand], agent: str, contact_id: str) -> None:
        if kind is s.TransferContact:
            self.centre.command(kind, agent, contact_id, Target(TargetKind.GROUP, "credit_card"))
        elif kind is s.SetData:
            self.centre.command(kind, agent, contact_id, {"reason": "loss", "gone": None})
        elif kind is s.ConsultParty:
            self.centre.command(kind, agent, contact_id, Target(TargetKind.GROUP, "credit_card"))
        elif kind is s.DropLeg:
            self.centre.command(kind, agent, contact_id, "leg-3")
        elif kind is s.SendDtmf:
            self.centre.command(kind, agent, contact_id, "12#")
        elif kind is s.WrapUp:
            self.centre.command(kind, agent, contact_id, "done", "summary", "not_ready")
        else:
            self.centre.command(kind, agent, contact_id)

    @rule(number=which, settle=st.booleans())
    def accept(self, number: int, settle: bool) -> None:
        offered = [x for x in self.centre.state.contacts.values() if x.state is ContactState.OFFERED]
        contact = pick(offered, number)
        if contact is None:
            return
        self._ask(s.Accept, contact.agent_id or "", contact.contact_id)
        if settle:
            self._pick_up()

    @rule(number=which, settle=st.booleans())
    def move_on(self, number: int, settle: bool) -> None:
        """Hold what is active, retrieve what is held, wrap up what is over."""
        natural = {
            ContactState.ACTIVE: s.Hold,
            ContactState.HELD: s.Retrieve,
            ContactState.WRAP_UP: s.WrapUp,
        }
        contact = pick([x for x in self.centre.state.contacts.values() if x.state in natural], number)
        if contact:
            self._ask(natural[contact.state], contact.agent_id or "", contact.contact_id)
        if settle:
            self.centre.settle()

    @rule(number=which, kind=st.sampled_from(SOUND), settle=st.booleans())
    def sound(self, number: int, kind: type[s.ContactCommand], settle: bool) -> None:
        """Mute, pause and so on where it is possible."""
        talking = (ContactState.ACTIVE, ContactState.HELD)
        contact = pick([x for x in self.centre.state.contacts.values() if x.state in talking], number)
        if contact:
            self._ask(kind, contact.agent_id or "", contact.contact_id)
        if settle:
            self.centre.settle()

    @rule(number=which, numbers=some, answers=st.booleans(), settle=st.booleans())
    def consult_outside(self, number: int, numbers: list[int], answers: bool, settle: bool) -> None:
        """Ask a number outside, which answers or nearly does."""
        talking = (ContactState.ACTIVE, ContactState.HELD)
        contact = pick([x for x in self.centre.state.contacts.values() if x.state in talking], number)
        if contact is None:
            return
        to = Target(TargetKind.NUMBER, OUTSIDE)
        self.centre.command(s.ConsultParty, contact.agent_id or "", contact.contact_id, to)
        self.flurry(numbers)
        if answers:
            self.third_answers(0)
        if settle:
            self.centre.settle()

    def _thirds(self, *, up: bool) -> list[Channel]:
        return [ch for ch in self.centre.pbx.channels.values() if ch.third and ch.up == up]

    @rule(number=which)
    def third_answers(self, number: int) -> None:
        channel = pick(self._thirds(up=False), number)
        if channel:
            self.centre.pbx.third_answers(channel.channel)

    @rule(number=which, up=st.booleans(), cause=st.sampled_from([BUSY, NORMAL, OUT_OF_ORDER]))
    def third_leaves(self, number: int, up: bool, cause: int) -> None:
        channel = pick(self._thirds(up=up), number)
        if channel:
            self.centre.pbx.hang_up(channel.channel, cause)

    @rule(number=which, colleague=agents, numbers=some, settle=st.booleans())
    def consult(self, number: int, colleague: str, numbers: list[int], settle: bool) -> None:
        """Ask somebody, who takes it or nearly does."""
        talking = (ContactState.ACTIVE, ContactState.HELD)
        contact = pick([x for x in self.centre.state.contacts.values() if x.state in talking], number)
        if contact is None:
            return
        to = Target(TargetKind.AGENT, colleague)
        self.centre.command(s.ConsultParty, contact.agent_id or "", contact.contact_id, to)
        self.flurry(numbers)
        self.centre.command(s.Accept, colleague, contact.contact_id)
        if settle:
            self._pick_up()

    @rule(
        number=which,
        kind=st.sampled_from([*CONSULTING, s.DropLeg]),
        third=st.booleans(),
        settle=st.booleans(),
    )
    def with_third(self, number: int, kind: type[s.ContactCommand], third: bool, settle: bool) -> None:
        """Go on with a consultation; `third`: its consulted agent leaves."""
        consulting = [x for x in self.centre.state.contacts.values() if x.consult]
        contact = pick(consulting, number)
        if contact and contact.consult:
            leg = contact.legs[contact.consult.leg_id]
            if third and number % 3 == 0:
                self.centre.command(s.HangUp, leg.party, contact.contact_id)
            elif kind is s.DropLeg:
                self.centre.command(kind, contact.agent_id or "", contact.contact_id, leg.leg_id)
            else:
                self._ask(kind, contact.agent_id or "", contact.contact_id)
        if settle:
            self.centre.settle()

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

    # --- faults -----------------------------------------------------------------------------------------

    @precondition(lambda self: self.centre.pbx.link)
    @rule(unknown=st.booleans(), done=st.booleans())
    def link_breaks(self, unknown: bool, done: bool) -> None:
        self.centre.disconnect(unknown=unknown, done=done)

    @precondition(lambda self: not self.centre.pbx.link and EFFECTS not in self.centre.pbx.facts)
    @rule()
    def link_returns(self) -> None:
        self.centre.connect()

    @precondition(lambda self: not self.centre.pbx.link)
    @rule(numbers=some)
    def on_its_own(self, numbers: list[int]) -> None:
        """For longer than the beat may be missed, callers and phones are left to the dialplan."""
        for number in numbers:
            idle = [ch for ch in self.centre.pbx.channels.values() if not ch.bridge and ch.up]
            channel = pick(idle, number)
            if channel:
                self.centre.pbx.on_its_own(channel.channel)
            self.fallback_answers(number, number // 2)

    @rule(unknown=st.booleans(), done=st.booleans(), dies=st.booleans(), alone=some, numbers=some)
    def outage(self, unknown: bool, done: bool, dies: bool, alone: list[int], numbers: list[int]) -> None:
        """The link or the server is away for a while."""
        if dies:
            self.centre.restart()
        elif self.centre.pbx.link:
            self.centre.disconnect(unknown=unknown, done=done)
        self.on_its_own(alone)
        self.flurry(numbers)
        if not self.centre.pbx.link and EFFECTS not in self.centre.pbx.facts:
            self.centre.connect()

    @rule(number=which, member=which)
    def fallback_answers(self, number: int, member: int) -> None:
        channel = pick(self._customers("cti-unserved"), number)
        address = pick(self.centre.pbx.free_members(), member)
        if channel and address:
            self.centre.pbx.fallback_answers(channel.channel, address)

    @precondition(lambda self: self.centre.pbx.link)
    @rule(number=which)
    def next_turn(self, number: int) -> None:
        channel = pick(self._customers("cti-unserved"), number)
        if channel:
            self.centre.pbx.next_turn(channel.channel)

    @rule(reconnect=st.booleans())
    def server_dies(self, reconnect: bool) -> None:
        self.centre.restart()
        if reconnect:
            self.centre.connect()

    @rule()
    def doubt(self) -> None:
        """Somebody asks for a snapshot while all is well."""
        self.centre.pbx.ask([Resync(self.centre.pbx.name)])

    @rule(kept=st.sets(agents), stations=st.sets(st.sampled_from(c.STATIONS)))
    def reload_directory(self, kept: set[str], stations: set[str]) -> None:
        """Somebody and some stations are taken out, then put back."""
        fewer = tuple(a for a in c.AGENTS if a.agent_id in kept)
        version = self.centre.state.routing_version
        left = tuple(sorted(stations))
        self.centre.apply(c.directory(self.centre.now, fewer, stations=left, groups=LIVELY, version=version))
        self.centre.apply(c.directory(self.centre.now, groups=LIVELY, version=version))

    @rule(number=which)
    def stale_timer(self, number: int) -> None:
        """A timer that was cleared or moved while its signal was on its way."""
        key = pick(sorted(self.centre.state.timers), number) or "offer:gone"
        self.centre.apply(s.TimerFired(self.centre.now, key))

    @rule(
        kind=st.sampled_from(
            [
                "Connect",
                "HoldCustomer",
                "IdentifyCustomer",
                "HangUpChannel",
                "Mute",
                "PauseRecording",
                "SendOutside",
                "CallCustomer",
                "PlayOutcome",
                "CallThird",
                "CallColleague",
                "HearRinging",
                "Move",
                "Join",
                "Confer",
                "Supervise",
            ]
        ),
        number=which,
    )
    def never_answered(self, kind: str, number: int) -> None:
        """An action ran into its deadline though the link stands; it was not done."""
        doomed = [effect for effect in self.centre.pbx.effects if type(effect).__name__ == kind]
        effect = pick(doomed, number)
        if effect:
            self.centre.pbx.effects.remove(effect)
            channel = getattr(effect, "channel", "")
            now, node = self.centre.now, effect.node
            self.centre.apply(s.EffectFailed(now, node, kind, channel, "outcome_unknown"))

    # --- what must hold ---------------------------------------------------------------------------------

    @invariant()
    def one_reply(self) -> None:
        assert all(len(replies) == 1 for replies in self.centre.replies.values())

    @rule()
    def actions_tell_the_truth(self) -> None:
        check_allowed_actions(self.centre)

    @precondition(lambda self: self.centre.pbx.link)
    @rule()
    def they_agree(self) -> None:
        """Left alone for a while, the world knows what the PBX does."""
        for _ in range(4):
            self.centre.settle()
            self.centre.pass_time(3.0)
        self.centre.settle()
        check_agreement(self.centre)

    def teardown(self) -> None:
        if self.centre.broken:
            return
        self._come_to_rest()
        self._nothing_left()
        self._replay()

    def _come_to_rest(self) -> None:
        """Everybody hangs up, everything on its way arrives, every timer fires."""
        centre, pbx = self.centre, self.centre.pbx
        for _ in range(6):
            centre.settle()
            if not pbx.link:
                centre.connect()
            centre.settle()
            for channel in [*self._customers()]:
                pbx.hang_up(channel.channel)
            for channel in self._ringing():
                pbx.refuse(channel.channel, NO_ANSWER)
            for channel in self._thirds(up=False):
                pbx.hang_up(channel.channel, NO_ANSWER)
            centre.settle()
            centre.pass_time(100)
        assert not pbx.effects
        assert not pbx.sources()

    def _nothing_left(self) -> None:
        state, pbx = self.centre.state, self.centre.pbx
        assert not state.contacts
        assert not state.timers, state.timers
        assert not state.channels
        nailed_up = {
            station.channel
            for station in state.stations.values()
            if station.channel and state.agents[station.agent_id or ""].station_mode is StationMode.PERSISTENT
        }
        assert set(pbx.channels) == nailed_up, "a channel is left over"
        seated = {a.station for a in state.agents.values() if a.signed_in and a.groups}
        assert seated <= set(pbx.members), "a signed-in agent's phone would not ring"
        unanswered = [key for key in self.centre.commands if len(self.centre.replies[key]) != 1]
        assert not unanswered, unanswered

    def _replay(self) -> None:
        state, outcomes = self.centre.replayed()
        assert state == self.centre.state
        assert outcomes == [asdict(outcome) for outcome in self.centre.told]
