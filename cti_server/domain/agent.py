"""The agent: work states (GB/T 32315 4.1, REQUIREMENTS A2) and their transition table."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from cti_server.domain.errors import IllegalTransition


class AgentState(StrEnum):
    """Work states as they stand in PROTOCOL."""

    SIGNED_OUT = "signed_out"
    NOT_READY = "not_ready"
    READY = "ready"
    BUSY = "busy"
    RESERVED = "reserved"
    TALKING = "talking"
    WRAP_UP = "wrap_up"


class AgentEvent(StrEnum):
    """What moves an agent from state to state."""

    SIGN_IN = "sign_in"
    SIGN_OUT = "sign_out"
    GO_READY = "go_ready"
    GO_NOT_READY = "go_not_ready"
    GO_BUSY = "go_busy"
    RESERVE = "reserve"
    RELEASE = "release"
    TALK = "talk"
    FINISH_TALK = "finish_talk"


CAPACITY = {"voice": 1, "video": 1, "text": 3}
"""Contacts of each medium that an agent may have at once, unless its profile says otherwise."""
EXCLUSIVE = frozenset({"voice", "video"})
"""Media that take the whole agent: no other contact beside them."""


class StationMode(StrEnum):
    """How the agent's phone is used: one call per shift, or rung for each contact."""

    PERSISTENT = "persistent"
    ON_DEMAND = "on_demand"


S, E = AgentState, AgentEvent
_IDLE = (S.NOT_READY, S.READY, S.BUSY)

TRANSITIONS: dict[tuple[AgentState, AgentEvent], AgentState] = {
    (S.SIGNED_OUT, E.SIGN_IN): S.NOT_READY,
    # A call that connected without the server (fallback queue) is found by resync.
    **{(idle, E.TALK): S.TALKING for idle in _IDLE},
    **{(idle, E.SIGN_OUT): S.SIGNED_OUT for idle in _IDLE},
    **{(idle, E.GO_READY): S.READY for idle in (*_IDLE, S.WRAP_UP)},
    # From talking: the phone was lost, there is nothing to wrap up.
    **{(idle, E.GO_NOT_READY): S.NOT_READY for idle in (*_IDLE, S.WRAP_UP, S.TALKING)},
    **{(idle, E.GO_BUSY): S.BUSY for idle in (*_IDLE, S.WRAP_UP, S.TALKING)},
    # Not being ready, an agent is reserved only by its own wish to call somebody.
    **{(idle, E.RESERVE): S.RESERVED for idle in _IDLE},
    (S.RESERVED, E.RELEASE): S.READY,
    (S.RESERVED, E.TALK): S.TALKING,
    (S.TALKING, E.FINISH_TALK): S.WRAP_UP,
    # Called somebody in vain.
    (S.RESERVED, E.FINISH_TALK): S.WRAP_UP,
    # Was only asked for advice: nothing to wrap up.
    (S.TALKING, E.RELEASE): S.READY,
}

ASKABLE = {S.READY: E.GO_READY, S.NOT_READY: E.GO_NOT_READY, S.BUSY: E.GO_BUSY}
"""States an agent may ask for, with the event that asks."""

IN_CONTACT = frozenset({S.RESERVED, S.TALKING, S.WRAP_UP})
"""States in which an asked-for state is kept as `pending_state`."""


@dataclass(frozen=True, slots=True)
class AskedState:
    """A state asked for, with its reason code."""

    state: AgentState
    reason: str = ""


class StationPurpose(StrEnum):
    """Why an agent waits for a station to answer."""

    SIGN_IN = "sign_in"
    GO_READY = "go_ready"


@dataclass(frozen=True, slots=True)
class StationWait:
    """The agent's command is answered when the persistent station's phone answers."""

    request_id: str
    purpose: StationPurpose
    address: str


class SupervisionMode(StrEnum):
    """How a supervisor takes part in somebody's conversation."""

    LISTEN = "listen"
    """Hears both, is heard by nobody."""
    WHISPER = "whisper"
    """Is heard by the agent only."""
    BARGE = "barge"
    """Is heard by both."""
    INTERCEPT = "intercept"
    """Takes the contact over."""


@dataclass(slots=True)
class Supervision:
    """A supervisor's part in a conversation. `channel` is its own station's."""

    contact_id: str
    target_id: str
    target_channel: str
    channel: str
    before: AskedState
    """The supervisor's work state, to go back to."""
    wanted: SupervisionMode
    mode: SupervisionMode | None = None
    """What the PBX shows."""
    there: bool = False
    """The supervisor's phone was picked up."""
    request_id: str = ""
    """Of the command under way."""


@dataclass(slots=True)
class Agent:
    """An agent and its seat. `state` is changed by `apply` alone; times are epoch seconds."""

    agent_id: str
    name: str
    roles: tuple[str, ...]
    groups: dict[str, int]
    """Group id to skill level, 1 (low) to 10."""
    skills: dict[str, int] = field(default_factory=dict)
    """Other skills (languages, products) to level, 1 (low) to 10."""
    capacity: dict[str, int] = field(default_factory=lambda: dict(CAPACITY))
    state: AgentState = AgentState.SIGNED_OUT
    reason: str = ""
    state_since: float = 0.0
    idle_since: float = 0.0
    """When the agent last became free; the longest idle is offered first."""
    pending: AskedState | None = None
    station: str | None = None
    station_mode: StationMode | None = None
    station_wait: StationWait | None = None
    supervision: Supervision | None = None
    connected: bool = False
    """An agent program is attached to the socket; nothing is offered without one."""
    contact_ids: list[str] = field(default_factory=list)
    outside_calls: list[float] = field(default_factory=list)
    """When calls to outside numbers were begun, within the last hour."""
    seq: int = 0
    """Sequence number of the last notification to this agent within the epoch."""

    def apply(self, event: AgentEvent, at: float, reason: str = "") -> None:
        """Move by the table. Raises IllegalTransition and changes nothing when it has no such row."""
        new = TRANSITIONS.get((self.state, event))
        if new is None:
            raise IllegalTransition(f"agent {self.agent_id}: {event} in state {self.state}")
        if new is AgentState.READY and self.state is not AgentState.RESERVED:
            self.idle_since = at
        self.state, self.reason, self.state_since = new, reason, at

    @property
    def signed_in(self) -> bool:
        """Whether the agent holds a seat."""
        return self.state is not AgentState.SIGNED_OUT

    def level(self, skill: str) -> int:
        """Of a skill or a group; 0 without it."""
        return max(self.skills.get(skill, 0), self.groups.get(skill, 0))

    def has_room(self, medium: str) -> bool:
        """B1: whether a contact of that medium may come to what the agent has.

        An agent whose state is `ready` has nothing yet. When text contacts keep an agent ready, theirs are to
        be counted here.
        """
        room = self.capacity.get(medium, 0) - len(self.contact_ids)
        return room > 0 and (medium not in EXCLUSIVE or not self.contact_ids)

    def may_be_offered(self) -> bool:
        """A2: only a ready agent whose program is attached is ever offered a contact."""
        return self.state is AgentState.READY and self.connected and not self.contact_ids
