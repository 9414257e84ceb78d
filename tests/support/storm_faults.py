"""What makes a storm worse: servers die or freeze, people press their phones' keys, the routing changes."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from random import Random
from typing import Any, Final, Self

import httpx

from cti_server.simulate.about import About, Person
from tests.support.baresip_control import BaresipError
from tests.support.centre import TestCentre
from tests.support.phones import BaresipPhone
from tests.support.storm_outside import POLICIES, anybody_outside

Progress = Callable[[float], Awaitable[None]]
"""Returns when that share of a storm's commands was given."""
_KILL, _FREEZE = "kill", "freeze"
_FROZEN: Final = (0.5, 5.0)
"""Seconds: shorter and longer than the dialplan waits for a beat."""
_ROUTING: Final = "/api/v1/admin/routing"
_GROUPS: Final = ("general", "credit_card", "elder")
_GENERAL: Final[Sequence[dict[str, Any]]] = (
    {},
    {"strategy": "most_skilled", "announce_every": 2.0},
    {"overflow_to": "credit_card", "overflow_length": 5, "last_agent_within": 60.0, "preference_time": 2.0},
    {"overflow_to": "voicemail", "overflow_after": 4.0},
)
_ELDER: Final[Sequence[dict[str, Any]]] = (
    POLICIES["elder"],
    {"overflow_to": "general", "overflow_after": 1.0},
)
_SOON: Final = 30.0


async def break_servers(
    centre: TestCentre, chance: Random, *, kills: int, freezes: int, progress: Progress
) -> None:
    """One after the other, as the storm goes on; returns after the last."""
    faults = [_KILL] * kills + [_FREEZE] * freezes
    chance.shuffle(faults)
    for order, fault in enumerate(faults, 1):
        await progress(order / (len(faults) + 1))
        if fault == _KILL:
            await asyncio.to_thread(centre.kill_server)
        else:
            with centre.server_frozen():
                await asyncio.sleep(chance.uniform(*_FROZEN))
        await centre.serving(_SOON)


class RestlessPhones:
    """Phones that hold, take back, pass on by REFER and hang up as they like, in `async with`."""

    def __init__(self, about: About, people: Sequence[Person], chance: Random) -> None:
        self._phones = [
            BaresipPhone(p.sip_user, p.sip_password, about.sip, answermode="auto") for p in people
        ]
        self._chance, self._everybody = chance, [p.agent_id for p in about.people if p.sip_password]
        self._open = AsyncExitStack()
        self.did: Counter[str] = Counter()
        """What was done with the phones' keys, how often."""

    async def __aenter__(self) -> Self:
        try:
            for phone in self._phones:
                await self._open.enter_async_context(phone)
            await asyncio.gather(*(phone.registered(15) for phone in self._phones))
        except BaseException:
            await self._open.aclose()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._open.aclose()

    async def fidget(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as group:
            for phone in self._phones:
                group.create_task(self._fidget(phone))

    async def _fidget(self, phone: BaresipPhone) -> None:
        while True:
            await asyncio.sleep(self._chance.uniform(0.3, 1.5))
            for call in phone.calls[-1:]:
                with contextlib.suppress(BaresipError):  # it is over by now
                    await self._press(phone, call)

    async def _press(self, phone: BaresipPhone, call: str) -> None:
        luck = self._chance.random()
        if luck < 0.5:
            self.did["hold"] += 1
            await phone.hold(call)
            await asyncio.sleep(self._chance.uniform(0.1, 1.5))
            if self._chance.random() < 0.9:
                await phone.resume(call)
        elif luck < 0.8:
            self.did["refer"] += 1
            await phone.transfer(self._anybody())
        elif luck < 0.9:
            self.did["hang_up"] += 1
            await phone.hang_up(call)

    def _anybody(self) -> str:
        somewhere = ("4000", "4001", "general", "110", anybody_outside(self._chance))
        return self._chance.choice((*somewhere, *self._chance.sample(self._everybody, 3)))


class Operations:
    """The operations manager, who changes groups, agents and service numbers. `codes` are HTTP's answers."""

    def __init__(self, client: httpx.AsyncClient, about: About, chance: Random) -> None:
        self._client, self._chance = client, chance
        self._agents = [p.agent_id for p in about.people if "agent" in p.roles]
        self._numbers = about.numbers
        self.codes: Counter[int] = Counter()

    async def work(self, changes: int, progress: Progress) -> None:
        """So many changes, spread over the storm."""
        for order in range(1, changes + 1):
            await progress(order / (changes + 1))
            with contextlib.suppress(httpx.TransportError):  # no server right now
                await self._change(*self._choice())

    def _choice(self) -> tuple[str, dict[str, Any]]:
        chance = self._chance
        luck = chance.random()
        if luck < 0.5:
            groups = chance.sample(_GROUPS, chance.randrange(1, 4))
            return f"/agents/{chance.choice(self._agents)}", {
                "groups": {group: chance.randrange(1, 11) for group in groups}
            }
        if luck < 0.7:
            return f"/numbers/{self._numbers['elder']}", {"group": chance.choice(_GROUPS)}
        if luck < 0.85:
            return "/groups/general", {"policy": chance.choice(_GENERAL)}
        return "/groups/elder", {"policy": chance.choice(_ELDER)}

    async def _change(self, part: str, value: dict[str, Any]) -> None:
        now = await self._client.get(_ROUTING + part)
        self.codes[now.status_code] += 1
        if now.status_code == httpx.codes.OK:
            body = {"why": "the storm", "value": {**now.json(), **value}}
            headers = {"If-Match": now.headers["etag"]}
            answer = await self._client.put(_ROUTING + part, json=body, headers=headers)
            self.codes[answer.status_code] += 1


@asynccontextmanager
async def operations(about: About, chance: Random) -> AsyncIterator[Operations]:
    """Signed in."""
    person = next(p for p in about.people if "operations_manager" in p.roles)
    async with httpx.AsyncClient(base_url=about.http, timeout=10) as client:
        told = {"agent_id": person.agent_id, "password": person.password}
        token = (await client.post("/api/v1/auth/token", json=told)).json()["access_token"]
        client.headers["Authorization"] = f"Bearer {token}"
        yield Operations(client, about, chance)
