"""A node really starts, says so, and leaves nothing behind."""

import asyncio
import os
import time
from pathlib import Path

import pytest

from asterisk_config.installation import Installation
from asterisk_config.sip_probe import answers_options
from tests.support.pbx import running_node

pytestmark = pytest.mark.asterisk


async def test_ready_quickly_and_without_a_complaint(tmp_path: Path, asterisk: Installation) -> None:
    began = time.monotonic()
    async with running_node(tmp_path) as node:
        assert time.monotonic() - began < 10
        assert node.problems() == []
        assert await answers_options(node.sip.host, node.sip.port)


async def test_two_nodes_side_by_side(tmp_path: Path, asterisk: Installation) -> None:
    async with running_node(tmp_path, name="pbx-a") as one, running_node(tmp_path, name="pbx-b") as two:
        answers = await asyncio.gather(
            *(answers_options(node.sip.host, node.sip.port) for node in (one, two))
        )
        assert answers == [True, True]
        assert one.rendered.home != two.rendered.home


async def test_nothing_is_left(tmp_path: Path, asterisk: Installation) -> None:
    async with running_node(tmp_path) as node:
        pid, home = node.process.pid, node.rendered.home
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert not home.exists()
