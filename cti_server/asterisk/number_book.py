"""Service numbers in a node's own database: its dialplan serves them, and refuses others, with or without us.

The dialplan writes (`cti-note`), because over AMI that would need the right to run programs; we read, compare
and have written what differs. After each connect the node is read anew: whatever a server that died, or
another one, left there is put right.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Mapping

import structlog

from cti_server.asterisk.ami_client import AmiClient
from cti_server.asterisk.ami_fields import Fields
from cti_server.domain.effects import NotedNumber, NoteNumbers
from cti_server.engine.port import NotLeader
from cti_server.errors import CtiError

log = structlog.get_logger(__name__)

FAMILY = "cti"
MARK = "/cti/numbers"
"""The version noted last. Once it is there, the numbers that the node was rendered with say nothing."""
NOTED = re.compile(r"/cti/number/(\+?[0-9]{1,20})")
PLAN = re.compile(r"\+?[0-9]{1,20}:[a-z][a-z0-9_]{0,47}:[a-z0-9_]{0,64}:([a-z]{2})?")
MOST = 600
"""Bytes of notes in one action; a line over AMI has 1,000 at most."""
RETRY = 1.0
"""Seconds after an attempt that failed."""
LOOKS, PAUSE = 50, 0.02
"""How often, and after how many seconds, it is looked whether the dialplan has written."""
NOTE_TIME = 3000
"""Milliseconds a channel that writes may live."""


class NotWrittenError(Exception):
    """The dialplan was asked to write, and what the database shows is not that."""


class NumberBook:
    """One node's. `keep` runs as long as the link; `want` says what shall be there."""

    def __init__(self, node: str, client: AmiClient) -> None:
        self._node, self._client = node, client
        self._wanted: NoteNumbers | None = None
        self._in_step: NoteNumbers | None = None
        self._changed = asyncio.Event()
        self._done = asyncio.Condition()

    def want(self, numbers: NoteNumbers) -> None:
        """From now on these; the newest wish counts."""
        if numbers != self._in_step:
            self._wanted = numbers
            self._changed.set()

    def forget(self) -> None:
        """A new connection: who knows what is there by now."""
        self._wanted = self._in_step = None

    async def noted(self, version: int) -> None:
        """Return when the node has the numbers of that version of the routing settings, or a newer one."""
        async with self._done:
            await self._done.wait_for(lambda: self._in_step is not None and self._in_step.version >= version)

    async def keep(self) -> None:
        """Put right what differs, whenever something is wanted; what fails is tried again while connected."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            wanted = self._wanted
            if wanted is None or wanted == self._in_step:
                continue
            try:
                await self._put_right(wanted)
            except NotLeader:
                continue  # whoever leads writes
            except (CtiError, NotWrittenError) as error:
                code = error.code if isinstance(error, CtiError) else "not_written"
                log.warning("pbx.numbers_not_noted", node=self._node, code=code)
                await asyncio.sleep(RETRY)
                if self._client.connected:
                    self._changed.set()
                continue
            async with self._done:
                if self._wanted is wanted:
                    self._in_step = wanted
                self._done.notify_all()

    async def _put_right(self, wanted: NoteNumbers) -> None:
        plans = dict(self._plans(wanted))
        there, mark = await self._read()
        changes = [f"{n}:{plan}" for n, plan in plans.items() if there.get(n) != plan]
        changes += [number for number in there if number not in plans]
        for notes in _portions(changes):
            await self._write(notes, "")
        if changes:
            await self._until(plans)
        if changes or not mark:
            await self._write("", str(wanted.version))
            await self._until(plans, str(wanted.version))
            log.info("pbx.numbers_noted", node=self._node, version=wanted.version, changes=len(changes))

    def _plans(self, wanted: NoteNumbers) -> Iterator[tuple[str, str]]:
        """By number; one that could mean something else in the dialplan is left out, and told."""
        for one in wanted.numbers:
            plan = _plan(one)
            if PLAN.fullmatch(f"{one.number}:{plan}"):
                yield one.number, plan
            else:
                log.error("pbx.number_unusable", node=self._node, group=one.group_id)

    async def _read(self) -> tuple[dict[str, str], str]:
        entries = await self._client.list_action("DBGetTree", {"Family": FAMILY})
        values = {entry.get("Key", ""): entry.get("Val", "") for entry in entries}
        found = {key: NOTED.fullmatch(key) for key in values}
        return {match[1]: values[key] for key, match in found.items() if match}, values.get(MARK, "")

    async def _write(self, notes: str, version: str) -> None:
        fields: Fields = {
            "Channel": "Local/s@cti-note/n",
            "Application": "Hangup",
            "Async": "true",
            "Timeout": NOTE_TIME,
            "Variable": {"CTI_NOTES": notes, "CTI_NOTES_VERSION": version},
        }
        await self._client.action("Originate", fields)

    async def _until(self, plans: Mapping[str, str], version: str | None = None) -> None:
        for _ in range(LOOKS):
            there, mark = await self._read()
            if there == plans and version in (None, mark):
                return
            await asyncio.sleep(PAUSE)
        raise NotWrittenError


def _plan(one: NotedNumber) -> str:
    return f"{one.group_id}:{one.greeting}:{one.language}"


def _portions(notes: list[str]) -> Iterator[str]:
    """As many notes in one as a line may be long."""
    portion = ""
    for note in notes:
        if portion and len(portion) + len(note) >= MOST:
            yield portion
            portion = ""
        portion = f"{portion}&{note}" if portion else note
    if portion:
        yield portion
