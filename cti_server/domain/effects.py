"""What the world wants done outside. Adapters carry it out; a failure comes back as `EffectFailed`."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from cti_server.domain.agent import StationMode, SupervisionMode
from cti_server.domain.ivr_questions import Question


@dataclass(frozen=True, slots=True)
class Effect:
    """Base: something to be done at a PBX node. Channels are named by Uniqueid."""

    node: str


@dataclass(frozen=True, slots=True)
class RingStation(Effect):
    """Call a station's phone with a channel id of ours; it answers into its own waiting place."""

    channel: str
    address: str
    mode: StationMode
    timeout: float
    """Seconds to ring."""
    contact_id: str = ""


@dataclass(frozen=True, slots=True)
class Connect(Effect):
    """Bring customer and agent together, and record from the first time on to the customer's end."""

    channel: str
    """The customer's."""
    agent_channel: str
    address: str
    """The station, to be called in use for the fallback queue; may be empty for an on-demand one."""


@dataclass(frozen=True, slots=True)
class RingAhead(Effect):
    """Whose phone the node rings by itself for the next call of a number; see `rules/ahead.py`."""

    channel: str
    """The service number; named so that failures are reported alike."""
    guess: str
    """Empty: nobody's."""


@dataclass(frozen=True, slots=True)
class LetJoin(Effect):
    """The customer may join, by itself, the leg that was rung ahead for it once that is picked up."""

    channel: str
    """The customer's."""
    agent_channel: str
    """Empty: it must not."""


@dataclass(frozen=True, slots=True)
class HoldCustomer(Effect):
    """Take both apart: the customer to music, the station to its own place."""

    channel: str
    agent_channel: str


@dataclass(frozen=True, slots=True)
class IdentifyCustomer(Effect):
    """Let the machine ask the customer who it is, from a first question on; then back to the agent."""

    channel: str
    agent_channel: str
    serial: int
    question: Question
    parted: bool
    """They are apart already."""
    silent: bool
    """The recording is paused until the customer is back."""


class Place(StrEnum):
    """Where a party of a contact waits by itself; the value is the dialplan's context."""

    HOLD = "cti-hold"
    """A customer, with music."""
    STATION = "cti-station"
    CONSULTED = "cti-consulted"
    """A third party, with music."""
    BETWEEN = "cti-between"
    """A third party who is joined with somebody else next; in silence."""


@dataclass(frozen=True, slots=True)
class Move(Effect):
    """Take a party out of its conversation to its place; the other one of a pair at the same moment."""

    channel: str
    place: Place
    other: str = ""
    other_place: Place = Place.STATION


@dataclass(frozen=True, slots=True)
class Join(Effect):
    """Bring a third party and an agent together; nothing is recorded."""

    channel: str
    """The third party's."""
    agent_channel: str
    addresses: tuple[str, ...]
    """Of the stations among them."""


@dataclass(frozen=True, slots=True)
class Confer(Effect):
    """Everybody into one conference, wherever they are."""

    channel: str
    """The customer's."""
    others: tuple[str, ...]
    addresses: tuple[str, ...]
    talking: tuple[str, ...] = ()
    """The two who share a bridge now. They go at once, or the one left behind falls out of its dialplan."""


@dataclass(frozen=True, slots=True)
class Supervise(Effect):
    """Let a supervisor's channel hear an agent's, and speak to it as `mode` says."""

    channel: str
    agent_channel: str
    mode: SupervisionMode
    address: str


@dataclass(frozen=True, slots=True)
class ReturnToQueue(Effect):
    """Send the customer to the waiting place (again)."""

    channel: str
    group_id: str = ""
    """Its group from now on, for the dialplan too; empty: as before."""


@dataclass(frozen=True, slots=True)
class Apologise(Effect):
    """Tell somebody whom we called that nobody is free, and let it go."""

    channel: str


@dataclass(frozen=True, slots=True)
class SendOutside(Effect):
    """Have the PBX dial a number outside and join the customer with it; not answered, it waits again."""

    channel: str
    number: str = field(repr=False)
    shown: str
    """The number that the called party sees; empty: the customer's own."""
    ring_time: float


