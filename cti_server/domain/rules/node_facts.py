"""What a PBX node tells of itself and of its phones."""

from __future__ import annotations

from cti_server.domain.events import Event
from cti_server.domain.rules import ahead, lost_node, seats
from cti_server.domain.signals import NodeDown, NodeUp, StationChanged
from cti_server.domain.state import Node
from cti_server.domain.step import Step
from cti_server.domain.views import system_view


def node_up(step: Step, fact: NodeUp) -> None:
    """The node is in reach. It counts as up when the snapshot that follows has put our state in step."""
    step.state.nodes.setdefault(fact.node, Node(fact.node))


def node_down(step: Step, fact: NodeDown) -> None:
    """The node is out of reach; its calls are taken to go on until a snapshot says otherwise."""
    node = step.state.nodes.setdefault(fact.node, Node(fact.node))
    if node.up:
        node.up, node.seen_until = False, step.at
    ahead.forget(step.state, fact.node)
    lost_node.watch(step, fact.node)
    if not node.lost:
        node.lost = True
        tell_status(step)


def tell_status(step: Step) -> None:
    """Everybody at work is told which nodes are in reach. A new server that takes up the link is no news."""
    at_work = [agent for agent in step.state.agents.values() if agent.connected or agent.station]
    step.tell_watchers(at_work, Event.SYSTEM_STATUS, {"system": system_view(step.state)})


def station_changed(step: Step, fact: StationChanged) -> None:
    """A phone registered or vanished. A call on it goes on until its channel ends."""
    station = step.state.stations.get(fact.address)
    if station is None or (station.registered, station.node) == (fact.registered, fact.node):
        return
    if not fact.registered and station.node != fact.node:
        return
    station.registered = fact.registered
    if fact.registered:
        station.node = fact.node
    agent = step.state.agents.get(station.agent_id or "")
    if agent is None or not agent.signed_in:
        return
    if not fact.registered and not station.channel:
        seats.station_lost(step, agent, "station_unregistered")
    step.tell_agent(agent, Event.STATION_CHANGED)
