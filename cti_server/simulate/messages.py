"""The messages that customers left: heard and worked off over HTTP, by somebody of the group."""

from __future__ import annotations

import asyncio
import io
import urllib.parse
import wave
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from cti_server.errors import PeerFault
from cti_server.simulate.about import About
from cti_server.simulate.asking import Asking
from cti_server.simulate.wants import VOICEMAIL

_TAKEN_IN: Final = 30.0
"""Seconds within which a message can be heard."""
_AGAIN: Final = 0.3
_LOUD, _MOSTLY = 1000, 0.5
_MAY: Final = frozenset({"agent", "team_leader"})


@dataclass(frozen=True, slots=True)
class Heard:
    """What became of the messages."""

    with_sound: int = 0
    """The customer speaks in it."""
    handled: int = 0
    """Said to be done with."""


async def work_off(about: About, log: Sequence[dict[str, Any]]) -> Heard:
    """Hear the messages of these contacts and say that they are done with. Raises PeerFault."""
    desks: dict[str, Asking] = {}
    sounding = handled = 0
    for contact in log:
        if contact["end_reason"] != VOICEMAIL:
            continue
        desk = desks.setdefault(contact["group_id"], _desk(about, contact["group_id"]))
        path = f"/voicemails/{urllib.parse.quote(contact['contact_id'], safe='')}"
        sounding += speaks(await _audio(desk, f"{path}/audio"))
        done = await desk.post(f"{path}/handled", {"note": "simulated"})
        handled += done["state"] == "handled"
    return Heard(sounding, handled)


def _desk(about: About, group: str) -> Asking:
    there = (one for one in about.people if group in one.groups and not _MAY.isdisjoint(one.roles))
    person = next(there, None)
    if person is None:
        raise PeerFault(f"nobody of the group {group} could hear its messages")
    return Asking(about, person)


async def _audio(desk: Asking, path: str) -> bytes:
    """The recording; empty when it cannot be heard in time."""
    end = asyncio.get_running_loop().time() + _TAKEN_IN
    while (audio := await desk.found(path)) is None:
        if asyncio.get_running_loop().time() > end:
            return b""
        await asyncio.sleep(_AGAIN)
    return audio


def speaks(wav: bytes) -> bool:
    """Whether the customer's side of a recording is mostly loud: they speak one tone."""
    if not wav:
        return False
    with wave.open(io.BytesIO(wav)) as sound:
        customer = array("h", sound.readframes(sound.getnframes()))[:: sound.getnchannels()]
    return bool(customer) and sum(abs(value) > _LOUD for value in customer) >= _MOSTLY * len(customer)
