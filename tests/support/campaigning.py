"""Campaigns in tests: the desk that drives them over HTTP, agents at work in them, what became of calls."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import httpx

from cti_server.simulate.about import About
from cti_server.simulate.agent import SimulatedAgent
from cti_server.simulate.patterns import Pattern
from cti_server.simulate.phones import Phones
from cti_server.simulate.tally import Tally
from cti_server.store.campaign_tables import campaign_attempts
from cti_server.store.database import Database
from tests.support.centre import TestCentre, eventually
from tests.support.story import cel_calls

ALWAYS = {"windows": [{"weekday": day, "opens": 0, "closes": 1440} for day in range(1, 8)]}
NEW = {
    "name": "renewal",
    "group_id": "general",
    "mode": "progressive",
    "hours": {"": ALWAYS},
    "ring_time": 10,
    "dispositions": [
        {"code": "done"},
        {"code": "later", "then": "call_back"},
        {"code": "never", "then": "do_not_call"},
    ],
}


def outside_port(centre: TestCentre) -> int:
    return int(centre.centre.rendered.config.outside.port)  # type: ignore[union-attr]  # always set here


class Desk:
    """Somebody at work over HTTP."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.http = http
        self.uploads: list[asyncio.Task[None]] = []

    async def post(self, path: str, **options: Any) -> dict[str, Any]:
        answer = await self.http.post(f"/api/v1/{path}", **options)
        assert answer.is_success, answer.text
        return dict(answer.json())

    async def campaign(self, numbers: Sequence[str], **more: Any) -> str:
        """Made, filled and started."""
        campaign_id = await self.campaign_of(number_list(numbers), **more)
        await self.post(f"campaigns/{campaign_id}/start")
        return campaign_id

    async def campaign_of(self, rows: str, **more: Any) -> str:
        """Made and filled with a list whose rows are all good."""
        campaign_id = str((await self.post("campaigns", json=NEW | more))["campaign_id"])
        found = await self.post(
            f"campaigns/{campaign_id}/imports", content=rows.encode(), headers={"Content-Type": "text/csv"}
        )
        assert (found["rows"], found["refused"]) == (found["accepted"], {}), found
        return campaign_id

    async def imports(self, campaign_id: str) -> list[dict[str, Any]]:
        """The newest first."""
        found = (await self.http.get(f"/api/v1/campaigns/{campaign_id}/imports")).json()
        return list(found["imports"])

    async def half_import(self, rows: str) -> str:
        """A campaign whose list has come so far, and the rest never does; the upload is under way."""
        campaign_id = str((await self.post("campaigns", json=NEW))["campaign_id"])

        async def pieces() -> AsyncIterator[bytes]:
            yield rows.encode()
            await asyncio.Event().wait()

        async def upload() -> None:
            with contextlib.suppress(httpx.HTTPError):
                await self.http.post(
                    f"/api/v1/campaigns/{campaign_id}/imports",
                    content=pieces(),
                    headers={"Content-Type": "text/csv"},
                )

        self.uploads.append(asyncio.create_task(upload()))
        await eventually(
            lambda: self.imports(campaign_id),
            lambda found: bool(found and found[0]["rows"] == rows.count("\n") - 1),
            "half the list kept",
            15,
        )
        return campaign_id

    async def view(self, campaign_id: str) -> dict[str, Any]:
        return dict((await self.http.get(f"/api/v1/campaigns/{campaign_id}")).json())

    async def outcomes(
        self, campaign_id: str, expected: dict[str, int], deadline: float = 60
    ) -> dict[str, Any]:
        """The view, once the attempts ended like this."""
        return await eventually(
            lambda: self.view(campaign_id),
            lambda view: view["outcomes"] == expected,
            f"{expected}",
            deadline,
        )


@asynccontextmanager
async def signed_in(centre: TestCentre, agent_id: str) -> AsyncIterator[Desk]:
    """Somebody at work over HTTP."""
    async with httpx.AsyncClient(base_url=centre.http, timeout=20) as http:
        who = {"agent_id": agent_id, "password": centre.person(agent_id)["password"]}
        grant = (await http.post("/api/v1/auth/token", json=who)).json()
        http.headers["Authorization"] = f"Bearer {grant['access_token']}"
        desk = Desk(http)
        yield desk
        for upload in desk.uploads:
            upload.cancel()


