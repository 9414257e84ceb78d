"""The docs for agent programs: the example runs as it stands, the tables are whole."""

from __future__ import annotations

import asyncio
import json
import re
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

from cti_server.api.errors import ApiError
from cti_server.api.messages import MESSAGES
from cti_server.api.models.methods import METHODS
from cti_server.api.models.results import OpenResult
from cti_server.api.problems import STATUS
from cti_server.api.rpc import _INTEGERS
from cti_server.api.validation import validated
from cti_server.domain.errors import refusals
from cti_server.domain.events import Event
from tests.support.edge import PASSWORD, Edge, until

DOCS = Path(__file__).parents[2] / "docs"
EXAMPLE = DOCS / "examples" / "agent.py"


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


@pytest.mark.parametrize("page", ["agent-programs.md", "agent-programs.zh.md"])
def test_the_page_names_every_method(page: str) -> None:
    text = (DOCS / page).read_text()
    for method in METHODS:
        assert f"`{method}`" in text or f"{method} " in text, method


async def test_the_python_of_the_last_section_is_run(edge: Edge) -> None:
    code = re.findall(r"```python\n(.*?)```", (DOCS / "agent-programs.md").read_text(), re.DOTALL)[-1]
    imports, body = code.split("\n\n", 1)
    source = f"{imports}\nasync def main(http_url, ws_url, password):\n{textwrap.indent(body, '    ')}"
    names: dict[str, Any] = {}
    exec(source, names)  # the page's own words
    running = asyncio.create_task(names["main"](edge.http_url, edge.ws_url, PASSWORD))
    agent = edge.centre.world.state.agents["1001"]
    await until(lambda: running.done() or agent.state == "ready")
    contact_id = edge.centre.call()
    async with asyncio.timeout(10):
        await running
    assert edge.centre.world.state.contacts[contact_id].state == "active"


@pytest.mark.parametrize("page", ["agent-programs.md", "agent-programs.zh.md"])
def test_every_frame_on_the_page_is_one_that_the_models_take(page: str) -> None:
    text = (DOCS / page).read_text()
    lines = re.findall(r"^\{.*\}$", text, re.MULTILINE)
    for line in lines:
        frame = json.loads(line.replace("{…}", "{}").replace("[…]", "[]"))
        if "method" in frame:
            validated(METHODS[frame["method"]].params, frame["params"])
        elif "result" in frame:
            assert frame["result"].keys() == OpenResult.model_fields.keys()
    assert len(lines) >= 3 or page.endswith("zh.md")


@pytest.mark.parametrize("page", ["agent-programs.md", "agent-programs.zh.md"])
def test_the_page_names_every_event(page: str) -> None:
    text = (DOCS / page).read_text()
    assert [event.value for event in Event if event.value not in text] == []


def test_the_table_of_errors_is_whole() -> None:
    """Every code that an agent program can meet, and none that does not exist."""
    text = (DOCS / "agent-programs.md").read_text().partition("## 8. Errors")[2].partition("## 9.")[0]
    named = set(re.findall(r"`([a-z]+(?:_[a-z]+)+)`", "".join(text.splitlines(keepends=True)[6:])))
    met = set(refusals()) | set(_INTEGERS) | {c.code for c in ApiError.__subclasses__()}
    http_only = {
        c
        for c in STATUS
        if c.startswith(("unknown_path", "method_", "body_", "unsupported_media", "bad_", "request_"))
    }
    assert met - named - http_only - {"refused", "not_ready", "unknown_agent", "api_error"} == set()
    assert named - set(MESSAGES) - {"wrong_use"} == set()
