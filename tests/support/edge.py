"""The edge, served on a free port of loopback over the fake centre, and a bare client for its socket."""

from __future__ import annotations

import asyncio
import contextlib
import json
import pickle
import uuid
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeVar, cast

import httpx
from fastapi import FastAPI
from prometheus_client import CollectorRegistry
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from cti_server.api.auth import Authenticator
from cti_server.api.guards import MemoryLoginGuard, MemoryOneTimeStore
from cti_server.api.http import create_app
from cti_server.api.hub import Hub
from cti_server.api.outbound_ports import Campaigns, Messages
from cti_server.api.ports import ContactPage, ContactQuery, PastContacts, Team
from cti_server.api.serving import ApiServer
from cti_server.api.settings import ApiSettings
from cti_server.api.tokens import Tokens, TokenUse
from cti_server.bootstrap.wallboard import Wallboard
from cti_server.errors import CtiError
from cti_server.reports.facts import Fact
from cti_server.reports.resolution import CustomerCall, Resolution, resolution
from cti_server.reports.work import Work
from tests.fakes.centre import FakeCentre
from tests.fakes.routing import FakeRouting
from tests.fakes.voicemails import FakeVoicemails

PASSWORD = "correct horse battery"
KEY = b"a signing key of the tests, 32 bytes and more"
ORIGIN = "https://seat.bank.example"
NO_CAMPAIGNS, NO_MESSAGES = cast("Campaigns", None), cast("Messages", None)
NO_PAST = cast("PastContacts", None)
"""For tests that have nothing to do with them."""


class FakeCredentials:
    """Everybody's password is PASSWORD. `away`, when set, is raised."""

    def __init__(self, centre: FakeCentre) -> None:
        self._centre = centre
        self.away: CtiError | None = None
        self.asked = 0

    async def verify(self, agent_id: str, password: str) -> bool:
        self.asked += 1
        if self.away:
            raise self.away
        return bool(self._centre.roles(agent_id)) and password == PASSWORD


