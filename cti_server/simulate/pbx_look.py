"""What Asterisk itself has left over: its channels and bridges, read by the server's own manager login."""

from __future__ import annotations

import asyncio
import contextlib
import json
from dataclasses import dataclass
from pathlib import Path

from cti_server.asterisk.ami_client import AmiClient
from cti_server.errors import CtiError

_TIMEOUT = 10.0
_HOLDS_A_STATION = "holding_bridge"


@dataclass(frozen=True, slots=True)
class PbxLook:
    """Channels by name; bridges without those that hold an idle station."""

    channels: tuple[str, ...]
    bridges: tuple[str, ...]


async def look(centre_json: Path) -> PbxLook | None:
    """Now; None when the server's settings (beside centre.json) are not ours to read."""
    try:
        nodes = json.loads(centre_json.with_name("server.json").read_text())["nodes"]
    except (OSError, ValueError, KeyError):
        return None
    looks = [await _one(node) for node in nodes]
    if any(one is None for one in looks):
        return None
    there = [one for one in looks if one]
    return PbxLook(
        tuple(channel for one in there for channel in one.channels),
        tuple(bridge for one in there for bridge in one.bridges),
    )


async def _one(node: dict[str, object]) -> PbxLook | None:
    up = asyncio.Event()

    async def on_up() -> None:
        up.set()

    client = AmiClient(
        str(node.get("ami_host", "127.0.0.1")),
        int(str(node["ami_port"])),
        str(node["ami_user"]),
        str(node["ami_secret"]),
        wanted=frozenset(),
        on_event=lambda _event: None,
        on_up=on_up,
        on_down=lambda _why: None,
    )
    running = asyncio.create_task(client.run())
    try:
        async with asyncio.timeout(_TIMEOUT):
            await up.wait()
            channels = await client.list_action("CoreShowChannels", {})
            bridges = await client.list_action("BridgeList", {})
    except (TimeoutError, CtiError):
        return None
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running
    talking = (b for b in bridges if b.get("BridgeTechnology") != _HOLDS_A_STATION)
    return PbxLook(
        tuple(c.get("Channel", "") for c in channels), tuple(b.get("BridgeUniqueid", "") for b in talking)
    )
