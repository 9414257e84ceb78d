"""One PBX node, driven while this server leads: facts in, effects out, the beat, and the resync."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import structlog

from cti_server.asterisk import look, translate
from cti_server.asterisk.ami_client import AmiClient
from cti_server.asterisk.ami_codec import AmiMessage
from cti_server.asterisk.arrivals import Call
from cti_server.asterisk.call_control import actions
from cti_server.asterisk.early import EarlyLegs, Originates
from cti_server.asterisk.inbound import ChannelLife
from cti_server.asterisk.node_clock import AGREE, NodeClock
from cti_server.asterisk.number_book import NumberBook
from cti_server.asterisk.recipes.actions import Action
from cti_server.asterisk.unseen_calls import UnseenCalls
from cti_server.domain import effects as e
from cti_server.domain import signals as s
from cti_server.engine.port import JournalUnavailable, NotLeader, Overloaded
from cti_server.errors import AmiRefused, CtiError, LocalFault

log = structlog.get_logger(__name__)

RECONNECT = (0.1, 1.0)
"""Seconds between attempts, at first and at most: the state is right within 2 s of a healed link."""
GONE_KEPT = 1000
"""Channels that ended lately are remembered: a caller may hang up while it is being asked about."""
CALL_TOLD = 2.0
"""Seconds after which a call is given up that a phone was rung ahead for: its caller may be gone."""
GONE_LOOKS, GONE_PAUSE = 10, 0.05
BEAT_EVERY = 0.5
"""Seconds; the dialplan gives the server up after three without a beat."""
DIGIT_PAUSE = 0.06
"""Seconds between two DTMF digits."""
ON_THE_WAY = 0.25
"""Seconds in which a held customer who went back for want of a beat has reached its agent."""
UNREACHED = 3.0
"""Seconds after which a node that a new leader has not reached yet is told to be out of reach."""
CEL_SLACK = 5.0
"""Seconds before the last known moment from which unseen calls are looked for (clocks, buffered rows)."""
Sent = Sequence[tuple[Action, asyncio.Future[AmiMessage]]]
"""Actions of one effect, and their answers to come."""


@dataclass(frozen=True, slots=True)
class PbxAddress:
    """Where a node's manager interface is, our login there, and (if we can reach it) its CEL file."""

    name: str
    host: str
    port: int
    username: str
    secret: str
    cel_file: Path | None = None
    cel_columns: tuple[str, ...] = ()


