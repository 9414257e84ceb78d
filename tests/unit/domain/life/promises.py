"""Liveness: what was asked for comes about, as long as the PBX does its part and everybody answers."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from hypothesis import strategies as st
from hypothesis.stateful import rule

from cti_server.domain import signals as s
from cti_server.domain.agent import Agent, AgentState
from cti_server.domain.allowed_actions import allowed_actions
from cti_server.domain.consultation import Talk
from cti_server.domain.contact import Contact, ContactState, RecordingState
from cti_server.domain.events import Reply
from cti_server.domain.leg import LegState
from cti_server.domain.target import Target, TargetKind
from tests.fakes.pbx import Channel
from tests.unit.domain import centre as c
from tests.unit.domain.actions import METHODS
from tests.unit.domain.agreement import check_agreement
from tests.unit.domain.life.drive import (
    OUTSIDE,
    SEATS,
    TALKING,
    Drive,
    agents,
    modes,
    pick,
    some,
    states,
    which,
)

WITHIN = 60.0
"""Seconds in which everything that was begun comes to its end, in doubt and out of it: who calls a number
outside waits that long for a call of which nobody knows whether it was made."""
DOUBTS = ("offer", "operation", "audio", "consult", "supervise", "dial", "apart", "station")
"""Timers of what waits for the PBX or for somebody who answers here."""
targets = st.sampled_from(
    [
        *(Target(TargetKind.AGENT, agent) for agent in SEATS),
        Target(TargetKind.GROUP, "credit_card"),
        Target(TargetKind.NUMBER, OUTSIDE),
    ]
)
Move = Callable[[], object]


class Promises(Drive):
    """Everybody answers, nothing is lost; then nothing may be left undone."""

    # --- everybody does what is wanted of them ----------------------------------------------------------

    def play(self, order: list[int]) -> None:
        """Everything is carried out, told, answered and accepted: in this order first, then as it comes."""
        self.accepted: set[tuple[str, str, str]] = set()
        for number in order:
            move = pick(self._moves(), number)
            if move is None:
                return
            move()
        for _ in range(2000):
            moves = self._moves()
            if not moves:
                return
            moves[0]()
        raise AssertionError("it never comes to rest")

    def _moves(self) -> list[Move]:
        centre, pbx = self.centre, self.centre.pbx
        return [
            *([pbx.carry_out] if pbx.effects else []),
            *(partial(self._hear, source) for source in pbx.sources()),
            *(partial(pbx.answer, ch.channel) for ch in self._ringing()),
            *(partial(pbx.third_answers, ch.channel) for ch in self._thirds(up=False)),
            *(partial(pbx.customer_answers, ch.channel) for ch in self._dialled()),
            *(
                partial(pbx.greeted, ch.channel)
                for ch in self._customers("cti-entry")
                if self._on_its_way(ch)
            ),
            *(
                partial(pbx.asked_enough, ch.channel)
                for ch in self._customers("cti-identify")
                if self._asked_enough(ch)
            ),
            *(
                partial(pbx.hang_up, ch.channel)
                for ch in self._customers("cti-wait", "cti-let-go")
                if ch.channel in centre.state.ended
            ),
            *(partial(pbx.waits_no_more, ch.channel) for ch in pbx.in_vain()),
            *(partial(pbx.heard, ch.channel, "person") for ch in self._customers("cti-campaign")),
            *(partial(pbx.outside_answers, ch.channel) for ch in self._customers("cti-outside")),
            *(
                partial(self._take, agent, contact)
                for agent in centre.state.agents.values()
                for contact in map(centre.state.contacts.__getitem__, agent.contact_ids)
                if "contact.accept" in allowed_actions(contact, agent)
                and self._offer_of(agent, contact) not in self.accepted
            ),
        ]

    def _on_its_way(self, channel: Channel) -> bool:
        contact = self.centre.state.contacts.get(channel.channel)
        return contact is not None and contact.on_its_way

    def _asked_enough(self, channel: Channel) -> bool:
        contact = self.centre.state.contacts.get(channel.channel)
        return contact is None or contact.walk is None or contact.walk.over

    def _hear(self, source: str) -> None:
        self.centre.apply(self.centre.pbx.read(source))

    def _offer_of(self, agent: Agent, contact: Contact) -> tuple[str, str, str]:
        return agent.agent_id, contact.contact_id, str(len(contact.legs))

    def _take(self, agent: Agent, contact: Contact) -> None:
        self.accepted.add(self._offer_of(agent, contact))
        self.centre.command(s.Accept, agent.agent_id, contact.contact_id)

    def _to_rest(self) -> None:
        """The link stands, everybody answers; doubts are cleared within their time."""
        centre, pbx = self.centre, self.centre.pbx
        if not pbx.link:
            centre.settle()
            centre.connect()
        self.play([])
        until = centre.now + WITHIN
        while centre.now < until and not self._quiet():
            centre.pass_time(3.0)
            self.play([])

    def _quiet(self) -> bool:
        """Whether nothing is in doubt, nor waits for the PBX."""
        kinds = {key.partition(":")[0] for key in self.centre.state.timers}
        return kinds.isdisjoint(DOUBTS)

    # --- what must come about --------------------------------------------------------------------------

    @rule()
    def all_comes_about(self) -> None:
        """Whatever happened before: nothing is on its way for ever, nobody stays reserved."""
        self._to_rest()
        assert self._quiet(), self.centre.state.timers
        self._nothing_open()
        check_agreement(self.centre)

    def _nothing_open(self) -> None:
        state, centre = self.centre.state, self.centre
        for agent in state.agents.values():
            assert agent.state is not AgentState.RESERVED, agent
            assert agent.station_wait is None, agent
            assert not (agent.supervision and agent.supervision.request_id), agent
        for contact in state.contacts.values():
            assert contact.operation is None, contact
            assert contact.audio_operation is None, contact
            assert contact.state not in (ContactState.OFFERED, ContactState.DIALLING), contact
            assert contact.consult is None or contact.consult.connected, (contact, "never talked to")
        unanswered = [key for key in centre.commands if len(centre.replies[key]) != 1]
        assert not unanswered, unanswered

    @rule(wishes=st.lists(st.tuples(which, which, targets, some), min_size=1, max_size=6))
    def actions_are_done(self, wishes: list[tuple[int, int, Target, list[int]]]) -> None:
        """From rest, what the view allows and is not refused at once is done, one after the other."""
        for wish in wishes:
            self._to_rest()
            if not any(x.state in TALKING or x.consult for x in self.centre.state.contacts.values()):
                self._somebody_talks()
            self._one_is_done(*wish)

    def _one_is_done(self, number: int, which_action: int, to: Target, order: list[int]) -> None:
        state = self.centre.state
        theirs = [(a, state.contacts[one]) for a in state.agents.values() for one in a.contact_ids]
        found = pick(theirs, number)
        method = pick(allowed_actions(found[1], found[0]), which_action) if found else None
        if found is None or method is None:
            return
        agent, contact = found
        to = self._reachable(to, agent, number)
        before = contact.consult.talk if contact.consult else None
        third = contact.consulted_leg
        party = third.party if third else ""
        request = self._command(method, agent, contact, to)
        replies = self.centre.replies.get(request, [])
        if replies and replies[0].error_code:
            return  # refused for what is not in the view: the target is busy, a cap is reached
        self.play(order)
        reply = self._answered(request)
        assert not reply.error_code, (method, contact, reply)
        self._nothing_open()
        if method == "contact.transfer":
            assert self._passed_on(contact, to), (method, contact)
        assert self._is_done(method, agent, contact, before, party), (method, contact)
        check_agreement(self.centre)

    def _somebody_talks(self) -> None:
        """Everybody is ready; a caller comes and is served."""
        for agent_id, own in SEATS.items():
            if own not in self.centre.pbx.registered:
                self.centre.pbx.register(own)
            self.play([])
            self.centre.command(s.SignIn, agent_id, own, "on_demand")
            self.centre.command(s.SetState, agent_id, "ready")
        self.play([])
        channel = self.centre.pbx.arrive("4000", c.NUMBERS["4000"])
        self.play([])
        self.centre.pbx.greeted(channel)
        self.play([])

    def _reachable(self, to: Target, agent: Agent, number: int) -> Target:
        """Rather a colleague who is free than one who is not."""
        free = [a.agent_id for a in self.centre.state.agents.values() if a.may_be_offered()]
        chosen = pick([a for a in free if a != agent.agent_id], number)
        return Target(to.kind, chosen) if to.kind is TargetKind.AGENT and chosen else to

    def _answered(self, request: tuple[str, str]) -> Reply:
        replies = self.centre.replies[request]
        assert len(replies) == 1, (request, replies)
        return replies[0]

    def _command(self, method: str, agent: Agent, contact: Contact, to: Target) -> tuple[str, str]:
        kind = METHODS[method]
        if kind in (s.ConsultParty, s.TransferContact):
            self.centre.command(kind, agent.agent_id, contact.contact_id, to)
        elif kind is s.DropLeg:
            leg_id = contact.consult.leg_id if contact.consult else ""
            self.centre.command(kind, agent.agent_id, contact.contact_id, leg_id)
        else:
            self._ask(kind, agent.agent_id, contact.contact_id)
        return self.centre.commands[-1]

    def _is_done(self, method: str, agent: Agent, contact: Contact, before: Talk | None, third: str) -> bool:
        consult, leg = contact.consult, contact.agent_leg
        led = contact.agent_id == agent.agent_id
        done: dict[str, Callable[[], object]] = {
            "contact.hold": lambda: contact.state is ContactState.HELD,
            "contact.retrieve": lambda: contact.state is ContactState.ACTIVE,
            "contact.hang_up": lambda: not (contact.live and contact.contact_id in agent.contact_ids),
            "contact.consult": lambda: (
                consult and consult.connected and consult.settled and consult.talk is Talk.CONSULTED
            ),
            "contact.alternate": lambda: consult and consult.settled and consult.talk is not before,
            "contact.complete_transfer": lambda: (
                contact.consult is None
                and not led
                and (contact.agent_id == third or contact.state is ContactState.OUTSIDE)
            ),
            "contact.cancel_consult": lambda: consult is None and contact.state is ContactState.ACTIVE,
            "contact.drop_leg": lambda: consult is None and contact.state is ContactState.ACTIVE,
            "contact.conference": lambda: contact.state is ContactState.CONFERENCE,
            "contact.mute": lambda: leg and leg.muted,
            "contact.unmute": lambda: leg and not leg.muted,
            "recording.pause": lambda: contact.recording is RecordingState.PAUSED,
            "recording.resume": lambda: contact.recording is RecordingState.RECORDING,
            "contact.wrap_up": lambda: contact.contact_id not in agent.contact_ids,
        }
        return bool(done.get(method, lambda: True)())

    def _passed_on(self, contact: Contact, to: Target) -> bool:
        """Where it was sent it is; at a group it may wait, or be somebody's already."""
        if to.kind is TargetKind.NUMBER:
            talks = contact.customer_leg.state is LegState.TALKING
            return contact.state is ContactState.OUTSIDE and talks
        if to.kind is TargetKind.AGENT:
            return contact.agent_id == to.value and contact.state is ContactState.ACTIVE
        waits = contact.state in (ContactState.QUEUED, ContactState.VOICEMAIL)
        return waits or contact.state is ContactState.ACTIVE

    @rule(agent=agents, to=targets, order=some)
    def a_call_reaches_its_party(self, agent: str, to: Target, order: list[int]) -> None:
        """An agent who calls somebody that answers talks to them."""
        self._to_rest()
        if to.kind is TargetKind.GROUP:
            return
        reply = self.centre.command(s.Dial, agent, to)
        if reply is None or reply.error_code:
            return
        contact = self.centre.state.contacts[(reply.result or {})["contact"]["contact_id"]]
        self.play(order)
        self._nothing_open()
        assert contact.state is ContactState.ACTIVE, contact
        check_agreement(self.centre)

    @rule(number=st.sampled_from(["4000", "4001"]), order=some)
    def a_caller_is_served(self, number: str, order: list[int]) -> None:
        """A call from outside is queued; when somebody of its group is ready, it is talked to."""
        self._to_rest()
        if len(self._customers()) > 3:
            return
        channel = self.centre.pbx.arrive(number, c.NUMBERS[number])
        self.play([])
        self.centre.pbx.greeted(channel)
        self.play(order)
        self._nothing_open()
        contact = self.centre.state.contacts[channel]
        served = (ContactState.ACTIVE, ContactState.QUEUED, ContactState.VOICEMAIL)
        assert contact.state in served, contact
        check_agreement(self.centre)

    @rule(agent=agents, mode=modes, state=states, order=some)
    def a_seat_is_taken(self, agent: str, mode: str, state: str, order: list[int]) -> None:
        """Who signs in with a phone that answers sits there, in the state asked for."""
        self._to_rest()
        centre = self.centre
        for kind, args in ((s.SignIn, (SEATS[agent], mode)), (s.SetState, (state,))):
            centre.command(kind, agent, *args)
            request = centre.commands[-1]
            if centre.replies.get(request) and centre.replies[request][0].error_code:
                return
            self.play(order)
            reply = self._answered(request)
            assert not reply.error_code, reply
        self._nothing_open()
        assert centre.state.agents[agent].station == SEATS[agent]

    @rule(mode=st.sampled_from(["listen", "whisper", "barge", "intercept"]), other=agents, order=some)
    def a_leader_takes_part(self, mode: str, other: str, order: list[int]) -> None:
        """The supervisor hears, or has, the conversation."""
        self._to_rest()
        self.centre.command(s.SuperviseParty, "1003", mode, other)
        request = self.centre.commands[-1]
        if self.centre.replies.get(request) and self.centre.replies[request][0].error_code:
            return
        contact_id = self.centre.state.agents[other].contact_ids[0]
        self.play(order)
        reply = self._answered(request)
        assert not reply.error_code, reply
        self._nothing_open()
        leader = self.centre.state.agents["1003"]
        if mode == "intercept":
            assert leader.contact_ids == [contact_id], leader
        else:
            assert leader.supervision is not None, leader
            assert leader.supervision.mode == mode, leader
        check_agreement(self.centre)
