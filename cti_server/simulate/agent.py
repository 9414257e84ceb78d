"""An agent of a simulation: its program on the socket, working by a pattern until told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import time
from random import Random
from typing import Any, Final

from cti_server.client import AgentClient, CtiClientError, CtiRequestError
from cti_server.simulate.about import About, Person
from cti_server.simulate.intentions import meant
from cti_server.simulate.outside import consulted_number, dialled_number
from cti_server.simulate.patterns import Pattern
from cti_server.simulate.tally import Tally

View = dict[str, Any]
_LOOK: Final = 2.0
"""Seconds after which a program looks again though nothing was told."""
_RETRY: Final = 0.2
_SIGN_IN: Final = 20.0
_GIVE_UP: Final = 8.0
"""Seconds after which an agent rings nobody any more."""
_TO_COLLEAGUE: Final = 0.4
_TALKING = frozenset({"active", "held", "consulting", "conference"})


class SimulatedAgent:
    """`work` signs in and serves until cancelled; `finish` ends what is under way and signs out."""

    def __init__(
        self, about: About, person: Person, mode: str, *, pattern: Pattern, tally: Tally, chance: Random
    ) -> None:
        self.person, self.mode = person, mode
        self.pattern, self.tally, self.chance = pattern, tally, chance
        self.client = AgentClient(about.http, about.ws, person.agent_id, person.password)
        self.colleagues: list[SimulatedAgent] = []
        self.outside = False
        """Whether there are people outside to be called."""
        self._to_call, self._dialled = False, ""
        """Whether it means to call somebody next; the contact in which it last did."""
        self.news = asyncio.Event()
        self._listening: asyncio.Task[None] | None = None
        self._gone: bool | None = None
        """Whether it could leave in order, once it has left."""
        self._steps: dict[str, list[str]] = {}
        """What the agent still means to do with a contact."""

    @property
    def state(self) -> str:
        """The work state as last told."""
        return str(self.client.view.get("state", "signed_out"))

    # --- the shift ---------------------------------------------------------------------------------------

    async def begin(self) -> None:
        """Open the session, take the seat, be ready. Raises CtiClientError, TimeoutError."""
        self._listening = asyncio.create_task(self._listen())
        await self.client.__aenter__()
        end = time.monotonic() + _SIGN_IN
        while True:
            try:
                await self.client.sign_in(self.person.sip_user, self.mode, take_over=True)
                break
            except CtiRequestError as refused:
                if not refused.retryable or time.monotonic() > end:
                    raise
                await asyncio.sleep(_RETRY)
        await self.client.ready()

    async def work(self) -> None:
        """Serve whatever comes, until cancelled."""
        while True:
            contact = self.contact()
            if contact is None:
                await self._between_contacts()
            else:
                await self.treat(contact)

    async def finish(self, deadline: float = 15.0) -> bool:
        """End contacts, sign out, close; whether it came to that, else the agent is stuck. Idempotent."""
        if self._gone is not None:
            return self._gone
        gone = False
        with contextlib.suppress(CtiClientError, TimeoutError):
            async with asyncio.timeout(deadline):
                while self.state != "signed_out":
                    await self._leave()
                gone = True
        if self.client.ledger.gaps or self.client.ledger.doubles:
            self.tally.errors["events_lost_or_doubled"] += 1
        await self.client.__aexit__(None, None, None)
        if self._listening:
            self._listening.cancel()
        self._gone = gone
        return gone

    async def _leave(self) -> None:
        contact = self.contact()
        if contact is None:
            if self.state in ("ready", "busy"):
                await self.ask("agent.set_state", state="not_ready", reason="simulation_over")
            await self.ask("agent.sign_out")
        elif contact["state"] == "offered":
            await self.ask("contact.reject", contact_id=contact["contact_id"])
        elif "contact.wrap_up" in contact["allowed_actions"]:
            await self._wrap_up(contact)
        else:
            await self.ask("contact.hang_up", contact_id=contact["contact_id"])
        if self.state != "signed_out":
            await asyncio.sleep(_RETRY)

    # --- what the program does -----------------------------------------------------------------------------

    def contact(self) -> View | None:
        """The contact the agent has, as last told."""
        return next(iter(self.client.contacts.values()), None)

    async def ask(self, method: str, **params: Any) -> bool:
        """Whether the command was done; a refusal is counted."""
        self.tally.commands += 1
        try:
            await self.client.request(method, **params)
        except CtiRequestError as refused:
            self.tally.refused(refused.code)
            return False
        self.tally.outcomes[method] += 1
        return True

    async def treat(self, contact: View) -> None:
        """The next thing to do with this contact."""
        state, name = contact["state"], contact["contact_id"]
        if state == "offered" or self._is_consulted_ringing(contact):
            await self._take(contact)
        elif "contact.wrap_up" in contact["allowed_actions"]:
            self._steps.pop(name, None)
            await self.pause(*self.pattern.after_call)
            await self._wrap_up(contact)
        elif state == "dialling" and name == self._dialled:
            await self._ring(contact)
        elif state in _TALKING and contact["allowed_actions"]:
            await self._talk(contact)
        else:
            await self.until_news(_LOOK)

    async def until_news(self, seconds: float) -> None:
        """Return when something was told, or after so long."""
        self.news.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.news.wait()

    async def pause(self, low: float, high: float) -> None:
        """A person's time, by chance."""
        await asyncio.sleep(self.chance.uniform(low, high))

    async def _between_contacts(self) -> None:
        if self._to_call and await self._call_somebody():
            return
        if self.state == "not_ready":
            await self.ask("agent.set_state", state="ready")
        await self.until_news(_LOOK)

    async def _call_somebody(self) -> bool:
        """Whether somebody is called: a colleague who is free, or a number outside."""
        self._to_call = False
        free = self._free_colleagues()
        if free and self.chance.random() < _TO_COLLEAGUE:
            whom = {"agent_id": self.chance.choice(free)}
        elif self.outside:
            whom = {"number": dialled_number(self.chance)}
        else:
            return False
        done = await self.ask("contact.dial", **whom)
        self._dialled = (self.contact() or {}).get("contact_id", "")
        return done

    async def _ring(self, contact: View) -> None:
        await self.until_changed(contact, _GIVE_UP)
        now = self.client.contacts.get(contact["contact_id"])
        if now is None or now["state"] != "dialling":
            return
        hang_up = "contact.hang_up" in now["allowed_actions"]
        if not hang_up or not await self.ask("contact.hang_up", contact_id=now["contact_id"]):
            await self.until_news(_RETRY)

    def _is_consulted_ringing(self, contact: View) -> bool:
        return "contact.accept" in contact["allowed_actions"]

    async def _take(self, contact: View) -> None:
        """Accept, or reject; at a phone of its own the phone's own answer accepts."""
        await self.pause(*self.pattern.hesitation)
        name = contact["contact_id"]
        if self.client.contacts.get(name, {}).get("state") != contact["state"]:
            return
        if self.chance.random() < self.pattern.reject:
            await self.ask("contact.reject", contact_id=name)
        elif not await self.ask("contact.accept", contact_id=name):
            await self.until_news(_RETRY)

    async def _wrap_up(self, contact: View) -> None:
        rest = self.chance.random() < self.pattern.break_
        call = self.chance.random() < self.pattern.dial
        done = await self.ask(
            "contact.wrap_up",
            contact_id=contact["contact_id"],
            disposition="simulated",
            next_state="not_ready" if rest or call else "ready",
        )
        if not done:
            await self.until_news(_RETRY)
            return
        self._to_call = call
        if rest:
            await self.pause(*self.pattern.rest)

    # --- a conversation ------------------------------------------------------------------------------------

    async def _talk(self, contact: View) -> None:
        name = contact["contact_id"]
        if self.person.agent_id not in self._parties(contact):
            await self.until_news(_LOOK)  # consulted: the other agent leads
            return
        if self._rings_outside(contact):
            await self.until_news(_LOOK)
            return
        steps = self._steps.setdefault(name, meant(self.pattern, self.chance))
        low, high = self.pattern.talk
        await self.until_changed(contact, self.chance.uniform(low, high) / (len(steps) + 1))
        now = self.client.contacts.get(name)
        if now is None or now["state"] not in _TALKING:
            return
        step = steps.pop(0) if steps else "contact.hang_up"
        if step not in now["allowed_actions"]:
            steps[:] = []
            step = self._way_out(now)
        details = self._details(step)
        done = bool(step) and await self.ask(step, contact_id=name, **details)
        if not done:
            await self.until_news(_RETRY)
        elif step == "contact.transfer" and "number" in details["to"]:
            self.tally.passed_on[name] += 1

    @staticmethod
    def _parties(contact: View) -> set[str]:
        return {leg["party"] for leg in contact["legs"] if leg["role"] == "agent" and leg["state"] != "gone"}

    @staticmethod
    def _way_out(contact: View) -> str:
        """From wherever the plan no longer fits: towards the customer, and then to an end."""
        for method in ("contact.retrieve", "contact.cancel_consult", "contact.hang_up"):
            if method in contact["allowed_actions"]:
                return method
        return ""

    async def until_changed(self, contact: View, seconds: float) -> None:
        """Return after so long, or as soon as the contact is in another state."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            now = self.client.contacts.get(contact["contact_id"])
            if now is None or now["state"] != contact["state"]:
                return
            await self.until_news(left)

    def _details(self, method: str) -> dict[str, Any]:
        if method == "contact.send_dtmf":
            return {"digits": "12#"}
        if method not in ("contact.transfer", "contact.consult"):
            return {}
        if self.outside and self.chance.random() < self.pattern.outside:
            return {"to": {"number": consulted_number(self.chance)}}
        return {"to": self._other_party()}

    def _other_party(self) -> dict[str, str]:
        """A colleague who is free as far as its program knows, else a group."""
        free = self._free_colleagues()
        if free and self.chance.random() < 0.6:  # noqa: PLR2004  # a share
            return {"agent_id": self.chance.choice(free)}
        return {"group": self.chance.choice(self.person.groups)}

    def _free_colleagues(self) -> list[str]:
        return [one.person.agent_id for one in self.colleagues if one is not self and one.state == "ready"]

    @staticmethod
    def _rings_outside(contact: View) -> bool:
        consult = contact["consult"]
        return bool(consult) and consult["state"] == "ringing" and "number" in consult["to"]

    async def _listen(self) -> None:
        async for event in self.client.events:
            self.tally.told(event)
            self.news.set()
