"""Without a server: dead-man's loops and the fallback queue."""

from __future__ import annotations

from tests.fakes.pbx.channel import Channel
from tests.fakes.pbx.outside import Outside


class Unserved(Outside):
    """What the dialplan does on its own."""

    def on_its_own(self, channel: str) -> None:
        """No beat for some seconds: the loop the channel is in finds its own way."""
        found = self.channels[channel]
        if found.third:
            self.hang_up(channel)
        elif found.address:
            if found.variables.get("CTI_STATION_MODE") != "persistent":
                self.hang_up(channel)
        elif found.context == "cti-wait" and found.variables.get("CTI_CONNECTED"):
            self.hang_up(channel)
        elif found.context in ("cti-wait", "cti-ahead", "cti-connect"):
            self._place(found, "unserved")
        elif found.context == "cti-identify":
            self.asked_enough(channel)
        elif found.context in ("cti-hold", "cti-refer"):
            peer = self.channels.get(found.variables.get("CTI_PEER", ""))
            if peer and not peer.bridge:
                self._join(found, peer)
            elif peer is None:
                self._place(found, "unserved")

    def next_turn(self, channel: str) -> None:
        """A turn in the fallback queue is over and a server lives: back to it."""
        self._place(self.channels[channel], "wait")

    def fallback_answers(self, channel: str, address: str) -> str:
        """A member's phone takes a caller from the fallback queue; a nailed-up one by a second call."""
        self._counter += 1
        new = f"{self.name}-{self._counter}.0"
        self.channels[new] = Channel(new, "cti-fallback-agent", address, dialled=True)
        self.channels[channel].taken_by = address
        self._join(self.channels[channel], self.channels[new])
        return new

    def free_members(self) -> list[str]:
        """Stations the fallback queue may ring."""
        taken = {c.address for c in self.channels.values() if c.bridge or not c.up or c.dialled}
        return sorted(a for a in self.members if a in self.registered and a not in taken)
