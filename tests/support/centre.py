"""A whole centre for tests, as `cti up` runs it: real Asterisk, Redis, database and server, free ports."""

import asyncio
import json
import os
import signal
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, TypeVar

import httpx
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from asterisk_config.surface import CEL_COLUMNS
from cti_server.asterisk import cel
from cti_server.store.database import Database
from cti_server.store.tables import metadata
from cti_server.up.centre import Centre, Program
from cti_server.up.child import Child
from tests.support.audio import COLLEAGUE_TONE
from tests.support.phones import AnswerMode, BaresipPhone
from tests.support.processes import alive, children, wait_until

_LOOK: Final = 0.05
Row = dict[str, Any]
T = TypeVar("T")


class RestartBrake:
    """Holds the supervisor's hand: in `with`, the program, once dead, stays dead."""

    def __init__(self, program: Program) -> None:
        self._may_start = asyncio.Event()
        self._may_start.set()
        self._start = program.start
        program.start = self._start_later  # type: ignore[method-assign]  # where the supervisor's hand is

    async def _start_later(self) -> None:
        await self._may_start.wait()
        await self._start()

    def __enter__(self) -> None:
        self._may_start.clear()

    def __exit__(self, *_: object) -> None:
        self._may_start.set()


class StandbyBrake:
    """Holds the standby's hand: in `with`, the server, once dead, has no follower."""

    def __init__(self, standby: Child) -> None:
        self._standby = standby

    def __enter__(self) -> None:
        os.kill(self._standby.pid, signal.SIGSTOP)

    def __exit__(self, *_: object) -> None:
        os.kill(self._standby.pid, signal.SIGCONT)


