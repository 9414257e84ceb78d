"""A PBX node in memory: it carries out effects and tells facts, as the dialplan and AMI would. Pure.

What happens is chosen by its driver, step by step, so that a property test can explore the orders:
effects wait in `effects` until `carry_out` does the oldest; facts wait in `facts`, one queue per source (a
channel, a call's question, a station, the effects' answers), and keep their order within it only. While the
link is down nothing is told, but life goes on.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace

from cti_server.domain import effects as e
from cti_server.domain import signals as s
from cti_server.domain.agent import StationMode
from cti_server.domain.customer import CustomerProfile

NORMAL, BUSY, NO_ANSWER, OUT_OF_ORDER = 16, 17, 19, 27
"""Q.850 causes."""
CEL_SLACK = 5.0
"""Seconds of calls that are read again, for clocks differ."""
CONFERENCE = "conference-"
"""How bridges that do not dissolve when one of several leaves are named."""
EFFECTS = "effects"
"""The source of the effects' answers."""


@dataclass(slots=True)
class Channel:
    """A channel of the node; `address` is the station's it leads to, empty for a customer's."""

    channel: str
    context: str
    address: str = ""
    up: bool = True
    bridge: str = ""
    number: str = ""
    held: bool = False
    """Its phone holds the call."""
    taken_by: str = ""
    """The station that took a customer from the fallback queue."""
    dialled: bool = False
    """Rung by the fallback queue: it has no place of its own and ends with the conversation."""
    third: bool = False
    """A number outside whom an agent consults."""
    detect: bool = False
    """A campaign's call: who answers is listened to first."""
    variables: dict[str, str] = field(default_factory=dict)

    @property
    def customer(self) -> bool:
        return not self.address and not self.third


