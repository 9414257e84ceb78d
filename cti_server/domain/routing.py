"""Who gets which waiting contact (REQUIREMENTS B1, B2, B5).

The order of contacts is `queue.turn`; a contact that waits for one agent alone comes first to that agent. A
contact fits an agent of its group (or the agent it waits for, whatever the group) whose phone is at the
contact's node, who has room for its medium and every skill at the level asked for. Of several agents the
group's strategy takes one.

`Router` keeps this indexed: contacts that any agent fits alike form a *lane*, of which only the first counts;
and only what changed since the last decision is looked at. It is derived from the state and holds nothing of
its own, so that a replay and a successor decide alike.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from cti_server.domain.agent import Agent
from cti_server.domain.contact import Contact, ContactState
from cti_server.domain.policy import Strategy
from cti_server.domain.queue import Group, Turn, turn
from cti_server.domain.state import WorldState

Rank = tuple[int, float, str]
"""An agent's place among the free of a group, the lowest first."""


class Lane(NamedTuple):
    """Contacts that any agent fits alike."""

    group_id: str
    node: str
    medium: str
    requires: tuple[tuple[str, int], ...]
    preferred: str
    """The one agent these contacts wait for; empty for any."""


def lane_of(state: WorldState, contact: Contact) -> Lane:
    """Where the contact waits. Of two demands on one skill the higher level counts."""
    group = state.groups[contact.group_id]
    requires = dict(group.policy.requires)
    for skill, level in contact.requires.items():
        requires[skill] = max(level, requires.get(skill, 0))
    return Lane(
        contact.group_id,
        contact.node,
        contact.medium,
        tuple(sorted(requires.items())),
        contact.preferred_agent,
    )


def may_be_routed(contact: Contact) -> bool:
    """Waiting, and not talking to somebody outside the seats."""
    return contact.state is ContactState.QUEUED and not contact.customer_leg.bridge


def fits(state: WorldState, lane: Lane, agent: Agent) -> bool:
    """Whether the agent, being free, may take the lane's contacts."""
    station = state.stations.get(agent.station or "")
    if station is None or station.node != lane.node or not agent.has_room(lane.medium):
        return False
    if lane.preferred:
        return lane.preferred == agent.agent_id
    return lane.group_id in agent.groups and all(
        agent.level(skill) >= level for skill, level in lane.requires
    )


def rank(group: Group, agent: Agent) -> Rank:
    """By the group's strategy; the agent id decides between equals."""
    skilled = group.policy.strategy is Strategy.MOST_SKILLED
    return -agent.groups.get(group.group_id, 0) if skilled else 0, agent.idle_since, agent.agent_id


@dataclass(eq=False, slots=True)
class Row:
    """A lane with those who wait in it. `new`: something came since the last decision."""

    lane: Lane
    turns: list[Turn] = field(default_factory=list)
    new: bool = False


Choice = tuple[bool, Turn, Rank]
"""A contact with its best agent, the lowest first: whether it takes any agent, its turn, the agent's rank."""