class PbxLink:
    """The leader's hold on one node. `run` lasts as long as the leadership."""

    def __init__(
        self,
        address: PbxAddress,
        post: Callable[[s.Signal], None],
        gate: Callable[[], None],
        last_seen: Callable[[], float],
        *,
        called: Callable[[Call], asyncio.Future[None] | None],
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`last_seen`: until when all that happened there was seen, in epoch seconds; 0 for never.

        `called` is told of each call that comes; what it returns is done when the call is a contact, or
        cannot be one for now.
        """
        self.name = address.name
        self._post = post
        self._last_seen, self._called, self._clock = last_seen, called, clock
        self._registered: dict[str, bool] = {}
        self._originates, self._early = Originates(), EarlyLegs()
        self._running: set[asyncio.Task[None]] = set()
        self._unseen = UnseenCalls(address.name, address.cel_file, address.cel_columns, self._hand_in)
        self._facts_lost = False
        self._held_back: list[s.Signal] | None = None
        self._beating = self._following = self._over = False
        self._gone: deque[str] = deque(maxlen=GONE_KEPT)
        self._resyncing: asyncio.Task[None] | None = None
        self.client = AmiClient(
            address.host,
            address.port,
            address.username,
            address.secret,
            wanted=translate.WANTED,
            on_event=self._on_event,
            on_up=self._on_up,
            on_down=self._on_down,
            gate=gate,
            backoff=RECONNECT,
        )
        self._node_clock = NodeClock(address.name, self.client, clock)
        self.numbers = NumberBook(address.name, self.client)

    @property
    def serving(self) -> bool:
        """Whether the node knows that a server lives: callers are asked about, not sent to the fallback."""
        return self._beating and self.client.connected

    async def run(self) -> None:
        """Connect, and stay connected, until cancelled."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self.client.run())
                tasks.create_task(self._beat())
                tasks.create_task(self._tell_unreached())
                tasks.create_task(self.numbers.keep())
        finally:
            self._over = True
            self._early.forget()
            for task in self._running:
                task.cancel()

    async def _tell_unreached(self) -> None:
        """Without a connection there is none whose end would tell it."""
        await asyncio.sleep(UNREACHED)
        if not self.client.connected:
            self._hand_in(s.NodeDown(0.0, self.name, "not_reached"))

    def perform(self, *effects: e.Effect) -> None:
        """Carry out effects: their actions are written now, in order, after those handed in before."""
        with self.client.together():
            for effect in effects:
                self._perform(effect)

    def _perform(self, effect: e.Effect) -> None:
        if isinstance(effect, e.Resync):
            self._resync()
            return
        if isinstance(effect, e.NoteNumbers):
            self.numbers.want(effect)
            return
        try:
            recipe = actions(effect)
        except CtiError as error:  # a field that must not be sent so: nothing was written
            log.warning("pbx.effect_refused", node=self.name, effect=type(effect).__name__, code=error.code)
            asyncio.get_running_loop().call_soon(self._effect_failed, effect, error.code)
            return
        if isinstance(effect, e.SendDigits):
            self._keep(asyncio.create_task(self._digits(effect, recipe)))
        else:
            self._when_answered(effect, [(action, self._send(action)) for action in recipe])

    async def channel_life(self, channel: str) -> ChannelLife:
        """Whether Asterisk has the channel, had it a moment ago, or knows nothing of it."""
        try:
            await self.client.action("Getvar", {"Channel": channel, "Variable": "CTI_NUMBER"}, timeout=1.0)
        except CtiError:
            for _ in range(GONE_LOOKS):  # its Hangup may be on its way through the queue of events
                if channel in self._gone:
                    return ChannelLife.GONE
                await asyncio.sleep(GONE_PAUSE)
            return ChannelLife.UNKNOWN
        return ChannelLife.LIVE

    async def ahead_of(self, channel: str) -> tuple[str, str]:
        """The leg that is rung ahead for a call, and the station's address; empty for none."""
        try:
            return await look.rung_ahead(self.client, channel)
        except CtiError:
            return "", ""

    def has_gone(self, channel: str) -> bool:
        """Whether Asterisk told us of the channel's end, a moment ago."""
        return channel in self._gone

    # --- facts in -------------------------------------------------------------------------------------

    def _on_event(self, message: AmiMessage) -> None:
        if message.name == "OriginateResponse":
            rang = message.get("Response") == "Success"
            self._refused(self._originates.result(message.get("ActionID", ""), rang=rang))
        elif (call := translate.call(self.name, message)) is not None:
            self._call_told(call.ahead, self._called(call))
        elif translate.rings_ahead(message):
            self._rings_ahead(message["Uniqueid"])
        for fact in translate.facts(self.name, message):
            if isinstance(fact, s.ChannelGone):
                self._gone.append(fact.channel)
                if translate.after_farewell(message):
                    if self._unseen.farewell(fact):
                        self._keep(asyncio.create_task(self._unseen.tell_farewells()))
                    continue
            if isinstance(fact, s.StationChanged) and self._known_state(fact):
                continue
            if not self._early.keep(fact):
                self._tell(fact)

    def _tell(self, fact: s.Signal) -> None:
        """Hand it in, after the snapshot that is being taken if one is."""
        if self._held_back is None:
            self._hand_in(fact)
        else:
            self._held_back.append(fact)

    def _rings_ahead(self, leg: str) -> None:
        """Of a leg rung ahead nothing is told before the world has the call that it was rung for."""
        self._early.rings(leg)
        asyncio.get_running_loop().call_later(CALL_TOLD, self._decided, leg)

    def _call_told(self, leg: str, met: asyncio.Future[None] | None) -> None:
        if met:
            met.add_done_callback(lambda _: self._decided(leg))

    def _decided(self, leg: str) -> None:
        for fact in self._early.decided(leg):
            self._tell(fact)

    def _keep(self, task: asyncio.Task[None]) -> None:
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    def _known_state(self, fact: s.StationChanged) -> bool:
        """Whether the registration is as last told: a phone in use changes its device state often."""
        known = self._registered.get(fact.address) == fact.registered
        self._registered[fact.address] = fact.registered
        return known

    def _hand_in(self, fact: s.Signal) -> None:
        try:
            self._post(fact)
        except (NotLeader, JournalUnavailable):
            return  # whoever leads sees the PBX for itself
        except Overloaded:
            self._facts_lost = True  # the beat takes a snapshot once there is room again

    async def _on_up(self) -> None:
        """The link stands: bring our state in line before any buffered event is applied."""
        self._registered.clear()
        self._originates.forget()
        self._early.forget()
        self.numbers.forget()
        seen = self._last_seen()
        self._hand_in(s.NodeUp(0.0, self.name))
        await self._node_clock.compare()
        looked = self._node_clock.now()  # CEL goes by the node's clock, too
        if seen > 0:
            await self._unseen.tell(seen + self._node_clock.ahead - CEL_SLACK)
        await self._snapshot(first=True)
        if seen > 0:
            # `ahead` is known to AGREE only; who ended after the look is told by its Hangup before this reads
            since, until = looked - CEL_SLACK, self._node_clock.now() + AGREE
            self._keep(asyncio.create_task(self._unseen.tell_written(since, until)))

    def _on_down(self, reason: str) -> None:
        self._beating = self._following = False
        self._hand_in(s.NodeDown(0.0, self.name, reason))

    async def _snapshot(self, *, first: bool = False) -> None:
        """Take one and hand it in. `first`: only now the dialplan is told that a server lives.

        Before what the snapshot leads to is done, or callers fetched from the fallback would go there again;
        not before it was taken, or a node that we cannot follow would keep its callers waiting for us.
        """
        taken_at, status = await self._status()
        if first:
            await self._beat_once()
            self._following = True
            if any(translate.is_on_hold(message) for message in status):
                # Until the beat they went back to their agents by themselves; no retrieval must cross that.
                await asyncio.sleep(ON_THE_WAY)
                taken_at, status = await self._status()
        held = await look.held(self.client, status)
        devices = await self.client.list_action("DeviceStateList", {})
        queues = await look.queues(self.client)
        self._hand_in(translate.snapshot(self.name, status, devices, taken_at, queues, held=held))

    async def _status(self) -> tuple[float, list[AmiMessage]]:
        """All channels, and when they were asked for."""
        return self._clock(), await look.status(self.client)

    def _resync(self) -> None:
        """Take a snapshot soon; several wishes at once are one."""
        if self._resyncing and not self._resyncing.done():
            return

        async def take() -> None:
            # Facts that come meanwhile may be newer than the snapshot: they are told after it.
            held_back: list[s.Signal] = []
            self._held_back = held_back
            try:
                await self._snapshot()
            except CtiError as error:
                log.warning("pbx.resync_failed", node=self.name, code=error.code)
            finally:
                self._held_back = None
                for fact in held_back:
                    self._hand_in(fact)

        self._resyncing = asyncio.create_task(take())

    # --- effects out ----------------------------------------------------------------------------------

    async def _beat(self) -> None:
        while True:
            if self._facts_lost:
                log.warning("pbx.facts_lost", node=self.name)
                self._facts_lost = False
                self._resync()
            if self.client.connected and self._following:
                self._node_clock.ask()
                await self._beat_once()
            await asyncio.sleep(BEAT_EVERY)

    async def _beat_once(self) -> None:
        """By the node's own clock: the dialplan compares it with that, not with ours."""
        beat = {"Variable": "GLOBAL(CTI_BEAT)", "Value": str(int(self._node_clock.now()))}
        try:
            await self.client.action("Setvar", beat, timeout=BEAT_EVERY * 2)
            self._beating = True
        except CtiError as error:
            self._beating = False
            log.warning("pbx.beat_failed", node=self.name, code=error.code)

    def _send(self, action: Action) -> asyncio.Future[AmiMessage]:
        try:
            return self.client.begin(action.name, action.fields)
        except Exception as error:  # noqa: BLE001 (it was not written: `_outcome` reports it like a refusal)
            failed: asyncio.Future[AmiMessage] = asyncio.get_running_loop().create_future()
            failed.set_exception(error)
            return failed

    async def _digits(self, effect: e.SendDigits, recipe: list[Action]) -> None:
        """One digit at a time, with a pause in which Asterisk serves the other actions."""
        for action in recipe:
            answer = self._send(action)
            await asyncio.wait((answer,))
            if answer.cancelled() or answer.exception():
                break
            await asyncio.sleep(DIGIT_PAUSE)
        self._outcome(effect, [(action, answer)])

    def _when_answered(self, effect: e.Effect, sent: Sent) -> None:
        """Report the outcome once every action has its answer."""
        left = len(sent)

        def one(answer: asyncio.Future[AmiMessage]) -> None:
            nonlocal left
            left -= 1
            _failure(answer)  # looked at, whether or not it is reported
            if not left:
                self._outcome(effect, sent)

        for _, answer in sent:
            answer.add_done_callback(one)

    def _outcome(self, effect: e.Effect, sent: Sent) -> None:
        """Report the first deciding action that was not done."""
        failed = ""
        for action, answer in sent:
            error = _failure(answer)
            if self._over or isinstance(error, (NotLeader, asyncio.CancelledError)):
                return  # whoever leads now looks for itself
            if error is None:
                if action.name == "Originate":
                    self._refused(self._originates.taken(answer.result().get("ActionID", ""), effect))
            else:
                code = error.code if isinstance(error, CtiError) else LocalFault.code
                # both sides may hang up at once: a channel that is gone already is as it should be
                usual = action.name == "Hangup" and isinstance(error, AmiRefused)
                say = log.info if usual else log.warning
                say("pbx.action_failed", node=self.name, action=action.name, code=code)
                failed = failed or (code if action.deciding else "")
        channel = getattr(effect, "channel", "")
        if failed:
            self._effect_failed(effect, failed)
        elif isinstance(effect, e.Confirmed):
            self._hand_in(s.EffectDone(0.0, self.name, type(effect).__name__, channel))

    def _refused(self, effect: e.Effect | None) -> None:
        """The result of an Originate, which comes as an event: refused, if any."""
        if effect:
            self._effect_failed(effect, "pbx_refused")

    def _effect_failed(self, effect: e.Effect, code: str) -> None:
        channel = getattr(effect, "channel", "")
        self._hand_in(s.EffectFailed(0.0, self.name, type(effect).__name__, channel, code))


def _failure(answer: asyncio.Future[AmiMessage]) -> BaseException | None:
    return asyncio.CancelledError() if answer.cancelled() else answer.exception()
