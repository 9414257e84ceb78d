"""Both ends of the socket benchmark, each a process of its own: the server with its load, and many clients.

`python -m tests.bench.sockets_load server REDIS_URL PORT AGENTS CALLS_PER_S SECONDS` replays calls;
`python -m tests.bench.sockets_load clients URL FIRST COUNT` opens sockets and prints the latencies it saw.
"""

import asyncio
import itertools
import json
import sys
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress

import structlog
import uvloop
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from cti_server.api.auth import Authenticator
from cti_server.api.guards import MemoryLoginGuard, MemoryOneTimeStore
from cti_server.api.http import create_app
from cti_server.api.serving import ApiServer
from cti_server.api.tokens import Tokens, TokenUse
from cti_server.domain import signals as s
from cti_server.domain.effects import Connect, Effect
from cti_server.domain.records import Record
from cti_server.engine.journal import Journal, connect_redis
from cti_server.engine.site import Site
from tests.fakes.outside import FakeOutside
from tests.fakes.routing import FakeRouting
from tests.support.edge import KEY, NO_CAMPAIGNS, NO_MESSAGES, FakeCredentials, FakeLog, FakeReports

NODE = "pbx-a"
TALK = 1.0
"""Seconds between connection and hang-up."""


class Outside(FakeOutside):
    """Whoever is to be connected is, at once."""

    def __init__(self) -> None:
        super().__init__()
        self.site: Site | None = None
        self._bridges = itertools.count()

    def perform(self, effects: Sequence[Effect]) -> None:
        for effect in effects:
            if isinstance(effect, Connect) and self.site:
                bridge = f"b{next(self._bridges)}"
                self.site.post(s.ChannelEnteredBridge(0.0, NODE, effect.channel, bridge))
                self.site.post(s.ChannelEnteredBridge(0.0, NODE, effect.agent_channel, bridge))

    def keep(self, records: Sequence[Record]) -> None:
        """The outbox has a benchmark of its own."""


def agents(count: int) -> list[str]:
    return [str(10_000 + number) for number in range(count)]


async def serve(redis_url: str, port: int, count: int, rate: int, seconds: float) -> None:
    """Serve, wait for every agent's socket, replay calls, print what the server spent."""
    ids = agents(count)

    async def directory() -> s.DirectoryLoaded:
        profiles = tuple(s.AgentProfile(agent_id, agent_id, ("agent",), {"general": 5}) for agent_id in ids)
        group = s.GroupProfile("general", "综合", "General", 20.0, 600.0)
        return s.DirectoryLoaded(0.0, profiles, (group,), {"4000": "general"}, tuple(ids))

    outside = Outside()
    site = outside.site = Site(Journal(connect_redis(redis_url), "bench"), outside, directory)
    running = asyncio.create_task(site.run())
    while not site.world.state.agents:  # noqa: ASYNC110  # a benchmark polls
        await asyncio.sleep(0.01)
    await site.apply(s.NodeUp(0.0, NODE))
    await site.apply(s.NodeSnapshot(0.0, NODE, (), tuple(ids)))
    auth = Authenticator(FakeCredentials(None), MemoryLoginGuard(), Tokens([KEY], MemoryOneTimeStore()))  # type: ignore[arg-type]  # nobody logs in by password
    app = create_app(
        site,
        auth=auth,
        log=FakeLog(),
        reports=FakeReports(),
        routing=FakeRouting(),
        campaigns=NO_CAMPAIGNS,
        messages=NO_MESSAGES,
    )
    server = ApiServer(app, "127.0.0.1", port)
    await server.start()
    print("listening", flush=True)
    while sum(a.connected for a in site.world.state.agents.values()) < count:  # noqa: ASYNC110  # as above
        await asyncio.sleep(0.05)
    doors = asyncio.Semaphore(100)
    await asyncio.gather(*(_seat(site, agent_id, doors) for agent_id in ids))
    used = time.process_time()
    calls = await _replay(site, rate, seconds)
    used = time.process_time() - used
    print(json.dumps({"calls": calls, "core": used / seconds}), flush=True)
    await server.stop()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def _seat(site: Site, agent_id: str, doors: asyncio.Semaphore) -> None:
    async with doors:
        await site.execute(s.SignIn(0.0, "in", agent_id, agent_id, "on_demand"))
        await site.execute(s.SetState(0.0, "ready", agent_id, "ready"))


