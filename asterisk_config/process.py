"""Runs one Asterisk node as a child process that never outlives its parent."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path

from asterisk_config.errors import NodeNotReadyError, NodeStartError
from asterisk_config.node import RenderedNode
from asterisk_config.sip_probe import answers_options
from asterisk_config.sockets import listens

_POLL = 0.02
_AMI_GREETING = b"Asterisk Call Manager"


class NodeProcess:
    """One node, from start to stop. Not to be used again after ``stop``.

    The kernel kills Asterisk when the process that called ``start`` dies, however it dies. So the CTI
    server must not be the one who calls it: its death may not take the calls along.
    """

    def __init__(self, node: RenderedNode) -> None:
        self.node = node
        self._process: asyncio.subprocess.Process | None = None
        self._log_start = 0

    @property
    def pid(self) -> int:
        """Asterisk's process id (chroot and setpriv have become Asterisk by exec)."""
        if self._process is None:
            raise NodeStartError(f"node {self.node.config.name} was not started")
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the process is alive (a frozen one is)."""
        return self._process is not None and self._process.returncode is None

    async def start(self) -> None:
        """Start Asterisk in a session of its own, out of the terminal's reach.

        Raises:
            NodeStartError: it cannot be executed.
        """
        self._log_start = _size(self.node.log_file)
        with (self.node.home / "log/console.log").open("ab") as console:
            try:
                self._process = await asyncio.create_subprocess_exec(
                    *self._command(),
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=console,
                    stderr=console,
                    start_new_session=True,
                )
            except OSError as error:
                raise NodeStartError(
                    f"Asterisk cannot be executed: {error}", "run cti pbx install"
                ) from error

    async def wait_ready(self, deadline: float = 20.0) -> None:
        """Return when this node's own manager port greets and SIP answers OPTIONS; ``deadline`` in seconds.

        Raises:
            NodeStartError: the process ended, or a port it needs is taken.
            NodeNotReadyError: the time is over.
        """
        try:
            async with asyncio.timeout(deadline):
                await self._until(self._ami_greets)
                await self._until(self._sip_answers)
        except TimeoutError:
            raise NodeNotReadyError(
                f"node {self.node.config.name} not ready in {deadline} s: {self.logs_tail()}"
            ) from None

    async def wait(self) -> int:
        """Return Asterisk's exit code when it has ended."""
        if self._process is None:
            raise NodeStartError(f"node {self.node.config.name} was not started")
        return await self._process.wait()

    async def stop(self, patience: float = 5.0) -> None:
        """End Asterisk in order, by force after ``patience`` seconds; nothing of its group remains."""
        process = self._process
        if process is None:
            return
        if process.returncode is None:
            self._signal(signal.SIGCONT)  # a frozen process would not see SIGTERM
            self._signal(signal.SIGTERM)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(patience):
                    await process.wait()
        self._signal(signal.SIGKILL)
        await process.wait()

    def logs_tail(self, lines: int = 20) -> str:
        """The last lines of the node's log and console."""
        found: list[str] = []
        for path in (self.node.home / "log/console.log", self.node.log_file):
            with contextlib.suppress(FileNotFoundError):
                found += path.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:]
        return "\n".join(found)

    def _command(self) -> list[str]:
        """Rights are dropped before the death signal is set: the kernel forgets it on a change of user."""
        account = self.node.installation.account()
        guard = ["setpriv", "--pdeathsig", "KILL"]
        if account is not None:
            guard += [f"--reuid={account.uid}", f"--regid={account.gid}", "--clear-groups"]
        asterisk = [self.node.installation.binary, "-f", "-n", "-C", self.node.config_file]
        return self.node.installation.command_for([*guard, *asterisk])

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, number)

    async def _until(self, probe: Callable[[], Awaitable[bool]]) -> None:
        while not await probe():
            if not self.running:
                raise NodeStartError(f"node {self.node.config.name} ended: {self.logs_tail()}")
            if taken := self._taken():
                raise NodeStartError(f"node {self.node.config.name}: {taken}", "give the node other ports")
            await asyncio.sleep(_POLL)

    def _taken(self) -> str:
        """What Asterisk said of an address that is in use: it goes on without, so only its log tells."""
        with contextlib.suppress(FileNotFoundError), self.node.log_file.open(errors="replace") as log:
            log.seek(self._log_start)
            return next((line.strip() for line in log if "Address already in use" in line), "")
        return ""

    async def _ami_greets(self) -> bool:
        ami = self.node.config.ami
        try:
            reader, writer = await asyncio.open_connection(ami.host, ami.port)
        except OSError:
            return False
        try:
            if not listens(self.pid, ami.port, "tcp"):  # asked last: it reads the whole machine's sockets
                return False
            async with asyncio.timeout(1):
                return (await reader.readline()).startswith(_AMI_GREETING)
        except (TimeoutError, OSError):
            return False
        finally:
            writer.close()

    async def _sip_answers(self) -> bool:
        sip = self.node.config.sip
        return listens(self.pid, sip.port, "udp") and await answers_options(sip.host, sip.port)


def _size(file: Path) -> int:
    return file.stat().st_size if file.exists() else 0
