"""An agent's seat as a Python object."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from types import TracebackType
from typing import Any, Self
from weakref import WeakSet

from cti_server.client.commands import Commands
from cti_server.client.connection import Connection
from cti_server.client.errors import CtiRequestError, SessionEnded
from cti_server.client.event import Event
from cti_server.client.ledger import Ledger
from cti_server.client.tokens import TokenSource

KEPT_EVENTS = 10_000
"""Events kept for `wait_for`; the oldest are dropped first."""
GONE = frozenset({"ivr", "queued", "ended"})
"""States in which a contact is not (or no longer) this agent's."""

WRAPPED_UP = "contact.wrapped_up"
"""The agent has done with the contact, or with its own part of it."""


class AgentClient(Commands):
    """One agent's session, kept open over lost connections; an asynchronous context manager.

    Methods raise CtiRequestError when the server refuses, SessionEnded when the session is over for good.
    `view` is the agent's own view, `contacts` its contacts by id, `system` which PBX nodes are in reach, as
    of the last event.
    """

    def __init__(
        self, http_url: str, ws_url: str, agent_id: str, password: str, *, open_deadline: float = 15.0
    ) -> None:
        self.agent_id = agent_id
        self.view: dict[str, Any] = {}
        self.contacts: dict[str, dict[str, Any]] = {}
        self.system: dict[str, Any] = {}
        self._system_seq = 0
        tokens = TokenSource(http_url, agent_id, password)
        self._line = Connection(ws_url, tokens, self._on_open, self._on_event, self._on_end)
        self._unseen: deque[Event] = deque(maxlen=KEPT_EVENTS)
        self._readers: WeakSet[asyncio.Queue[Event | None]] = WeakSet()
        self._news = asyncio.Event()
        self._ended: SessionEnded | CtiRequestError | None = None
        self._open_deadline = open_deadline

    async def __aenter__(self) -> Self:
        """Open the session. Raises CtiRequestError, or TimeoutError when the centre is not to be reached."""
        await self._line.start(self._open_deadline)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the session; the agent's state stays."""
        await self._line.close()

    @property
    def ledger(self) -> Ledger:
        """What was received."""
        return self._line.ledger

    @property
    def reconnects(self) -> int:
        """How often another attempt to connect was made."""
        return self._line.reconnects

    async def request(self, method: str, /, **params: Any) -> dict[str, Any]:
        """Any method's result; asked again with the same id when the connection is lost meanwhile."""
        return await self._line.request(method, params)

    async def wait_for(
        self, name: str, deadline: float = 10.0, where: Callable[[Event], bool] | None = None
    ) -> Event:
        """The oldest event of that name not returned by `wait_for` before, now or within `deadline` seconds.

        `where` picks among them. Raises TimeoutError, SessionEnded.
        """
        async with asyncio.timeout(deadline):
            while True:
                for event in self._unseen:
                    if event.name == name and (where is None or where(event)):
                        self._unseen.remove(event)
                        return event
                if self._ended:
                    raise self._ended
                self._news.clear()
                await self._news.wait()

    @property
    def events(self) -> AsyncIterator[Event]:
        """Every event from now on, until the session ends."""
        queue: asyncio.Queue[Event | None] = asyncio.Queue(KEPT_EVENTS)
        self._readers.add(queue)
        return self._stream(queue)

    @staticmethod
    async def _stream(queue: asyncio.Queue[Event | None]) -> AsyncIterator[Event]:
        while (event := await queue.get()) is not None:
            yield event

    # --- what the line tells ------------------------------------------------------------------------------

    def _on_open(self, result: dict[str, Any]) -> None:
        self.system, self._system_seq = result.get("system", {}), result["seq"]
        if result["resumed"]:  # the views are ahead of the events that follow: those will bring them
            return
        self.view = result["agent"]
        self.contacts = {contact["contact_id"]: contact for contact in result["contacts"]}

    def _on_event(self, name: str, params: dict[str, Any]) -> None:
        event = Event(name, params)
        if "system" in params and event.seq > self._system_seq:  # a resume brings older ones too
            self.system = params["system"]
        if event.agent and event.agent["agent_id"] == self.agent_id:
            self.view = event.agent
            self._forget(set(self.view["contact_ids"]))
        if event.name == WRAPPED_UP:
            self.contacts.pop(event.contact["contact_id"], None)  # another agent may have it by now
        elif event.contact:
            self._keep(event.contact)
        self._unseen.append(event)
        for queue in self._readers:
            if queue.full():  # a reader that stopped reading: it misses the oldest, the client goes on
                queue.get_nowait()
            queue.put_nowait(event)
        self._news.set()

    def _forget(self, own: set[str]) -> None:
        """Contacts that go on without this agent."""
        for contact_id in self.contacts.keys() - own:
            del self.contacts[contact_id]

    def _keep(self, contact: dict[str, Any]) -> None:
        own = contact["contact_id"] in self.view.get("contact_ids", ())
        if contact["state"] in GONE or not own:
            self.contacts.pop(contact["contact_id"], None)
        else:
            self.contacts[contact["contact_id"]] = contact

    def _on_end(self, why: SessionEnded | CtiRequestError) -> None:
        self._ended = why
        self._news.set()
        for queue in self._readers:
            if queue.full():
                queue.get_nowait()
            queue.put_nowait(None)
