"""Waiting for a server that was killed to serve again."""

import httpx

from tests.support.centre import TestCentre, eventually


async def serving(centre: TestCentre, deadline: float = 20) -> None:
    """Return once a server leads and the node knows it."""

    async def look() -> bool:
        try:
            return await centre.figure("cti_pbx_nodes_up") == 1
        except (httpx.HTTPError, StopIteration, OSError):
            return False

    await eventually(look, bool, "serving again", deadline)
