"""What a storm has to do with the world outside: numbers that are dialled, customers who want a call-back."""

from __future__ import annotations

import asyncio
from random import Random
from typing import Any, Final

from cti_server.simulate.outside import Kind, number_of
from tests.support.centre import TestCentre

POLICIES: Final[dict[str, dict[str, Any]]] = {
    "elder": {"overflow_to": "voicemail", "overflow_after": 1.0},
    "vtm": {
        "announce_every": 2.0,
        "callback": True,
        "callback_retry": 1.0,
        "callback_tries": 2,
        "callback_expires": 6.0,
    },
}
"""Who waits long leaves a message, or is called back: so soon, if ever, that none is left after the storm."""
AHEAD: Final[dict[str, dict[str, Any]]] = {
    group: {**POLICIES.get(group, {}), "ring_ahead": True}
    for group in ("general", "credit_card", "elder", "vtm")
}
"""The same, and phones are rung ahead."""
_KINDS: Final = {
    Kind.QUICK: 4,
    Kind.SLOW: 2,
    Kind.LATE: 1,
    Kind.LEAVES: 3,
    Kind.BUSY: 1,
    Kind.NOBODY: 1,
    Kind.NO_NUMBER: 1,
}
_WISHER: Final = number_of(999, Kind.QUICK)


def anybody_outside(chance: Random) -> str:
    """A number outside, and whoever is behind it."""
    kind = chance.choices([*_KINDS], [*_KINDS.values()])[0]
    return number_of(chance.randrange(100), kind)


async def wish_call_backs(centre: TestCentre, chance: Random) -> None:
    """Somebody calls again and again and presses the keys for a call-back, until cancelled."""
    async with centre.customer(_WISHER) as caller:
        while True:
            await caller.dial(centre.about["numbers"]["vtm"])
            for _ in range(chance.randrange(8, 20)):
                await asyncio.sleep(chance.uniform(0.5, 1.5))
                await caller.send_dtmf("1")
            await asyncio.sleep(chance.uniform(0.5, 3.0))
            await caller.hang_up()
            await asyncio.sleep(0.2)
