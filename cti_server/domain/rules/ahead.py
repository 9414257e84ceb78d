"""The dialplan rings an on-demand phone before we hear of the call: on our guess who would get it (ADR 16).

The guess decides nothing. A call is looked up, journaled and routed like any other; the leg that rings by
then is taken for the one that would have been begun, or is hung up.
"""

from __future__ import annotations

from collections.abc import Iterable

from cti_server.domain.agent import Agent, StationMode
from cti_server.domain.contact import Contact, ContactState, RecordingState
from cti_server.domain.effects import HangUpChannel, LetJoin, RingAhead
from cti_server.domain.events import Event
from cti_server.domain.queue import Group
from cti_server.domain.routing import Lane, Router
from cti_server.domain.signals import ChannelFact, ContactArrived
from cti_server.domain.state import WorldState
from cti_server.domain.station import Station
from cti_server.domain.step import Step

JOINS_FROM = ("cti-entry", "cti-ahead")
"""Contexts of the dialplan on the customer's way to joining by itself."""
LONGER = 2
"""Seconds that a leg may ring beyond the offer's own time, which began a moment later."""
_NOT_JOINED = (ContactState.QUEUED, ContactState.OFFERED)
UNTOLD = "?"
"""In place of what a node was told when it may have forgotten that."""


def numbers(state: WorldState) -> dict[str, list[str]]:
    """By group: its service numbers whose calls may ring ahead. As constant as the settings."""
    found: dict[str, list[str]] = {}
    for number, group_id in state.service_numbers.items():
        group, greeting = state.groups.get(group_id), state.greetings.get(number)
        greeted = number in state.ivrs or bool(greeting and greeting.prompt)
        if group and group.policy.ring_ahead and not greeted:
            found.setdefault(group_id, []).append(number)
    return found


def publish(
    step: Step, router: Router, ahead: dict[str, list[str]], agents: Iterable[str], *, anew: bool
) -> None:
    """Tell each node in reach whose phone is rung for the next call of a number, where that is news.

    `ahead` are the `numbers`, `agents` those that routing looked at, `anew` whether it looked at everybody:
    all guesses of a large centre take a millisecond, and most signals change none.
    """
    state = step.state
    if not (ahead or anew or step.rang):
        return
    groups = ahead if anew else _changed(step, ahead, agents)
    for node in state.nodes.values():
        if not node.up:
            continue
        told = state.ahead.get(node.name, {})
        wanted = guesses(state, router, node.name, {one: ahead[one] for one in groups}, step.at)
        if anew:
            wanted = dict.fromkeys(told, "") | wanted
        elif step.rang:
            wanted.setdefault(step.rang, "")
        for number, guess in wanted.items():
            if told.get(number, "") != guess:
                state.ahead.setdefault(node.name, {})[number] = guess
                step.do(RingAhead(node.name, number, guess))


def _changed(step: Step, ahead: dict[str, list[str]], agents: Iterable[str]) -> list[str]:
    """Groups whose guess this signal may have changed."""
    state = step.state
    changed = {state.service_numbers.get(step.rang, ""), *step.queues}
    for agent_id in agents:
        if agent_id in state.agents:
            changed.update(state.agents[agent_id].groups)
    return sorted(changed & ahead.keys())


def forget(state: WorldState, node: str) -> None:
    """The node may have forgotten, or been told by somebody else: it is told anew when it is in reach."""
    state.ahead[node] = dict.fromkeys(state.ahead.get(node, {}), UNTOLD)


def guesses(
    state: WorldState, router: Router, node: str, ahead: dict[str, list[str]], at: float
) -> dict[str, str]:
    """By service number: `address:since:seconds` of who would get a stranger's call at the node now.

    `since` tells one guess from the next; the phone is to ring for so many seconds. Empty for nobody.
    """
    found: dict[str, str] = {}
    for group_id, its_numbers in ahead.items():
        found |= dict.fromkeys(its_numbers, _guess(state, router, state.groups[group_id], node, at))
    return found


