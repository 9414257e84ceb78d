"""An agent's seat in tests: the agent's program on the socket and the agent's phone, as one object."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Final, Literal

import pytest

from cti_server.client import AgentClient, CtiRequestError, Event
from tests.support.audio import AGENT_TONE
from tests.support.centre import TestCentre, eventually
from tests.support.phones import AnswerMode, BaresipPhone
from tests.support.whole_centre import SHARED

Mode = Literal["persistent", "on_demand"]
MODES: Final[tuple[Mode, ...]] = ("persistent", "on_demand")
SHARED_IN_EACH_MODE: Final = [*SHARED, pytest.mark.parametrize("mode", MODES)]
"""Marks of a file whose tests share a centre and are for both kinds of station."""
_RETRY: Final = 0.1
_LEAVE: Final = 20.0
View = dict[str, Any]


class Seat:
    """An agent with the phone of the same number. `history` has every notification, in order.

    Commands are PROTOCOL's and raise CtiRequestError; waiting in vain is an AssertionError.
    """

    def __init__(self, client: AgentClient, phone: BaresipPhone, mode: Mode) -> None:
        self.client, self.phone, self.mode = client, phone, mode
        self.agent_id = client.agent_id
        self.history: list[Event] = []
        self._news = asyncio.Event()

    # --- the agent's hands --------------------------------------------------------------------------------

    async def sign_in(self, deadline: float = 20) -> None:
        """Sign in at the own phone, once the node has told the server that it is registered."""
        end = time.monotonic() + deadline
        while True:
            try:
                await self.client.sign_in(self.phone.user, self.mode)
            except CtiRequestError as refused:
                if refused.code != "station_not_registered" or time.monotonic() > end:
                    raise
                await asyncio.sleep(_RETRY)
            else:
                return

    async def next_contact(self, deadline: float = 15) -> str:
        """Wait for an offer, take it, return the contact's id when both are connected."""
        contact_id = await self.offered(deadline)
        await self.accept(contact_id)
        return contact_id

    async def accept(self, contact_id: str) -> View:
        """Take the offered contact; its view once connected. A phone in auto-answer may be quicker."""
        try:
            return await self.client.accept(contact_id)
        except CtiRequestError as refused:
            if self.mode == "persistent" or refused.code != "action_not_allowed":
                raise
            return self.client.contacts[contact_id]

    async def wrap_up(self, contact_id: str, next_state: str | None = None) -> None:
        """End after-call work with a disposition."""
        await self.client.wrap_up(contact_id, "done", "said it all", next_state)

    # --- what the agent's program is told -----------------------------------------------------------------

    @property
    def view(self) -> View:
        """The agent's own view as of the last event."""
        return self.client.view

    async def offered(self, deadline: float = 15) -> str:
        """Return the id of the next contact that is offered."""
        contact_id: str = (await self.told("contact.offered", deadline=deadline)).contact["contact_id"]
        return contact_id

    async def told(self, name: str, contact_id: str = "", deadline: float = 15) -> Event:
        """The oldest event of that name (about that contact) nobody asked for yet, now or soon."""
        try:
            return await self.client.wait_for(
                name, deadline, lambda event: contact_id in ("", event.contact.get("contact_id"))
            )
        except TimeoutError:
            raise AssertionError(self._not(f"told {name} {contact_id}", deadline)) from None

    async def in_state(self, state: str, reason: str | None = None, deadline: float = 15) -> View:
        """Return the agent's view once it is in that state (for that reason)."""
        return await self.until(
            lambda: self.view["state"] == state and reason in (None, self.view["reason"]),
            f"{state} {reason or ''}",
            deadline,
        )

    async def until(self, condition: Callable[[], bool], what: str, deadline: float = 15) -> View:
        """Return the agent's view once the condition holds; looked at with each event."""
        try:
            async with asyncio.timeout(deadline):
                while not condition():
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            raise AssertionError(self._not(what, deadline)) from None
        return self.view

    def names(self, contact_id: str = "") -> list[str]:
        """Names of all events (about a contact) so far."""
        return [e.name for e in self.history if contact_id in ("", e.contact.get("contact_id"))]

    def _not(self, what: str, deadline: float) -> str:
        story = [(event.seq, event.name) for event in self.history[-12:]]
        return f"{self.agent_id} was not {what} within {deadline} s; it is {self.view}; told {story}"

    async def keep_history(self) -> None:
        """Note every event, until cancelled."""
        async for event in self.client.events:
            self.history.append(event)
            self._news.set()


