"""Records into the database: what it takes is kept once, what it refuses is named."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from cti_server.store.database import Database
from cti_server.store.errors import ContentRefused
from cti_server.store.rows import Row, row_of, write_rows
from cti_server.store.segments import DAMAGED, decode_line


@dataclass(frozen=True, slots=True)
class Refused:
    """A line that the database will never take, by its place among those handed in, and why."""

    index: int
    why: str


@dataclass(frozen=True, slots=True)
class Delivered:
    """What became of a batch: the ids of its records, and what was refused (`DAMAGED`: no record at all)."""

    ids: list[str]
    refused: list[Refused]


class Delivery(Protocol):
    """The way into the database."""

    async def deliver(self, lines: Sequence[bytes], deadline: float) -> Delivered:
        """Write the records of the outbox's lines; those that cannot ever be written are named, in order.

        `deadline` in seconds for each transaction. Delivering a record again changes nothing.
        Raises StoreUnavailable: perhaps some were written.
        """


class DatabaseDelivery:
    """Writes from this process."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def deliver(self, lines: Sequence[bytes], deadline: float) -> Delivered:
        """See `Delivery.deliver`."""
        ids: list[str] = []
        refused: list[Refused] = []
        rows: list[tuple[int, Row]] = []
        for index, line in enumerate(lines):
            record = decode_line(line)
            if record is None:
                refused.append(Refused(index, DAMAGED))
                continue
            ids.append(record.id)
            try:
                rows.append((index, row_of(record)))
            except ContentRefused as refusal:
                refused.append(Refused(index, str(refusal.detail["why"])))
        refused += await self._write(rows, deadline)
        return Delivered(ids, sorted(refused, key=lambda each: each.index))

    async def _write(self, rows: list[tuple[int, Row]], deadline: float) -> list[Refused]:
        """Write the rows; when the database refuses one for its content, halve until it stands alone."""
        if not rows:
            return []
        try:
            work = partial(write_rows, rows=[row for _, row in rows])
            taken = {id(row) for row in await self._database.write(work, deadline=deadline)}
        except ContentRefused as refusal:
            if len(rows) == 1:
                return [Refused(rows[0][0], str(refusal.detail["why"]))]
            middle = len(rows) // 2
            return [*await self._write(rows[:middle], deadline), *await self._write(rows[middle:], deadline)]
        return [Refused(index, "id_taken") for index, row in rows if id(row) in taken]
