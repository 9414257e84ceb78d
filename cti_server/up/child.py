"""A program started by `cti up`: own process group, log file, never outlives us."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Protocol

from cti_server.errors import CtiError


class ChildFailed(CtiError):  # noqa: N818  # says what is, like its siblings in cti_server.errors
    """A program of the centre ended, or cannot be started. The message says where its log is."""

    code = "program_failed"


class Running(Protocol):
    """A process that was started, as asyncio has it."""

    @property
    def pid(self) -> int:
        """Its id."""

    @property
    def returncode(self) -> int | None:
        """None as long as it runs."""

    async def wait(self) -> int:
        """Return the exit code when it has ended."""


class Child:
    """One program. The kernel kills it when we die, however we die."""

    def __init__(self, name: str, argv: list[str], log: Path, env: Mapping[str, str] | None = None) -> None:
        self.name = name
        self.log = log
        self._argv, self._env = argv, {**os.environ, **(env or {})}
        self._process: Running | None = None

    @property
    def pid(self) -> int:
        """Process id. Raises ChildFailed before `start`."""
        if self._process is None:
            raise ChildFailed(f"{self.name} was not started")
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether it is alive (a frozen one is)."""
        return self._process is not None and self._process.returncode is None

    async def start(self) -> None:
        """Start, or start again after its end. Raises ChildFailed."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            try:
                self._process = await self._begin(log)
            except OSError as error:
                raise ChildFailed(f"{self.name} cannot be started: {error.strerror}") from error

    async def _begin(self, log: IO[bytes]) -> Running:
        return await asyncio.create_subprocess_exec(
            "setpriv",
            "--pdeathsig",
            "KILL",
            *self._argv,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=self._env,
            process_group=0,
        )

    async def wait(self) -> int:
        """Return its exit code when it has ended."""
        if self._process is None:
            raise ChildFailed(f"{self.name} was not started")
        return await self._process.wait()

    async def stop(self, patience: float = 5.0) -> None:
        """End it in order, by force after `patience` seconds; nothing of its group remains."""
        if self._process is None:
            return
        if self.running:
            self.signal(signal.SIGCONT)  # a frozen process would not see SIGTERM
            self.signal(signal.SIGTERM)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(patience):
                    await self._process.wait()
        self.signal(signal.SIGKILL)
        await self._process.wait()

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to its process group."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, number)

    def tail(self, lines: int = 15) -> str:
        """The last lines of its log."""
        with contextlib.suppress(FileNotFoundError):
            return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])
        return ""
