"""A bare manager connection for tests of the node itself: no retries, no translation, every event kept."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import count

from tests.support.pbx import AmiAddress

Message = dict[str, str]


class RawAmi:
    """Sends actions, keeps every event in `events` as ``(seconds, message)`` in order of arrival."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.events: list[tuple[float, Message]] = []
        self._reader, self._writer = reader, writer
        self._answers: dict[str, asyncio.Future[Message]] = {}
        self._lists: dict[str, list[Message]] = {}
        self._numbers = count(1)
        self._changed = asyncio.Condition()
        self._reading = asyncio.create_task(self._read())

    async def action(self, name: str, **fields: str | list[str]) -> Message:
        """Return the response to one action; a list of values sends the field once for each."""
        action_id = f"{next(self._numbers)}"
        answer: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        self._answers[action_id] = answer
        lines = [f"Action: {name}", f"ActionID: {action_id}"]
        for field, value in fields.items():
            lines += [f"{field}: {one}" for one in ([value] if isinstance(value, str) else value)]
        self._writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
        async with asyncio.timeout(5):  # not wait_for: before Python 3.12 it may swallow a cancellation
            return await answer

    async def listing(self, name: str, **fields: str | list[str]) -> list[Message]:
        """Return the events of a list action, without the one that ends it."""
        response = await self.action(name, **fields)
        assert response["Response"] == "Success", response
        action_id = response["ActionID"]
        last = await self.event(
            lambda event: event.get("ActionID") == action_id and event.get("EventList") == "Complete"
        )
        return [event for _, event in self.events if event.get("ActionID") == action_id and event is not last]

    async def event(
        self, matches: Callable[[Message], bool], deadline: float = 10, since: float = 0
    ) -> Message:
        """Return the first event that matches and came after `since` (seconds as in `events`)."""
        return (await self.timed_event(matches, deadline, since))[1]

    async def timed_event(
        self, matches: Callable[[Message], bool], deadline: float = 10, since: float = 0
    ) -> tuple[float, Message]:
        """Return the same with the time of its arrival."""
        try:
            async with asyncio.timeout(deadline), self._changed:
                while True:
                    for at, event in self.events:
                        if at >= since and matches(event):
                            return at, event
                    await self._changed.wait()
        except TimeoutError:
            seen = [
                " ".join(filter(None, (event["Event"], event.get("Place"), event.get("Result"))))
                for at, event in self.events
                if at >= since
            ]
            raise AssertionError(f"no such event within {deadline} s; seen: {seen[-40:]}") from None

    async def reaches(
        self, place: str, uniqueid: str = "", deadline: float = 10, since: float = 0
    ) -> Message:
        """Wait until a channel says that it is at a place of the dialplan."""
        return await self.event(
            lambda event: (
                event["Event"] == "UserEvent"
                and event.get("Place") == place
                and uniqueid in ("", event["Uniqueid"])
            ),
            deadline,
            since,
        )

    async def beat(self) -> None:
        """Say that a server lives."""
        await self.action("Setvar", Variable="GLOBAL(CTI_BEAT)", Value=str(int(time.time())))

    @asynccontextmanager
    async def beating(self) -> AsyncIterator[None]:
        """Beat twice a second, as a server does, until the block ends."""

        async def beats() -> None:
            while True:
                await self.beat()
                await asyncio.sleep(0.5)

        await self.beat()
        task = asyncio.create_task(beats())
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def close(self) -> None:
        """Hang up the connection."""
        self._writer.close()
        self._reading.cancel()
        with contextlib.suppress(asyncio.CancelledError, OSError):
            await self._reading

    async def _read(self) -> None:
        while True:
            block = (await self._reader.readuntil(b"\r\n\r\n")).decode()
            message: Message = {}
            for line in block.split("\r\n"):
                name, _, value = line.partition(": ")
                if name:
                    message[name] = f"{message[name]}\n{value}" if name in message else value
            if "Response" in message:
                answer = self._answers.pop(message.get("ActionID", ""), None)
                if answer and not answer.done():
                    answer.set_result(message)
            elif "Event" in message:
                async with self._changed:
                    self.events.append((time.monotonic(), message))
                    self._changed.notify_all()


@asynccontextmanager
async def raw_ami(address: AmiAddress) -> AsyncIterator[RawAmi]:
    """Log in on a node."""
    reader, writer = await asyncio.open_connection(address.host, address.port)
    await reader.readline()  # the greeting
    ami = RawAmi(reader, writer)
    try:
        answer = await ami.action("Login", Username=address.user, Secret=address.secret)
        assert answer["Response"] == "Success", answer
        yield ami
    finally:
        await ami.close()