@dataclass(frozen=True, slots=True)
class CallCustomer(Effect):
    """Call a number outside with a channel id of ours.

    Who answers is joined with the agent by the PBX itself; without an agent it waits for one of `group_id`.
    """

    channel: str
    number: str = field(repr=False)
    shown: str
    """The number that the called party sees; empty: the trunk's own."""
    ring_time: float
    group_id: str
    agent_channel: str = ""
    """Hears the ringing meanwhile."""
    address: str = ""
    """The agent's station."""
    detect: bool = False
    """Listen who answered, a person or a machine, before anything else (`AnswerHeard`)."""
    message: str = ""
    """With `detect`: prompt for a machine; empty: it is hung up."""


@dataclass(frozen=True, slots=True)
class CallThird(Effect):
    """Call a number outside as the third party of a contact, with a channel id of ours.

    Who answers hears music in its own place (`Place.CONSULTED`) until it is joined.
    """

    channel: str
    number: str = field(repr=False)
    shown: str
    ring_time: float


@dataclass(frozen=True, slots=True)
class CallColleague(Effect):
    """Join two agents' channels by a pair of channels of ours between them."""

    channel: str
    """The half that talks to the caller, and stands for the colleague."""
    other: str
    """The half that talks to the colleague."""
    agent_channel: str
    colleague_channel: str
    addresses: tuple[str, ...]
    group_id: str


@dataclass(frozen=True, slots=True)
class HearRinging(Effect):
    """Let an agent's channel, by itself, hear ringing for at most `ring_time` seconds."""

    channel: str
    address: str
    ring_time: float


@dataclass(frozen=True, slots=True)
class PlayOutcome(Effect):
    """Let an agent's channel hear that nobody was reached; then it goes to its place, or ends (on demand)."""

    channel: str
    busy: bool


@dataclass(frozen=True, slots=True)
class TakeMessage(Effect):
    """Let a waiting customer leave a message, recorded under the contact's id."""

    channel: str


@dataclass(frozen=True, slots=True)
class TellPlace(Effect):
    """Say to a waiting customer where it stands; `wait` in seconds, None when nobody can tell."""

    channel: str
    position: int
    wait: float | None
    callback: bool = False
    """Offer it to be called back instead."""


@dataclass(frozen=True, slots=True)
class HangUpChannel(Effect):
    """End a channel normally (Q.850 cause 16)."""

    channel: str


@dataclass(frozen=True, slots=True)
class Confirmed(Effect):
    """Base of effects that no event shows: `EffectDone` tells that it was carried out."""

    channel: str


@dataclass(frozen=True, slots=True)
class Mute(Confirmed):
    """What the channel's phone says reaches nobody any more."""


@dataclass(frozen=True, slots=True)
class Unmute(Confirmed):
    """Undo Mute."""


@dataclass(frozen=True, slots=True)
class SendDigits(Confirmed):
    """Press keys towards the channel's party, one after the other. `digits`: 0-9 * # A-D."""

    digits: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class PauseRecording(Confirmed):
    """Record silence from here on; `channel` is the customer's."""


@dataclass(frozen=True, slots=True)
class ResumeRecording(Confirmed):
    """Undo PauseRecording."""


@dataclass(frozen=True, slots=True)
class AddFallbackMember(Effect):
    """Let the station ring in the PBX's own fallback queues while no server lives."""

    channel: str
    """The station's address; named so that failures are reported alike."""
    mode: StationMode
    groups: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RemoveFallbackMember(Effect):
    """Undo AddFallbackMember."""

    channel: str
    mode: StationMode
    groups: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NoteNumbers(Effect):
    """Let the node know which numbers are service numbers, all of them: then it needs no server for that."""

    version: int
    """Of the routing settings they are from."""
    numbers: tuple[NotedNumber, ...]


@dataclass(frozen=True, slots=True)
class NotedNumber:
    """A service number as a node is told of it; the greeting (a prompt's name) may be empty."""

    number: str
    group_id: str
    greeting: str
    language: str


@dataclass(frozen=True, slots=True)
class Resync(Effect):
    """State and PBX may differ: take a snapshot of the node."""

    channel: str = ""
