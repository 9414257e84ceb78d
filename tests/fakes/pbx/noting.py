"""Effects that move nothing: variables, members of the fallback queues, numbers, a look."""

from __future__ import annotations

from collections import deque

from cti_server.domain import effects as e
from cti_server.domain import signals as s
from tests.fakes.pbx.channel import EFFECTS
from tests.fakes.pbx.link import Link


class Noting(Link):
    """False where Asterisk would refuse."""

    def _do_TellPlace(self, effect: e.TellPlace) -> bool:  # noqa: N802
        channel = self.channels.get(effect.channel)
        if channel and channel.context == "cti-wait":
            self.told.append((effect.channel, effect.position, effect.wait))
        return channel is not None

    def _set(self, effect: e.Confirmed, variable: str, value: str) -> bool:
        if effect.channel not in self.channels:
            return False
        self.channels[effect.channel].variables[variable] = value
        done = s.EffectDone(self.now, self.name, type(effect).__name__, effect.channel)
        self.facts.setdefault(EFFECTS, deque()).append(done)
        return True

    def _do_Mute(self, effect: e.Mute) -> bool:  # noqa: N802
        return self._set(effect, "CTI_MUTED", "1")

    def _do_Unmute(self, effect: e.Unmute) -> bool:  # noqa: N802
        return self._set(effect, "CTI_MUTED", "")

    def _do_SendDigits(self, effect: e.SendDigits) -> bool:  # noqa: N802
        return self._set(effect, "heard", effect.digits)

    def _do_PauseRecording(self, effect: e.PauseRecording) -> bool:  # noqa: N802
        return self._set(effect, "CTI_PAUSED", "1")

    def _do_ResumeRecording(self, effect: e.ResumeRecording) -> bool:  # noqa: N802
        return self._set(effect, "CTI_PAUSED", "")

    def _do_AddFallbackMember(self, effect: e.AddFallbackMember) -> bool:  # noqa: N802
        new = [group for group in effect.groups if (effect.channel, group) not in self._modes]
        self._modes |= {(effect.channel, group): effect.mode for group in new}
        return len(new) == len(effect.groups)

    def _do_RemoveFallbackMember(self, effect: e.RemoveFallbackMember) -> bool:  # noqa: N802
        gone = [self._modes.pop((effect.channel, group), None) for group in effect.groups]
        return None not in gone

    def _do_NoteNumbers(self, effect: e.NoteNumbers) -> bool:  # noqa: N802
        self.numbers = {one.number: one for one in effect.numbers}
        return True

    def _do_Resync(self, effect: e.Resync) -> bool:  # noqa: N802
        if self.snapshot is None:
            self._take_snapshot()
        return True
