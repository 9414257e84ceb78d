"""Lists as CSV, read piece by piece: bytes in, rows and refusals out.

Encoding: UTF-8, with or without a byte order mark, UTF-16 with one, else GB18030 (GBK and GB2312 are part of
it), known from the first bytes that are not ASCII. Form: RFC 4180, any line end; comma, semicolon or tab.
"""

from __future__ import annotations

import codecs
import csv
import re
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from io import StringIO

from cti_server.campaigns.errors import EmptyList, MissingColumn
from cti_server.campaigns.numbers import normal_number
from cti_server.spreadsheet import harmless

LONGEST_ROW = 65_536
"""Characters; what an unclosed quotation mark might swallow ends there, too."""
LONGEST_VALUE = 1_000
MOST_COLUMNS = 40
_LOOK = 4_096
_DELIMITERS = ",;\t"
"""Whichever the first line has most of."""
_MOSTLY = 2
"""UTF-8 with some bytes spoiled: so many characters that are right for one that is not."""
_REPLACED = "�"
_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
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


class Decoder:
    """Bytes to text, in whichever of the two encodings it is."""

    def __init__(self) -> None:
        self.encoding = ""
        """Empty until something tells."""
        self._held = b""
        self._decoder: codecs.IncrementalDecoder | None = None

    def feed(self, data: bytes, *, final: bool = False) -> str:
        """The text that is sure so far. Wrong bytes become U+FFFD."""
        if self._decoder is None:
            self._held += data
            text = self._before(final=final)
            if self._decoder is None:
                return text
            data, self._held = self._held, b""
            return text + self._decoder.decode(data, final)
        return self._decoder.decode(data, final)

    def _before(self, *, final: bool) -> str:
        """ASCII at the beginning; sets the decoder once enough of the rest is there."""
        if len(self._held) < len(codecs.BOM_UTF8) and not final:
            return ""
        for mark, encoding in _MARKS.items():
            if self._held.startswith(mark):
                self._decide(encoding)
                return ""
        ascii_part = len(self._held)
        for place, byte in enumerate(self._held):
            if byte >= 0x80:  # noqa: PLR2004  # the first byte that is no ASCII
                ascii_part = place
                break
        text, self._held = self._held[:ascii_part].decode("ascii"), self._held[ascii_part:]
        if len(self._held) >= _LOOK or (final and self._held):
            self._decide("utf-8" if _is_utf_8(self._held[:_LOOK]) else "gb18030")
        elif final:
            self._decide("utf-8")
        return text

    def _decide(self, encoding: str) -> None:
        self.encoding = "utf-8" if encoding == "utf-8-sig" else encoding
        self._decoder = codecs.getincrementaldecoder(encoding)("replace")


def _is_utf_8(sample: bytes) -> bool:
    """Whether it is UTF-8, but for a character cut off at its end and few bytes that are spoiled.

    What is written in GB18030 is hardly ever right by chance: its lead bytes stand in the wrong places.
    """
    text = codecs.getincrementaldecoder("utf-8")("replace").decode(sample)
    wrong = text.count(_REPLACED)
    right = sum(character > "\x7f" for character in text) - wrong
    return wrong * _MOSTLY <= right


class Splitter:
    """Text to rows of cells. A row ends at a line end outside quotation marks.

    A quotation mark that is never closed costs its own line, not those after it.
    """

    def __init__(self) -> None:
        self._text = ""
        """A line that is not complete yet."""
        self._skips = False
        """The rest of a line that was given up is still to come."""
        self._open: list[str] = []
        """Lines of the row under way: it is inside quotation marks."""
        self._marks = self._length = 0
        self._delimiter = ""

    def feed(self, text: str, *, final: bool = False) -> Iterator[list[str] | str]:
        """The rows that are complete; one that is no CSV, or too long, comes as the text it is."""
        self._text += text
        lines, self._text = _lines(self._text, final=final)
        if lines and self._skips:
            self._skips = False
            del lines[0]
        yield from self._rows(deque(lines), final=final)
        if len(self._text) > LONGEST_ROW:
            if not self._skips:
                yield from self._rows(deque([self._text]), final=False)
            self._text, self._skips = "", True

    def _rows(self, lines: deque[str], *, final: bool) -> Iterator[list[str] | str]:
        while lines or (final and self._open):
            cells = self._with(lines.popleft()) if lines else "".join(self._open)
            if cells is None:
                continue
            if isinstance(cells, str) and len(self._open) > 1:
                lines.extendleft(reversed(self._open[1:]))  # read anew without the line that spoiled them
                cells = self._open[0]
            self._open, self._marks, self._length = [], 0, 0
            yield cells

    def _with(self, line: str) -> list[str] | str | None:
        """The cells with this line, the row itself if it cannot be read, None if it goes on in the next."""
        self._open.append(line)
        self._marks += line.count('"')
        self._length += len(line)
        if self._length > LONGEST_ROW:
            return "".join(self._open)
        if not self._delimiter and line.strip():
            self._delimiter = max(_DELIMITERS, key=line.count)
        closed = self._marks % 2 == 0
        if not closed and len(self._open) > 1:
            return None
        row = "".join(self._open)  # of one line alone an odd mark may stand in the middle of a text
        try:
            return next(
                csv.reader(StringIO(row, newline=""), strict=True, delimiter=self._delimiter or ","), []
            )
        except csv.Error:
            return row if closed else None


def _lines(text: str, *, final: bool) -> tuple[list[str], str]:
    """Lines that are complete, each with its end, and the rest."""
    end = len(text) if final else max(text.rfind("\n"), text.rfind("\r", 0, -1)) + 1
    # a \r at the very end may be half of \r\n
    return [line for line in re.split(r"(?<=\n)|(?<=\r)(?!\n)", text[:end]) if line], text[end:]


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
        text = self._decoder.feed(data, final=final).replace("\0", _REPLACED)  # no database keeps a NUL
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
        if any(_REPLACED in cell or _CONTROL.search(cell) for cell in cells) or _BREAKS.search(number):
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