def _guess(state: WorldState, router: Router, group: Group, node: str, at: float) -> str:
    policy = group.policy
    if group.waiting or policy.preference_time > 0:
        return ""
    if policy.hours and not policy.is_open(at, frozenset(state.holidays)):
        return ""
    stranger = Lane(group.group_id, node, "voice", tuple(sorted(policy.requires.items())), "")
    agent = router.best(stranger)
    if agent is None or not _may_ring(state, agent):
        return ""
    # The same for every group of the agent's: two numbers with one guess do not ring its phone twice.
    own = (state.groups[one] for one in agent.groups if one in state.groups)
    seconds = max(group.ring_timeout for group in own if group.policy.ring_ahead)
    return f"{agent.station}:{int(agent.state_since * 1000)}:{int(seconds) + LONGER}"


def _may_ring(state: WorldState, agent: Agent) -> bool:
    station = state.stations.get(agent.station or "")
    on_demand = agent.station_mode is StationMode.ON_DEMAND
    return bool(on_demand and station and station.registered and not station.channel)


def adopted(step: Step, contact: Contact, station: Station) -> str:
    """The leg that rings this station ahead, if one does: it is the offer's from now on."""
    fact = step.arrived
    if fact is None or fact.channel != contact.contact_id or fact.ahead_at != station.address:
        return ""
    if station.channel:
        return ""
    step.arrived = None
    station.channel, station.answered = fact.ahead, False
    step.state.station_channels[fact.ahead] = station.address
    contact.joins_itself, contact.rung_ahead = fact.ahead, True
    step.do(LetJoin(contact.node, contact.contact_id, fact.ahead))
    return fact.ahead


def settle(step: Step) -> None:
    """Somebody else was offered the call, or nobody: the leg that rings ahead is over."""
    fact, step.arrived = step.arrived, None
    if fact and fact.ahead not in step.state.station_channels:
        step.do(HangUpChannel(fact.node, fact.ahead))


def disown(step: Step, contact: Contact) -> bool:
    """The customer must not join by itself any more. False when it would not have."""
    if not contact.joins_itself:
        return False
    contact.joins_itself = ""
    step.do(LetJoin(contact.node, contact.contact_id, ""))
    return True


def arrived(step: Step, fact: ContactArrived) -> None:
    """Keep in mind which leg the call brings along until it is decided who gets it."""
    if not fact.ahead:
        return
    step.arrived = fact
    if fact.service_number not in step.state.service_numbers:
        return  # the question that says it has no authentication
    step.rang = fact.service_number
    told = step.state.ahead.setdefault(fact.node, {})
    if told.get(step.rang, "").partition(":")[0] != fact.ahead_at:
        told[step.rang] = UNTOLD  # a guess of another history, or whose end did not reach the node


def seen(step: Step, customers: Iterable[ChannelFact]) -> None:
    """Where a look at the PBX found them: anywhere else they do not join by themselves any more."""
    for fact in customers:
        contact = step.state.contacts.get(fact.channel)
        if contact and fact.context not in JOINS_FROM:
            contact.joins_itself = ""


def undecided(step: Step, fact: ChannelFact) -> bool:
    """Whether a channel that nobody knows rings ahead for a call that is about to be told."""
    caller = fact.variables.get("CTI_FOR", "")
    return bool(caller) and not fact.up and caller not in step.state.contacts


def recording_is_known(contact: Contact, *, recording: bool) -> bool:
    """Whether a recording that begins or ends is one that waits for the customer to be joined."""
    if recording:
        contact.recorded_ahead = contact.rung_ahead and contact.state in _NOT_JOINED
        return contact.recorded_ahead
    before, contact.recorded_ahead = contact.recorded_ahead, False
    contact.rung_ahead = contact.rung_ahead and not before
    return before


def recording_seen(contact: Contact) -> bool:
    """Whether a recording that a look at the PBX found begun is such a one."""
    contact.recorded_ahead = contact.state is ContactState.QUEUED or (
        contact.rung_ahead and contact.state in _NOT_JOINED
    )
    return contact.recorded_ahead


def recorded(step: Step, contact: Contact) -> None:
    """They talk: now it is written."""
    contact.joins_itself, contact.rung_ahead = "", False
    if contact.recorded_ahead:
        contact.recorded_ahead = False
        contact.recording = RecordingState.RECORDING
        step.tell_contact(contact, Event.RECORDING_STARTED)
