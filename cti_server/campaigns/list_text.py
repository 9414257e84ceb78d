"""A list's bytes to text, and the text to rows of cells, piece by piece.

Encoding: UTF-8, with or without a byte order mark, UTF-16 with one, else GB18030 (GBK and GB2312 are part of
it), known from the first bytes that are not ASCII. Form: RFC 4180, any line end; comma, semicolon or tab.
"""

from __future__ import annotations

import codecs
import csv
import re
from collections import deque
from collections.abc import Iterator
from io import StringIO

LONGEST_ROW = 65_536
"""Characters; what an unclosed quotation mark might swallow ends there, too."""
_LOOK = 4_096
_DELIMITERS = ",;\t"
"""Whichever the first line has most of."""
_MOSTLY = 2
"""UTF-8 with some bytes spoiled: so many characters that are right for one that is not."""
REPLACED = "�"
_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


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
    wrong = text.count(REPLACED)
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