class FakeLog:
    """An interaction log of the rows given."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []
        self.story: list[dict[str, Any]] = []
        self.asked: list[ContactQuery] = []
        self.away: CtiError | None = None

    async def contacts(self, query: ContactQuery) -> ContactPage:
        if self.away:
            raise self.away
        self.asked.append(query)
        seen = query.seen
        rows = [r for r in self.rows if seen is None or seen.covers(r["group_id"], r["agent_id"])]
        rows = [r for r in rows if query.agent_id in (None, r["agent_id"])]
        return ContactPage(rows[: query.limit], None)

    async def contact(self, contact_id: str) -> dict[str, Any] | None:
        return next((row for row in self.rows if row["contact_id"] == contact_id), None)

    async def contact_story(self, contact_id: str) -> Sequence[dict[str, Any]]:
        return [entry for entry in self.story if entry["contact_id"] == contact_id]


Made = TypeVar("Made")
Shown = TypeVar("Shown")


class FakeReports:
    """Facts as given; 2001 leads the group `general` with 1001 in it."""

    def __init__(self) -> None:
        self.known: list[Fact] = []
        self.customers: list[CustomerCall] = []
        self.asked: list[tuple[datetime, datetime]] = []

    async def worked_out(self, work: Work[Made], shown: Callable[[Made], Shown]) -> Shown:
        """Pickled on the way there and back, as to another process."""
        self.asked.append((work.since, work.until))
        told, show = pickle.loads(pickle.dumps((work, shown)))
        told.take([fact for fact in self.known if work.since <= fact.at < work.until], work.until)
        found: Shown = pickle.loads(pickle.dumps(show(told.made())))
        return found

    async def resolved(
        self, start: datetime, until: datetime, within: timedelta, now: datetime
    ) -> dict[str, Resolution]:
        return resolution(self.customers, start, until, within, now)

    def knows(self, agent_id: str) -> bool:
        return agent_id != "nobody"

    def team(self, agent_id: str) -> Team:
        if agent_id != "2001":
            return Team(frozenset(), frozenset(), frozenset())
        return Team(frozenset({"general"}), frozenset({"1001"}), frozenset({"4000"}))


class Edge:
    """A running server and all that is behind it."""

    def __init__(
        self,
        centre: FakeCentre,
        settings: ApiSettings,
        keepalive: float,
        *,
        campaigns: Campaigns | None = None,
        messages: Messages | None = None,
        past: PastContacts | None = None,
    ) -> None:
        self.centre = centre
        self.credentials, self.log, self.reports = FakeCredentials(centre), FakeLog(), FakeReports()
        self.routing = FakeRouting()
        self.wallboard = Wallboard(lambda: centre.world.state, self.reports)
        self.voicemails = FakeVoicemails()
        self.registry = CollectorRegistry()
        self.tokens = Tokens([KEY], MemoryOneTimeStore())
        self.auth = Authenticator(self.credentials, MemoryLoginGuard(), self.tokens)
        self.app: FastAPI = create_app(
            centre,
            auth=self.auth,
            log=self.log,
            past=past or NO_PAST,
            reports=self.reports,
            routing=self.routing,
            wallboard=self.wallboard,
            campaigns=campaigns or NO_CAMPAIGNS,
            messages=messages or NO_MESSAGES,
            voicemails=self.voicemails,
            settings=settings,
            registry=self.registry,
        )
        self.server = ApiServer(self.app, "127.0.0.1", 0, ping_interval=keepalive, ping_timeout=keepalive)

    @property
    def hub(self) -> Hub:
        return self.app.state.hub  # type: ignore[no-any-return]  # a namespace without types

    @property
    def http_url(self) -> str:
        return f"http://127.0.0.1:{self.server.port}"

    @property
    def ws_url(self) -> str:
        return f"ws://127.0.0.1:{self.server.port}/ws"

    def token(self, agent_id: str = "1001", use: TokenUse = TokenUse.SOCKET) -> str:
        return self.tokens.issue(agent_id, use).token

    def http(self, agent_id: str | None = None) -> httpx.AsyncClient:
        headers = {"Authorization": f"Bearer {self.token(agent_id, TokenUse.ACCESS)}"} if agent_id else {}
        return httpx.AsyncClient(base_url=self.http_url, headers=headers)

    @contextlib.asynccontextmanager
    async def socket(self, **options: Any) -> AsyncIterator[Peer]:
        """A bare socket, not opened."""
        async with connect(self.ws_url, subprotocols=["cti.v1"], **options) as connection:  # type: ignore[list-item]  # a NewType of str
            yield Peer(connection)

    @contextlib.asynccontextmanager
    async def session(
        self, agent_id: str = "1001", resume: dict[str, int] | None = None, **options: Any
    ) -> AsyncIterator[Peer]:
        """An opened session; its answer is in `opened`."""
        async with self.socket(**options) as peer:
            params: dict[str, Any] = {"token": self.token(agent_id)}
            if resume:
                params["resume"] = resume
            peer.opened = await peer.result("session.open", **params)
            yield peer

    def metric(self, name: str, **labels: str) -> float:
        return self.registry.get_sample_value(name, labels) or 0.0


class Peer:
    """A client that shows everything as it is on the wire."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection
        self.opened: dict[str, Any] = {}
        self.notifications: list[dict[str, Any]] = []
        self.received: list[dict[str, Any]] = []
        """Every message, in the order received."""

    async def send(self, method: str, request_id: str | None = None, **params: Any) -> str:
        request_id = request_id or str(uuid.uuid4())
        await self.raw({"jsonrpc": "2.0", "id": request_id, "method": method, "params": params})
        return request_id

    async def raw(self, message: object) -> None:
        text = message if isinstance(message, str | bytes) else json.dumps(message)
        await self.connection.send(text)

    async def receive(self, deadline: float = 5.0) -> dict[str, Any]:
        async with asyncio.timeout(deadline):
            message: dict[str, Any] = json.loads(await self.connection.recv())
        self.received.append(message)
        if "method" in message:
            self.notifications.append(message)
        return message

    async def answer(self, request_id: str | None, deadline: float = 5.0) -> dict[str, Any]:
        """The answer to a request; notifications on the way are kept."""
        for message in self.received:
            if "id" in message and message["id"] == request_id and request_id is not None:
                return message
        while True:
            message = await self.receive(deadline)
            if "id" in message and message["id"] == request_id:
                return message

    async def request(self, method: str, /, **params: Any) -> dict[str, Any]:
        return await self.answer(await self.send(method, **params))

    async def result(self, method: str, /, **params: Any) -> dict[str, Any]:
        answer = await self.request(method, **params)
        assert "result" in answer, answer
        result: dict[str, Any] = answer["result"]
        return result

    async def refusal(self, method: str, /, **params: Any) -> dict[str, Any]:
        """`error.data` of a request that is refused."""
        answer = await self.request(method, **params)
        assert "error" in answer, answer
        data: dict[str, Any] = answer["error"]["data"]
        return data

    async def event(self, name: str, deadline: float = 5.0) -> dict[str, Any]:
        """`params` of the first notification of that name that was not asked for before."""
        while True:
            for index, message in enumerate(self.notifications):
                if message["method"] == name:
                    del self.notifications[index]
                    params: dict[str, Any] = message["params"]
                    return params
            await self.receive(deadline)

    async def closed(self, deadline: float = 5.0) -> int:
        """The close code, once the server has closed; what came before it is kept."""
        with contextlib.suppress(ConnectionClosed):
            async with asyncio.timeout(deadline):
                while True:
                    await self.receive(deadline)
        return self.connection.close_code or 0


async def until(condition: Callable[[], bool], deadline: float = 5.0) -> None:
    """Return once the condition holds. Raises TimeoutError."""
    async with asyncio.timeout(deadline):
        while not condition():  # noqa: ASYNC110  # conditions on the world have no event
            await asyncio.sleep(0.01)


@contextlib.asynccontextmanager
async def serving_edge(
    centre: FakeCentre | None = None,
    settings: ApiSettings | None = None,
    keepalive: float = 10.0,
    *,
    campaigns: Campaigns | None = None,
    messages: Messages | None = None,
    past: PastContacts | None = None,
) -> AsyncIterator[Edge]:
    """A running edge."""
    settings = settings or ApiSettings(allowed_origins=frozenset({ORIGIN}))
    edge = Edge(
        centre or FakeCentre(), settings, keepalive, campaigns=campaigns, messages=messages, past=past
    )
    await edge.server.start()
    try:
        yield edge
    finally:
        await edge.server.stop(deadline=1.0)
