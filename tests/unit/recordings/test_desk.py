"""The desk: whoever tells of an end twice has the recording told of once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, cast

from cti_server.bootstrap.recording_desk import RecordingDesk
from cti_server.domain.records import Record
from cti_server.store.errors import StoreUnavailable
from cti_server.store.keeper import RecordKeeper
from recordings.intake import Intake

SILENT = "never-talked"


class OneRecording:
    """An intake that has one recording, which grows when it is `recorded_again`."""

    def __init__(self, *, stored: bool = False) -> None:
        self.asked: asyncio.Queue[str] = asyncio.Queue()
        self.size = 10
        self.stored = stored
        self.discarded = 0

    async def spooled(self, _contact_id: str) -> bool:
        return not self.stored

    async def discard_empty(self, contact_id: str) -> None:
        assert contact_id == SILENT
        self.discarded += 1

    async def finish(self, contact_id: str) -> dict[str, Any]:
        self.asked.put_nowait(contact_id)
        return {
            "recording_id": contact_id,
            "contact_id": contact_id,
            "size": self.size,
            "sha256": f"of {self.size}",
            "duration_s": 1.0,
        }

    def close(self) -> None:
        pass


class Kept:
    def __init__(self) -> None:
        self.records: list[Record] = []

    def keep(self, records: Sequence[Record]) -> None:
        self.records += records


class Desk:
    """A desk whose database knows some recordings."""

    def __init__(self, intake: OneRecording, known: dict[str, str | None] | None) -> None:
        self.keeper, self.known, self.asked = Kept(), known, list[Sequence[str]]()
        self.desk = RecordingDesk(
            {"pbx-a": cast("Intake", intake)}, cast("RecordKeeper", self.keeper), lambda: (), self._known
        )

    async def _known(self, ids: Sequence[str]) -> Mapping[str, str | None]:
        self.asked.append(ids)
        if self.known is None:
            raise StoreUnavailable("away")
        return {one: sha for one, sha in self.known.items() if one in ids}

    async def work(self, intake: OneRecording, *contacts: str) -> None:
        for contact_id in contacts:
            self.desk.contact_ended("pbx-a", contact_id, contact_id != SILENT)
        for _ in contacts:
            await asyncio.wait_for(intake.asked.get(), 10)
        await asyncio.sleep(0)
        await asyncio.sleep(0)


@asynccontextmanager
async def running(intake: OneRecording, known: dict[str, str | None] | None) -> AsyncIterator[Desk]:
    made = Desk(intake, known)
    task = asyncio.create_task(made.desk.run())
    yield made
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_told_of_once_and_again_when_it_changed() -> None:
    intake = OneRecording()
    async with running(intake, {}) as it:
        for size in (10, 10, 20):
            intake.size = size
            it.desk.contact_ended("pbx-b", "c2", True)  # a node whose spool is out of reach
            await it.work(intake, "c1")
        assert [record.data["size"] for record in it.keeper.records] == [10, 20]
        assert it.asked == [], "what is new is nobody's yet"


async def test_after_a_restart_only_what_the_database_lacks_is_told_of() -> None:
    intake = OneRecording(stored=True)
    async with running(intake, {"c1": "of 10", "c2": "of another"}) as it:
        await it.work(intake, "c1", "c2", "c3")
        assert [record.data["recording_id"] for record in it.keeper.records] == ["c2", "c3"]
        assert it.asked == [["c1", "c2", "c3"]], "in one query"
        await it.work(intake, "c1", "c2", "c3")
        assert len(it.asked) == 1, "remembered"


async def test_in_doubt_it_is_told_of_again() -> None:
    intake = OneRecording(stored=True)
    async with running(intake, None) as it:
        await it.work(intake, "c1")
        assert [record.data["recording_id"] for record in it.keeper.records] == ["c1"]


async def test_of_who_never_talked_an_empty_one_is_not_kept() -> None:
    intake = OneRecording()
    async with running(intake, {}) as it:
        await it.work(intake, SILENT, "c1")
    assert intake.discarded == 1