def number_list(numbers: Sequence[str]) -> str:
    """A list as CSV."""
    return "number,name,card\n" + "".join(f"{number},张伟,gold\n" for number in numbers)


# --- agents who do nothing else -----------------------------------------------------------------------------


@dataclass
class Working:
    """Agents' programs at work."""

    tally: Tally
    tasks: list[asyncio.Task[None]]
    stuck: list[str] = field(default_factory=list)
    """Who could not sign out, once the block has ended."""

    def check(self) -> bool:
        """True; raises what ended a program."""
        for task in self.tasks:
            if task.done():
                task.result()
        return True


@asynccontextmanager
async def calling_agents(about: About, count: int, chance: Random) -> AsyncIterator[Working]:
    """So many agents of group `general` at persistent SIP stations, who talk for 3 to 7 s."""
    people = [who for who in about.agents(20) if "general" in who.groups][:count]
    assert len(people) == count, len(people)
    pattern = Pattern(talk=(3.0, 7.0), after_call=(0.1, 0.5), hold=0.0, sound=0.0)
    tally = Tally()
    crew = [
        SimulatedAgent(about, who, "persistent", pattern=pattern, tally=tally, chance=Random(chance.random()))
        for who in people
    ]
    async with Phones(about.sip, people) as phones:
        await phones.registered()
        await asyncio.gather(*(agent.begin() for agent in crew))
        working = Working(tally, [asyncio.create_task(agent.work()) for agent in crew])
        try:
            yield working
        finally:
            for task in working.tasks:
                task.cancel()
            await asyncio.gather(*working.tasks, return_exceptions=True)
            gone = await asyncio.gather(*(agent.finish() for agent in crew))
            working.stuck += [a.person.agent_id for a, ok in zip(crew, gone, strict=True) if not ok]


# --- what became of the attempts ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Attempted:
    """An attempt as the campaign keeps it, and its call as Asterisk logged it. Times are epoch seconds."""

    number: str
    outcome: str
    placed: float
    known: float
    """When it was clear who is there."""
    ended: float
    entered: bool
    """Asterisk: somebody answered."""
    talked: bool
    """Asterisk: in a bridge with an agent's station."""


async def attempted(centre: TestCentre, campaign_id: str) -> list[Attempted]:
    """All attempts of a campaign, each with what Asterisk's own log has of it."""
    numbers = {
        row["record_id"]: row["number"]
        for row in await centre.rows("campaign_records", campaign_id=campaign_id)
    }
    calls = cel_calls(centre)
    found = []
    for row in await centre.rows("campaign_attempts", campaign_id=campaign_id):
        call = calls.get(row["attempt_id"])
        known = row["person_at"] or row["ended_at"]
        found.append(
            Attempted(
                numbers.get(row["record_id"], ""),
                row["outcome"],
                row["placed_at"].timestamp(),
                known.timestamp(),
                row["ended_at"].timestamp(),
                call is not None,
                call is not None and call.connected is not None,
            )
        )
    return found


async def yesterday(centre: TestCentre, campaign_id: str, *, persons: int, others: int) -> None:
    """The campaign has called so many before: what its pacing measures. Persons after 4 s, busy for 6 s."""
    now = datetime.now(UTC)

    def row(order: int, outcome: str) -> dict[str, Any]:
        placed = now - timedelta(hours=2, seconds=order)
        person = placed + timedelta(seconds=3 + order % 4) if outcome == "answered" else None
        return {
            "attempt_id": f"history-{order}",
            "campaign_id": campaign_id,
            "record_id": f"history-{order}",
            "attempt": 1,
            "node": "pbx-a",
            "placed_at": placed,
            "person_at": person,
            "ended_at": (person or placed) + timedelta(seconds=4 + order % 5),
            "outcome": outcome,
            "agent_id": "",
            "disposition": "",
        }

    rows = [row(order, "answered" if order < persons else "busy") for order in range(persons + others)]
    database = Database(centre.database_url)
    try:
        if rows:
            await database.write(lambda c: c.execute(campaign_attempts.insert(), rows))
    finally:
        await database.close()
