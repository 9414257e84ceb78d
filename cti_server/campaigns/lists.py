"""Lists as CSV, read piece by piece: bytes in, rows and refusals out."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from io import StringIO

from cti_server.campaigns.errors import EmptyList, MissingColumn
from cti_server.campaigns.list_text import LONGEST_ROW, REPLACED, Decoder, Splitter
from cti_server.campaigns.numbers import normal_number
from cti_server.spreadsheet import harmless

LONGEST_VALUE = 1_000
MOST_COLUMNS = 40
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_BREAKS = re.compile(r"[\t\n]")
"""Harmless in a text, not within a number."""

COLUMNS: dict[str, tuple[str, ...]] = {
    "number": ("number", "phone", "mobile", "tel", "号码", "电话", "手机", "手机号", "手机号码", "电话号码"),
    "name": ("name", "姓名", "客户姓名", "客户"),
    "region": ("region", "地区", "区域"),
}
"""Names of the columns that mean something; every other column is attached data."""


class RowRefusal(StrEnum):
    """Why a row was not taken. Stable."""

    NOT_A_NUMBER = "not_a_number"
    NUMBER_NOT_ALLOWED = "number_not_allowed"
    """Outside the centre's allow-list."""
    DUPLICATE = "duplicate"
    """The number stands in this campaign already."""
    DO_NOT_CALL = "do_not_call"
    MISSING_COLUMN = "missing_column"
    """The row has fewer columns than the first line."""
    TOO_MANY_COLUMNS = "too_many_columns"
    UNKNOWN_REGION = "unknown_region"
    """The campaign has no calling hours for it."""
    VALUE_TOO_LONG = "value_too_long"
    BAD_CHARACTERS = "bad_characters"
    """Bytes that the file's encoding does not have, or control characters."""
    BAD_CSV = "bad_csv"
    """Quotation marks that do not match."""


@dataclass(frozen=True, slots=True)
class Row:
    """A row that can be called. `line` counts rows, the one of the column names being 1."""

    line: int
    number: str = field(repr=False)
    name: str = field(repr=False)
    region: str
    data: Mapping[str, str] = field(repr=False)
    content: tuple[str, ...] = field(repr=False)
    """Its own cells as they came, to give back if it is refused later."""


@dataclass(frozen=True, slots=True)
class Refused:
    """A row that is not taken, and its own content."""

    line: int
    code: RowRefusal
    content: tuple[str, ...] = field(repr=False)


class ListReader:
    """A file to rows and refusals.

    `allowed` tells whether a number is on the allow-list, `regions` which ones have calling hours.
    """

    def __init__(self, allowed: Callable[[str], bool], regions: frozenset[str] | None) -> None:
        self._allowed, self._regions = allowed, regions
        self._decoder, self._splitter = Decoder(), Splitter()
        self._columns: list[str] = []
        self._line = 0

    @property
    def encoding(self) -> str:
        """What the file is written in, once that is known."""
        return self._decoder.encoding

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the first line; empty before it came."""
        return tuple(self._columns)

    def feed(self, data: bytes, *, final: bool = False) -> list[Row | Refused]:
        """What the piece completes. Raises EmptyList and MissingColumn: the whole file is refused."""
        found = []
        text = self._decoder.feed(data, final=final).replace("\0", REPLACED)  # no database keeps a NUL
        for cells in self._splitter.feed(text, final=final):
            if not isinstance(cells, str) and not any(cell.strip() for cell in cells):
                continue
            self._line += 1
            if self._columns:
                found.append(self._row(cells))
            else:
                self._columns = _header(cells)
        if final and not self._columns:
            raise EmptyList
        return found

    def _row(self, cells: list[str] | str) -> Row | Refused:
        if isinstance(cells, str):
            bad = RowRefusal.VALUE_TOO_LONG if len(cells) > LONGEST_ROW else RowRefusal.BAD_CSV
            return Refused(self._line, bad, (cells.rstrip("\r\n")[:LONGEST_VALUE],))
        content = tuple(cells)
        kept = tuple(cell[:LONGEST_VALUE] for cell in content[:MOST_COLUMNS])
        code = self._fault(content)
        if code:
            return Refused(self._line, code, kept)
        known = dict(zip(self._columns, (cell.strip() for cell in content), strict=True))
        number = normal_number(known.pop("number"))
        name, region = known.pop("name", ""), known.pop("region", "")
        refusal = None
        if not number:
            refusal = RowRefusal.NOT_A_NUMBER
        elif not self._allowed(number):
            refusal = RowRefusal.NUMBER_NOT_ALLOWED
        elif self._regions is not None and region not in self._regions:
            refusal = RowRefusal.UNKNOWN_REGION
        if refusal:
            return Refused(self._line, refusal, kept)
        return Row(self._line, number, name, region, {k: v for k, v in known.items() if v}, kept)

    def _fault(self, cells: Sequence[str]) -> RowRefusal | None:
        """What is wrong with the form of a row."""
        if len(cells) < len(self._columns):
            return RowRefusal.MISSING_COLUMN
        if len(cells) > len(self._columns):
            return RowRefusal.TOO_MANY_COLUMNS
        if any(len(cell) > LONGEST_VALUE for cell in cells):
            return RowRefusal.VALUE_TOO_LONG
        number = cells[self._columns.index("number")].strip()
        if any(REPLACED in cell or _CONTROL.search(cell) for cell in cells) or _BREAKS.search(number):
            return RowRefusal.BAD_CHARACTERS
        return None


def _header(cells: list[str] | str) -> list[str]:
    """The names of the columns, ours where they are known. Raises MissingColumn."""
    names = [] if isinstance(cells, str) else [cell.strip().lower() for cell in cells]
    known = {word: ours for ours, words in COLUMNS.items() for word in words}
    columns: list[str] = []
    for place, name in enumerate(names, start=1):
        ours = known.get(name, name)
        plain = ours and ours not in columns and len(ours) <= 64 and not _CONTROL.search(ours)  # noqa: PLR2004
        columns.append(ours if plain else f"column_{place}")
    if "number" not in columns or len(columns) > MOST_COLUMNS:
        raise MissingColumn("the first line names no column `number` (or 号码, 电话, 手机)")
    return columns


def as_csv(columns: Sequence[str], refused: Sequence[tuple[int, str, Sequence[str]]]) -> bytes:
    """The report of refused rows, `(line, code, cells)`: UTF-8 with a byte order mark.

    A cell that a spreadsheet would take for a formula gets an apostrophe in front.
    """
    text = StringIO()
    writer = csv.writer(text)
    writer.writerow(["row", "code", *map(harmless, columns)])
    for line, code, cells in refused:
        writer.writerow([line, code, *map(harmless, cells)])
    return text.getvalue().encode("utf-8-sig")