@asynccontextmanager
async def seat(
    centre: TestCentre,
    agent_id: str,
    mode: Mode = "on_demand",
    *,
    tone_hz: int = AGENT_TONE,
    answermode: AnswerMode = "auto",
    state: Literal["ready", "not_ready", "signed_out"] = "ready",
) -> AsyncIterator[Seat]:
    """A seat with a registered phone and an open session, in that state; signed out at the end."""
    person = centre.person(agent_id)
    client = AgentClient(centre.http, centre.ws, agent_id, person["password"])
    async with AsyncExitStack() as stack:
        phone = centre.phone(agent_id, tone_hz=tone_hz, answermode=answermode)
        await stack.enter_async_context(phone)
        await phone.registered(20)
        it = Seat(client, phone, mode)
        history = asyncio.create_task(it.keep_history())
        stack.callback(history.cancel)
        await stack.enter_async_context(client)
        if state != "signed_out":
            await it.sign_in()
            stack.push_async_callback(_leave, it)
        if state == "ready":
            await client.ready()
        yield it


@asynccontextmanager
async def crew(centre: TestCentre, agents: Sequence[str], mode: Mode) -> AsyncIterator[list[Seat]]:
    """Several ready seats, opened side by side, so that the first is not the longest idle by much."""
    async with AsyncExitStack() as stack:
        opening = [stack.enter_async_context(seat(centre, agent, mode)) for agent in agents]
        yield list(await asyncio.gather(*opening))


async def work_off(
    seats: Sequence[Seat],
    calls: int,
    *,
    hold: Callable[[Seat], bool] = lambda _: False,
    deadline: float = 60,
) -> list[str]:
    """Have every seat take whatever it is offered until that many calls are done; the contacts' ids."""
    served: list[str] = []
    done = asyncio.Event()

    async def work(it: Seat) -> None:
        while True:
            contact_id = await _given(it, deadline * 2)
            if hold(it):
                await it.client.hold(contact_id)
                await it.client.retrieve(contact_id)
            await it.client.hang_up(contact_id)
            await it.wrap_up(contact_id)
            served.append(contact_id)
            if len(served) >= calls:
                done.set()

    async with asyncio.TaskGroup() as group:
        working = [group.create_task(work(it)) for it in seats]
        try:
            async with asyncio.timeout(deadline):
                await done.wait()
        except TimeoutError:
            last = {it.agent_id: (it.view["state"], it.view["reason"], it.names()[-5:]) for it in seats}
            raise AssertionError(f"{len(served)} of {calls} done in {deadline} s: {last}") from None
        for task in working:
            task.cancel()
    return served


async def _given(it: Seat, deadline: float) -> str:
    """The contact an agent has got and talks to; one out of the fallback queue comes without an offer."""

    def of_now() -> View | None:
        ids = it.view["contact_ids"]
        contact: View | None = it.client.contacts.get(ids[0]) if ids else None
        return contact if contact and contact["state"] in ("offered", "active") else None

    await it.until(lambda: of_now() is not None, "given a contact", deadline)
    contact = of_now()
    assert contact is not None
    contact_id: str = contact["contact_id"]
    if contact["state"] == "offered":
        await it.accept(contact_id)
    return contact_id


async def _leave(it: Seat) -> None:
    """Leave nothing behind for the next test, wherever this one stopped: finish contacts, sign out."""
    async with asyncio.timeout(_LEAVE):  # a client asks for ever where no server is
        await eventually(lambda: _hindrance(it), lambda why: not why, f"{it.agent_id} gone", _LEAVE / 2)


async def _hindrance(it: Seat) -> str:
    """Why the agent could not leave now, perhaps overtaken by the customer's end; empty when it could."""
    try:
        await _finish(it)
    except CtiRequestError as refused:
        return f"{refused}: {it.view}, {it.client.contacts}"
    return ""


async def _finish(it: Seat) -> None:
    if it.view["state"] in ("ready", "busy"):
        await it.client.not_ready("test over")
    for contact_id, contact in dict(it.client.contacts).items():
        if contact["state"] == "offered":
            await it.client.reject(contact_id)
            continue
        if contact["state"] in ("dialling", "active", "held"):
            await it.client.hang_up(contact_id)
        if contact["direction"] == "internal":
            await it.until(lambda: not it.client.contacts, "done with the call", _LEAVE / 2)
            continue
        await it.wrap_up(contact_id, "not_ready")
    if it.view["state"] != "signed_out":
        await it.client.sign_out()