class Router:
    """The index of who is free and who waits.

    `update` must be told of every agent and contact that changed; `next_pair` gives the best pair, to be
    offered (and `update`d) before it is asked again, and None when nobody fits anybody.
    """

    def __init__(self, state: WorldState) -> None:
        self._state = state
        self._free: dict[str, list[Rank]] = {}
        self._ranks: dict[str, dict[str, Rank]] = {}
        self._rows: dict[Lane, Row] = {}
        self._places: dict[str, tuple[Row, Turn]] = {}
        self._of_group: dict[str, dict[Row, None]] = {}
        self._of_agent: dict[str, dict[Row, None]] = {}
        self._new_agents: dict[str, None] = {}
        self._new_rows: dict[Row, None] = {}
        self.update(list(state.agents), list(state.contacts))

    def update(self, agents: Iterable[str], contacts: Iterable[str]) -> None:
        """These may have changed, come or gone."""
        for agent_id in agents:
            self._update_agent(agent_id)
        for contact_id in contacts:
            self._update_contact(contact_id)

    def picture(self) -> tuple[dict[str, dict[str, Rank]], dict[str, tuple[Lane, Turn]]]:
        """What the index says, for comparison with a fresh one."""
        places = {contact_id: (row.lane, own) for contact_id, (row, own) in self._places.items()}
        return self._ranks, places

    # --- agents -----------------------------------------------------------------------------------------

    def _update_agent(self, agent_id: str) -> None:
        for group_id, old in self._ranks.pop(agent_id, {}).items():
            _remove(self._free[group_id], old)
        self._new_agents.pop(agent_id, None)
        agent = self._state.agents.get(agent_id)
        if agent is None or not agent.may_be_offered():
            return
        ranks = self._ranks[agent_id] = {
            group_id: rank(group, agent)
            for group_id in agent.groups
            if (group := self._state.groups.get(group_id))
        }
        for group_id, new in ranks.items():
            insort(self._free.setdefault(group_id, []), new)
        self._new_agents[agent_id] = None

    # --- contacts ---------------------------------------------------------------------------------------

    def _update_contact(self, contact_id: str) -> None:
        place = self._places.pop(contact_id, None)
        if place:
            self._leave(*place)
        contact = self._state.contacts.get(contact_id)
        if contact is None or not may_be_routed(contact):
            return
        lane, own = lane_of(self._state, contact), turn(contact)
        row = self._rows.get(lane) or self._rows.setdefault(lane, Row(lane))
        self._places[contact_id] = row, own
        insort(row.turns, own)
        row.new = True
        self._siblings(lane)[row] = self._new_rows[row] = None

    def _leave(self, row: Row, own: Turn) -> None:
        _remove(row.turns, own)
        if not row.turns:
            del self._rows[row.lane], self._siblings(row.lane)[row]
            self._new_rows.pop(row, None)

    def _siblings(self, lane: Lane) -> dict[Row, None]:
        """The rows that the same agents look at."""
        if lane.preferred:
            return self._of_agent.setdefault(lane.preferred, {})
        return self._of_group.setdefault(lane.group_id, {})

    # --- decisions --------------------------------------------------------------------------------------

    def next_pair(self) -> tuple[Contact, Agent] | None:
        """The contact whose turn it is among those that somebody fits, with its best agent.

        A row that is not new fits none of the agents that are not new: that was seen before.
        """
        best = self._best_of_new_agents(self._best_of_new_rows())
        if best is None:
            self._forget_news()
            return None
        _, (_, contact_id), (*_, agent_id) = best
        return self._state.contacts[contact_id], self._state.agents[agent_id]

    def best(self, lane: Lane) -> Agent | None:
        """The free agent who would get a contact of that lane, if one came now and nobody else waited."""
        found = self._first_fit(lane)
        return self._state.agents[found[-1]] if found else None

    def _forget_news(self) -> None:
        self._new_agents.clear()
        for row in self._new_rows:
            row.new = False
        self._new_rows.clear()

    def _best_of_new_rows(self) -> Choice | None:
        best: Choice | None = None
        for row in self._new_rows:
            first = not row.lane.preferred, row.turns[0]
            if (best is None or first < best[:2]) and self._reachable(row.lane):
                found = self._first_fit(row.lane)
                best = (*first, found) if found else best
        return best

    def _best_of_new_agents(self, best: Choice | None) -> Choice | None:
        for agent_id in self._new_agents:
            agent = self._state.agents[agent_id]
            for row in self._rows_for(agent_id):
                first = not row.lane.preferred, row.turns[0]
                later = best is not None and first > best[:2]
                if (
                    later
                    or row.new
                    or not self._reachable(row.lane)
                    or not fits(self._state, row.lane, agent)
                ):
                    continue
                choice = (*first, self._rank_in(row.lane, agent))
                best = choice if best is None else min(best, choice)
        return best

    def _reachable(self, lane: Lane) -> bool:
        node = self._state.nodes.get(lane.node)
        return node is not None and node.up

    def _rows_for(self, agent_id: str) -> Iterator[Row]:
        yield from self._of_agent.get(agent_id, ())
        for group_id in self._ranks[agent_id]:
            yield from self._of_group.get(group_id, ())

    def _first_fit(self, lane: Lane) -> Rank | None:
        state = self._state
        if lane.preferred:
            agent = state.agents[lane.preferred] if lane.preferred in self._ranks else None
            return self._rank_in(lane, agent) if agent and fits(state, lane, agent) else None
        free = self._free.get(lane.group_id, ())
        return next((one for one in free if fits(state, lane, state.agents[one[-1]])), None)

    def _rank_in(self, lane: Lane, agent: Agent) -> Rank:
        return rank(self._state.groups[lane.group_id], agent)


def _remove(ordered: list[Turn] | list[Rank], item: Turn | Rank) -> None:
    """Take an item out of a sorted list that has it."""
    del ordered[bisect_left(ordered, item)]
