"""Waiting for what other processes do."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

_LOOK: Final = 0.05


async def until(done: Callable[[], bool], seconds: float, each: float = _LOOK) -> bool:
    """Whether it is done within so long; looked at each `each` seconds."""
    end = asyncio.get_running_loop().time() + seconds
    while not done():
        if asyncio.get_running_loop().time() > end:
            return False
        await asyncio.sleep(each)
    return True
