"""The aggregate: one signal in, its outcome out. Pure: the same signals give the same world."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cti_server.domain import signals as s
from cti_server.domain.effects import Resync
from cti_server.domain.errors import IllegalTransition, Refusal
from cti_server.domain.events import Outcome, Reply
from cti_server.domain.routing import Router
from cti_server.domain.rules import (
    after_call,
    ahead,
    answering,
    arrivals,
    audio,
    callbacks,
    campaigns,
    channel_facts,
    consult_commands,
    consult_facts,
    conversation,
    dialling,
    dialling_facts,
    directory,
    failed_effects,
    fallback,
    forced_states,
    handing,
    identity,
    lost_node,
    menu,
    node_facts,
    offers,
    preference,
    referring,
    resync,
    seats,
    subscriptions,
    supervision,
    supervision_commands,
    transfers,
    unseen,
    voicemail,
    waiting,
    watching,
)
from cti_server.domain.state import WorldState
from cti_server.domain.step import Step

FACTS: dict[type[s.Signal], Callable[[Step, Any], None]] = {
    s.EpochBegan: directory.epoch_began,
    s.LeaderStarted: directory.leader_started,
    s.DirectoryLoaded: directory.directory_loaded,
    s.RoutingChanged: directory.directory_loaded,
    s.AgentConnected: directory.agent_connected,
    s.AgentDisconnected: directory.agent_disconnected,
    s.NodeUp: node_facts.node_up,
    s.NodeDown: node_facts.node_down,
    s.NodeSnapshot: resync.node_snapshot,
    s.ContactArrived: arrivals.contact_arrived,
    s.MenuAnswered: menu.answered,
    s.ContactRecovered: unseen.contact_recovered,
    s.CampaignCall: campaigns.place,
    s.AnswerHeard: campaigns.heard,
    s.CustomerPlaced: arrivals.customer_placed,
    s.StationPlaced: channel_facts.station_placed,
    s.StationChanged: node_facts.station_changed,
    s.SupervisorPlaced: supervision.placed,
    s.ChannelEnteredBridge: channel_facts.entered_bridge,
    s.StrangerInBridge: channel_facts.stranger,
    s.ChannelLeftBridge: channel_facts.left_bridge,
    s.ChannelGone: channel_facts.channel_gone,
    s.PhoneTransfers: referring.asked,
    s.PhoneHeld: channel_facts.phone_held,
    s.PhoneRetrieved: channel_facts.phone_retrieved,
    s.RecordingChanged: channel_facts.recording_changed,
    s.EffectFailed: failed_effects.effect_failed,
    s.EffectDone: audio.effect_done,
}

COMMANDS: dict[type[s.Command], Callable[[Step, Any], dict[str, Any] | None]] = {
    s.SignIn: seats.sign_in,
    s.SignOut: seats.sign_out,
    s.SetState: seats.set_state,
    s.Accept: answering.accept,
    s.Reject: answering.reject,
    s.Hold: conversation.hold,
    s.Retrieve: conversation.retrieve,
    s.Identify: identity.identify,
    s.HangUp: answering.hang_up,
    s.ConsultParty: consult_commands.consult,
    s.Alternate: consult_commands.alternate,
    s.CompleteTransfer: consult_commands.complete_transfer,
    s.CancelConsult: consult_commands.cancel_consult,
    s.Conference: consult_commands.conference,
    s.DropLeg: consult_commands.drop_leg,
    s.TransferContact: transfers.transfer,
    s.MuteMicrophone: audio.mute,
    s.UnmuteMicrophone: audio.unmute,
    s.SendDtmf: audio.send_dtmf,
    s.RecordingPause: audio.pause_recording,
    s.RecordingResume: audio.resume_recording,
    s.SuperviseParty: supervision_commands.supervise,
    s.StopSupervising: supervision_commands.stop,
    s.Subscribe: subscriptions.subscribe,
    s.Unsubscribe: subscriptions.unsubscribe,
    s.ForceState: forced_states.force_state,
    s.ForceSignOut: forced_states.force_sign_out,
    s.Dial: dialling.dial,
    s.SetData: conversation.set_data,
    s.WrapUp: after_call.wrap_up,
}
"""Each returns the result, or None when the PBX must show the outcome first; raises Refusal."""

TIMERS: dict[str, Callable[[Step, str], None]] = {
    "offer": offers.no_answer,
    "operation": watching.operation_timed_out,
    "audio": audio.timed_out,
    "consult": consult_facts.no_answer,
    "lost": lost_node.given_up,
    "members": fallback.look,
    "supervise": supervision.timed_out,
    "subscriber": subscriptions.over,
    "dial": dialling_facts.overdue,
    "arrival": arrivals.arrival_overdue,
    "join": offers.join_overdue,
    "apart": watching.apart,
    "wrap_up": after_call.wrap_up_over,
    "after_call": handing.after_call_over,
    "station": seats.station_timed_out,
    "disconnected": directory.grace_over,
    "preference": preference.over,
    "overflow": voicemail.overflow,
    "announce": waiting.announce,
    "patience": campaigns.nobody_free,
    "callback": callbacks.due,
    "callback_over": callbacks.expired,
}
"""By the part of the timer's key before the colon; called with the part after it."""


