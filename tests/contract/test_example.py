"""The example of the docs, run as it stands, against the edge."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

from tests.support.edge import PASSWORD, Edge

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "agent.py"


def test_it_is_short_and_needs_nothing_of_ours() -> None:
    text = EXAMPLE.read_text()
    assert len(text.splitlines()) <= 60
    assert "cti_server" not in text


async def test_it_takes_a_call(edge: Edge, tmp_path: Path) -> None:
    centre = tmp_path / "centre.json"
    people = [{"agent_id": "1001", "password": PASSWORD}]
    centre.write_text(json.dumps({"http": edge.http_url, "ws": edge.ws_url, "people": people}))
    program = await asyncio.create_subprocess_exec(
        sys.executable, str(EXAMPLE), str(centre), stdout=asyncio.subprocess.PIPE
    )
    assert program.stdout
    try:
        async with asyncio.timeout(20):
            assert b"ready" in await program.stdout.readline()
            contact_id = edge.centre.call()
            output, _ = await program.communicate()
    finally:
        if program.returncode is None:
            program.kill()
    assert program.returncode == 0
    assert output.decode().split() == [
        *("contact.accept", "active", "contact.hold", "held"),
        *("contact.retrieve", "active", "contact.hang_up", "wrap_up"),
    ]
    assert contact_id not in edge.centre.world.state.contacts
    assert edge.centre.world.state.agents["1001"].state == "signed_out"
