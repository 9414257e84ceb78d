"""Whose phone rings from the PBX's own fallback queues while no server lives: those who are signed in.

Sign-in is not answered only when the PBX has the phone there: it has to be possible while the PBX is out of
reach, and nobody rings from the fallback queue while the server that answers lives. What was lost or refused
is put right by the next snapshot, which lists the members.
"""

from __future__ import annotations

from collections.abc import Collection

from cti_server.domain import errors
from cti_server.domain.agent import Agent
from cti_server.domain.effects import AddFallbackMember, RemoveFallbackMember, Resync
from cti_server.domain.signals import EffectFailed, FallbackMember, NodeSnapshot
from cti_server.domain.step import Step

AGAIN = 30.0
"""Seconds until the members are looked at after the PBX refused one (most often: it had it already)."""
EFFECTS = (AddFallbackMember.__name__, RemoveFallbackMember.__name__)


def join(step: Step, agent: Agent) -> None:
    """The agent's phone rings for callers whom no server serves; asking twice does no harm."""
    _ask(step, agent, AddFallbackMember, agent.groups)


def leave(step: Step, agent: Agent) -> None:
    """It does so no more."""
    _ask(step, agent, RemoveFallbackMember, agent.groups)


def change(step: Step, agent: Agent, before: Collection[str]) -> None:
    """The agent's groups are not those of `before` any more."""
    _ask(step, agent, RemoveFallbackMember, [group for group in before if group not in agent.groups])
    _ask(step, agent, AddFallbackMember, [group for group in agent.groups if group not in before])


def _ask(
    step: Step,
    agent: Agent,
    effect: type[AddFallbackMember | RemoveFallbackMember],
    groups: Collection[str],
) -> None:
    station = step.state.stations.get(agent.station or "")
    if station and station.node and agent.station_mode and groups:
        step.do(effect(station.node, station.address, agent.station_mode, tuple(groups)))


def corrected(step: Step, snapshot: NodeSnapshot) -> None:
    """Exactly the signed-in agents' phones are members. Not known who is: everybody joins (again)."""
    seated = [a for a in step.state.agents.values() if a.signed_in and _node(step, a) == snapshot.node]
    if snapshot.members is None:
        for agent in seated:
            join(step, agent)
        return
    wanted = {
        FallbackMember(agent.station, group, agent.station_mode)
        for agent in seated
        if agent.station and agent.station_mode
        for group in agent.groups
    }
    there = set(snapshot.members)
    for member in sorted(there - wanted, key=_order):
        step.do(RemoveFallbackMember(snapshot.node, member.address, member.mode, (member.group_id,)))
    for member in sorted(wanted - there, key=_order):
        step.do(AddFallbackMember(snapshot.node, member.address, member.mode, (member.group_id,)))


def _node(step: Step, agent: Agent) -> str:
    station = step.state.stations.get(agent.station or "")
    return station.node if station else ""


def _order(member: FallbackMember) -> tuple[str, str]:
    return member.address, member.group_id


def failed(step: Step, fact: EffectFailed) -> None:
    """It was not done, or nobody knows: look at the members. Out of reach, the next snapshot shows them."""
    if fact.code == errors.OutcomeUnknown.code:
        step.do(Resync(fact.node))
    elif fact.code == errors.PbxRefused.code:
        step.state.timers.setdefault(f"members:{fact.node}", step.at + AGAIN)


def look(step: Step, node: str) -> None:
    """Time to look at the members."""
    if step.state.nodes[node].up:
        step.do(Resync(node))
