"""An agent's seat as a Python object."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self
from weakref import WeakSet

from cti_server.client.connection import Connection
from cti_server.client.errors import CtiRequestError, SessionEnded
from cti_server.client.ledger import Ledger
from cti_server.client.tokens import TokenSource

KEPT_EVENTS = 10_000
"""Events kept for `wait_for`; the oldest are dropped first."""
GONE = frozenset({"ivr", "queued", "ended"})
"""States in which a contact is not (or no longer) this agent's."""

WRAPPED_UP = "contact.wrapped_up"
"""The agent has done with the contact, or with its own part of it."""


@dataclass(frozen=True, slots=True)
class Event:
    """A notification: its name and whole `params`."""

    name: str
    params: dict[str, Any]

    @property
    def seq(self) -> int:
        """Its number within the epoch."""
        return int(self.params["seq"])

    @property
    def contact(self) -> dict[str, Any]:
        """The contact's new view; empty for events of the agent."""
        view: dict[str, Any] = self.params.get("contact", {})
        return view

    @property
    def queue(self) -> dict[str, Any]:
        """The queue's new view; empty for other events."""
        view: dict[str, Any] = self.params.get("queue", {})
        return view

    @property
    def agent(self) -> dict[str, Any]:
        """The agent's new view; empty for events of a contact."""
        view: dict[str, Any] = self.params.get("agent", {})
        return view


