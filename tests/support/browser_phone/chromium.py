"""A Chromium of the test's own, driven over its DevTools protocol on a WebSocket."""

import asyncio
import contextlib
import itertools
import json
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.support.processes import end, spawn

_FLAGS: Final = (
    "--headless",
    "--no-sandbox",  # tests run as root
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-default-apps",
    "--disable-extensions",
    "--mute-audio",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    "--autoplay-policy=no-user-gesture-required",
    "--allow-loopback-in-peer-connection",  # calls of tests stay on 127.0.0.0/8
    "--disable-features=WebRtcHideLocalIpsWithMdns,MediaRouter,OptimizationHints",
    "--remote-debugging-port=0",
)


class PageError(Exception):
    """The page threw, or Chromium refused."""


class Chromium:
    """One browser with one page, in `async with`. `on_report` gets each text the page gives to `report`."""

    def __init__(self, page: Path, on_report: Callable[[str], Awaitable[None]]) -> None:
        self._page = page
        self._on_report = on_report
        self._open = ExitStack()
        self._process: subprocess.Popen[bytes] | None = None
        self._socket: ClientConnection | None = None
        self._reading: asyncio.Task[None] | None = None
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._ids = itertools.count(1)
        self._session = ""
        self._loaded = asyncio.Event()

    async def __aenter__(self) -> Self:
        try:
            await self._start()
        except BaseException:
            await self._stop()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stop()

    async def evaluate(self, expression: str, deadline: float = 10) -> Any:
        """Run JavaScript in the page, awaiting a promise; return its value. PageError if it throws."""
        result = await self._send(
            "Runtime.evaluate", deadline, expression=expression, awaitPromise=True, returnByValue=True
        )
        if fault := result.get("exceptionDetails"):
            raise PageError(f"{expression}: {fault.get('exception', fault).get('description', fault)}")
        return result["result"].get("value")

    async def _start(self) -> None:
        profile = Path(self._open.enter_context(tempfile.TemporaryDirectory(prefix="cti-chromium-")))
        program = shutil.which("chromium") or shutil.which("google-chrome")
        assert program is not None, "chromium is not installed"
        command = [program, *_FLAGS, f"--user-data-dir={profile}", "about:blank"]
        self._process = spawn(command, profile / "chromium.log")
        self._socket = await connect(await self._address(profile), max_size=1 << 24, compression=None)
        self._reading = asyncio.create_task(self._read(self._socket))
        targets = await self._send("Target.getTargets")
        page = next(target for target in targets["targetInfos"] if target["type"] == "page")
        attached = await self._send("Target.attachToTarget", targetId=page["targetId"], flatten=True)
        self._session = attached["sessionId"]
        await self._send("Runtime.enable")
        await self._send("Page.enable")
        await self._send("Runtime.addBinding", name="report")
        await self._send("Page.navigate", url=self._page.as_uri())
        await asyncio.wait_for(self._loaded.wait(), 10)

    async def _address(self, profile: Path, deadline: float = 30) -> str:
        """Return the DevTools address, which Chromium writes into its profile once it listens."""
        assert self._process is not None
        file = profile / "DevToolsActivePort"
        async with asyncio.timeout(deadline):
            while self._process.poll() is None:
                if file.exists() and len(lines := file.read_text().splitlines()) == 2:
                    return f"ws://127.0.0.1:{lines[0]}{lines[1]}"
                await asyncio.sleep(0.02)
        raise RuntimeError(f"chromium does not start:\n{(profile / 'chromium.log').read_text()[-2000:]}")

    async def _send(self, method: str, deadline: float = 10, **params: Any) -> dict[str, Any]:
        assert self._socket is not None
        number = next(self._ids)
        answer = self._answers[number] = asyncio.get_running_loop().create_future()
        message = {"id": number, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        await self._socket.send(json.dumps(message))
        try:
            async with asyncio.timeout(deadline):
                reply = await answer
        finally:
            del self._answers[number]
        if "error" in reply:
            raise PageError(f"{method}: {reply['error'].get('message')}")
        result: dict[str, Any] = reply["result"]
        return result

    async def _read(self, socket: ClientConnection) -> None:
        try:
            async for text in socket:
                message = json.loads(text)
                if (answer := self._answers.get(message.get("id", 0))) and not answer.done():
                    answer.set_result(message)
                elif message.get("method") == "Page.loadEventFired":
                    self._loaded.set()
                elif message.get("method") == "Runtime.bindingCalled":
                    await self._on_report(message["params"]["payload"])
        except ConnectionClosed:
            pass  # the browser was killed; told below
        finally:
            for answer in self._answers.values():
                if not answer.done():
                    answer.set_exception(PageError("the browser is gone"))

    async def _stop(self) -> None:
        if self._socket is not None and self._reading is not None:
            with contextlib.suppress(PageError, ConnectionClosed, TimeoutError):
                self._session = ""
                await self._send("Browser.close", 3)
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)
            await self._socket.close()
        if self._process is not None:
            await asyncio.to_thread(end, self._process, signal.SIGTERM, 5)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)  # its helpers, should they linger
        self._open.close()
