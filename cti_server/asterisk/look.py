"""What a node is asked when the server looks at it: its channels, phones and fallback queues."""

from __future__ import annotations

import asyncio

from cti_server.asterisk import translate
from cti_server.asterisk.ami_client import AmiClient
from cti_server.asterisk.ami_codec import AmiMessage
from cti_server.asterisk.ami_fields import Fields
from cti_server.errors import AmiRefused

ASKED_AT_ONCE = 25
"""Phones asked in one write: hundreds would keep the loop, and what is to be done at the node, waiting."""


async def status(client: AmiClient) -> list[AmiMessage]:
    """All channels."""
    fields = {"Variables": ",".join(translate.SNAPSHOT_VARIABLES), "AllVariables": "false"}
    return await client.list_action("Status", fields)


async def held(client: AmiClient, channels: list[AmiMessage]) -> set[str]:
    """Channels whose phone holds the call; one that is gone by now does not."""
    asked = [message["Uniqueid"] for message in channels if translate.may_be_held(message)]
    found: set[str] = set()
    for first in range(0, len(asked), ASKED_AT_ONCE):
        found |= await _held(client, asked[first : first + ASKED_AT_ONCE])
    return found


async def _held(client: AmiClient, asked: list[str]) -> set[str]:
    with client.together():
        answers = [
            client.begin("Getvar", {"Channel": channel, "Variable": translate.HELD}) for channel in asked
        ]
    found = await asyncio.gather(*answers, return_exceptions=True)
    for answer in found:
        if isinstance(answer, BaseException) and not isinstance(answer, AmiRefused):
            raise answer
    return {
        channel
        for channel, answer in zip(asked, found, strict=True)
        if isinstance(answer, AmiMessage) and answer.get("Value", "") == "1"
    }


async def queues(client: AmiClient) -> list[AmiMessage] | None:
    """The fallback queues' members; None when Asterisk has no queues to tell of."""
    try:
        return await client.list_action("QueueStatus", {})
    except AmiRefused:
        return None


async def rung_ahead(client: AmiClient, channel: str) -> tuple[str, str]:
    """The leg that is rung ahead for a call, and the station's address; empty for none. Raises CtiError."""
    wanted: tuple[Fields, ...] = tuple(
        {"Channel": channel, "Variable": variable} for variable in ("CTI_LEG", "CTI_STATION_AHEAD")
    )
    leg, station = await asyncio.gather(*(client.action("Getvar", one, timeout=1.0) for one in wanted))
    return leg.get("Value", ""), station.get("Value", "")