class AgentClient:
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

    # --- the seat -----------------------------------------------------------------------------------------

    async def sign_in(
        self, station: str, mode: str = "on_demand", *, take_over: bool = False
    ) -> dict[str, Any]:
        """Take a seat; the agent's view. On a persistent station this waits for the phone."""
        result = await self.request("agent.sign_in", station=station, station_mode=mode, take_over=take_over)
        return self._agent(result)

    async def sign_out(self, reason: str = "") -> dict[str, Any]:
        """Leave the seat; the agent's view."""
        return self._agent(await self.request("agent.sign_out", reason=reason))

    async def ready(self) -> dict[str, Any]:
        """Be offered contacts; the agent's view."""
        return await self.set_state("ready")

    async def not_ready(self, reason: str = "") -> dict[str, Any]:
        """Be offered none; the agent's view."""
        return await self.set_state("not_ready", reason)

    async def set_state(self, state: str, reason: str = "") -> dict[str, Any]:
        """Ask for a work state; the agent's view."""
        return self._agent(await self.request("agent.set_state", state=state, reason=reason))

    # --- contacts -----------------------------------------------------------------------------------------

    async def accept(self, contact_id: str) -> dict[str, Any]:
        """Take the offered contact; its view once connected."""
        return self._contact(await self.request("contact.accept", contact_id=contact_id))

    async def reject(self, contact_id: str) -> dict[str, Any]:
        """Send the offered contact back; its view."""
        return self._contact(await self.request("contact.reject", contact_id=contact_id))

    async def hold(self, contact_id: str) -> dict[str, Any]:
        """Put the customer on hold; the contact's view."""
        return self._contact(await self.request("contact.hold", contact_id=contact_id))

    async def retrieve(self, contact_id: str) -> dict[str, Any]:
        """Take the customer back; the contact's view."""
        return self._contact(await self.request("contact.retrieve", contact_id=contact_id))

    async def identify(self, contact_id: str) -> dict[str, Any]:
        """Send the customer to prove who it is; the view once the machine asks it.

        `contact.identification_changed` tells how it goes; then `contact.retrieved`: it is back by itself.
        `retrieve` takes it back before.
        """
        return self._contact(await self.request("contact.identify", contact_id=contact_id))

    async def hang_up(self, contact_id: str) -> dict[str, Any]:
        """End the conversation; the contact's view."""
        return self._contact(await self.request("contact.hang_up", contact_id=contact_id))

    async def consult(self, contact_id: str, **to: str) -> dict[str, Any]:
        """Ask a third party (`group`, `agent_id` or `number`); the view once the customer is on hold."""
        return self._contact(await self.request("contact.consult", contact_id=contact_id, to=to))

    async def alternate(self, contact_id: str) -> dict[str, Any]:
        """Talk to the other one of customer and third party; the contact's view."""
        return self._contact(await self.request("contact.alternate", contact_id=contact_id))

    async def complete_transfer(self, contact_id: str) -> dict[str, Any]:
        """Leave customer and third party to each other; the contact's view."""
        return self._contact(await self.request("contact.complete_transfer", contact_id=contact_id))

    async def cancel_consult(self, contact_id: str) -> dict[str, Any]:
        """Go back to the customer; the contact's view."""
        return self._contact(await self.request("contact.cancel_consult", contact_id=contact_id))

    async def conference(self, contact_id: str) -> dict[str, Any]:
        """Everybody hears everybody; the contact's view."""
        return self._contact(await self.request("contact.conference", contact_id=contact_id))

    async def drop_leg(self, contact_id: str, leg_id: str) -> dict[str, Any]:
        """Take the third party out of the conference; the contact's view."""
        return self._contact(await self.request("contact.drop_leg", contact_id=contact_id, leg_id=leg_id))

    async def subscribe(self, *topics: str) -> dict[str, Any]:
        """Be told of every change in `agents`, `queues`, `contacts`; how it is now."""
        return await self.request("subscribe", topics=list(topics))

    async def unsubscribe(self, *topics: str) -> dict[str, Any]:
        """Be told no more; the topics that are left."""
        return await self.request("unsubscribe", topics=list(topics))

    async def supervise(self, mode: str, **whom: str) -> dict[str, Any]:
        """`listen`, `whisper` or `barge` (`agent_id` or `contact_id`); the own view."""
        return self._agent(await self.request(f"supervisor.{mode}", **whom))

    async def intercept(self, **whom: str) -> dict[str, Any]:
        """Take a contact over (`agent_id` or `contact_id`); its view."""
        return self._contact(await self.request("supervisor.intercept", **whom))

    async def stop_supervising(self) -> dict[str, Any]:
        """Leave the conversation; the own view."""
        return self._agent(await self.request("supervisor.stop"))

    async def transfer(self, contact_id: str, **to: str) -> dict[str, Any]:
        """Pass the customer on, to `group=`, `agent_id=` or `number=`; the view in after-call work."""
        return self._contact(await self.request("contact.transfer", contact_id=contact_id, to=to))

    async def dial(
        self, *, data: dict[str, Any] | None = None, group: str | None = None, **to: str
    ) -> dict[str, Any]:
        """Call `number=` or `agent_id=`, for a group; the view of the contact that begins."""
        asked: dict[str, Any] = {**to, "data": data or {}}
        if group:
            asked["group"] = group
        return self._contact(await self.request("contact.dial", **asked))

    async def mute(self, contact_id: str) -> dict[str, Any]:
        """Be heard by nobody; the contact's view."""
        return self._contact(await self.request("contact.mute", contact_id=contact_id))

    async def unmute(self, contact_id: str) -> dict[str, Any]:
        """Be heard again; the contact's view."""
        return self._contact(await self.request("contact.unmute", contact_id=contact_id))

    async def send_dtmf(self, contact_id: str, digits: str) -> dict[str, Any]:
        """Press keys towards the customer's side; the contact's view."""
        return self._contact(await self.request("contact.send_dtmf", contact_id=contact_id, digits=digits))

    async def pause_recording(self, contact_id: str) -> dict[str, Any]:
        """Have silence recorded; the contact's view."""
        return self._contact(await self.request("recording.pause", contact_id=contact_id))

    async def resume_recording(self, contact_id: str) -> dict[str, Any]:
        """Have the conversation recorded again; the contact's view."""
        return self._contact(await self.request("recording.resume", contact_id=contact_id))

    async def set_data(self, contact_id: str, **data: Any) -> dict[str, Any]:
        """Merge attached data, None removes a key; the contact's view."""
        return self._contact(await self.request("contact.set_data", contact_id=contact_id, data=data))

    async def wrap_up(
        self,
        contact_id: str,
        disposition: str,
        summary: str = "",
        next_state: str | None = None,
        *,
        call_back_at: str | None = None,
    ) -> dict[str, Any]:
        """End after-call work; the contact's last view. `call_back_at` (RFC 3339) is for campaigns."""
        asked = {"contact_id": contact_id, "disposition": disposition, "summary": summary}
        if next_state:
            asked["next_state"] = next_state
        if call_back_at:
            asked["call_back_at"] = call_back_at
        return self._contact(await self.request("contact.wrap_up", **asked))

    # --- anything else ------------------------------------------------------------------------------------

    async def ping(self) -> dict[str, Any]:
        """`{seq, server_time}`."""
        return await self.request("session.ping")

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

    @staticmethod
    def _agent(result: dict[str, Any]) -> dict[str, Any]:
        view: dict[str, Any] = result["agent"]
        return view

    @staticmethod
    def _contact(result: dict[str, Any]) -> dict[str, Any]:
        view: dict[str, Any] = result["contact"]
        return view
