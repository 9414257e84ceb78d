"""Each command is done once and answered with its first outcome, however often it is asked (PROTOCOL)."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Iterable
from typing import Any

from cti_server.domain import signals as s
from cti_server.domain.events import Reply
from cti_server.engine.codec import StoredReply, decode_reply, digest, encode_reply
from cti_server.engine.port import RequestIdReused
from cti_server.errors import CtiError

KEPT = 10_000
"""Answers kept in memory; older ones are in the journal."""

_REUSED = "another request had this id; ids must be unique for 24 hours"

RequestKey = tuple[str, str]
"""Agent id and the client's request id."""


class Answers:
    """Answers given lately, and commands whose outcome has not shown yet."""

    def __init__(self) -> None:
        self._given: OrderedDict[RequestKey, bytes] = OrderedDict()
        """Encoded, so that the garbage collector has nothing to look into."""
        self._open: dict[RequestKey, list[asyncio.Future[Reply]]] = {}
        """Whoever asked, each with a future of its own: one that gives up takes nothing from the others."""
        self._asked: OrderedDict[RequestKey, str] = OrderedDict()
        self.unsaved: list[StoredReply] = []
        """Given, not yet in the journal."""

    def given(self, key: RequestKey) -> Reply | None:
        """The answer, if it was given lately."""
        found = self._given.get(key)
        return decode_reply(found).reply if found else None

    def under_way(self, key: RequestKey) -> bool:
        """Whether the command was handed in and is not answered."""
        return key in self._open

    def coming(self, key: RequestKey) -> asyncio.Future[Reply]:
        """The answer to a command that is under way."""
        future: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._open[key].append(future)
        return future

    def check(self, command: s.Command) -> RequestKey:
        """Note what is asked under its id. Raises RequestIdReused when it was something else before."""
        key = (command.agent_id, command.request_id)
        if self._asked.setdefault(key, asked := digest(command)) != asked:
            raise RequestIdReused(_REUSED)
        _bound(self._asked)
        return key

    def expect(self, *keys: RequestKey) -> None:
        """These commands are under way."""
        for key in keys:
            self._open.setdefault(key, [])

    def asked_before(self, command: s.Command) -> None:
        """A command that a former leader took."""
        self._asked[(command.agent_id, command.request_id)] = digest(command)
        _bound(self._asked)

    def replayed(self, reply: Reply) -> None:
        """An answer that a former leader gave."""
        key = (reply.agent_id, reply.request_id)
        self._given[key] = encode_reply(StoredReply(reply))
        _bound(self._given)

    def give(self, reply: Reply) -> None:
        """The outcome showed."""
        self.replayed(reply)
        key = (reply.agent_id, reply.request_id)
        self.unsaved.append(StoredReply(reply, self._asked.get(key, "")))
        _settle(self._open.pop(key, ()), reply)

    def stored(self, found: StoredReply) -> RequestKey:
        """A command under way was answered before; who asked for something else by its id is told so."""
        reply = found.reply
        self.replayed(reply)
        key = (reply.agent_id, reply.request_id)
        same = found.asked in ("", self._asked.get(key))
        self._asked[key] = found.asked or self._asked.get(key, "")
        asked = self._open.pop(key, ())
        if same:
            _settle(asked, reply)
        else:
            fail_all(asked, RequestIdReused(_REUSED))
        return key

    def give_up(self, error: CtiError) -> None:
        """We stop leading: whoever waits is told so, and may ask again with the same id."""
        for asked in self._open.values():
            fail_all(asked, error)
        self._open.clear()


def _settle(asked: Iterable[asyncio.Future[Reply]], reply: Reply) -> None:
    for future in asked:
        if not future.done():
            future.set_result(reply)


def _bound(kept: OrderedDict[RequestKey, Any]) -> None:
    while len(kept) > KEPT:
        kept.popitem(last=False)


def fail_all(
    futures: Iterable[asyncio.Future[Reply]] | Iterable[asyncio.Future[None]], error: CtiError
) -> None:
    """End futures with an error, whether or not somebody still waits for them."""
    for future in futures:
        if not future.done():
            future.set_exception(error)
            future.exception()
