"""Who of a consultation shares a bridge: from what the PBX shows, step by step, to what was asked for.

First those who are elsewhere go to their own places, then those who shall talk are brought together. Each
step waits for the PBX to show the one before: a channel that is just leaving one bridge cannot be put into
another.
"""

from __future__ import annotations

from cti_server.domain.consultation import Consult, Talk
from cti_server.domain.contact import Contact
from cti_server.domain.effects import Confer, Connect, Join, Move, Place
from cti_server.domain.leg import Leg, LegRole, LegState
from cti_server.domain.rules import parties
from cti_server.domain.step import Step

PLACES = {LegRole.CUSTOMER: Place.HOLD, LegRole.AGENT: Place.STATION}


def present(contact: Contact) -> list[Leg]:
    """Customer, agent and third party, as far as they are there and answered."""
    legs = (contact.customer_leg, contact.agent_leg, contact.consulted_leg)
    return [leg for leg in legs if leg and leg.state not in (LegState.RINGING, LegState.GONE)]


def talkers(contact: Contact, talk: Talk) -> list[Leg]:
    """Who shall share a bridge."""
    customer, agent, third = contact.customer_leg, contact.agent_leg, contact.consulted_leg
    wanted = {
        Talk.NOBODY: (),
        Talk.CONSULTED: (agent, third),
        Talk.CUSTOMER: (customer, agent),
        Talk.ALL: (customer, agent, third),
        Talk.HANDED: (customer, third),
    }
    return [leg for leg in wanted[talk] if leg]


def reached(contact: Contact, talk: Talk) -> bool:
    """Whether exactly those who shall talk share a bridge."""
    together = talkers(contact, talk)
    others = [leg for leg in present(contact) if leg not in together]
    if any(leg.bridge for leg in others):
        return False
    return not together or (len({leg.bridge for leg in together}) == 1 and bool(together[0].bridge))


def begin(consult: Consult, goal: Talk) -> None:
    """From now on `goal` is to be reached; `go_on` does the first step."""
    consult.goal, consult.settled = goal, False
    consult.moving, consult.joining = [], False


def go_on(step: Step, contact: Contact, consult: Consult) -> bool:
    """Do the next step, unless one is under way. True when the goal is reached just now."""
    if consult.settled or consult.moving:
        return False
    if reached(contact, consult.goal) and not _stranded(contact, consult.goal):
        consult.settled, consult.talk = True, consult.goal
        _note(contact, consult.goal)
        return True
    if consult.joining:
        return False
    leaving = _leaving(contact, consult.goal)
    if leaving:
        consult.moving = [leg.channel for leg in leaving]
        _move(step, contact, leaving, talkers(contact, consult.goal))
    else:
        consult.joining = True
        _join(step, contact, consult.goal)
    return False


def placed(consult: Consult, leg: Leg) -> None:
    """The leg is in its own place."""
    leg.bridge = ""
    if leg.channel in consult.moving:
        consult.moving.remove(leg.channel)
        if leg.role is LegRole.CUSTOMER:
            leg.state = LegState.HELD


def _stranded(contact: Contact, goal: Talk) -> bool:
    """Whether the customer is where a conversation ended by itself: it is to be on hold, and is not there."""
    leg = contact.customer_leg
    return leg not in talkers(contact, goal) and leg.state is LegState.TALKING and not leg.bridge


def _leaving(contact: Contact, goal: Talk) -> list[Leg]:
    """Who has to leave a bridge before anybody can be joined."""
    if goal is Talk.ALL:
        return []
    together = talkers(contact, goal)
    others = [leg for leg in present(contact) if leg not in together and leg.bridge]
    bridges = {leg.bridge for leg in together}
    stranded = [contact.customer_leg] if _stranded(contact, goal) else []
    if together and len(bridges) == 1 and "" not in bridges:
        return stranded + others
    return stranded + [leg for leg in present(contact) if leg.bridge]


def _move(step: Step, contact: Contact, legs: list[Leg], next_to_talk: list[Leg]) -> None:
    """Two at once where two leave: the other of a pair must not fall out of its dialplan."""
    ways = [(leg.channel, _place(leg, next_to_talk)) for leg in legs]
    for first, *second in (ways[i : i + 2] for i in range(0, len(ways), 2)):
        step.do(Move(contact.node, *first, *(second[0] if second else ())))


def _place(leg: Leg, next_to_talk: list[Leg]) -> Place:
    return PLACES.get(leg.role, Place.BETWEEN if leg in next_to_talk else Place.CONSULTED)


def _join(step: Step, contact: Contact, goal: Talk) -> None:
    together = talkers(contact, goal)
    addresses = tuple(a for leg in together if (a := parties.address(step, leg)))
    first, *others = together
    if goal is Talk.ALL:
        agent = contact.agent_leg
        shared = [leg.channel for leg in together if agent and leg.bridge and leg.bridge == agent.bridge]
        channels = tuple(leg.channel for leg in others)
        step.do(Confer(contact.node, first.channel, channels, addresses, tuple(shared)))
    elif goal is Talk.CONSULTED:
        agent, third = together
        step.do(Join(contact.node, third.channel, agent.channel, addresses))
    else:
        other = others[0]
        step.do(Connect(contact.node, first.channel, other.channel, parties.address(step, other)))


def _note(contact: Contact, talk: Talk) -> None:
    together = talkers(contact, talk)
    for leg in present(contact):
        idle = LegState.UP if leg.role is LegRole.AGENT else LegState.HELD
        leg.state = LegState.TALKING if leg in together else idle