async def _replay(site: Site, rate: int, seconds: float) -> int:
    began = time.monotonic()
    lives: set[asyncio.Task[None]] = set()
    for number in itertools.count():
        due = began + number / rate
        if due > began + seconds:
            break
        await asyncio.sleep(max(due - time.monotonic(), 0))
        lives.add(asyncio.create_task(_call(site, f"{NODE}-{number}.1")))
    await asyncio.gather(*lives)
    return len(lives)


async def _call(site: Site, channel: str) -> None:
    """One call's life; the moment of each thing measured goes along in what the agent sees."""
    site.post(
        s.ContactArrived(0.0, NODE, channel, "4000", "13800138000", str(time.monotonic_ns()), "general")
    )
    await site.apply(s.CustomerPlaced(0.0, NODE, channel, "wait"))
    contact = site.world.state.contacts[channel]
    agent_id, leg = contact.agent_id, contact.agent_leg
    if agent_id is None or leg is None:
        site.post(s.ChannelGone(0.0, NODE, channel))
        return
    await site.apply(s.StationPlaced(0.0, NODE, leg.channel))
    while contact.connected_at is None:  # noqa: ASYNC110  # a benchmark polls
        await asyncio.sleep(0.01)
    stamp = {"t": time.monotonic_ns()}
    await site.execute(s.SetData(0.0, f"{channel}-d", agent_id, channel, stamp))
    await asyncio.sleep(TALK)
    await site.apply(s.ChannelGone(0.0, NODE, channel))
    await site.execute(s.WrapUp(0.0, f"{channel}-w", agent_id, channel, "done", "", "ready"))


async def listen(url: str, first: int, count: int) -> None:
    """Open sockets, read until the server closes them, print latencies in microseconds."""
    tokens = Tokens([KEY], MemoryOneTimeStore())
    seen: deque[int] = deque()
    sockets = []
    for agent_id in agents(first + count)[first:]:
        socket = await connect(url, subprotocols=["cti.v1"], compression=None, ping_interval=None)  # type: ignore[list-item]  # a plain string is one
        token = tokens.issue(agent_id, TokenUse.SOCKET).token
        request = {"jsonrpc": "2.0", "id": "open", "method": "session.open", "params": {"token": token}}
        await socket.send(json.dumps(request))
        assert "result" in json.loads(await socket.recv())
        sockets.append(socket)
    await asyncio.gather(*(_read(socket, seen) for socket in sockets))
    print(json.dumps(list(seen)), flush=True)


async def _read(socket: ClientConnection, seen: deque[int]) -> None:
    with suppress(ConnectionClosed):
        await _read_on(socket, seen)


async def _read_on(socket: ClientConnection, seen: deque[int]) -> None:
    async for text in socket:
        now = time.monotonic_ns()
        message = json.loads(text)
        if message.get("method") == "contact.offered":
            seen.append((now - int(message["params"]["contact"]["customer"]["name"])) // 1000)
        elif message.get("method") == "contact.data_changed":
            seen.append((now - message["params"]["contact"]["data"]["t"]) // 1000)


def main() -> None:
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    match sys.argv[1:]:
        case ["server", redis_url, port, count, rate, seconds]:
            uvloop.run(serve(redis_url, int(port), int(count), int(rate), float(seconds)))
        case ["clients", url, first, count]:
            uvloop.run(listen(url, int(first), int(count)))
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main()