BLIND = frozenset({"offer", "overflow", "patience", "consult", "dial", "arrival", "join"})
"""Timers that conclude from what the PBX has not told: never while it cannot tell anything."""
LOOK_AGAIN = 1.0
"""Seconds for which those are put off then."""

MANY = (s.LeaderStarted, s.DirectoryLoaded, s.RoutingChanged, s.NodeSnapshot)
"""Signals after which anybody may be free or not: routing looks at everybody again."""


class World:
    """The live centre. `apply` is the only way to change it."""

    def __init__(self, state: WorldState | None = None) -> None:
        self.state = state or WorldState()
        self._index()

    def _index(self) -> None:
        """Derive from the state anew what is kept for speed."""
        self.router = Router(self.state)
        self._ahead = ahead.numbers(self.state)

    def apply(self, signal: s.Signal) -> Outcome:
        """Apply one signal. What the outside says never raises: refusals and contradictions are outcomes."""
        self.state.signals += 1
        step = Step(self.state, signal.at)
        try:
            self._apply(step, signal)
        except BaseException:  # a bug half done: what the index was not told of must not stay unknown
            self._index()
            raise
        self.state.last_at = signal.at
        return step.outcome

    def _apply(self, step: Step, signal: s.Signal) -> None:
        if isinstance(signal, s.Command):
            self._command(step, signal)
        elif isinstance(signal, s.TimerFired):
            self._timer(step, signal)
        else:
            self._fact(step, signal)
        step.request_id = ""
        supervision.sweep(step)
        agents = self._route(step, signal)
        ahead.settle(step)
        ahead.publish(step, self.router, self._ahead, agents, anew=isinstance(signal, MANY))
        subscriptions.tell_queues(step)

    def _route(self, step: Step, signal: s.Signal) -> set[str]:
        """Offer whatever can be offered now. The agents that may be free now, or not any more."""
        agents: set[str] = set()
        if isinstance(signal, MANY):
            self._index()
        if isinstance(signal, s.Command | s.AgentConnected | s.AgentDisconnected):
            step.agents.add(signal.agent_id)
        elif isinstance(signal, s.PbxFact):
            step.waiting.add(getattr(signal, "channel", ""))  # a contact has its channel's id
        while True:
            self.router.update(step.agents, step.waiting)
            agents |= step.agents
            step.agents.clear()
            step.waiting.clear()
            pair = self.router.next_pair()
            if pair is None:
                return agents
            offers.offer(step, *pair)

    def _command(self, step: Step, command: s.Command) -> None:
        step.request_id = command.request_id
        try:
            result = COMMANDS[type(command)](step, command)
        except Refusal as refusal:
            message = str(refusal) or type(refusal).__doc__ or ""
            reply = Reply(
                command.agent_id, command.request_id, error_code=refusal.code, error_message=message
            )
            step.outcome.replies.append(reply)
            return
        if result is not None:
            step.outcome.replies.append(Reply(command.agent_id, command.request_id, result=result))

    def _timer(self, step: Step, signal: s.TimerFired) -> None:
        due = self.state.timers.get(signal.key)
        if due is None or due > signal.at:
            return
        del self.state.timers[signal.key]
        kind, _, key = signal.key.partition(":")
        if kind in BLIND and self._unseen(key):
            step.set_timer(signal.key, LOOK_AGAIN)
        else:
            TIMERS[kind](step, key)

    def _unseen(self, contact_id: str) -> bool:
        """Whether the contact's node is out of reach: what it seems to wait for may have happened there."""
        contact = self.state.contacts.get(contact_id)
        if contact is None or contact.to_be_called:
            return False
        node = self.state.nodes.get(contact.node)
        return node is None or not node.up

    def _fact(self, step: Step, signal: s.Signal) -> None:
        try:
            FACTS[type(signal)](step, signal)
        except IllegalTransition as contradiction:
            step.anomaly(str(contradiction))
            if isinstance(signal, s.PbxFact) and not isinstance(signal, s.NodeSnapshot):
                step.do(Resync(signal.node))

    def due_timers(self, now: float) -> list[str]:
        """Keys of timers due at `now`, oldest first."""
        due = [(at, key) for key, at in self.state.timers.items() if at <= now]
        return [key for _, key in sorted(due)]

    def next_timer(self) -> float | None:
        """When the next timer is due, in epoch seconds."""
        return min(self.state.timers.values(), default=None)