class FakePbx:
    """One node. `announces`: a station's channel tells its place also after a conversation."""

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
        self.effects: deque[e.Effect] = deque()
        self.told: list[tuple[str, int, float | None]] = []
        """What waiting customers were told: channel, position, expected wait."""
        self.facts: dict[str, deque[s.Signal]] = {}
        self.snapshot: s.NodeSnapshot | None = None
        """Taken, not told yet; what is told after it waits behind it."""
        self._earlier: dict[str, int] = {}
        """How many facts of each source were told before it, and are read before it."""
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

    # --- the link to the server ---------------------------------------------------------------------

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
        return [name for name, queue in self.facts.items() if queue]

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

    # --- customers --------------------------------------------------------------------------------

    def arrive(
        self,
        number: str = "4000",
        group: str = "general",
        caller: str = "13800138000",
        *,
        ungreeted: bool = False,
    ) -> str:
        """A customer calls; with a server the call asks its way, without one it goes to the fallback."""
        self._counter += 1
        channel = f"{self.name}-{self._counter}.0"
        variables = {"CTI_NUMBER": number, "CTI_GROUP": group}
        self.channels[channel] = Channel(channel, "cti-entry", number=caller, variables=variables)
        if self.link:
            asking = s.ContactArrived(
                self.now, self.name, channel, number, caller, group_id=group, ungreeted=ungreeted
            )
            self._tell(f"agi:{channel}", asking)
        else:
            self._place(self.channels[channel], "unserved")
        return channel

    def press(
        self, channel: str, serial: int, answer: str, subject: str = "", who: CustomerProfile | None = None
    ) -> None:
        """The caller answers a question of the menu."""
        pressed = s.MenuAnswered(self.now, self.name, channel, serial, answer, subject, who)
        self._tell(f"agi:{channel}", pressed)

    def asked_enough(self, channel: str) -> None:
        """Whom an agent sent to the machine is brought back, without a server by way of hold."""
        found = self.channels[channel]
        peer = self.channels.get(found.variables["CTI_PEER"])
        if not self.link and found.variables.pop("CTI_HUSHED", ""):
            found.variables.pop("CTI_PAUSED", None)
        if self.link and peer and not peer.bridge:
            found.context = "cti-connect"
            self._join(found, peer)
        else:
            self._place(found, "hold")

    def greeted(self, channel: str) -> None:
        """The greeting is over, or the question was not answered."""
        found = self.channels[channel]
        self._place(found, "wait" if "CTI_ROUTED" in found.variables else "unserved")

    def hang_up(self, channel: str, cause: int = NORMAL) -> None:
        """A party leaves."""
        found = self.channels[channel]
        self._part(found)
        del self.channels[channel]
        self._end_internal(found)
        for spy in self.channels.values():
            if spy.context == "cti-supervise" and spy.variables["CTI_SPY"] == channel:
                self._back_to_station(spy)
        if found.customer and found.up:
            self._log_end(found)
            if "CTI_RECORDED_WITH" in found.variables:
                self._tell(channel, s.RecordingChanged(self.now, self.name, channel, recording=False))
        self._tell(channel, s.ChannelGone(self.now, self.name, channel, cause))

    def _end_internal(self, gone: Channel) -> None:
        """Either end of a call between agents ends the pair of channels between them."""
        called = self.channels.get(gone.variables.get("CTI_COLLEAGUE", ""))
        if called and called.bridge == f"internal-{gone.channel}":
            bridge, called.bridge = called.bridge, ""
            self._tell(called.channel, s.ChannelLeftBridge(self.now, self.name, called.channel, bridge))
            self._fall_back(called)
        for pair in list(self.channels.values()):
            if pair.variables.get("CTI_COLLEAGUE") == gone.channel:
                self.hang_up(pair.channel)

    def _log_end(self, found: Channel) -> None:
        fact = s.ContactRecovered(
            self.now,
            self.name,
            found.channel,
            found.variables.get("CTI_NUMBER", ""),
            found.variables["CTI_GROUP"],
            found.number,
            arrived_at=self.now - 60,
            ended_at=self.now,
            connected_at=self.now - 30 if found.taken_by else None,
            station=found.taken_by,
        )
        self.cel.append(fact)

    def _place(self, found: Channel, place: str) -> None:
        found.context = f"cti-{place}"
        variables = found.variables
        fact = s.CustomerPlaced(
            self.now,
            self.name,
            found.channel,
            place,
            variables.get("CTI_NUMBER", ""),
            variables["CTI_GROUP"],
            found.number,
        )
        self._tell(found.channel, fact)

    # --- without a server ---------------------------------------------------------------------------

    def on_its_own(self, channel: str) -> None:
        """No beat for some seconds: the loop the channel is in finds its own way."""
        found = self.channels[channel]
        if found.third:
            self.hang_up(channel)
        elif found.address:
            if found.variables.get("CTI_STATION_MODE") != "persistent":
                self.hang_up(channel)
        elif found.context == "cti-wait" and found.variables.get("CTI_CONNECTED"):
            self.hang_up(channel)
        elif found.context in ("cti-wait", "cti-connect"):
            self._place(found, "unserved")
        elif found.context == "cti-identify":
            self.asked_enough(channel)
        elif found.context in ("cti-hold", "cti-refer"):
            peer = self.channels.get(found.variables.get("CTI_PEER", ""))
            if peer and not peer.bridge:
                self._join(found, peer)
            elif peer is None:
                self._place(found, "unserved")

    def next_turn(self, channel: str) -> None:
        """A turn in the fallback queue is over and a server lives: back to it."""
        self._place(self.channels[channel], "wait")

    def fallback_answers(self, channel: str, address: str) -> str:
        """A member's phone takes a caller from the fallback queue; a nailed-up one by a second call."""
        self._counter += 1
        new = f"{self.name}-{self._counter}.0"
        self.channels[new] = Channel(new, "cti-fallback-agent", address, dialled=True)
        self.channels[channel].taken_by = address
        self._join(self.channels[channel], self.channels[new])
        return new

    def free_members(self) -> list[str]:
        """Stations the fallback queue may ring."""
        taken = {c.address for c in self.channels.values() if c.bridge or not c.up or c.dialled}
        return sorted(a for a in self.members if a in self.registered and a not in taken)

    # --- outside ----------------------------------------------------------------------------------

    def outside_answers(self, channel: str) -> None:
        """The number outside that the customer was passed on to is picked up."""
        customer = self.channels[channel]
        self._counter += 1
        customer.bridge = f"bridge-{self._counter}"
        self._tell(channel, s.ChannelEnteredBridge(self.now, self.name, channel, customer.bridge))

    def outside_refuses(self, channel: str) -> None:
        """Busy, or not answered."""
        self._place(self.channels[channel], "wait")

    def speaks(self, channel: str) -> None:
        """A customer who was told how begins to leave a message."""
        self.channels[channel].variables["CTI_RECORDED_WITH"] = "voicemail"
        self._tell(channel, s.RecordingChanged(self.now, self.name, channel, recording=True))

    def customer_answers(self, channel: str) -> None:
        """A customer whom we called picks up: joined with the agent who is there, or waits."""
        customer = self.channels[channel]
        customer.up = True
        agent = self.channels.get(customer.variables["CTI_PEER"])
        if agent and agent.context == "cti-dialling":
            self._record(customer, agent.channel)
            customer.context = "cti-connect"
            customer.variables["CTI_CONNECTED"] = "1"
            agent.context = "cti-station"
            self._join(customer, agent)
        elif customer.variables["CTI_PEER"]:
            customer.context = "cti-connect"
            if self.link:
                self._fail(e.Connect(self.name, channel, "", ""), "pbx_refused")
        elif customer.detect:
            customer.context = "cti-campaign"
        else:
            self._place(customer, "wait")

    def heard(self, channel: str, who: str, after: float = 0.0) -> None:
        """Detection has listened to a campaign's call: a person waits; else it ends."""
        self._tell(channel, s.AnswerHeard(self.now, self.name, channel, who, after))
        if who in ("machine", "hangup"):
            self.hang_up(channel)
        else:
            self._place(self.channels[channel], "wait")

    def third_answers(self, channel: str) -> None:
        """A number outside whom an agent consults picks up: music, until it is joined."""
        self.channels[channel].up = True
        self._back_to_station(self.channels[channel])

    # --- phones -----------------------------------------------------------------------------------

    def register(self, address: str) -> None:
        """A phone registers."""
        self.registered.add(address)
        self._tell(address, s.StationChanged(self.now, self.name, address, registered=True))

    def unregister(self, address: str) -> None:
        """A phone's registration ends; its calls go on."""
        self.registered.discard(address)
        self._tell(address, s.StationChanged(self.now, self.name, address, registered=False))

    def answer(self, channel: str) -> None:
        """A ringing phone is picked up."""
        found = self.channels[channel]
        found.up = True
        self._tell(channel, s.StationPlaced(self.now, self.name, channel))

    def refuse(self, channel: str, cause: int = BUSY) -> None:
        """A ringing phone rejects the call, or rang in vain."""
        rung = e.RingStation(self.name, channel, self.channels[channel].address, StationMode.ON_DEMAND, 0)
        if self.link:
            self._fail(rung, "pbx_refused")
        self.hang_up(channel, cause)

    def hold(self, channel: str) -> None:
        """A phone holds its call by itself."""
        self.channels[channel].held = True
        self._tell(channel, s.PhoneHeld(self.now, self.name, channel))

    def retrieve(self, channel: str) -> None:
        """A phone takes its call back."""
        self.channels[channel].held = False
        self._tell(channel, s.PhoneRetrieved(self.now, self.name, channel))

    def refer(self, channel: str, to: str) -> None:
        """A phone passes its customer on by itself: the customer waits for the server's word."""
        phone = self.channels[channel]
        customer = next((c for c in self.channels.values() if c.customer and c.bridge == phone.bridge), None)
        if not self.link or customer is None or customer.context != "cti-connect" or not phone.bridge:
            return  # 404
        self._tell(customer.channel, s.PhoneTransfers(self.now, self.name, customer.channel, channel, to))
        customer.context = "moving"
        self._part(customer)
        self._place(customer, "referred")
        customer.context = "cti-refer"

    # --- bridges ----------------------------------------------------------------------------------

    def _join(self, one: Channel, other: Channel) -> None:
        self._part(one)
        self._part(other)
        self._counter += 1
        for party in (one, other):
            party.bridge = f"bridge-{self._counter}"
            self._tell(
                party.channel, s.ChannelEnteredBridge(self.now, self.name, party.channel, party.bridge)
            )

    def _part(self, leaving: Channel) -> None:
        """Take a channel out of its bridge; who stays behind goes back to its own place."""
        bridge = leaving.bridge
        if not bridge:
            return
        parties = [c for c in self.channels.values() if c.bridge == bridge]
        if bridge.startswith(CONFERENCE):
            agents_left = any(not c.customer for c in parties if c is not leaving)
            parties = parties if leaving.customer or not agents_left else [leaving]
        for party in parties:
            party.bridge = ""
            self._tell(party.channel, s.ChannelLeftBridge(self.now, self.name, party.channel, bridge))
        for left in parties:
            if left is not leaving:
                self._fall_back(left)

    def _fall_back(self, left: Channel) -> None:
        if left.context == "moving":
            return
        if left.dialled:
            self.hang_up(left.channel)
        elif left.third:
            self._back_to_station(left)
        elif left.address:
            if self.announces or left.context in ("cti-join", "cti-conference"):
                left.context = "cti-station"
                self._tell(left.channel, s.StationPlaced(self.now, self.name, left.channel))
        elif left.context == "cti-unserved":
            self.hang_up(left.channel)  # the dialplan says goodbye after a conversation
        elif left.context == "cti-conference":
            self._place(left, "wait")
        else:
            left.context = "cti-wait"  # into the middle of the loop: nothing is told

    # --- effects ----------------------------------------------------------------------------------

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

    def _do_RingStation(self, effect: e.RingStation) -> bool:  # noqa: N802  (the effect's name)
        if effect.address not in self.registered:
            return False
        variables = {"CTI_STATION": effect.address, "CTI_STATION_MODE": effect.mode.value}
        self.channels[effect.channel] = Channel(
            effect.channel, "cti-station", effect.address, up=False, variables=variables
        )
        return True

    def _do_Connect(self, effect: e.Connect) -> bool:  # noqa: N802
        customer, agent = self.channels.get(effect.channel), self.channels.get(effect.agent_channel)
        if customer is None or agent is None or not agent.up:
            return False
        assert customer.context != "cti-entry", "a Redirect is lost while the call asks its way"
        customer.variables |= {"CTI_PEER": agent.channel, "CTI_CONNECTED": "1"}
        customer.context = "cti-connect"
        self._record(customer, agent.channel)
        self._join(customer, agent)
        return True

    def _record(self, customer: Channel, other: str) -> None:
        own, before = customer.channel, customer.variables.get("CTI_RECORDED_WITH")
        if before == other:
            return
        if before:
            self._tell(own, s.RecordingChanged(self.now, self.name, own, recording=False))
        customer.variables["CTI_RECORDED_WITH"] = other
        customer.variables.pop("CTI_PAUSED", None)
        self._tell(own, s.RecordingChanged(self.now, self.name, own, recording=True))

    def _do_HoldCustomer(self, effect: e.HoldCustomer) -> bool:  # noqa: N802
        customer, agent = self.channels.get(effect.channel), self.channels.get(effect.agent_channel)
        if customer is None or agent is None:
            return False
        agent.dialled, agent.context = False, "cti-station"
        self._part(customer)
        self._part(agent)
        self._place(customer, "hold")
        self._tell(agent.channel, s.StationPlaced(self.now, self.name, agent.channel))
        return True

    def _do_IdentifyCustomer(self, effect: e.IdentifyCustomer) -> bool:  # noqa: N802
        customer, agent = self.channels.get(effect.channel), self.channels.get(effect.agent_channel)
        if customer is None or agent is None:
            return False
        customer.variables |= {"CTI_PEER": agent.channel, "CTI_HUSHED": "1" if effect.silent else ""}
        if not effect.parted:
            agent.dialled, agent.context = False, "cti-station"
        self._part(customer)
        self._place(customer, "identify")
        if not effect.parted:
            self._part(agent)
            self._tell(agent.channel, s.StationPlaced(self.now, self.name, agent.channel))
        return True

    def _do_Move(self, effect: e.Move) -> bool:  # noqa: N802
        wanted = [(effect.channel, effect.place), (effect.other, effect.other_place)]
        found = [(self.channels.get(channel), place) for channel, place in wanted if channel]
        if any(channel is None or not channel.up for channel, _ in found):
            return False
        for channel, _ in found:
            if channel:
                channel.dialled = False
                channel.context = "moving"
        for channel, place in found:
            if channel:
                self._part(channel)
                self._arrive_at(channel, place)
        return True

    def _arrive_at(self, channel: Channel, place: e.Place) -> None:
        if place is e.Place.HOLD:
            self._place(channel, "hold")
        else:
            channel.context = place.value
            self._tell(channel.channel, s.StationPlaced(self.now, self.name, channel.channel))

    def _do_Join(self, effect: e.Join) -> bool:  # noqa: N802
        third, agent = self.channels.get(effect.channel), self.channels.get(effect.agent_channel)
        if third is None or agent is None or not third.up or not agent.up:
            return False
        third.context = "cti-join"
        self._join(third, agent)
        return True

    def _do_Confer(self, effect: e.Confer) -> bool:  # noqa: N802
        found = [self.channels.get(channel) for channel in (effect.channel, *effect.others)]
        parties = [channel for channel in found if channel and channel.up]
        if len(parties) < len(found):
            return False
        self._counter += 1
        for party in parties:
            party.context = "cti-conference"
        for party in parties:
            self._part(party)
        for party in parties:
            party.bridge = f"{CONFERENCE}{self._counter}"
            entered = s.ChannelEnteredBridge(self.now, self.name, party.channel, party.bridge)
            self._tell(party.channel, entered)
        return True

    def _do_Supervise(self, effect: e.Supervise) -> bool:  # noqa: N802
        spy = self.channels.get(effect.channel)
        if spy is None or not spy.up:
            return False
        spy.context = "cti-supervise"
        spy.variables["CTI_SPY"] = effect.agent_channel
        self._tell(spy.channel, s.SupervisorPlaced(self.now, self.name, spy.channel, effect.mode.value))
        if effect.agent_channel not in self.channels:
            self._back_to_station(spy)
        return True

    def _back_to_station(self, channel: Channel) -> None:
        channel.context = "cti-station"
        self._tell(channel.channel, s.StationPlaced(self.now, self.name, channel.channel))

    def _do_ReturnToQueue(self, effect: e.ReturnToQueue) -> bool:  # noqa: N802
        customer = self.channels.get(effect.channel)
        if customer is None:
            return False
        customer.variables.pop("CTI_CONNECTED", None)
        if effect.group_id:
            customer.variables["CTI_GROUP"] = effect.group_id
        self._part(customer)
        self._place(customer, "wait")
        return True

    def _do_TellPlace(self, effect: e.TellPlace) -> bool:  # noqa: N802
        channel = self.channels.get(effect.channel)
        if channel and channel.context == "cti-wait":
            self.told.append((effect.channel, effect.position, effect.wait))
        return channel is not None

    def _do_TakeMessage(self, effect: e.TakeMessage) -> bool:  # noqa: N802
        customer = self.channels.get(effect.channel)
        if customer is None:
            return False
        assert customer.context != "cti-entry", "a Redirect is lost while the call asks its way"
        self._part(customer)
        self._place(customer, "voicemail")
        return True

    def _do_SendOutside(self, effect: e.SendOutside) -> bool:  # noqa: N802
        customer = self.channels.get(effect.channel)
        if customer is None:
            return False
        self._part(customer)
        customer.context = "cti-outside"
        return True

    def _do_CallCustomer(self, effect: e.CallCustomer) -> bool:  # noqa: N802
        agent = self.channels.get(effect.agent_channel)
        if agent:
            agent.context = "cti-dialling"
        variables = {
            "CTI_DIRECTION": "outbound",
            "CTI_NUMBER": effect.shown,
            "CTI_GROUP": effect.group_id,
            "CTI_ROUTED": "1",
            "CTI_PEER": effect.agent_channel,
        }
        self.channels[effect.channel] = Channel(
            effect.channel,
            "cti-refused",
            up=False,
            number=effect.number,
            variables=variables,
            detect=effect.detect,
        )
        return True

    def _do_Apologise(self, effect: e.Apologise) -> bool:  # noqa: N802
        customer = self.channels.get(effect.channel)
        if customer is None:
            return False
        self._part(customer)
        customer.context = "cti-let-go"
        return True

    def _do_CallColleague(self, effect: e.CallColleague) -> bool:  # noqa: N802
        called = self.channels.get(effect.colleague_channel)
        variables = {
            "CTI_DIRECTION": "internal",
            "CTI_GROUP": effect.group_id,
            "CTI_ROUTED": "1",
            "CTI_PEER": effect.agent_channel,
            "CTI_COLLEAGUE": effect.colleague_channel,
        }
        self.channels[effect.channel] = Channel(effect.channel, "cti-dialled", variables=variables)
        if called is None or not called.up or called.bridge:
            self.hang_up(effect.channel)
            return True
        called.bridge = f"internal-{effect.channel}"
        self._tell(called.channel, s.ChannelEnteredBridge(self.now, self.name, called.channel, called.bridge))
        self.customer_answers(effect.channel)
        return True

    def _do_CallThird(self, effect: e.CallThird) -> bool:  # noqa: N802
        self.channels[effect.channel] = Channel(
            effect.channel, "cti-refused", up=False, third=True, variables={"CTI_THIRD": "1"}
        )
        return True

    def _do_HearRinging(self, effect: e.HearRinging) -> bool:  # noqa: N802
        agent = self.channels.get(effect.channel)
        if agent:
            agent.context = "cti-dialling"
        return agent is not None

    def _do_PlayOutcome(self, effect: e.PlayOutcome) -> bool:  # noqa: N802
        """The tone is over at once."""
        channel = self.channels.get(effect.channel)
        if channel is None:
            return False
        if channel.variables.get("CTI_STATION_MODE") == "persistent":
            self._back_to_station(channel)
        else:
            self.hang_up(effect.channel)
        return True

    def _do_HangUpChannel(self, effect: e.HangUpChannel) -> bool:  # noqa: N802
        if effect.channel not in self.channels:
            return False
        self.hang_up(effect.channel)
        return True

    def _set(self, effect: e.Confirmed, variable: str, value: str) -> bool:
        if effect.channel not in self.channels:
            return False
        self.channels[effect.channel].variables[variable] = value
        done = s.EffectDone(self.now, self.name, type(effect).__name__, effect.channel)
        self.facts.setdefault(EFFECTS, deque()).append(done)
        return True

    def _do_Mute(self, effect: e.Mute) -> bool:  # noqa: N802
        return self._set(effect, "CTI_MUTED", "1")

    def _do_Unmute(self, effect: e.Unmute) -> bool:  # noqa: N802
        return self._set(effect, "CTI_MUTED", "")

    def _do_SendDigits(self, effect: e.SendDigits) -> bool:  # noqa: N802
        return self._set(effect, "heard", effect.digits)

    def _do_PauseRecording(self, effect: e.PauseRecording) -> bool:  # noqa: N802
        return self._set(effect, "CTI_PAUSED", "1")

    def _do_ResumeRecording(self, effect: e.ResumeRecording) -> bool:  # noqa: N802
        return self._set(effect, "CTI_PAUSED", "")

    def _do_AddFallbackMember(self, effect: e.AddFallbackMember) -> bool:  # noqa: N802
        new = [group for group in effect.groups if (effect.channel, group) not in self._modes]
        self._modes |= {(effect.channel, group): effect.mode for group in new}
        return len(new) == len(effect.groups)

    def _do_RemoveFallbackMember(self, effect: e.RemoveFallbackMember) -> bool:  # noqa: N802
        gone = [self._modes.pop((effect.channel, group), None) for group in effect.groups]
        return None not in gone

    def _do_NoteNumbers(self, effect: e.NoteNumbers) -> bool:  # noqa: N802
        self.numbers = {one.number: one for one in effect.numbers}
        return True

    def _do_Resync(self, effect: e.Resync) -> bool:  # noqa: N802
        if self.snapshot is None:
            self._take_snapshot()
        return True
