"""Routing decisions per second in a large centre, and how they grow with it."""

import gc
import random
import statistics
import time
from collections.abc import Callable
from functools import partial
from typing import Final

from cti_server.domain import signals as s
from cti_server.domain.agent import Agent, AgentEvent, AgentState, StationMode
from cti_server.domain.contact import Contact, ContactEvent, ContactState
from cti_server.domain.customer import Customer
from cti_server.domain.leg import LegRole, LegState
from cti_server.domain.queue import Group
from cti_server.domain.routing import Router
from cti_server.domain.state import Node, WorldState
from cti_server.domain.station import Station
from cti_server.domain.world import World
from tests.bench.report import Section, in_turns, table

AGENTS, SKILLS, WAITING = 1_000, 50, 2_000
GROUPS: Final = 20
SIZES: Final = (1, 2, 4)
DECISIONS: Final = 4_000
ROUNDS: Final = 5
BAR: Final = 2_000.0
SLACK: Final = 1.25
"""How much worse than linear may be laid to the machine."""
START: Final = 1_790_000_000.0
NODE: Final = "pbx-a"


def centre(size: int) -> WorldState:
    """`size` times as many agents, groups and waiting contacts; everybody is busy."""
    chance = random.Random(f"routing {size}")  # the same centre each time
    state = WorldState(epoch=1, nodes={NODE: Node(NODE, up=True)})
    groups = [f"group-{number}" for number in range(GROUPS * size)]
    skills = [f"skill-{number}" for number in range(SKILLS)]
    for group_id in groups:
        state.groups[group_id] = Group(group_id, group_id, group_id, 20.0, 60.0)
    for number in range(AGENTS * size):
        agent_id = f"{10_000 + number}"
        state.stations[agent_id] = Station(agent_id, NODE, registered=True, agent_id=agent_id)
        agent = Agent(agent_id, "", ("agent",), dict.fromkeys(chance.sample(groups, 3), 5))
        agent.skills = {skill: chance.randint(1, 10) for skill in chance.sample(skills, 5)}
        agent.state, agent.station, agent.connected = AgentState.TALKING, agent_id, True
        agent.station_mode = StationMode.ON_DEMAND
        state.agents[agent_id] = agent
    for number in range(WAITING * size):
        wait(state, chance, groups, skills, number)
    for group in state.groups.values():
        group.waiting.sort(key=lambda contact_id: state.contacts[contact_id].queued_at or 0.0)
    return state


def wait(state: WorldState, chance: random.Random, groups: list[str], skills: list[str], number: int) -> None:
    """One more contact, every third with a demand, every tenth with priority."""
    came = START + number
    contact = Contact(f"{NODE}-{number}", NODE, "4000", chance.choice(groups), Customer(), came)
    contact.state, contact.queued_at, contact.priority = ContactState.QUEUED, came, int(number % 10 == 0)
    contact.requires = {chance.choice(skills): chance.randint(1, 5)} if number % 3 == 0 else {}
    contact.add_leg(LegRole.CUSTOMER, "", contact.contact_id, LegState.WAITING)
    state.contacts[contact.contact_id] = contact
    state.channels[contact.contact_id] = contact.contact_id
    state.groups[contact.group_id].waiting.append(contact.contact_id)


def decisions(size: int) -> float:
    """Decisions per second of the index alone: an agent becomes free, the contact it gets comes back last."""
    state = centre(size)
    router = Router(state)
    assert router.next_pair() is None
    order = random.Random(1).choices(list(state.agents.values()), k=DECISIONS)
    made = 0
    began = _begin()
    for tick, agent in enumerate(order):
        now = START + 1_000_000 + tick
        agent.state, agent.idle_since = AgentState.READY, now
        router.update([agent.agent_id], [])
        pair = router.next_pair()
        if pair:
            made += 1
            pair[0].queued_at = now
        agent.state = AgentState.TALKING
        router.update([agent.agent_id], [pair[0].contact_id] if pair else [])
    seconds = time.process_time() - began
    assert made > DECISIONS * 0.9, f"{made} of {DECISIONS} agents got a contact"
    return made / seconds


def offers(size: int) -> float:
    """Offers per second of the whole world: signal in; states, leg, timer, records and views out."""
    world = World(centre(size))
    state = world.state
    order = random.Random(1).sample(list(state.agents.values()), k=AGENTS)
    made = 0
    began = _begin()
    for tick, agent in enumerate(order):
        now = START + 1_000_000 + tick
        agent.apply(AgentEvent.GO_NOT_READY, now)
        outcome = world.apply(s.SetState(now, f"request-{tick}", agent.agent_id, "ready"))
        made += bool(outcome.effects)
    seconds = time.process_time() - began
    assert made > AGENTS * 0.9, f"{made} of {AGENTS} agents were offered a contact"
    return made / seconds


def arrivals(size: int) -> float:
    """Decisions per second when agents wait and contacts come: half of them ready, one contact at a time."""
    state = centre(size)
    waiting = list(state.contacts.values())
    state.contacts.clear()
    for tick, agent in enumerate(state.agents.values()):
        if tick % 2:
            agent.state, agent.idle_since = AgentState.READY, START + tick
    router = Router(state)
    assert router.next_pair() is None
    made = 0
    began = _begin()
    for contact in waiting:
        state.contacts[contact.contact_id] = contact
        router.update([], [contact.contact_id])
        made += router.next_pair() is not None
        contact.apply(ContactEvent.OFFER)
        router.update([], [contact.contact_id])
        contact.apply(ContactEvent.WITHDRAW)
        del state.contacts[contact.contact_id]
    seconds = time.process_time() - began
    assert made > len(waiting) * 0.9, f"{made} of {len(waiting)} contacts found an agent"
    return made / seconds


def _begin() -> float:
    gc.collect()
    return time.process_time()


def run() -> Section:
    """Measure at three sizes, in turns."""
    contestants: dict[str, Callable[[], float]] = {
        f"{name} {size}": partial(measure, size)
        for size in SIZES
        for name, measure in (("freed", decisions), ("arrived", arrivals), ("offered", offers))
    }
    figures = {name: statistics.median(rounds) for name, rounds in in_turns(ROUNDS, contestants).items()}
    kinds = ("freed", "arrived", "offered")
    enough = all(figures[f"{kind} 1"] >= BAR for kind in kinds)
    linear = all(
        figures[f"{kind} 1"] <= figures[f"{kind} {size}"] * size * SLACK for kind in kinds for size in SIZES
    )
    return Section("Routing decisions", _body(figures), enough and linear)


def _body(figures: dict[str, float]) -> str:
    def row(what: str, kind: str) -> list[str]:
        return [what, *(f"{figures[f'{kind} {size}']:,.0f}" for size in SIZES), f"≥ {BAR:,.0f}"]

    rows = [
        row("an agent becomes free, contacts wait: the index alone", "freed"),
        row("a contact comes, agents wait: the index alone", "arrived"),
        row("an agent says ready: `World.apply` with the offer and all that follows", "offered"),
    ]
    sizes = [f"{AGENTS * size:,} agents, {WAITING * size:,} waiting" for size in SIZES]
    return f"""\
Decisions per second of processor time, one core, median of {ROUNDS} rounds. {SKILLS} skills; groups,
agents and waiting contacts grow together ({GROUPS} groups at the first size). An agent is in 3 groups and
has 5 skills; every third contact asks for a skill at a level, every tenth has priority.

{table(["", *sizes, "bar at the first"], rows)}

No worse than linear growth is asked for: twice the centre may take twice the time per decision. Looking at
everybody each time, as the reference in the tests does, grows with the product of agents and contacts."""
