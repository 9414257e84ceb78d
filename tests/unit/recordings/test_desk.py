"""The desk: whoever tells of an end twice has the recording told of once."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, cast

from cti_server.bootstrap.recording_desk import RecordingDesk
from cti_server.domain.records import Record
from cti_server.store.keeper import RecordKeeper
from recordings.intake import Intake


class OneRecording:
    """An intake that has one recording, which grows when it is `recorded_again`."""

    def __init__(self) -> None:
        self.asked: asyncio.Queue[str] = asyncio.Queue()
        self.size = 10

    async def finish(self, contact_id: str) -> dict[str, Any]:
        self.asked.put_nowait(contact_id)
        return {"recording_id": contact_id, "contact_id": contact_id, "size": self.size, "duration_s": 1.0}

    def close(self) -> None:
        pass


class Kept:
    def __init__(self) -> None:
        self.records: list[Record] = []

    def keep(self, records: Sequence[Record]) -> None:
        self.records += records


async def test_told_of_once_and_again_when_it_changed() -> None:
    intake, keeper = OneRecording(), Kept()
    desk = RecordingDesk({"pbx-a": cast("Intake", intake)}, cast("RecordKeeper", keeper), lambda: ())
    running = asyncio.create_task(desk.run())
    for size in (10, 10, 20):
        intake.size = size
        desk.contact_ended("pbx-a", "c1")
        desk.contact_ended("pbx-b", "c2")  # a node whose spool is out of reach
        await asyncio.wait_for(intake.asked.get(), 10)
        await asyncio.sleep(0)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert [record.data["size"] for record in keeper.records] == [10, 20]
