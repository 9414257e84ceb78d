"""Who hears whom of several phones, each with its own tone."""

from tests.support.audio import MOSTLY
from tests.support.phones import BaresipPhone

SHARE = 0.2
"""Of the power, for one of several tones heard at once."""


async def talk(one: BaresipPhone, other: BaresipPhone) -> None:
    """They hear each other."""
    assert await one.hears(other.tone_hz) >= MOSTLY
    assert await other.hears(one.tone_hz) >= MOSTLY


async def apart(one: BaresipPhone, other: BaresipPhone) -> None:
    """Neither hears the other."""
    await unheard(one, other)
    await unheard(other, one)


async def all_hear_all(*phones: BaresipPhone) -> None:
    """Each hears every other one."""
    for ear in phones:
        for mouth in phones:
            if mouth is not ear:
                assert await ear.hears(mouth.tone_hz, share=SHARE) >= SHARE


async def unheard(mouth: BaresipPhone, *ears: BaresipPhone) -> None:
    """None of these hears it."""
    for ear in ears:
        await ear.stops_hearing(mouth.tone_hz)
        await ear.does_not_hear(mouth.tone_hz, 0.6)
