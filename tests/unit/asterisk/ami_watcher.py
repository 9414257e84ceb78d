"""A client of a scripted Asterisk, and somebody who notes what it tells."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from cti_server.asterisk.ami_client import AmiClient, AmiState
from cti_server.asterisk.ami_codec import AmiMessage
from tests.fakes.ami_server import FakeAmi, FakeAmiConnection, Received, fake_ami

WANTED = frozenset({"Newchannel", "Hangup", "OriginateResponse", "DeviceStateChange"})


class Watcher:
    """What a client told: events, ups and downs, in order, with a way to wait for them."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.events: list[AmiMessage] = []
        self.resync: Callable[[], Awaitable[None]] | None = None
        self.on_event: Callable[[AmiMessage], None] | None = None
        self._changed = asyncio.Event()

    def event(self, event: AmiMessage) -> None:
        self.events.append(event)
        self._tell(f"{event.name} {event.get('Uniqueid', '')}".strip())
        if self.on_event is not None:
            self.on_event(event)

    async def up(self) -> None:
        self._tell("up")
        if self.resync is not None:
            await self.resync()

    def down(self, reason: str) -> None:
        self._tell(f"down {reason}")

    def _tell(self, what: str) -> None:
        self.told.append(what)
        self._changed.set()

    async def until(self, condition: Callable[[], bool], seconds: float = 5.0) -> None:
        """Wait until it holds; it is looked at again whenever something was told, and now and then."""
        async with asyncio.timeout(seconds):
            while not condition():
                self._changed.clear()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._changed.wait(), 0.01)

    async def heard(self, *what: str) -> None:
        await self.until(lambda: all(one in self.told for one in what))


@asynccontextmanager
async def running(fake: FakeAmi, watcher: Watcher, **options: Any) -> AsyncIterator[AmiClient]:
    """A client that runs until the block ends. Quick pauses unless said otherwise."""
    given: dict[str, Any] = {
        "wanted": WANTED,
        "backoff": (0.01, 0.05),
        "ping_interval": 0.2,
        "action_timeout": 1.0,
    }
    client = AmiClient(
        "127.0.0.1",
        fake.port,
        "cti",
        "a-secret",
        on_event=watcher.event,
        on_up=watcher.up,
        on_down=watcher.down,
        **(given | options),
    )
    task = asyncio.create_task(client.run())
    try:
        yield client
    finally:
        task.cancel()
        await asyncio.wait({task})
        assert task.cancelled() or task.exception() is None


@asynccontextmanager
async def up(**options: Any) -> AsyncIterator[tuple[FakeAmi, Watcher, AmiClient]]:
    """A client that is up."""
    watcher = Watcher()
    async with fake_ami() as fake, running(fake, watcher, **options) as client:
        await watcher.until(lambda: client.state is AmiState.UP)
        yield fake, watcher, client


def nothing_pending(client: AmiClient) -> bool:
    assert client._session is not None
    return not client._session.link._pending


def show_channels(to: FakeAmiConnection, action: Received) -> None:
    action_id = action.headers["ActionID"]
    to.answer(action, EventList="start", Message="Channels will follow")
    to.event("CoreShowChannel", ActionID=action_id, Uniqueid="1")
    to.event("CoreShowChannel", ActionID="another", Uniqueid="9")
    to.event("Newchannel", Uniqueid="2")
    to.event("CoreShowChannel", ActionID=action_id, Uniqueid="3")
    to.event("CoreShowChannelsComplete", ActionID=action_id, EventList="Complete", ListItems="2")
