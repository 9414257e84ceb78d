"""The station: the phone at an agent's seat, seen as a SIP endpoint at one PBX node."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

BROWSER_SUFFIX = "-browser"


class StationState(StrEnum):
    """What the phone is doing for us."""

    UNREGISTERED = "unregistered"
    REGISTERED = "registered"
    RINGING = "ringing"
    CONNECTED = "connected"


@dataclass(slots=True)
class Station:
    """A phone by its address (`1001`, or `1001-browser` for the phone in the agent's page)."""

    address: str
    node: str = ""
    """PBX node it is registered at; empty while it is not."""
    registered: bool = False
    agent_id: str | None = None
    channel: str | None = None
    """Uniqueid of the channel to the phone: nailed-up (persistent) or for one contact (on demand)."""
    answered: bool = False
    tone_channel: str = ""
    """On demand: the channel on which the phone hears that nobody was reached; it ends by itself."""

    @property
    def state(self) -> StationState:
        """Derived, so that it cannot contradict its parts."""
        if self.channel:
            return StationState.CONNECTED if self.answered else StationState.RINGING
        return StationState.REGISTERED if self.registered else StationState.UNREGISTERED

    def release_channel(self) -> None:
        """The channel to the phone is gone."""
        self.channel, self.answered = None, False


def station_address(asked: str, agent_id: str) -> str:
    """The address that `station` of `agent.sign_in` means: `browser` is the agent's own browser phone."""
    return f"{agent_id}{BROWSER_SUFFIX}" if asked == "browser" else asked
