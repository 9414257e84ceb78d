"""Each command is done once and answered with its first outcome, however often it is asked (PROTOCOL)."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import replace

from cti_server.domain import signals as s
from cti_server.domain.events import Reply
from cti_server.engine.port import RequestIdReused
from cti_server.errors import CtiError

KEPT = 10_000
"""Answers kept in memory; older ones are in the journal."""

RequestKey = tuple[str, str]
"""Agent id and the client's request id."""


class Answers:
    """Answers given lately, and commands whose outcome has not shown yet."""

    def __init__(self) -> None:
        self._given: OrderedDict[RequestKey, Reply] = OrderedDict()
        self._open: dict[RequestKey, asyncio.Future[Reply]] = {}
        self._asked: OrderedDict[RequestKey, s.Command] = OrderedDict()
        self.unsaved: list[Reply] = []
        """Given, not yet in the journal."""

    def given(self, key: RequestKey) -> Reply | None:
        """The answer, if it was given lately."""
        return self._given.get(key)

    def under_way(self, key: RequestKey) -> asyncio.Future[Reply] | None:
        """The future of a command that was handed in and not answered."""
        return self._open.get(key)

    def check(self, key: RequestKey, command: s.Command) -> None:
        """Note what was asked under this id. Raises RequestIdReused when it was something else before."""
        asked = replace(command, at=0.0)
        if self._asked.setdefault(key, asked) != asked:
            raise RequestIdReused("another request had this id; ids must be unique for 24 hours")
        while len(self._asked) > KEPT:
            self._asked.popitem(last=False)

    def expect(self, *keys: RequestKey) -> None:
        """These commands are under way."""
        for key in keys:
            self._open.setdefault(key, asyncio.get_running_loop().create_future())

    def replayed(self, reply: Reply) -> None:
        """An answer that a former leader gave."""
        self._given[(reply.agent_id, reply.request_id)] = reply
        while len(self._given) > KEPT:
            self._given.popitem(last=False)

    def give(self, reply: Reply) -> None:
        """The outcome showed."""
        self.replayed(reply)
        self.unsaved.append(reply)
        future = self._open.pop((reply.agent_id, reply.request_id), None)
        if future and not future.done():
            future.set_result(reply)

    def give_up(self, error: CtiError) -> None:
        """We stop leading: whoever waits is told so, and may ask again with the same id."""
        fail_all(self._open.values(), error)
        self._open.clear()


def fail_all(
    futures: Iterable[asyncio.Future[Reply]] | Iterable[asyncio.Future[None]], error: CtiError
) -> None:
    """End futures with an error, whether or not somebody still waits for them."""
    for future in futures:
        if not future.done():
            future.set_exception(error)
            future.exception()
