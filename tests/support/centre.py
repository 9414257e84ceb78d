"""A whole centre for tests, as `cti up` runs it: real Asterisk, Redis, database and server, free ports."""

import asyncio
import json
import os
import signal
import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from asterisk_config.install import install
from cti_server.up.centre import Centre, running_centre
from cti_server.up.plan import Plan, Ports
from tests.support.phones import BaresipPhone


class TestCentre:
    """A running centre and the ways a test takes hold of it."""

    __test__ = False

    def __init__(self, centre: Centre) -> None:
        self.centre = centre
        self.about = centre.about
        self.sip = centre.about["nodes"][0]["sip"]
        self.http = centre.about["http"]
        self.ws = centre.about["ws"]
        self.database_url = centre.plan.database_url

    def person(self, agent_id: str) -> dict[str, Any]:
        """An entry of centre.json's people."""
        return next(p for p in self.about["people"] if p["agent_id"] == agent_id)

    def phone(self, address: str, **options: Any) -> BaresipPhone:
        """The registered phone of a station; options as BaresipPhone's."""
        agent_id = address.removesuffix("-browser")
        return BaresipPhone(address, self.person(agent_id)["station"]["sip_password"], self.sip, **options)

    # --- the server process ---------------------------------------------------------------------------

    def kill_server(self) -> None:
        """`kill -9`; the supervisor starts it again."""
        os.kill(self.centre.server.pid, signal.SIGKILL)

    def freeze_server(self) -> None:
        """SIGSTOP."""
        os.kill(self.centre.server.pid, signal.SIGSTOP)

    def thaw_server(self) -> None:
        """SIGCONT."""
        os.kill(self.centre.server.pid, signal.SIGCONT)

    def server_log(self) -> list[dict[str, Any]]:
        """The server's log lines that are JSON."""
        lines = self.centre.server.log.read_text(errors="replace").splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]

    # --- what is left in Asterisk -----------------------------------------------------------------------

    async def channels(self) -> list[str]:
        """Channels that exist in Asterisk right now, by its own console."""
        return await self._console("core show channels concise")

    async def bridges(self) -> list[str]:
        """Bridges that exist in Asterisk right now."""
        return (await self._console("bridge show all"))[1:]

    async def _console(self, command: str) -> list[str]:
        rendered = self.centre.rendered
        argv = rendered.installation.command(["-C", rendered.config_file, "-rx", command])
        process = await asyncio.create_subprocess_exec(
            *argv, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
        )
        out, _ = await asyncio.wait_for(process.communicate(), 10)
        return [line for line in out.decode(errors="replace").splitlines() if line.strip()]


@asynccontextmanager
async def whole_centre(tmp_path: Path) -> AsyncIterator[TestCentre]:
    """Run a centre below `tmp_path` until the block ends; its logs are kept there."""
    await asyncio.to_thread(install)
    plan = Plan(tmp_path / "var", Ports.free(), f"t-{os.getpid()}-{uuid.uuid4().hex[:10]}")
    async with AsyncExitStack() as stack:
        centre = await stack.enter_async_context(
            running_centre(plan, lambda _what: None, cheap_passwords=True)
        )
        try:
            yield TestCentre(centre)
        finally:
            _keep_logs(centre, tmp_path)
            await stack.aclose()
            centre.rendered.remove()


def _keep_logs(centre: Centre, tmp_path: Path) -> None:
    for path in (
        centre.rendered.log_file,
        centre.rendered.cel_file,
        centre.rendered.home / "log/console.log",
    ):
        if path.exists():
            (tmp_path / f"pbx-{path.name}").write_bytes(path.read_bytes())