class TestCentre:
    """A running centre and the ways a test takes hold of it."""

    __test__ = False

    def __init__(self, centre: Centre) -> None:
        self.centre = centre
        self.about = centre.about
        self.sip = centre.about["nodes"][0]["sip"]
        self.http = centre.about["http"]
        self.ws = centre.about["ws"]
        self.database_url = centre.plan.database_url
        self.server_restart = StandbyBrake(centre.server)
        self.redis_restart = RestartBrake(centre.redis)
        self.asterisk_restart = RestartBrake(centre.node)

    def person(self, agent_id: str) -> dict[str, Any]:
        """An entry of centre.json's people."""
        return next(p for p in self.about["people"] if p["agent_id"] == agent_id)

    def phone(self, address: str, **options: Any) -> BaresipPhone:
        """The registered phone of a station; options as BaresipPhone's."""
        agent_id = address.removesuffix("-browser")
        return BaresipPhone(address, self.person(agent_id)["station"]["sip_password"], self.sip, **options)

    def outside_phone(
        self, number: str, tone_hz: int = COLLEAGUE_TONE, answermode: AnswerMode = "auto"
    ) -> BaresipPhone:
        """The phone that every number outside leads to; it must be that number's. One at a time."""
        return BaresipPhone(
            number,
            "",
            self.sip,
            tone_hz,
            answermode=answermode,
            register=False,
            sip_port=self.centre.rendered.config.outside.port,  # type: ignore[union-attr]  # always set here
        )

    def customer(self, number: str = "13800138000", **options: Any) -> BaresipPhone:
        """A customer's phone."""
        return BaresipPhone.customer(number, self.sip, **options)

    # --- the server process ---------------------------------------------------------------------------

    @property
    def server_pid(self) -> int:
        """Of the server itself, which its standby forked."""
        standby = self.centre.server.pid

        def running() -> list[int]:
            return [pid for pid in children(standby) if alive(pid)]

        wait_until(lambda: len(running()) == 1, 10, "one server behind its standby")
        return running()[0]

    def kill_server(self) -> None:
        """`kill -9`; the standby has the next follow."""
        os.kill(self.server_pid, signal.SIGKILL)

    @contextmanager
    def server_frozen(self) -> Iterator[None]:
        """In `with`, the server is stopped by SIGSTOP."""
        server = self.server_pid
        os.kill(server, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(server, signal.SIGCONT)

    def kill_redis(self) -> None:
        """`kill -9`."""
        os.kill(self.centre.redis.pid, signal.SIGKILL)

    def kill_asterisk(self) -> None:
        """`kill -9`: its calls are gone without a BYE."""
        os.kill(self.centre.node.pid, signal.SIGKILL)

    def server_log(self) -> list[dict[str, Any]]:
        """The server's log lines that are JSON."""
        lines = self.centre.server.log.read_text(errors="replace").splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]

    async def health(self) -> dict[str, Any]:
        """What `/health/ready` says, whatever its status."""
        async with httpx.AsyncClient(base_url=self.http, timeout=5) as client:
            answer: dict[str, Any] = (await client.get("/health/ready")).json()
            return answer

    async def serving(self, deadline: float = 20) -> None:
        """Return once the server leads and is in step with the PBX, as it is soon after it was killed."""

        async def look() -> list[str]:
            try:
                dependencies = (await self.health())["dependencies"]
            except httpx.TransportError:  # not back yet
                return ["server"]
            return [each["name"] for each in dependencies if each["required"] and not each["ready"]]

        await eventually(look, lambda missing: not missing, "serving", deadline)

    async def figure(self, name: str) -> float:
        """One gauge of `/metrics`."""
        async with httpx.AsyncClient(base_url=self.http, timeout=5) as client:
            lines = (await client.get("/metrics")).text.splitlines()
        return float(next(line.split()[1] for line in lines if line.startswith(f"{name} ")))

    # --- what Asterisk says -----------------------------------------------------------------------------

    async def channels(self) -> list[str]:
        """Channels that exist in Asterisk right now, by its own console."""
        return await self.console("core show channels concise")

    async def bridges(self) -> list[str]:
        """Bridges that exist in Asterisk right now."""
        return (await self.console("bridge show all"))[1:]

    async def conversations(self) -> list[str]:
        """Bridges in which somebody talks: all but those that hold an idle station."""
        return [bridge for bridge in await self.bridges() if " holding_bridge " not in bridge]

    async def console(self, command: str) -> list[str]:
        """What Asterisk's own console answers."""
        rendered = self.centre.rendered
        argv = rendered.installation.command(["-C", rendered.config_file, "-rx", command])
        process = await asyncio.create_subprocess_exec(
            *argv, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
        )
        out, _ = await asyncio.wait_for(process.communicate(), 10)
        return [line for line in out.decode(errors="replace").splitlines() if line.strip()]

    async def manager_session(self) -> str:
        """The server's session with the manager, as Asterisk's console knows it."""
        rows = [line.split() for line in await self.console("manager show connected")]
        (session,) = (row[4] for row in rows if row[0] == "cti-a")
        return session

    async def cut_manager(self, session: str) -> None:
        """Asterisk closes a manager session."""
        await self.console(f"manager kick session {session}")

    def cel(self) -> list[dict[str, str]]:
        """Asterisk's channel events so far, oldest first; keys are `surface.CEL_COLUMNS`."""
        return list(cel.rows(self.centre.rendered.cel_file, CEL_COLUMNS))

    async def reaches(self, place: str, since: float, count: int = 1, deadline: float = 10) -> list[Row]:
        """CEL rows of an event of ours (`CTI_UNSERVED` …) after `since`, once there are `count`."""

        async def look() -> list[Row]:
            return [r for r in self.cel() if r["userdeftype"] == place and float(r["eventtime"]) >= since]

        return await eventually(look, lambda rows: len(rows) >= count, f"{count} x {place}", deadline)

    async def empty(self, stations: int = 0, deadline: float = 10) -> None:
        """Return once no channel, no bridge (but those of idle `stations`) and no contact is left."""

        async def look() -> tuple[list[str], list[str], float]:
            return await self.channels(), await self.bridges(), await self.figure("cti_contacts")

        def nothing(left: tuple[list[str], list[str], float]) -> bool:
            channels, bridges, contacts = left
            idle = [channel for channel in channels if "!cti-station!" in channel]
            holding = [bridge for bridge in bridges if " holding_bridge " in bridge]
            rest = len(channels) == len(idle) == len(bridges) == len(holding)
            return rest and len(idle) == stations and contacts == 0

        await eventually(look, nothing, "empty", deadline)

    # --- what the database has ----------------------------------------------------------------------------

    async def rows(self, table: str, **where: Any) -> list[Row]:
        """Rows of a table with these values, in order of time."""
        which = metadata.tables[table]
        order = which.c.get("at", which.c.get("arrived_at", which.c.get("started_at")))
        query = select(which).filter_by(**where).order_by(order)

        async def work(connection: AsyncConnection) -> list[Row]:
            return [dict(row) for row in (await connection.execute(query)).mappings()]

        database = Database(self.database_url)
        try:
            return await database.read(work)
        finally:
            await database.close()

    async def logged(self, contact_id: str, deadline: float = 10, **values: Any) -> Row:
        """The contact's row once it has these values."""
        found = await eventually(
            lambda: self.rows("contacts", contact_id=contact_id),
            lambda rows: bool(rows) and all(rows[0][name] == value for name, value in values.items()),
            f"{contact_id} logged as {values}",
            deadline,
        )
        return found[0]

    async def contacts(self) -> set[str]:
        """The ids of all contacts that the database has."""
        return {row["contact_id"] for row in await self.rows("contacts")}

    async def contact_after(self, known: set[str]) -> str:
        """The id of the one contact that is not among the `known`, once the database has it."""
        found = await eventually(self.contacts, lambda ids: len(ids - known) == 1, "one contact more")
        return (found - known).pop()

    async def story(self, contact_id: str, kind: str) -> list[Row]:
        """The contact's entries of a kind, oldest first, once the database has one."""
        return await eventually(
            lambda: self.rows("contact_events", contact_id=contact_id, kind=kind),
            bool,
            f"{kind} of {contact_id} logged",
        )


async def eventually(
    look: Callable[[], Awaitable[T]], good: Callable[[T], bool], what: str, deadline: float = 10
) -> T:
    """Look again and again until it is good; AssertionError with the last sight after `deadline` s."""
    end = asyncio.get_running_loop().time() + deadline
    while True:
        seen = await look()
        if good(seen):
            return seen
        assert asyncio.get_running_loop().time() < end, f"not {what} within {deadline} s: {seen}"
        await asyncio.sleep(_LOOK)
