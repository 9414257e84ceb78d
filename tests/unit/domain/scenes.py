"""How a centre comes to where a test begins."""

from __future__ import annotations

from cti_server.domain import signals as s
from cti_server.domain.agent import Agent, StationMode
from cti_server.domain.contact import Contact
from cti_server.domain.events import Event
from cti_server.domain.target import Target, TargetKind
from tests.unit.domain.centre import Centre

PERSISTENT, ON_DEMAND = StationMode.PERSISTENT.value, StationMode.ON_DEMAND.value
MODES = (PERSISTENT, ON_DEMAND)


def opened() -> Centre:
    """A centre whose PBX is in reach, nobody signed in, phones registered."""
    centre = Centre()
    centre.connect()
    for address in ("1001", "1001-browser", "1002", "1003"):
        centre.pbx.register(address)
    centre.settle()
    return centre


def agent(centre: Centre, agent_id: str = "1001") -> Agent:
    return centre.state.agents[agent_id]


def ringing(centre: Centre) -> list[str]:
    """Channels of phones that ring."""
    return [c.channel for c in centre.pbx.channels.values() if c.address and not c.up]


def pick_up(centre: Centre) -> None:
    """Whatever rings is answered."""
    centre.settle()
    for channel in ringing(centre):
        centre.pbx.answer(channel)
    centre.settle()


def seated(centre: Centre, agent_id: str = "1001", mode: str = PERSISTENT, *, ready: bool = True) -> None:
    """Sign an agent in at its own phone."""
    centre.apply(s.AgentConnected(centre.now, agent_id))
    centre.command(s.SignIn, agent_id, agent_id, mode)
    pick_up(centre)
    if ready:
        centre.command(s.SetState, agent_id, "ready")


def called(centre: Centre, number: str = "4000") -> str:
    """A customer calls and reaches the waiting place; returns the contact's id."""
    channel = centre.pbx.arrive(number)
    centre.settle()
    centre.pbx.greeted(channel)
    while sources := centre.pbx.sources():
        centre.apply(centre.pbx.read(sources[0]))
    return channel


def accepted(centre: Centre, contact_id: str, agent_id: str = "1001") -> None:
    """The offer becomes a conversation."""
    centre.settle()
    centre.command(s.Accept, agent_id, contact_id)
    pick_up(centre)


def talking(mode: str = PERSISTENT) -> tuple[Centre, str]:
    """Agent 1001 talks to a customer."""
    centre = opened()
    seated(centre, mode=mode)
    contact_id = called(centre)
    accepted(centre, contact_id)
    return centre, contact_id


def held(mode: str = PERSISTENT) -> tuple[Centre, str]:
    """Agent 1001 holds a customer."""
    centre, contact_id = talking(mode)
    centre.command(s.Hold, "1001", contact_id)
    centre.settle()
    return centre, contact_id


def consulting(mode: str = PERSISTENT, third_mode: str = PERSISTENT) -> tuple[Centre, str]:
    """Agent 1001 has a customer on hold and talks to agent 1002."""
    centre, contact_id = talking(mode)
    seated(centre, "1002", third_mode)
    centre.command(s.ConsultParty, "1001", contact_id, Target(TargetKind.AGENT, "1002"))
    centre.settle()
    centre.command(s.Accept, "1002", contact_id)
    pick_up(centre)
    return centre, contact_id


def conferring(mode: str = PERSISTENT, third_mode: str = PERSISTENT) -> tuple[Centre, str]:
    """Agents 1001 and 1002 and a customer talk to each other."""
    centre, contact_id = consulting(mode, third_mode)
    centre.command(s.Conference, "1001", contact_id)
    centre.settle()
    return centre, contact_id


def wrapping_up(mode: str = PERSISTENT) -> tuple[Centre, str]:
    """The customer hung up on agent 1001."""
    centre, contact_id = talking(mode)
    centre.pbx.hang_up(contact_id)
    centre.settle()
    return centre, contact_id


def contact(centre: Centre, contact_id: str) -> Contact:
    return centre.state.contacts[contact_id]


def agent_channel(centre: Centre, contact_id: str) -> str:
    """Of the agent's leg."""
    leg = contact(centre, contact_id).agent_leg
    assert leg is not None
    return leg.channel


def events(centre: Centre, agent_id: str = "1001") -> list[Event]:
    """Everything that agent was told, by name."""
    return [n.event for o in centre.told for n in o.notifications if n.agent_id == agent_id]


def kinds(centre: Centre, contact_id: str) -> list[str]:
    """The contact's story."""
    return [
        record.data["kind"]
        for outcome in centre.told
        for record in outcome.records
        if record.kind == "contact_event" and record.data["contact_id"] == contact_id
    ]


def asked(centre: Centre) -> list[str]:
    """Names of the effects asked for since the last signal but one settled; oldest first."""
    return [type(effect).__name__ for effect in centre.told[-1].effects]


def code(centre: Centre, kind: type[s.Command], *args: object) -> str | None:
    """The code a command is refused with at once, None when it is not."""
    reply = centre.command(kind, *args)  # type: ignore[arg-type]  # the agent's id comes first in every command
    return reply.error_code if reply else None


def last_reply(centre: Centre) -> tuple[str | None, bool]:
    """Error code of the newest command's answer, and whether it has one."""
    found = centre.replies.get(centre.commands[-1], [])
    return (found[0].error_code, True) if found else (None, False)
