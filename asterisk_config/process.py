"""Runs one Asterisk node as a child process that never outlives its parent."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Awaitable, Callable

from asterisk_config.errors import NodeNotReadyError, NodeStartError
from asterisk_config.node import RenderedNode
from asterisk_config.sip_probe import answers_options

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
        """Start Asterisk in a process group of its own.

        Raises:
            NodeStartError: it cannot be executed.
        """
        with (self.node.home / "log/console.log").open("ab") as console:
            try:
                self._process = await asyncio.create_subprocess_exec(
                    *self._command(),
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=console,
                    stderr=console,
                    process_group=0,
                )
            except OSError as error:
                raise NodeStartError(
                    f"Asterisk cannot be executed: {error}", "run cti pbx install"
                ) from error

    async def wait_ready(self, deadline: float = 20.0) -> None:
        """Return when the manager port greets and SIP answers OPTIONS; ``deadline`` in seconds.

        Raises:
            NodeStartError: the process ended.
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
        asterisk = [self.node.installation.binary, "-f", "-C", self.node.config_file]
        return self.node.installation.command_for([*guard, *asterisk])

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, number)

    async def _until(self, probe: Callable[[], Awaitable[bool]]) -> None:
        while not await probe():
            if not self.running:
                raise NodeStartError(f"node {self.node.config.name} ended: {self.logs_tail()}")
            await asyncio.sleep(_POLL)

    async def _ami_greets(self) -> bool:
        ami = self.node.config.ami
        try:
            reader, writer = await asyncio.open_connection(ami.host, ami.port)
        except OSError:
            return False
        try:
            async with asyncio.timeout(1):
                return (await reader.readline()).startswith(_AMI_GREETING)
        except (TimeoutError, OSError):
            return False
        finally:
            writer.close()

    async def _sip_answers(self) -> bool:
        return await answers_options(self.node.config.sip.host, self.node.config.sip.port)
