"""A process that appends to an outbox and prints each acknowledged id, until it is killed.

Arguments: the outbox's folder, the number of the first record.
"""

import asyncio
import sys
from pathlib import Path

from cti_server.domain.records import Record
from cti_server.store.outbox import Outbox

WRITERS = 8


async def _write(outbox: Outbox, numbers: range) -> None:
    for number in numbers:
        record = Record(
            f"e{number}", "contact_event", 1.0, {"contact_id": "c", "kind": "k", "data": {"pad": "x" * 300}}
        )
        await outbox.append([record])
        sys.stdout.write(f"{record.id}\n")
        sys.stdout.flush()


async def _main(folder: Path, first: int) -> None:
    outbox = await Outbox.open(folder, segment_bytes=50_000)
    async with asyncio.TaskGroup() as group:
        for writer in range(WRITERS):
            group.create_task(_write(outbox, range(first + writer, sys.maxsize, WRITERS)))


if __name__ == "__main__":
    asyncio.run(_main(Path(sys.argv[1]), int(sys.argv[2])))
