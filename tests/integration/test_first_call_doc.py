"""docs/first-call.md as it is written: its phone, its seat that is broken into, its list of contacts."""

from __future__ import annotations

import asyncio
import re
import sys
from asyncio.subprocess import PIPE, STDOUT, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.support.centre import TestCentre, eventually
from tests.support.port_block import port_block
from tests.support.whole_centre import SHARED, shared_centre

pytestmark = SHARED
ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/first-call.md").read_text(encoding="utf-8")
PYTHON = re.findall(r"<<'PY'\n(.*?)^PY$", PAGE, re.MULTILINE | re.DOTALL)
CONFIG = re.findall(r"<<'END'\n(.*?)^END$", PAGE, re.MULTILINE | re.DOTALL)
centre = shared_centre()


@asynccontextmanager
async def running(folder: Path, *command: str) -> AsyncIterator[Process]:
    """The program in that folder, with the repository's modules; ended with the block."""
    program = await asyncio.create_subprocess_exec(
        *command,
        cwd=folder,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
        stdout=PIPE,
        stderr=STDOUT,
    )
    try:
        yield program
    finally:
        if program.returncode is None:
            program.kill()
        await program.wait()


async def says(program: Process, word: str, deadline: float = 30) -> str:
    """The program's next line with that word in it."""
    assert program.stdout is not None
    said = ""
    async with asyncio.timeout(deadline):
        while line := (await program.stdout.readline()).decode(errors="replace"):
            said += line
            if word in line:
                return line
    raise AssertionError(f"{word!r} was not said, but:\n{said}")


async def test_word_by_word(centre: TestCentre, tmp_path: Path) -> None:
    """A folder that looks like the repository's, but for the port of the phone."""
    (tmp_path / "var").symlink_to(centre.centre.plan.var)
    phone = tmp_path / "var/phone"
    phone.mkdir()
    accounts, listed, seat = PYTHON
    async with running(tmp_path, sys.executable, "-c", accounts) as program:
        assert await program.wait() == 0
    with port_block() as ports:  # its own for SIP, the next one for SIP over TLS
        (phone / "config").write_text(CONFIG[0].replace("127.0.0.1:15061", f"127.0.0.1:{ports[0]}"))
        await _call(centre, tmp_path, listed, seat)


async def _call(centre: TestCentre, tmp_path: Path, listed: str, seat: str) -> None:
    async with (
        running(tmp_path, "baresip", "-f", "var/phone") as baresip,
        centre.customer() as customer,
    ):
        await says(baresip, "200 OK (CTI-PBX) [1 binding]")
        async with running(tmp_path, sys.executable, "-c", seat) as program:
            await says(program, "agent.state_changed")  # ready: the sign-in and the state are told
            await customer.dial("4000")
            number = int((await says(program, "contact.connected")).split()[0])
            centre.kill_server()
            await centre.serving()
            await customer.hang_up()
            ended = await says(program, "contact.ended")
            assert int(ended.split()[0]) > number
        await eventually(
            lambda: centre.rows("contacts", end_reason="customer_hung_up"),
            lambda rows: len(rows) == 1,
            "logged",
            15,
        )
        async with running(tmp_path, sys.executable, "-c", listed) as program:
            assert "customer_hung_up" in await says(program, "138****8000")
